"""A run that was stopped goes on to the very picture of one that never was; the real core."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli.encoder.registry import BUNDLED
from stylecli.errors import Halted, InputError, MemoryLimitError, OutputError, WeightsError
from stylecli.images.formats import OutputOptions
from stylecli.job import Job
from stylecli.pipeline.checkpoint import load_checkpoint
from stylecli.pipeline.single import Checkpoints, run_job
from stylecli.settings import Compute, Settings
from stylecli.transfer.results import Progress

WIDE = Settings(size=192, iterations=6)  # two scales, 96x36 and 192x72
# Scale and iteration of each report; 0 while targets are computed, once for each octave.
PLACES = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 0), (2, 1), (2, 2), (2, 3), (2, 4)]
SMALL = Settings(iterations=4)
MakeJob = Callable[..., Job]


@pytest.fixture(scope="module")
def known() -> dict[str, bytes]:
    """Pictures of runs that nobody stopped."""
    return {}


@pytest.fixture
def make(content_path: Path, style_path: Path, tmp_path: Path) -> MakeJob:
    def job(settings: Settings = SMALL, **changes: Any) -> Job:
        given = {"content": content_path, "styles": (style_path,), "output": tmp_path / "out.png"}
        compute = Compute(device="cpu", precision="fp32")
        return Job(**{**given, "settings": settings, "compute": compute, **changes})

    return job


@pytest.fixture
def strip(content_path: Path) -> Path:
    """A part of the content that is wide and low, so that two scales are few pixels."""
    with Image.open(content_path) as image:
        image.crop((0, 12, 64, 36)).save(content_path.with_name("strip.png"))
    return content_path.with_name("strip.png")


def stop_after(job: Job, reports: int, resume: Any = None) -> Path:
    """Run a job until so many reports of this run have come; returns the checkpoint's path."""
    asked = iter(range(1, 1000))
    path = job.output.with_name(f"{job.output.name}.checkpoint")
    checkpoints = Checkpoints(path, stop=lambda: next(asked) == reports)
    with pytest.raises(Halted, match=f"^what was done is kept; .* stylize resume {path}$"):
        run_job(job, checkpoints=checkpoints, resume=resume)
    assert not job.output.exists()
    return path


def go_on(path: Path, listeners: Sequence[Any] = ()) -> bytes:
    """The bytes of the picture that a checkpoint leads to."""
    found = load_checkpoint(path)
    run_job(found.job, resume=found, checkpoints=Checkpoints(path), callbacks=listeners)
    assert not path.exists()
    return found.job.output.read_bytes()


def unstopped(job: Job) -> bytes:
    run_job(job)
    data = job.output.read_bytes()
    job.output.unlink()
    return data


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("done", range(1, len(PLACES) + 1))
def test_stopped_anywhere(
    make: MakeJob, strip: Path, known: dict[str, bytes], optimizer: Any, done: int
) -> None:
    job = make(replace(WIDE, optimizer=optimizer), content=strip)
    if optimizer not in known:
        known[optimizer] = unstopped(job)
    path = stop_after(job, done)
    state = load_checkpoint(path).state
    assert (state["scale"] + 1, state["iteration"]) == PLACES[done - 1]
    heard: list[Progress] = []
    assert go_on(path, [heard.append]) == known[optimizer]
    places = [(each.scale, each.iteration) for each in heard]
    assert places == [place for place in PLACES[done:] if place[1]]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_stopped_again_and_again(make: MakeJob, optimizer: Any) -> None:
    job = make(replace(SMALL, optimizer=optimizer))
    expected = unstopped(job)
    path = stop_after(job, 2)
    for _ in range(3):
        found = load_checkpoint(path)
        assert stop_after(found.job, 2, found) == path
    assert go_on(path) == expected


