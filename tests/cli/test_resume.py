"""`stylize resume`, with the real core on small pictures."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.cli.progress import Screen
from stylecli.errors import OutputError

from .conftest import OPTIONS, Run, complaint


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "INT"), (signal.SIGHUP, "HUP")])
def test_stopped_by_a_signal_and_resumed(
    run: Run, stopped: Run, picture: Path, tmp_path: Path, number: int, name: str
) -> None:
    code, out, err = stopped(2, number=number)
    assert (code, out) == (128 + number, "")
    promise, last = err.splitlines()[-2:]
    assert promise == "Saving the run after this iteration; once more ends it at once"
    assert last == (
        f"stylize: stopped by SIG{name}; what was done is kept; go on with: stylize resume "
        "out.png.checkpoint"
    )
    assert not (tmp_path / "out.png").exists()
    code, out, err = run("resume", "out.png.checkpoint", "-v")
    assert (code, out) == (0, "")
    assert "Going on" in err and "Wrote" in err and "Computed on cpu in fp32, 4 iterations" in err
    assert (tmp_path / "out.png").read_bytes() == picture.read_bytes()
    assert not (tmp_path / "out.png.checkpoint").exists()


def test_resumed_stopped_and_resumed(
    run: Run, stopped: Run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(2)
    saved = tmp_path / "out.png.checkpoint"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = saved.read_bytes()
    code, _, err = stopped(2, "resume", saved)
    assert code == 130 and f"stylize resume {saved}" in err
    assert saved.read_bytes() != before
    code, out, err = run("resume", saved, "--json", "-q")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["output"], found["iterations"]) == (str(tmp_path / "out.png"), 4)
    assert (tmp_path / "out.png").read_bytes() == picture.read_bytes()


def test_resume_keeps_an_output_without_force(run: Run, stopped: Run, tmp_path: Path) -> None:
    stopped(2)
    (tmp_path / "out.png").write_bytes(b"mine")
    ended = run("resume", "out.png.checkpoint")
    assert ended[0] == 5 and "--force" in complaint(ended)
    assert (tmp_path / "out.png").read_bytes() == b"mine"
    assert run("resume", "out.png.checkpoint", "--force")[0] == 0
    assert (tmp_path / "out.png").read_bytes() != b"mine"


def test_moved_with_all_that_it_was_writing(
    run: Run, stopped: Run, content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    """The folder is moved; the picture and the rest are beside the checkpoint, as unstopped."""

    def words(folder: str) -> tuple[object, ...]:
        beside = ("--plot", f"{folder}/a.csv", "--save-recipe", f"{folder}/r.toml")
        options = ("-o", f"{folder}/out.png", "--preview", "--save-every", 1, *beside, *OPTIONS)
        return (content_path, style_path, *options)

    assert run(*words("whole"))[0] == 0
    assert stopped(2, *words("first"))[0] == 130
    assert len((tmp_path / "first" / "a.csv").read_text().splitlines()) == 3
    (tmp_path / "first").rename(tmp_path / "moved")
    code, _, err = run("resume", "moved/out.png.checkpoint")
    assert code == 0 and "exists" not in err and not (tmp_path / "first").exists()
    folders = [tmp_path / name for name in ("moved", "whole")]
    moved, whole = ({p.relative_to(f): p for f in [f] for p in f.rglob("*.*")} for f in folders)
    assert moved.keys() == whole.keys() and len(moved) == 8
    for name, path in moved.items():
        assert path.read_bytes() == whole[name].read_bytes(), name


def test_an_output_that_appears_while_the_run_goes(
    run: Run, content_path: Path, style_path: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """It stays, and the work is not lost."""
    output = tmp_path / "out.png"
    with monkeypatch.context() as patch:
        patch.setattr(Screen, "step", lambda *_: output.write_bytes(b"mine"))
        ended = run(content_path, style_path, "-o", output, *OPTIONS)
    assert ended[0] == 5 and "exists already" in ended[2] and "stylize resume" in ended[2]
    assert output.read_bytes() == b"mine"
    assert run("resume", f"{output}.checkpoint", "-o", tmp_path / "other.png")[0] == 0
    assert (tmp_path / "other.png").exists() and output.read_bytes() == b"mine"
    assert not Path(f"{output}.checkpoint").exists()


def test_a_signal_ends_a_run_that_cannot_be_saved(run: Run, stopped: Run, monkeypatch: Any) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("cannot write it: no space left on device.")

    monkeypatch.setattr("stylecli.pipeline.single.save_checkpoint", full)
    code, _, err = stopped(2)
    assert code == 130 and err.endswith("is lost: cannot write it: no space left on device.\n")


def test_a_checkpoint_of_another_run_to_the_same_output(
    run: Run, stopped: Run, content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    stopped(2)
    saved = tmp_path / "out.png.checkpoint"
    before = saved.read_bytes()
    words = (content_path, style_path, "-o", "out.png", "--seed", 1, *OPTIONS)
    code, _, err = stopped(2, *words)
    assert code == 130 and "is of another run to this output, and is kept" in err
    assert len(list(tmp_path.glob("*.checkpoint"))) == 2
    assert run(*words)[0] == 0
    assert list(tmp_path.glob("*.checkpoint")) == [saved] and saved.read_bytes() == before


def test_resume_refuses_what_has_changed(
    run: Run, stopped: Run, tmp_path: Path, style_path: Path
) -> None:
    stopped(2)
    Image.new("RGB", (56, 40), "red").save(style_path)
    ended = run("resume", "out.png.checkpoint")
    assert ended[0] == 4
    assert f"{style_path} has changed since the checkpoint was made" in complaint(ended)
    style_path.unlink()
    assert "no such file" in complaint(run("resume", "out.png.checkpoint"))
    assert (tmp_path / "out.png.checkpoint").exists()


def test_resume_refuses_what_is_no_checkpoint(run: Run, stopped: Run, tmp_path: Path) -> None:
    stopped(2)
    saved = tmp_path / "out.png.checkpoint"
    saved.write_bytes(saved.read_bytes()[:-1])
    for path, words in (
        ("none.checkpoint", "there is no such file"),
        ("content.png", "no checkpoint"),
        (".", "it is no file"),
        (saved, "damaged"),
    ):
        ended = run("resume", path)
        assert ended[0] == 4 and words in complaint(ended)
    for arguments in ((), (saved, saved), (saved, "--checkpoint-every", "0"), (saved, "--no")):
        assert run("resume", *arguments)[0] == 2


def test_notes_on_another_version(run: Run, stopped: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("stylecli.pipeline.checkpoint.__version__", "0.0.1")
        stopped(2)
    _, _, err = run("resume", "out.png.checkpoint")
    assert "Note: the run began with version 0.0.1 and goes on with" in err


def test_saved_now_and_then(
    run: Run, content_path: Path, style_path: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    seen: list[bool] = []
    saved = tmp_path / "out.png.checkpoint"
    monkeypatch.setattr(Screen, "step", lambda *_: seen.append(saved.exists()))
    clock = iter(range(0, 100_000, 5))
    monkeypatch.setattr("stylecli.pipeline.single.time.monotonic", lambda: float(next(clock)))
    options = ("-o", "out.png", *OPTIONS, "--checkpoint-every", "1")
    assert run(content_path, style_path, *options)[0] == 0
    assert seen == [True] * 4  # from the preparation of the first scale on
    assert not saved.exists()
