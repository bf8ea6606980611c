"""Names of a batch's outputs: from a template, inside the folder, each once."""

import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from stylecli.batch.output_names import LONGEST, Draft, Naming, name_outputs
from stylecli.errors import UsageError
from stylecli.settings import Settings

VALUES = {
    "content": "cat",
    "style": "night",
    "index": "0001",
    "seed": "0",
    "size": "own",
    "strength": "0.5",
}


def draft(content: str, *styles: str, folder: str = "", **settings: Any) -> Draft:
    paths = tuple(map(Path, styles or ("night.jpg",)))
    return Draft(Path(content), paths, Settings(**settings), PurePosixPath(folder))


def named(
    *drafts: Draft, template: str = "{content}_{style}", taken: tuple[str, ...] = ()
) -> list[str]:
    others = [Draft(Path("x.png"), (), output=Path(name)) for name in taken]
    return list(map(str, name_outputs(Naming(template), [*drafts, *others])))[: len(drafts)]


@pytest.mark.parametrize(
    ("template", "suffix", "name"),
    [
        ("{content}_{style}", ".png", "cat_night.png"),
        ("{index}-{content}", ".webp", "0001-cat.webp"),
        ("{style}/{content}", ".jpg", "night/cat.jpg"),
        ("{content}.tif", ".png", "cat.tif"),
        ("{content}.TIFF", ".png", "cat.TIFF"),
        ("{content}_{strength}", ".png", "cat_0.5.png"),
        ("{seed}{size}{{x}}", ".AVIF", "0own{x}.AVIF"),
        ("./{content}//x", ".png", "cat/x.png"),
        ("same", ".png", "same.png"),
    ],
)
def test_templates(template: str, suffix: str, name: str) -> None:
    assert str(Naming(template, suffix).relative(VALUES)) == name


@pytest.mark.parametrize(
    "template",
    [
        "../{content}",
        "a/../../{content}",
        "..\\..\\{content}",
        "\\{content}",
        "D:{content}",
        "many\\{content}",
        "{content}?",
        "a./{content}",
        "{seed}:{content}",
        "nul",
        "aux/{content}",
        "{content}/..",
        "/tmp/{content}",
        "//{content}",
        "",
        ".",
        "/",
        "a\0{content}",
        "a\n{content}",
        "a\x1b[2J{content}",
        "{content",
        "content}",
        "{}",
        "{0}",
        "{content.__class__}",
        "{content[0]}",
        "{content!r}",
        "{content:>999999999}",
        "{content:{style}}",
    ],
)
def test_refused_templates(template: str) -> None:
    with pytest.raises(UsageError) as caught:
        Naming(template)
    assert str(caught.value).isprintable()


def test_near_misses() -> None:
    with pytest.raises(UsageError, match=r"\{contnet\}.*did you mean 'content'"):
        Naming("{contnet}")
    with pytest.raises(UsageError, match=r"did you mean '.jpg'"):
        Naming(suffix=".jpgg")
    with pytest.raises(UsageError, match="no format"):
        Naming(suffix=".")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "_"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("a\nb\0c", "a_b_c"),
        ('a:b*c?"<>|\\', "a_b_c______"),
        ("half \udcff", "half _"),
        ("", "_"),
        ("ünï 日本", "ünï 日本"),
    ],
)
def test_values_become_parts_of_names(content: str, name: str) -> None:
    assert str(Naming("{content}").relative({**VALUES, "content": content})) == f"{name}.png"


def test_a_value_is_no_suffix() -> None:
    """a.jpg.png is painted in the style of a format that was asked for, not in JPEG."""
    assert named(draft("a.jpg.png"), template="{content}") == ["a.jpg.png"]
    assert named(draft("a.jpg"), draft("a.webp"), template="{style}_{content}") == [
        "night_a.jpg.png",
        "night_a.webp.png",
    ]


