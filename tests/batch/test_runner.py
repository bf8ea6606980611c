"""Many jobs, each recorded; with the real core, as small as it gets."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from stylecli import transfer
from stylecli.batch.grouping import Group
from stylecli.batch.manifest import NAME, Manifest, read_manifest
from stylecli.batch.outcome import Outcome
from stylecli.batch.planning import BatchPlan, BatchRequest, plan_batch
from stylecli.batch.pool import SerialEngine
from stylecli.batch.runner import Summary, run_batch
from stylecli.errors import InputError, OutputError
from stylecli.pipeline.single import run_job
from stylecli.settings import Settings

FAST = Settings(size=32, iterations=1)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, content: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three contents of one size and two styles, in folders of the current one."""
    monkeypatch.chdir(tmp_path)
    for folder in ("p", "s"):
        Path(folder).mkdir()
    pixels = (content * 255).byte().permute(1, 2, 0).numpy()
    for i, name in enumerate(("p/a.png", "p/b.png", "p/c.png", "s/x.png", "s/y.png")):
        turned = numpy.rot90(pixels, 2 * (i % 2))[..., numpy.roll([0, 1, 2], i)]
        Image.fromarray(numpy.ascontiguousarray(turned)).save(name)


def plan(**more: Any) -> BatchPlan:
    given = {"folder": Path("out"), "contents": ["p"], "styles": ["s"], "settings": FAST, **more}
    return plan_batch(BatchRequest(**given))


def run(planned: BatchPlan | None = None, existing: Any = "refuse", **more: Any) -> Summary:
    planned = planned or plan(styles=["s/x.png"])
    jobs = tuple(replace(job, existing=existing) for job in planned.jobs)
    planned = replace(planned, jobs=jobs)
    engine = more.pop("engine", None) or SerialEngine()
    return run_batch(planned.jobs, engine, Manifest(Path("out")), failures=planned.failures, **more)


def records() -> list[tuple[str, str]]:
    return [(line["status"], str(line.get("output"))) for line in read_manifest(Path("out", NAME))]


def test_a_batch_is_single_runs_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    stylize_batch, sizes = transfer.stylize_batch, []

    def counted(requests: Sequence[Any], **more: Any) -> Any:
        sizes.append(len(requests))
        return stylize_batch(requests, **more)

    monkeypatch.setattr(transfer, "stylize_batch", counted)
    planned = plan(settings=Settings(size=48, iterations=12))
    summary = run(planned)
    assert sizes == [6]
    assert (summary.count("done"), summary.exit_code) == (6, 0)
    for job in planned.jobs:
        single = replace(job, output=Path("single", job.output.name))
        run_job(single)
        assert single.output.read_bytes() == job.output.read_bytes()
    assert len({job.output.read_bytes() for job in planned.jobs}) == 6


def test_records_and_report() -> None:
    heard: list[Any] = []
    summary = run(on_outcome=heard.append, on_fraction=lambda share: heard.append(share))
    names = [f"out/{name}_x.png" for name in "abc"]
    assert records() == [("done", name) for name in names]
    report = summary.to_dict()
    assert [report[name] for name in ("done", "kept", "failed", "left")] == [3, 0, 0, 0]
    assert report["jobs"] == [outcome.to_dict() for outcome in summary.outcomes]
    assert [each.output for each in heard if isinstance(each, Outcome)] == names
    shares = [each for each in heard if isinstance(each, float)]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_one_unreadable_in_the_middle() -> None:
    Path("p/b.png").write_text("no picture")
    summary = run()
    assert [each.status for each in summary.outcomes] == ["done", "failed", "done"]
    assert summary.exit_code == 3 and summary.outcomes[1].code == 4
    assert sorted(records()) == [
        ("done", "out/a_x.png"),
        ("done", "out/c_x.png"),
        ("failed", "out/b_x.png"),
    ]


def test_failures_of_the_plan_are_recorded() -> None:
    planned = plan(contents=(), lines=["p/a.png,s/x.png", "a,b,c,d"])
    summary = run(planned)
    assert [each.status for each in summary.outcomes] == ["done", "failed"]
    assert records() == [("failed", "None"), ("done", "out/a_x.png")]


