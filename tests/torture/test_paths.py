"""Names that are made to confuse: they lead nowhere else, collide nowhere, command no terminal."""

import json
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylecli.images.embedded_text import read_recipe
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture

from .scale import FULL

# What a terminal would take for a command: title, color, clearing, cursor, hyperlink, 8 bit.
ESCAPES = (
    *("\x1b]0;title\x07.png", "\x1b[31mred.png", "\x1b[2J.png", "a\rb.png", "a\bb.png"),
    *("\x1b]8;;http://x\x1b\\.png", "\x9b31m.png", "\x7f.png", "a\x0bb.png", "\x1b(0.png"),
)
NAMES = (
    *ESCAPES,
    *("-o.png", "-.png", "--help.png", "--.png", "-rf", "--output", "-", "--", "---.png"),
    *("a\nb.png", "\n.png", "tab\there.png", " .png", " a .png", "a b.png", "\u2028.png"),
    *("a\udcff\udc80.png", "\udcc3.png", "\u202egnp.exe.png", "\ufeffa.png", "\u200b.png"),
    *("'.png", '".png', "`id`.png", "$(id).png", ";id.png", "|.png", "&.png", "*.png", "[a].png"),
    *("{content}.png", "%s.png", "%n.png", "{0.__class__}.png", "\\.png", "C:\\a.png", "~"),
    *("~.png", "é.png", "e\u0301.png"),
    *("CON.png", "nul.png", "a:b.png", "#a.png", "a,b.png", "...png", "....png"),
    *("STRASSE.png", "straße.png", "İ.png", "ﬁ.png", "fi.png", "😀.png", "a" * 251 + ".png"),
    *("é" * 125 + ".png", "https:__x.png", "batch", "batch.png", "picture", "weights.png"),
)  # fmt: skip
OUTSIDE = (
    *("../x.png", "a/../../x.png", "/nowhere/there/x.png", "a\0b.png", "\0", ".", "..", "/", ""),
    *("a/b/../../../x.png", "//x.png", "./../x.png", "/proc/self/x.png", "/dev/null", "/dev/full"),
    *("b" * 300 + ".png", ("c" * 200 + "/") * 25 + "x.png", "a.png/x.png", "\udcff/\0.png"),
)  # fmt: skip
TEMPLATES = (
    *("../{content}", "/{content}", "{content}/../../x", "..", ".", "", "/", "{content}\0"),
    *("{content}\n", "\x1b[2J{content}", "{content}\x9b", "{content.__class__}", "{content!r}"),
    *("{content:>99999999999}", "{content[0]}", "{}", "{0}", "{", "}", "{content", "{unknown}"),
    *("-{content}", "a" * 300, "é" * 200, "{content}/{style}", "./{content}", "{content}.", "~/x"),
    *("{content}.exe", "\udcff{content}", "{{content}}", "con", "{style}/", "\u202e{content}"),
)


@pytest.fixture
def inside(stylize: Any, tmp_path: Path, content_path: Path) -> Callable[..., Any]:
    """Run in a folder of its own; nothing outside of it may change, and no name is shown raw."""
    (home := tmp_path / "home" / "here").mkdir(parents=True)
    os.chdir(home)
    content_path.unlink()

    def run(*words: object) -> Any:
        done = stylize(*words)
        said = (done.out + done.err).replace("\n", "")
        assert said.isprintable(), (words, said)
        errors = [line for line in done.err.splitlines() if line.startswith("stylize: ")]
        assert done.code in (0, 2, 3, 4, 5), (words, done.err)
        assert "Traceback" not in done.err and "unexpected failure" not in done.err, done.err
        assert len(errors) >= 1 if done.code else not errors, done.err
        assert len(errors) <= 1 or done.code == 3, done.err
        assert os.listdir(tmp_path / "home") == ["here"], (words, os.listdir(tmp_path / "home"))
        assert set(os.listdir(tmp_path)) <= {"home", "style.png"}, (words, os.listdir(tmp_path))
        assert not [p for p in home.rglob("*") if p.name.startswith(".stylecli-")], words
        return done

    return run


@pytest.fixture
def picture(content: Any, style_path: Path) -> Path:
    return style_path


def files(folder: Path = Path()) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def put(picture: Path, name: str) -> Path | None:
    """A picture of that name in the current folder, where a file system has such names."""
    try:
        return Path(shutil.copy(picture, Path(name)))
    except (OSError, ValueError):
        return None


def suffixed(name: str) -> str:
    return name if name.endswith(".png") else f"{name}.png"


def test_there_are_enough() -> None:
    assert len({*NAMES, *OUTSIDE, *TEMPLATES}) >= 100


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_inputs_and_outputs(name: str, inside: Any, picture: Path) -> None:
    """Each is a content, a style and an output, after `--`."""
    if put(picture, name) is None:
        pytest.skip("this file system has no such name")
    output = f"out{os.sep}{suffixed(name)}"
    given = f"./{name}" if name == "-" else name
    done = inside("--", given, given) if name == "--" else inside("-o", output, "--", given, given)
    if name == "--":
        assert done.code == 2
        return
    assert done.code == 0, done.err
    assert files(Path("out")) == {suffixed(name)}
    assert json.loads(read_recipe(Path(output)) or "")["content"]["name"] == name
    again = inside("replay", "-o", f"out2{os.sep}{suffixed(name)}", "--", output)
    assert again.code == 0, again.err
    assert files(Path("out2")) == {suffixed(name)}