def test_one_stem_with_two_suffixes() -> None:
    assert named(draft("cat.jpg"), draft("dog.jpg"), draft("cat.png")) == [
        "cat.jpg_night.png",
        "dog_night.png",
        "cat.png_night.png",
    ]


def test_one_name_in_two_folders() -> None:
    assert named(draft("a/cat.jpg"), draft("b/cat.jpg"), draft("b/cat")) == [
        "a-cat.jpg_night.png",
        "b-cat.jpg_night.png",
        "cat_night.png",
    ]


def test_one_name_in_folders_of_one_name(tmp_path: Path) -> None:
    paths = [str(tmp_path / place / "x" / "cat.jpg") for place in "ab"]
    names = named(*map(draft, paths))
    assert len(set(names)) == 2
    assert all(name.startswith("cat.jpg-") and len(name) == 26 for name in names)
    assert names == named(*map(draft, paths)) == named(*map(draft, paths[::-1]))[::-1]


def test_styles_of_one_name() -> None:
    assert named(draft("cat.jpg", "a/night.jpg"), draft("cat.jpg", "b/night.png")) == [
        "cat_night.jpg.png",
        "cat_night.png.png",
    ]
    assert named(draft("cat.jpg", "a/s.jpg"), draft("cat.jpg", "b/s.jpg")) == [
        "cat_a-s.jpg.png",
        "cat_b-s.jpg.png",
    ]
    both = [draft(f"{x}/cat.jpg", f"{y}/s.jpg") for x in "ab" for y in "ab"]
    assert len(set(named(*both))) == 4
    assert named(draft("a.png", "x/s.png", "y/t.png"), draft("a.png", "y/s.png", "x/t.png")) == [
        "a_x-s.png+y-t.png.png",
        "a_y-s.png+x-t.png.png",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cat.png", "cat.png"),
        ("STRASSE.png", "straße.png"),
        ("é.png", unicodedata.normalize("NFD", "é.png")),
        ("ﬁsh.png", "fish.png"),
    ],
)
def test_names_that_some_file_system_takes_for_the_same(one: str, other: str) -> None:
    first, second = named(draft(one), draft(other))

    def seen(name: str) -> str:
        return unicodedata.normalize("NFKC", name).casefold()

    assert seen(first) != seen(second)


def test_the_mirrored_tree() -> None:
    assert named(draft("r/a/x.png", folder="a"), draft("r/b/x.png", folder="b")) == [
        "a/x_night.png",
        "b/x_night.png",
    ]


def test_names_that_are_taken() -> None:
    assert named(draft("cat.jpg"), taken=("CAT_night.png",)) == ["cat.jpg_night.png"]
    assert named(draft("cat.jpg"), taken=("cat_night.png", "cat.jpg_night.png")) != [
        "cat.jpg_night.png"
    ]


@pytest.mark.parametrize("template", ["same", "{style}", "{content}"])
def test_templates_that_cannot_tell_apart(template: str) -> None:
    with pytest.raises(UsageError, match=r"two pictures would be written to .*\{index\}"):
        named(draft("a.png"), draft("a.png", strength=0.2), template=template)
    assert len(set(named(draft("a.png"), draft("a.png"), template="{index}"))) == 2


@pytest.mark.parametrize("letter", ["x", "é", "日"])
def test_long_names(letter: str) -> None:
    longest = letter * ((255 - len(".jpg")) // len(letter.encode()))
    names = named(draft(f"{longest}.jpg"), draft(f"{longest[:-1]}y.jpg"), draft("z" * 251 + ".jpg"))
    names += named(draft("a.png", *(f"{longest}{i}" for i in range(9))), template="{style}/{index}")
    assert len(set(names)) == 4
    for name in names:
        assert max(len(part.encode()) for part in PurePosixPath(name).parts) <= LONGEST
        assert name.endswith(".png")


def test_values_make_no_names_that_some_system_lacks() -> None:
    naming = Naming("{style}/{content}", ".png")
    assert str(naming.relative({**VALUES, "style": "wait...", "content": "NUL"})) == "wait/_NUL.png"