def test_skipping_what_is_complete() -> None:
    run()
    before = {path: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
    Path("out/c_x.png").unlink()
    summary = run(existing="skip")
    assert [each.status for each in summary.outcomes] == ["kept", "kept", "done"]
    del before[Path("out/c_x.png")]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [status for status, _ in records()] == ["done"] * 4
    engine = Fails()  # has nothing to do
    assert run(existing="skip", engine=engine).count("kept") == 3 and engine.begun == 0


def test_kept_ones_the_manifest_does_not_know() -> None:
    """As where a batch was killed between a picture and its record."""
    run()
    lines = Path("out", NAME).read_text().splitlines(keepends=True)
    Path("out", NAME).write_text("".join(lines[:-1]) + lines[-1][:50])
    run(existing="skip")
    run(existing="skip")
    assert [record for record in records() if record[0] == "kept"] == [("kept", "out/c_x.png")]


def test_skipping_refuses_other_recipes() -> None:
    run()
    before = Path("out/a_x.png").read_bytes()
    other = plan(styles=["s/x.png"], settings=replace(FAST, seed=1))
    summary = run(other, existing="skip")
    assert [each.code for each in summary.outcomes] == [5, 5, 5]
    assert Path("out/a_x.png").read_bytes() == before
    assert run(other, existing="renew").count("done") == 3
    assert run(other, existing="renew").count("kept") == 3
    assert Path("out/a_x.png").read_bytes() != before


def test_a_torn_output_is_made_again() -> None:
    run()
    whole = Path("out/b_x.png").read_bytes()
    Path("out/b_x.png").write_bytes(whole[: len(whole) // 2])
    assert run(existing="skip").count("kept") == 2
    assert Path("out/b_x.png").read_bytes() == whole


def test_existing_ones_are_refused_or_replaced() -> None:
    run()
    assert [each.code for each in run().outcomes] == [5, 5, 5]
    whole = Path("out/b_x.png").read_bytes()
    Path("out/b_x.png").write_text("mine")
    assert run(existing="overwrite").count("done") == 3
    assert Path("out/b_x.png").read_bytes() == whole


@pytest.mark.parametrize("existing", ["overwrite", "renew"])
def test_no_picture_of_the_batch_is_overwritten(existing: str) -> None:
    shutil.copy("p/b.png", "p/a_x.png")
    before = Path("p/a_x.png").read_bytes()
    planned = plan(contents=["p/a_x.png", "p/a.png"], styles=["s/x.png"], folder=Path("p"))
    summary = run(planned, existing=existing)
    assert [each.code for each in summary.outcomes] == [0, 5]
    assert "is also an input" in str(summary.outcomes[1].error)
    assert Path("p/a_x.png").read_bytes() == before


class Fails:
    """An engine that makes nothing, one job after the other, and remembers how it ended."""

    def __init__(self) -> None:
        self.begun, self.closed = 0, False

    def run(self, groups: Sequence[Group], **_: Any) -> Iterator[tuple[Group, list[Outcome]]]:
        try:
            for group in groups:
                self.begun += 1
                error = InputError("no.")
                yield (
                    group,
                    [Outcome.failed(j.content, j.styles, j.output, error) for j in group.jobs],
                )
        finally:
            self.closed = True


@pytest.fixture
def apart() -> BatchPlan:
    """Three jobs that cannot be made together, and a line that is no job."""
    lines = [f'{{"content": "p/{n}.png", "iterations": {i + 1}}}' for i, n in enumerate("abc")]
    return plan(contents=(), lines=lines, styles=["s/x.png"])


def test_failing_fast(apart: BatchPlan) -> None:
    engine = Fails()
    summary = run(apart, engine=engine, fail_fast=True)
    assert (engine.begun, engine.closed) == (1, True)
    assert (summary.count("failed"), summary.left, summary.exit_code) == (1, 2, 3)
    assert run(apart, engine=Fails()).left == 0


def test_failing_before_anything_is_begun(apart: BatchPlan) -> None:
    bad = replace(apart, failures=(Outcome.failed(None, (), None, InputError("no.")),))
    engine = Fails()
    summary = run(bad, engine=engine, fail_fast=True)
    assert (engine.begun, summary.left, summary.exit_code) == (0, 3, 3)


def test_an_unwritable_folder(apart: BatchPlan) -> None:
    Path("out").write_text("a file")
    engine = Fails()
    with pytest.raises(OutputError, match="manifest.jsonl"):
        run(apart, engine=engine)
    assert engine.begun == 0
