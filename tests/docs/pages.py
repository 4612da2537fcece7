"""The pages of the documentation, as the tests about them need them: headings, links, code."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = ROOT / "docs"
MADE = {DOCS / "rules" / "index.md", DOCS / "reference" / "commands.md"}
"""Pages that each build makes (tools/rule_pages.py, tools/command_page.py)."""

_FENCE = re.compile(r"^ *(`{3,})(\S*)[^\n]*\n(.*?)^ *\1 *$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


def tool(module: str) -> Any:
    """One of the scripts in ``tools``."""
    folder = str(ROOT / "tools")
    if folder not in sys.path:
        sys.path.append(folder)
    return import_module(module)


@cache
def pages() -> tuple[Path, ...]:
    """Every page that people write."""
    written = [path for path in DOCS.rglob("*.md") if not path.is_relative_to(DOCS / "_build") and path.parent != DOCS / "rules"]
    return (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(set(written) - MADE))


def name(path: Path) -> str:
    """The page as test ids and messages call it."""
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks: language and content."""
    for found in _FENCE.finditer(text):
        yield found[2], found[3]


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def inline_code(text: str) -> Iterator[str]:
    """What stands in backticks."""
    for found in _CODE.finditer(prose(text)):
        yield " ".join(found[2].split())


def links(text: str) -> Iterator[str]:
    """The targets of links."""
    bare = _CODE.sub("", prose(text))
    yield from re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", bare)


def anchors(text: str) -> set[str]:
    """What a link may name after its ``#``."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table_after(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    below = text.split(f"\n{heading}\n", 1)[1]
    rows = []
    for line in below.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            break
    return rows[2:]
