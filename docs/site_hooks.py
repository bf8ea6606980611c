"""Hooks of MkDocs: files of the project that its pages show or link, from outside docs/.

Links in the pages are those of the checkout, so that they work where Markdown is read as it is.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGES = (ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")  # where forges look for them


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root, and whatever pages link or show outside docs/."""
    linked = set(PAGES)
    for page in (*DOCS.glob("*.md"), *PAGES):
        for link in re.findall(r"\]\(([\w./-]+)", page.read_text(encoding="utf-8")):
            path = (page.parent / link).resolve()
            if path.is_file() and not path.is_relative_to(DOCS):
                linked.add(path)
    for path in sorted(linked):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as the site has them: what is outside docs/ lies beside the pages."""
    return markdown.replace("](../", "](").replace("](docs/", "](")
