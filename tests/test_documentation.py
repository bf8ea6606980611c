"""The documentation names what is there: modules, files, pages, pictures, headings, options."""

import importlib.util
import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

import stylecli

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")
PAGES = [
    *sorted(DOCS.glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
NAV = re.findall(r"^  - .*: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
PATHS = sorted(
    {
        name
        for page in ("docs/architecture.md", "CONTRIBUTING.md")
        for name in re.findall(r"`([\w./-]+\.py)`", (ROOT / page).read_text(encoding="utf-8"))
    }
)


def test_the_page_names_modules() -> None:
    assert len(PATHS) > 40 and "benchmarks/textbook.py" in PATHS


@pytest.mark.parametrize("path", PATHS)
def test_every_module_named_in_the_page_exists(path: str) -> None:
    assert (ROOT / path).is_file() or (ROOT / "stylecli" / path).is_file()


def test_every_room_is_in_the_picture() -> None:
    (picture,) = re.findall(r"```\n(.*?)```", PAGE, flags=re.DOTALL)
    for path in (ROOT / "stylecli").glob("[!_]*"):
        if path.suffix == ".py":
            assert re.search(rf"\b{path.stem}\b(?!/)", picture), path.name
        elif (path / "__init__.py").exists():
            assert f"{path.name}/" in picture


def prose(page: Path) -> str:
    """A page without its code."""
    text = re.sub(r"^(?: {4}|```).*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The headings' anchors, as MkDocs and forges make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_the_navigation_has_every_page_once() -> None:
    found = {path.name for path in DOCS.glob("*.md")} | {"CONTRIBUTING.md", "CHANGELOG.md"}
    assert sorted(NAV) == sorted(found)


def test_the_table_of_options_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("option_tables", DOCS / "option_tables.py")
    assert spec is not None and spec.loader is not None
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = (DOCS / "options.md").read_text(encoding="utf-8")
    assert script.updated(text) == text, "run: python docs/option_tables.py"


@pytest.mark.slow
def test_the_site_holds_nothing_from_elsewhere(tmp_path: Path) -> None:
    """It opens from disk: no script, style, font or picture from another place."""
    mkdocs = shutil.which("mkdocs")
    if mkdocs is None or importlib.util.find_spec("material") is None:
        pytest.skip("needs the extra docs")
    command = [mkdocs, "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    pages = [path for path in tmp_path.glob("*.html") if path.name != "404.html"]  # for servers
    assert {page.stem for page in pages} >= {Path(name).stem for name in NAV}
    for page in pages:
        loaded = re.findall(
            r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=\"?([^\" >]+)", page.read_text()
        )
        assert not [address for address in loaded if re.match(r"https?:|//", address)], page.name
        for address in loaded:
            assert (page.parent / address.partition("#")[0]).exists(), (page.name, address)


def test_the_messages_explained_are_those_that_are_printed() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "stylecli").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # a sentence goes over several lines
    table = (DOCS / "troubleshooting.md").read_text().partition("## Not an error")[0]
    messages = re.findall(r"\*([^*]+)\*", table)
    assert len(messages) > 10
    assert [message for message in messages if message not in source] == []


def test_the_python_page_compiles_and_imports_what_there_is() -> None:
    text = (DOCS / "python.md").read_text()
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", text, flags=re.MULTILINE)
    assert len(blocks) > 2
    for block in blocks:
        compile(textwrap.dedent(block), "python.md", "exec")
    names = ", ".join(re.findall(r"^ {4}from stylecli import (.*)$", text, flags=re.MULTILINE))
    assert set(names.split(", ")) <= set(stylecli.__all__)
