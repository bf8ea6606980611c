"""Signals: at once, when it is safe, and for good."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from stylecli.cli.signals import Stopped, die, stop_now, stop_when_safe, stoppable

NUMBERS = [signal.SIGINT, signal.SIGTERM]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    after = [signal.getsignal(number) for number in NUMBERS]
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)
    assert after == before


def never() -> None:
    pytest.fail("nobody waited for this signal")


def program(code: str) -> subprocess.CompletedProcess[str]:
    head = (
        "import signal\n"
        "from stylecli.cli.signals import *\n"
        "from stylecli.cli.signals import stop_when_safe, stoppable, die\n"
        "hit = lambda: signal.raise_signal(signal.SIGINT)\n"
    )
    return subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_stops_at_once(number: signal.Signals) -> None:
    with pytest.raises(Stopped) as caught, stoppable():
        signal.raise_signal(number)
        pytest.fail("it went on")
    assert (caught.value.number, caught.value.name) == (number, number.name)
    assert caught.value.advice == ""
    assert not isinstance(caught.value, Exception)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_waits_where_somebody_asks(number: signal.Signals) -> None:
    events: list[str] = []
    with (
        pytest.raises(Stopped) as caught,
        stoppable(),
        stop_when_safe(lambda: events.append("told")) as has_come,
    ):
        assert not has_come()
        signal.raise_signal(number)
        events.append("went on")
        assert has_come()
        events.append("to the end")
    assert events == ["told", "went on", "to the end"]
    assert caught.value.number == number


def test_before_anybody_asks_a_signal_stops_at_once() -> None:
    with pytest.raises(Stopped), stoppable(), stop_when_safe(never):
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it went on")


def test_afterwards_a_signal_stops_at_once() -> None:
    with pytest.raises(Stopped), stoppable():
        with stop_when_safe(never) as has_come:
            assert not has_come()
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("it went on")


def test_without_a_signal_nothing_happens() -> None:
    with stoppable(), stop_when_safe(never) as has_come:
        assert [has_come() for _ in range(3)] == [False] * 3


def test_an_error_goes_before_a_signal() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        stoppable(),
        stop_when_safe(lambda: None) as has_come,
    ):
        has_come()
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError


def test_the_next_run_knows_nothing_of_it() -> None:
    for _ in range(2):
        with (
            pytest.raises(Stopped),
            stoppable(),
            stop_when_safe(lambda: None) as has_come,
        ):
            assert not has_come()
            signal.raise_signal(signal.SIGINT)
    with stoppable(), stop_when_safe(never) as has_come:
        assert not has_come()


@pytest.mark.parametrize("number", NUMBERS)
def test_stop_now_names_the_signal_and_gives_advice(number: signal.Signals) -> None:
    with (
        pytest.raises(Stopped) as caught,
        stoppable(),
        stop_when_safe(lambda: None) as has_come,
    ):
        has_come()
        signal.raise_signal(number)
        stop_now("go on with this.")
    assert (caught.value.number, caught.value.advice) == (number, "go on with this.")


def test_stop_now_without_a_signal_stands_for_ctrl_c() -> None:
    with pytest.raises(Stopped) as caught, stoppable():
        stop_now("so.")
    assert caught.value.number == signal.SIGINT


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as under nohup
    try:
        with stoppable(), stop_when_safe(never) as has_come:
            signal.raise_signal(signal.SIGTERM)
            assert not has_come()
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_handlers_are_left_alone() -> None:
    found: list[bool] = []

    def run() -> None:
        before = signal.getsignal(signal.SIGINT)
        with stoppable(), stop_when_safe(never) as has_come:
            found.extend([signal.getsignal(signal.SIGINT) is before, not has_come()])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [True, True]


WAITING = """
with stoppable(), stop_when_safe(lambda: print("saving", flush=True)) as has_come:
    has_come()
    hit()
    print("still here", flush=True)
    {second}
print("never", flush=True)
"""


@pytest.mark.parametrize(
    ("second", "number"),
    [("hit()", signal.SIGINT), ("signal.raise_signal(signal.SIGTERM)", signal.SIGTERM)],
)
def test_the_second_signal_kills_at_once(second: str, number: signal.Signals) -> None:
    done = program(WAITING.format(second=second))
    assert done.returncode == -number
    assert done.stdout.splitlines() == ["saving", "still here"]
    assert done.stderr == ""


def test_while_it_unwinds_the_second_signal_kills() -> None:
    code = """
with stoppable():
    try:
        hit()
    finally:
        print("unwinding", flush=True)
        hit()
"""
    done = program(code)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "unwinding\n", "")


def test_die_ends_by_the_signal() -> None:
    done = program("die(signal.SIGTERM)\nprint('never')")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")


def test_die_where_there_is_no_such_death(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[int] = []
    note: Callable[[int], None] = raised.append
    monkeypatch.setattr(signal, "raise_signal", note)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert (die(signal.SIGINT), raised) == (130, [signal.SIGINT])
