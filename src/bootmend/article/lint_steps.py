"""Rules on the operations that steps name, so that they can be ticked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.article.lint_header import line_numbers
from bootmend.article.nodes import Article, Listing, Remark, section_blocks, walk_blocks
from bootmend.article.steps import DEEDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_MARKER = re.compile(r"<!--\s{0,9}/?step\b", re.IGNORECASE)
_WITH_SUBJECT = re.compile(r"(?:set|delete|create)-(?:element|value)")


def step_rules(article: Article, kinds: Collection[str] | None) -> Iterator[Remark]:
    """Remarks on markers of steps; ``kinds`` are the operations that there are, None where that is not known."""
    items = [
        item for block in walk_blocks(section_blocks(article.sections)) if isinstance(block, Listing) for item in block.items
    ]
    marked = {item.line for item in items if item.operations}
    line_of = line_numbers(article.text)
    for found in _MARKER.finditer(article.text):
        line = line_of(found.start())
        if line not in marked:
            yield Remark(
                "step-place", line, "an operation is named directly behind the number of its step: 1. <!--step: check-->"
            )
    for item in items:
        for operation in item.operations:
            yield from _operation(operation, item.line, kinds)


def _operation(written: str, line: int, kinds: Collection[str] | None) -> Iterator[Remark]:
    operation, _, subject = written.partition(" ")
    if kinds is not None and operation not in kinds and operation not in DEEDS:
        yield Remark("step-operation", line, f"there is no operation {operation[:60]}")
    elif operation in DEEDS and subject:
        yield Remark("step-operation", line, f"{operation} stands alone")
    elif not subject and _WITH_SUBJECT.fullmatch(operation):
        yield Remark("step-operation", line, f"{operation} does not say of what")