VARIANTS: dict[str, dict[str, Any]] = {
    "blend": {"settings": replace(SMALL, style_weights=(3.0, 1.0), style_scale=(2.0,))},
    "mask": {"settings": replace(SMALL, tv=1.0)},
    "start": {"settings": SMALL},
    "color": {"settings": replace(SMALL, color="content", init="content", losses="gatys")},
    "sixteen bits": {"output_options": OutputOptions(bits=16)},
    "bf16": {"compute": Compute(device="cpu", precision="bf16")},
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_stopped_whatever_the_job(
    make: MakeJob, style_path: Path, content_path: Path, tmp_path: Path, kind: str
) -> None:
    changes = dict(VARIANTS[kind])
    if kind == "blend":
        changes["styles"] = (style_path, content_path)
    if kind == "mask":
        changes["mask"] = tmp_path / "mask.png"
        gradient = Image.linear_gradient("L").resize((64, 48))
        gradient.point(lambda v: 255 * (v > 99)).save(changes["mask"])
    if kind == "start":
        changes["settings"] = replace(SMALL, init=str(content_path))
    job = make(**changes)
    expected = unstopped(job)
    assert go_on(stop_after(job, 2)) == expected


def test_stopped_anywhere_around_a_change_of_encoder(make: MakeJob) -> None:
    job = make(replace(SMALL, encoder="vgg19", warm_start="compact"))
    expected, places = unstopped(job), []
    for done in range(1, 6):
        path = stop_after(job, done)
        state = load_checkpoint(path).state
        places.append((state["scale"] + 1, state["iteration"]))
        assert go_on(path) == expected
        job.output.unlink()
    assert {(1, 2), (2, 0)} <= set(places)


def test_stopped_between_tiles(make: MakeJob) -> None:
    job = make(replace(SMALL, size=80), compute=Compute(device="cpu", precision="fp32", tile="64"))
    expected = unstopped(job)
    path = stop_after(job, 4)  # two tiles of the style first
    assert load_checkpoint(path).state["plan"]["tile"] == 64
    assert go_on(path) == expected


def test_from_another_folder(make: MakeJob, tmp_path: Path, monkeypatch: Any) -> None:
    weights = next(BUNDLED.glob("*.safetensors"))
    (tmp_path / "small.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.chdir(tmp_path)
    settings = replace(SMALL, init="content.png", encoder="small.safetensors")
    names = {"content": Path("content.png"), "styles": (Path("style.png"),)}
    job = make(settings, **names, output=Path("out.png"))
    expected = unstopped(job)
    path = stop_after(job, 3).absolute()
    monkeypatch.chdir("/")
    assert go_on(path) == expected


def test_saved_now_and_then(make: MakeJob, tmp_path: Path) -> None:
    job, path, found = make(), tmp_path / "o.checkpoint", []
    expected = unstopped(job)

    def look(_: Progress) -> None:  # a run is saved after its listeners have heard
        found.append(load_checkpoint(path) if path.exists() else None)

    run_job(job, checkpoints=Checkpoints(path, every=1e-9), callbacks=[look])
    assert [each and each.state["iteration"] for each in found] == [0, 1, 2, 3]
    assert job.output.read_bytes() == expected
    assert not path.exists()
    for checkpoint in found[1:]:
        run_job(replace(job, existing="overwrite"), resume=checkpoint)
        assert job.output.read_bytes() == expected


def test_not_saved_before_its_time(make: MakeJob, tmp_path: Path) -> None:
    path, seen = tmp_path / "o.checkpoint", []
    for every in (None, 1e9):
        run_job(
            make(existing="overwrite"),
            checkpoints=Checkpoints(path, every=every),
            callbacks=[lambda _: seen.append(path.exists())],
        )
    assert seen == [False] * 8


@pytest.mark.parametrize("which", ["content", "style", "start", "encoder"])
def test_changed_inputs(make: MakeJob, tmp_path: Path, content_path: Path, which: str) -> None:
    weights, start = tmp_path / "small.safetensors", tmp_path / "start.png"
    weights.write_bytes(next(BUNDLED.glob("*.safetensors")).read_bytes())
    start.write_bytes(content_path.read_bytes())
    path = stop_after(make(replace(SMALL, init=str(start), encoder=str(weights))), 1)
    found = load_checkpoint(path)
    if which == "encoder":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    else:
        Image.new("RGB", (64, 48), "red").save(tmp_path / f"{which}.png")
    kind = WeightsError if which == "encoder" else InputError
    with pytest.raises(kind, match="has changed since the checkpoint was made"):
        run_job(found.job, resume=found)
    assert path.exists() and not found.job.output.exists()


def test_an_output_that_appeared(make: MakeJob, tmp_path: Path) -> None:
    found = load_checkpoint(stop_after(make(), 1))
    (tmp_path / "out.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        run_job(found.job, resume=found)
    (tmp_path / "content.png").unlink()
    with pytest.raises(InputError, match="no such file"):
        run_job(replace(found.job, existing="overwrite"), resume=found)


def test_notes_on_what_may_differ(make: MakeJob) -> None:
    found = load_checkpoint(stop_after(make(), 3))
    assert run_job(found.job, resume=found).notes == ()
    done = run_job(replace(found.job, existing="overwrite"), resume=replace(found, torch="1.0"))
    assert len(done.notes) == 1 and "began with torch 1.0" in done.notes[0]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a;touch X;b.png", "go on with: stylize resume '{}/a;touch X;b.png.checkpoint'"),
        ("it's.png", """go on with: stylize resume '{}/it'"'"'s.png.checkpoint'"""),
        ("a\x1b[31m.png", "go on with 'stylize resume' and the checkpoint beside the output."),
    ],
)
def test_how_to_go_on_can_be_pasted(make: MakeJob, tmp_path: Path, name: str, advice: str) -> None:
    job = make(output=tmp_path / name)
    path = tmp_path / f"{name}.checkpoint"
    with pytest.raises(Halted) as caught:
        run_job(job, checkpoints=Checkpoints(path, stop=lambda: True))
    assert str(caught.value) == f"what was done is kept; {advice.format(tmp_path)}"


def test_states_that_do_not_fit(make: MakeJob) -> None:
    found = load_checkpoint(stop_after(make(), 2))
    descent = found.state["descent"]
    small, plan = torch.zeros(1, 3, 8, 8), {"history": float("nan"), "tile": None}
    states = [
        {**found.state, "descent": {**descent, "optimizer": {"sy": 3}}},
        {**found.state, "descent": {**descent, "image": small}},
        {**found.state, "recoveries": "none"},
        {**found.state, "plan": {}},
        {**found.state, "plan": plan},
        {**found.state, "plan": {"history": 6000, "tile": None}},
        {**found.state, "plan": {"history": 20, "tile": 10**9}},
        {**found.state, "plan": {"history": True, "tile": None}},
    ]
    for state in states:
        with pytest.raises(InputError, match="^the checkpoint does not fit its own job: start"):
            run_job(found.job, resume=replace(found, state=state))


def test_other_failures_stay_what_they_are(core: Any, make: MakeJob, loaded: Any) -> None:
    for error, kind in ((MemoryError(), MemoryLimitError), (ZeroDivisionError(), Exception)):
        core.raises[1] = error
        with pytest.raises(kind) as caught:
            run_job(make())
        assert not isinstance(caught.value, InputError)
