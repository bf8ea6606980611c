"""A picture that is damaged, forged or no picture is read soundly, or refused in one sentence."""

import itertools
import os
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.errors import InputError
from stylecli.images.reading import read_picture

from .pictures import Named, bombs, damaged, png, webp, whole, with_blocks
from .scale import FULL, SEED, count

resource = pytest.importorskip("resource")  # limits of a process: not on Windows

MEMORY = 6 * 2**30  # address space of a child: torch alone takes some 2 GiB
SECONDS = 10.0
PROGRESS = (
    *("Loading ", "Reading the pictures", "Stylizing", "Scale ", "Note: ", "Wrote ", "Losses at "),
)


def exif() -> bytes:
    tags = Image.Exif()
    tags.update({274: 6, 271: "maker", 282: 300.0, 283: 300.0, 296: 2, 306: "2024:01:01 00:00:00"})
    tags.get_ifd(34665).update({33434: 0.01, 36867: "2024:01:01 00:00:00", 37510: b"ASCII\0\0\0x"})
    return tags.tobytes()


@pytest.fixture
def originals(make_profile: Callable[..., bytes]) -> list[Named]:
    return whole(make_profile(), exif())


@pytest.fixture
def broken(originals: list[Named], make_profile: Callable[..., bytes]) -> Iterator[Named]:
    """Without end: two damaged pictures for each with a damaged block."""
    rng = random.Random(SEED)
    files, blocks = damaged(originals, rng), with_blocks(make_profile(), exif(), rng)
    return itertools.chain.from_iterable(zip(files, files, blocks, strict=False))


def try_to_read(path: Path, name: str) -> bool:
    """Whether it was read; the time is the processor's, for others may use this machine."""
    start = time.process_time()
    try:
        picture = read_picture(path)
    except InputError as error:
        message = str(error)
        assert message.endswith(".") and message.isprintable() and str(path) in message, name
        return False
    finally:
        assert time.process_time() - start < SECONDS, name
    assert picture.pixels.shape == (3, picture.height, picture.width), name
    assert bool(((picture.pixels >= 0) & (picture.pixels <= 1)).all()), name  # so no NaN either
    assert picture.alpha is None or bool(((picture.alpha >= 0) & (picture.alpha <= 1)).all()), name
    return True


def test_intact_pictures_are_read(originals: list[Named], tmp_path: Path) -> None:
    for name, data in originals:
        (path := tmp_path / "a.png").write_bytes(data)
        assert try_to_read(path, name), name


def test_every_cut_of_the_header(originals: list[Named], tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    step = 1 if FULL else 23
    for name, data in originals:
        for place in range(0, min(len(data), 250), step):
            path.write_bytes(data[:place])
            try_to_read(path, f"{name} cut at {place}")


def test_damaged_pictures(
    broken: Iterator[Named], tmp_path: Path, capfd: Any, caplog: Any, record_property: Any
) -> None:
    read, total = 0, count(400)
    path = tmp_path / "damaged.png"
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for name, data in itertools.islice(broken, total):
        path.write_bytes(data)
        read += try_to_read(path, name)
    assert 0 < read < total
    assert capfd.readouterr() == ("", "") and caplog.records == []  # libraries say nothing either
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) <= descriptors + 1
    print(f"{total} damaged pictures: {read} read, {total - read} refused")
    record_property("damaged", total)


@pytest.mark.parametrize("named", bombs(), ids=lambda named: named[0])
def test_bombs_and_other_formats(named: Named, tmp_path: Path) -> None:
    (path := tmp_path / "bomb.png").write_bytes(named[1])
    assert not try_to_read(path, named[0])


