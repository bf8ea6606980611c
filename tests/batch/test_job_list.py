"""Lists of jobs."""

from pathlib import Path

import pytest

from stylecli.batch.job_list import MAX_LINE, BadLine, Line, read_lines, split_list


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lines(*given: str) -> list[Line | BadLine]:
    return list(read_lines(given))


def test_paths_and_columns() -> None:
    Path("a, b.png").touch()
    assert lines(
        "one.png\n",
        "",
        "   \r\n",
        "  # a comment",
        "missing.png",
        "a, b.png",
        "one.png,s.png",
        'one.png, "s, t.png", deep/out.png',
        "with space.png",
    ) == [
        Line(1, Path("one.png")),
        Line(5, Path("missing.png")),
        Line(6, Path("a, b.png")),
        Line(7, Path("one.png"), (Path("s.png"),)),
        Line(8, Path("one.png"), (Path("s, t.png"),), Path("deep/out.png")),
        Line(9, Path("with space.png")),
    ]


def test_json() -> None:
    assert lines(
        '{"content": "one.png"}',
        ' {"content": "one.png", "style": "s.png", "output": "o.png", "size": 64, "seed": 3}',
        '{"content": "one.png", "styles": ["s.png", "t.png"]}',
        '{"content": "one.png", "styles": []}',
    ) == [
        Line(1, Path("one.png")),
        Line(2, Path("one.png"), (Path("s.png"),), Path("o.png"), {"size": 64, "seed": 3}),
        Line(3, Path("one.png"), (Path("s.png"), Path("t.png"))),
        Line(4, Path("one.png")),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a,b,c,d",
        "a,,c",
        ",",
        'a,"b',
        'a,"b"c',
        "a\rb,c",
        "a\0b",
        "{",
        "{}",
        '{"content": "a"} and more',
        '{"content": 3}',
        '{"content": null}',
        '{"content": ""}',
        '{"content": "a\\u0000b"}',
        '{"content": "\\ud800"}',
        '{"content": "a", "style": null}',
        '{"content": "a", "style": ["b"]}',
        '{"content": "a", "styles": "bc"}',
        '{"content": "a", "styles": 5}',
        '{"content": "a", "styles": {"b": 1}}',
        '{"content": "a", "styles": [["b"]]}',
        '{"content": "a", "style": "b", "styles": ["c"]}',
        '{"content": "a", "output": 1}',
        '{"content": ' + "[" * 100_000,
        "x" * (MAX_LINE + 1),
        "x" * 200_000 + ",y",
    ],
    ids=lambda line: repr(line[:50]),
)
def test_a_bad_line_is_told_and_the_others_are_read(line: str) -> None:
    first, bad, last = lines("one.png", line, "one.png,s.png")
    assert isinstance(first, Line) and isinstance(last, Line)
    assert isinstance(bad, BadLine)
    assert (first.number, bad.number, last.number) == (1, 2, 3)
    assert bad.why and bad.why.isprintable()


TEXT = "one.png,s.png\n{}\n".format('{"content": "ü.png", "size": 8}')
JOBS = [
    Line(1, Path("one.png"), (Path("s.png"),)),
    Line(2, Path("ü.png"), settings={"size": 8}),
]


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        b"\xff\xfe" + TEXT.replace("\n", "\r\n").encode("utf-16-le"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\0").encode(),
        TEXT.rstrip("\n").replace("\n", "\0").encode(),
        TEXT.replace("\n", "  \t\n").encode(),
    ],
    ids=repr,
)
def test_what_writes_lists(data: bytes) -> None:
    assert list(read_lines(split_list(data))) == JOBS


def test_names_from_find() -> None:
    for name in ("two\nlines.png", "ends in blanks  ", "a,b.png", "\tc.png\r\n"):
        Path(name).touch()
    data = b"two\nlines.png\0ends in blanks  \0a,b.png\0\xff.png\0\tc.png\r\n\0"
    names = ("two\nlines.png", "ends in blanks  ", "a,b.png", "\udcff.png", "\tc.png\r\n")
    assert list(read_lines(split_list(data))) == [
        Line(number, Path(name)) for number, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize(
    ("header", "job"),
    [
        ("content,style,output", "one.png,s.png,o.png"),
        ("Content; Style; Output", "one.png; s.png; o.png"),
        ('"content"\t"style"\t"output"', "one.png\ts.png\to.png"),
        ("style,content,output", "s.png,one.png,o.png"),
        ("# made by hand\n\noutput,style,content", "o.png,s.png,one.png"),
    ],
)
def test_a_header_names_the_columns(header: str, job: str) -> None:
    read = lines(*f"{header}\n{job}".split("\n"))
    number = header.count("\n") + 2
    assert read == [Line(number, Path("one.png"), (Path("s.png"),), Path("o.png"))]


def test_what_is_no_header() -> None:
    assert lines("content") == []
    assert lines("one.png", "content,style") == [
        Line(1, Path("one.png")),
        Line(2, Path("content"), (Path("style"),)),
    ]
    assert isinstance(lines("style,content", "s.png")[0], BadLine)
    Path("content").touch()
    assert lines("content") == [Line(1, Path("content"))]


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    Path("~odd.png").touch()
    home = Path("/home/me/a.png"), (Path("/home/me/s.png"),)
    assert lines("~/a.png,~/s.png", '{"content": "~/a.png", "style": "~/s.png"}', "~odd.png") == [
        Line(1, *home),
        Line(2, *home),
        Line(3, Path("~odd.png")),
    ]
