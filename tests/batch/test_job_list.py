"""Lists of jobs."""

from pathlib import Path

import pytest

from stylecli.batch.job_list import MAX_LINE, BadLine, Line, read_lines


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
