"""The list of defects in published articles: each of its lines has the words, and lint finds what the page says it finds."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from bootmend.article import lint_all, parse
from bootmend.engine.articles import knowledge
from tests.support import ROOT, shared_data

PAGE = ROOT / "docs" / "explanation" / "article-defects.md"
_ROW = re.compile(r"^\| `([\w.-]+\.md)` \| ([\d, ]+) \| `(.+)` \|$")
_RULES = re.compile(r"\((`[a-z-]+`(?:, `[a-z-]+`)*)(?: finds the first)?\)$")


class Defect(NamedTuple):
    """A row of the page: where, the words, and the rules that its paragraph names."""

    file: str
    lines: tuple[int, ...]
    words: str
    rules: tuple[str, ...]


def defects() -> list[Defect]:
    """All rows."""
    found: list[Defect] = []
    rules: tuple[str, ...] = ()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("**"):
            rules = ()
        if named := _RULES.search(line):
            rules = tuple(re.findall("`([a-z-]+)`", named[1]))
        if row := _ROW.match(line):
            found.append(Defect(row[1], tuple(int(number) for number in row[2].split(",")), row[3], rules))
    return found


def test_every_row_of_the_tables_is_read() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(defects()) > 60


@pytest.mark.parametrize("defect", defects(), ids=lambda defect: f"{defect.file}:{defect.lines[0]}:{defect.words[:12]}")
def test_the_words_stand_on_the_line(defect: Defect) -> None:
    lines = (shared_data("articles") / defect.file).read_text(encoding="utf-8-sig").split("\n")
    assert [number for number in defect.lines if defect.words not in lines[number - 1]] == []


def test_quotations_are_short() -> None:
    assert all(len(defect.words.split()) <= 6 for defect in defects())


def test_lint_finds_what_the_page_says() -> None:
    """Of each paragraph that names rules, every article is found by one of them."""
    files = sorted(shared_data("articles").glob("*.md"))
    found = {
        (article.name, remark.code) for article, remark in lint_all((parse(f.read_bytes(), f.name) for f in files), knowledge())
    }
    first_only = {"osstartup-loading-windows-files-1.md"}  # of a pair of which lint finds one
    missing = [
        defect
        for defect in defects()
        if defect.rules
        and not any((defect.file, rule) in found for rule in defect.rules)
        and not ({"placeholder-misspelt", "list-number"} & set(defect.rules) and defect.file in first_only)
        and not (defect.rules == ("screen-text", "screen-text-unknown") and "select a tool" in defect.words)
        and not (defect.rules == ("summary-repeated",) and defect.file in first_only)
    ]
    assert missing == []