@pytest.mark.parametrize(("scans", "taken"), [(9, True), (3000, False)])
def test_a_jpeg_of_very_many_scans(scans: int, taken: bool, encode: Any, tmp_path: Path) -> None:
    """Each takes few bytes, and the decoder over every pixel once more."""
    data = encode(Image.new("L", (2000, 2000), 128), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    (path := tmp_path / "a.jpg").write_bytes(data[:-2] + last * scans + data[-2:])
    assert try_to_read(path, f"{scans} scans") == taken


def strange_files(folder: Path) -> dict[str, Path]:
    """Things with a picture's name that are none."""
    paths = {name: folder / f"{name}.png" for name in ("pipe", "folder", "loop", "dangling", "ps")}
    os.mkfifo(paths["pipe"])
    paths["folder"].mkdir()
    paths["loop"].symlink_to(paths["loop"])
    paths["dangling"].symlink_to(folder / "nowhere")
    paths["ps"].write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\nsystemdict /quit get exec\n")
    (folder / "one.png").symlink_to(folder / "two.png")
    (folder / "two.png").symlink_to(folder / "one.png")
    paths |= {"circle": folder / "one.png", "in a file": paths["ps"] / "a.png"}
    return {**paths, "device": Path("/dev/zero"), "null": Path("/dev/null"), "terminal": folder}


@pytest.mark.parametrize("role", ["content", "style", "mask", "init"])
def test_what_only_has_a_picture_name(role: str, refuses: Any, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for name, path in strange_files(tmp_path).items():
        refuses(path, name, role=role)
    if before:  # none of them is left open
        assert len(os.listdir("/proc/self/fd")) <= before


@pytest.fixture
def refuses(stylize: Any, content_path: Path, style_path: Path, tmp_path: Path) -> Any:
    """The program, with a strange picture in some role, ends as documented."""
    output = tmp_path / "out" / "o.png"

    def run(path: Path, name: str, *, role: str = "content", codes: tuple[int, ...] = (4,)) -> int:
        roles: dict[str, Path | None] = {"content": content_path, "style": style_path, role: path}
        words = [roles.pop("content"), roles.pop("style"), "-o", output, "--force"]
        words += [part for key, value in roles.items() for part in (f"--{key}", value)]
        start = time.process_time()
        done = stylize(*words)
        assert time.process_time() - start < SECONDS, name
        check_end(done.code, done.err, output, name, codes)
        return int(done.code)

    return run


def check_end(code: int, err: str, output: Path, name: str, codes: tuple[int, ...]) -> None:
    """A documented code, one line of error if any, and a whole picture or none."""
    assert code in codes, (name, code, err)
    errors = [line for line in err.splitlines() if not line.startswith(PROGRESS)]
    assert len(errors) == (code != 0), (name, err)
    assert all(line.startswith("stylize: error: ") for line in errors), (name, err)
    assert err.replace("\n", "").isprintable(), (name, err)
    if code == 0:
        read_picture(output)
        output.unlink()
    assert not output.parent.exists() or list(output.parent.iterdir()) == [], name


def test_damaged_pictures_through_the_program(broken: Any, refuses: Any, tmp_path: Path) -> None:
    codes = []
    for number, (name, data) in enumerate(itertools.islice(broken, max(60, count(60) // 8))):
        path = tmp_path / f"damaged.{('png', 'jpg', 'tif', 'txt')[number % 4]}"
        path.write_bytes(data)
        codes.append(refuses(path, name, role=("content", "style")[number % 2], codes=(0, 4)))
    assert set(codes) == {0, 4}


def test_damaged_pictures_in_processes(
    broken: Iterator[Named], child: Any, content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    side = 16384  # as large as may be: all black, in 33 kB
    black = ("PNG black", png((side, side), zlib.compress(bytes(2049 * side)), kind=0, depth=1))
    forms = ((2, 8), (2, 16), (6, 8), (4, 16))
    largest = [(f"PNG {kind} {depth}", png((side, side), kind=kind, depth=depth))
               for kind, depth in forms]  # fmt: skip
    largest.append(("WebP", webp(side, side)))
    more = [*largest, *bombs()[::5], *itertools.islice(broken, 24)] if FULL else []
    for name, data in (black, *more):
        (path := tmp_path / "strange.png").write_bytes(data)
        output = tmp_path / "out" / "o.png"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = child(path, style_path, "-o", output, preexec_fn=_bounded)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert spent < SECONDS, (name, spent)
        said = done.stderr.decode()
        check_end(done.returncode, said, output, name, (0, 4))
        if name == black[0]:
            assert "it does not fit into memory" in said, said
    assert sys.platform != "linux" or after.ru_maxrss * 1024 < MEMORY


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def test_the_bound_on_memory_is_one() -> None:
    code = f"bytearray({MEMORY})"
    done = subprocess.run(
        [sys.executable, "-c", code], preexec_fn=_bounded, capture_output=True, check=False
    )
    assert b"MemoryError" in done.stderr
