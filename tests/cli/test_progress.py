"""A bar on a terminal, plain lines elsewhere."""

import io
import os

import pytest
import torch

from stylecli.cli.progress import Screen, describe_seconds, open_screen
from stylecli.transfer.results import Losses, Progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def step(scale: int, iteration: int, fraction: float) -> Progress:
    losses = Losses(1.0, 0.4234, 0.01821)
    return Progress(
        scale, 3, 64 * scale, 48 * scale, iteration, 100, fraction, losses, torch.Tensor
    )


def test_plain_lines_at_each_scale_and_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    screen = Screen(stream=stream, clock=clock)
    for at, event in [
        (0.0, step(1, 1, 0.1)),
        (5.0, step(1, 2, 0.2)),
        (10.0, step(1, 3, 0.25)),
        (11.0, step(2, 1, 0.5)),
    ]:
        clock.now = at
        screen.step(event)
    assert stream.getvalue().splitlines() == [
        "Scale 1/3 64x48, iteration 1 of 100: content 0.423, style 0.0182",
        "Scale 1/3 64x48, iteration 3 of 100: content 0.423, style 0.0182, 30 s left",
        "Scale 2/3 128x96, iteration 1 of 100: content 0.423, style 0.0182, 11 s left",
    ]


def test_a_bar_on_a_terminal_and_none_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, clock = Terminal(), Clock()
    screen = Screen(stream=stream, clock=clock)
    screen.step(step(1, 1, 0.25))
    clock.now = 10.0
    screen.step(step(2, 1, 1.0))
    screen.close()
    drawn = stream.getvalue()
    assert "\r" in drawn
    assert "Scale 2/3 128x96" in drawn and "content 0.423, style 0.0182" in drawn
    assert "100%" in drawn
    assert drawn.rsplit("\r", 2)[1].strip() == ""


def test_no_bar_on_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    Screen(stream=stream).step(step(1, 1, 0.25))
    assert "\r" not in stream.getvalue()


def test_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.StringIO()
    screen = Screen(stream=plain, clock=Clock())
    for done in (0, 1_000_000, 2_000_000):
        screen.download(done, 2_000_000)
    assert plain.getvalue() == "0 of 2 MB\n2 of 2 MB\n"
    monkeypatch.setenv("TERM", "xterm")
    lively = Terminal()
    screen = Screen(stream=lively)
    screen.download(1_000_000, 2_000_000)
    screen.download(2_000_000, 2_000_000)
    assert "Downloading" in lively.getvalue() and "2.00MB" in lively.getvalue()


def test_quiet_is_silent() -> None:
    stream = Terminal()
    screen = Screen(quiet=True, stream=stream)
    screen.say("a")
    screen.note("b")
    screen.step(step(1, 1, 0.5))
    screen.download(1, 2)
    assert stream.getvalue() == ""
    screen.say("c", always=True)
    assert stream.getvalue() == "c\n"


@pytest.mark.parametrize(("columns", "bar"), [(0, True), (1, False), (19, False), (20, True)])
def test_no_bar_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: int, bar: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(Terminal, "fileno", lambda _: 2)
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: size)
    stream = Terminal()
    screen = Screen(stream=stream)
    screen.step(step(1, 1, 0.25))
    screen.close()
    assert ("\r" in stream.getvalue()) == bar
    assert bar or stream.getvalue().startswith("Scale 1/3 64x48, iteration 1 of 100: content")


def test_a_closed_stderr_does_not_stop_the_work() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as stream:
        screen = Screen(stream=stream)
        screen.say("nobody hears this")
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, write)
        os.close(devnull)
    with open_screen(quiet=True):
        pass


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3725, "1 h 2 min")],
)
def test_describe_seconds(seconds: float, words: str) -> None:
    assert describe_seconds(seconds) == words
