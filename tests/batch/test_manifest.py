"""What became of each job, as a line of JSON."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from stylecli.batch.manifest import NAME, Manifest, read_manifest
from stylecli.errors import OutputError

from .conftest import failed, outcome


def test_a_line_for_each(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "new" / "folder")
    manifest.record(outcome("a.png"))
    manifest.record(failed(OutputError("no.")))
    Manifest(tmp_path / "new" / "folder").record(outcome("b.png"))
    data = (tmp_path / "new" / "folder" / NAME).read_bytes()
    assert data.endswith(b"}\n") and data.count(b"\n") == 3
    assert [line["output"] for line in read_manifest(manifest.path)] == ["a.png", "o.png", "b.png"]


def test_odd_names(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    name = os.fsdecode(b"new\nline \xff.png")
    manifest.record(outcome(name))
    assert manifest.path.read_bytes().isascii()
    assert read_manifest(manifest.path)[0]["output"] == name


@pytest.mark.parametrize("cut", [1, 2, 30, 100])
def test_a_line_that_was_cut_short(tmp_path: Path, cut: int) -> None:
    manifest = Manifest(tmp_path)
    for name in ("a.png", "b.png"):
        manifest.record(outcome(name))
    data = manifest.path.read_bytes()
    manifest.path.write_bytes(data[:-cut])
    Manifest(tmp_path).record(outcome("c.png"))
    found = [line["output"] for line in read_manifest(manifest.path)]
    assert found == (["a.png", "b.png", "c.png"] if cut == 1 else ["a.png", "c.png"])
    assert manifest.path.read_bytes().startswith(data[:-cut] + b"\n")


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    lines = [b"", b"[1]", b'"text"', b"\xff\xfe", b"{", b"[" * 100_000, b'{"output": "a.png"}']
    (tmp_path / NAME).write_bytes(b"\n".join(lines))
    assert read_manifest(tmp_path / NAME) == [{"output": "a.png"}]


def test_what_was_kept_is_told_once(tmp_path: Path) -> None:
    for _ in range(3):
        manifest = Manifest(tmp_path)
        manifest.record(outcome("a.png", "kept"))
        manifest.record(outcome("a.png", "kept"))
    assert len(read_manifest(tmp_path / NAME)) == 1
    manifest.record(outcome("b.png"))
    manifest.record(outcome("b.png", "kept"))
    manifest.record(failed(OutputError("no.")))
    manifest.record(outcome("o.png", "kept"))  # a failure is no word of a picture
    statuses = [line["status"] for line in read_manifest(tmp_path / NAME)]
    assert statuses == ["kept", "done", "failed", "kept"]


@pytest.mark.parametrize("status", ["done", "kept"])
def test_a_place_that_takes_none(tmp_path: Path, status: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / NAME).mkdir(parents=True)
    for folder in ("file", "file/below", "folder"):
        with pytest.raises(OutputError, match="cannot write .*manifest.jsonl: "):
            Manifest(tmp_path / folder).record(outcome(status=status))


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(OutputError, match="no space left on device"):
        Manifest(tmp_path).record(outcome())


def test_a_write_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:9]))
    with pytest.raises(OutputError, match="in part"):
        manifest.record(outcome("a.png"))
    monkeypatch.undo()
    manifest.record(outcome("b.png"))
    assert [line["output"] for line in read_manifest(manifest.path)] == ["b.png"]


def test_numbers_that_anyone_may_have_written(tmp_path: Path) -> None:
    """They go on into `--json`, a page and a table, which have no word for some of them."""
    for number, value in enumerate(("NaN", "Infinity", "-Infinity", '"x"', "1e999", "[1]")):
        line = f'{{"output": "{number}.png", "distances": {{"style_distance": {value}}}}}\n'
        (tmp_path / NAME).write_text(line)
        assert Manifest(tmp_path).distances_of(f"{number}.png") == {}
    many = json.dumps({"output": "a.png", "distances": {f"{i}": 0.5 for i in range(5000)}})
    (tmp_path / NAME).write_text(many + "\n")
    assert Manifest(tmp_path).distances_of("a.png") == {}
    made = replace(outcome(), distances={"style_distance": float("nan"), "content_distance": 0.5})
    assert made.to_dict()["distances"] == {"content_distance": 0.5}


@pytest.mark.skipif(os.name != "posix", reason="another lock")
def test_a_foreign_lock_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr("stylecli.batch.manifest.PATIENCE", 0.05)
    (tmp_path / NAME).touch()
    with (tmp_path / NAME).open("rb") as file:  # who may read it may lock it
        fcntl.flock(file, fcntl.LOCK_EX)
        manifest = Manifest(tmp_path)
        for number in range(3):
            manifest.record(outcome(f"{number}.png"))
    assert [line["output"] for line in read_manifest(tmp_path / NAME)] == [
        f"{number}.png" for number in range(3)
    ]


def test_several_at_once(tmp_path: Path) -> None:
    """Batches that share a folder add whole lines."""

    def add(first: int) -> None:
        manifest = Manifest(tmp_path)
        for number in range(first, first + 20):
            manifest.record(outcome(f"{number}.png"))

    threads = [threading.Thread(target=add, args=(20 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / NAME).read_text().splitlines()
    assert {json.loads(line)["output"] for line in lines} == {f"{i}.png" for i in range(80)}
    assert len(lines) == 80


@pytest.mark.parametrize("first", [".", "out", "out/deep"])
@pytest.mark.parametrize("second", [".", "out", "out/deep"])
def test_one_line_from_whatever_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        (tmp_path / "out" / name).touch()
    for status, here in (("done", first), ("kept", second)):
        monkeypatch.chdir(tmp_path / here)
        folder = Path(os.path.relpath(tmp_path / "out"))
        manifest = Manifest(folder)
        for name in ("a.png", "deep/b.png"):
            manifest.record(replace(outcome(str(folder / name), status), distances={"d": 1.0}))
        assert manifest.distances_of(str(folder / "deep" / "b.png")) == {"d": 1.0}
        assert manifest.files == {tmp_path / "out" / "a.png", tmp_path / "out" / "deep" / "b.png"}
    assert [line["status"] for line in read_manifest(manifest.path)] == ["done", "done"]


def test_only_a_manifest_of_ours_is_appended_to(tmp_path: Path) -> None:
    manifest, victim = Manifest(tmp_path), tmp_path / "victim"
    victim.touch()
    manifest.path.symlink_to(victim)
    for text in ("", "mine", '{"status": 3}'):
        if text:
            manifest.path.unlink()
            manifest.path.write_text(text)
        with pytest.raises(OutputError, match="manifest"):
            manifest.check(())
        with pytest.raises(OutputError, match="manifest"):
            manifest.record(outcome())
        assert victim.read_text() == "" and manifest.path.read_text() == text
    manifest.path.write_text('{"status": "do')  # cut short by a kill
    manifest.record(outcome())
    with pytest.raises(OutputError, match="also an input"):
        manifest.check([manifest.path])