@pytest.mark.parametrize("name", NAMES if FULL else NAMES[::4], ids=ascii)
def test_names_that_are_missing(name: str, inside: Any, picture: Path) -> None:
    """Without `--` it may be an option or a command; it is never a bug."""
    done = inside(name, picture, "-o", suffixed(name))
    assert done.code in (0, 2, 4)
    assert inside(picture, picture, "-o", f"{name}{os.sep}x.png", "--init", f"./{name}").code == 4
    assert inside("replay", "-o", "x.png", "--", name).code == 4


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: ascii(name)[:40])
def test_places_that_cannot_be(name: str, inside: Any, picture: Path) -> None:
    """Refused as an input; as an output refused, or written where the user pointed."""
    put(picture, "a.png")
    assert inside("-o", "o.png", "--", name, picture).code in (2, 4)
    assert inside("-o", "o.png", "--", picture, name).code in (2, 4)
    for command in (("sweep", "a.png", picture), ("batch", "a.png", "--style", picture)):
        if name not in ("../x.png", "a/../../x.png", "a/b/../../../x.png", "./../x.png", "//x.png"):
            assert inside(*command, "-o", name, "--dry-run").code in (0, 2, 4, 5)
    listed = Path("list.txt")
    listed.write_bytes(f'a.png,"{picture}","{name}"\n'.encode("utf-8", "surrogateescape"))
    assert inside("batch", "--from-file", listed, "-o", "out").code in (0, 2, 3, 4, 5)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda name: ascii(name)[:40])
def test_templates(template: str, inside: Any, picture: Path) -> None:
    put(picture, "a.png")
    done = inside("batch", "a.png", "--style", picture, "-o", "out", "--name", template)
    assert done.code in (0, 2)
    found = files() - {"a.png"}
    assert found == set() if done.code else len(found) == 2
    assert all(name.startswith(f"out{os.sep}") for name in found)
    assert not any(unicodedata.category(c) == "Cc" for c in "".join(found))


def test_a_batch_of_all_of_them(inside: Any, picture: Path) -> None:
    """Each has an output of its own, on any file system."""
    Path("in").mkdir()
    os.chdir("in")
    given = [name for name in NAMES if name.endswith(".png") and put(picture, name)]
    os.chdir("..")
    done = inside("batch", "in", "--style", picture, "-o", "out", "--name", "{content}", "--json")
    assert done.code == 0, done.err
    made = files(Path("out")) - {"manifest.jsonl"}
    assert len(made) == len([name for name in given if not name.startswith(".")]) > 50
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in made}) == len(made)
    assert [name for name in made if not name.isprintable() or name[0] in "-."] == []
    assert all(len(os.fsencode(name)) <= 255 for name in made)
    report = json.loads(done.out)
    assert len({job["output"] for job in report["jobs"]}) == len(made)


@pytest.mark.parametrize("name", NAMES if FULL else NAMES[::5], ids=ascii)
def test_sweeps(name: str, inside: Any, picture: Path) -> None:
    if "," in name or put(picture, name) is None:
        pytest.skip("commas divide values, or this file system has no such name")
    start = f"./{name}"
    words = ("sweep", "--seed", "0:1", "--init", start, "-o", "out", "--", start, picture)
    done = inside(*words)
    assert done.code == 0, done.err
    assert len([each for each in files(Path("out")) if each.startswith("seed-")]) == 2
    page = next(Path("out").glob("*.html")).read_text(encoding="utf-8")
    assert not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in page)


def test_a_file_named_like_a_stream(inside: Any, picture: Path) -> None:
    """`./-` is a file, in every place where a picture can be named."""
    put(picture, "-")
    for words in (("./-", "./-", "-o", "a.png"), ("sweep", "./-", "./-", "-o", "b")):
        assert inside(*words, "--init", "./-").code == 0
    assert inside("batch", "./-", "--style", "./-", "-o", "c").code == 0
    assert {"a.png", "b/picture.png", "c/___.png"} <= files()


@pytest.mark.parametrize("escape", ESCAPES, ids=ascii)
def test_a_forged_recipe_commands_no_terminal(escape: str, inside: Any, picture: Path) -> None:
    """What a recipe says of itself is shown escaped as well."""
    put(picture, "a.png")
    assert inside("a.png", picture, "-o", "out.png").code == 0
    values = json.loads(read_recipe(Path("out.png")) or "")
    values["version"] = escape
    pixels = read_picture(Path("out.png")).pixels
    write_picture(Path("out.png"), pixels, recipe=json.dumps(values))
    assert inside("replay", "out.png", "-o", "x.png", "--input", picture).code == 0
    values["content"]["name"] = escape
    values["settings"]["encoder"] = escape
    write_picture(Path("out.png"), pixels, recipe=json.dumps(values))
    assert inside("replay", "out.png", "-o", "y.png").code == 4
    assert inside("a.png", picture, "--like", "out.png", "-o", "z.png").code in (0, 2, 4)
