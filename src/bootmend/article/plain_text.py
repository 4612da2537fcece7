"""Writes an article as plain text of a given width: no colours, no library; for pipes, logs and tickets."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from bootmend.article.nodes import (
    Block,
    Break,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Inline,
    Link,
    Listing,
    Paragraph,
    Quote,
    Strong,
    Table,
    Text,
    Variable,
)
from bootmend.article.render import Drawable, page_of, safe_target

if TYPE_CHECKING:
    from collections.abc import Iterable

NARROWEST = 20


def to_text(drawable: Drawable, width: int = 80) -> str:
    """The whole article, wrapped; code is never wrapped.  Ends with a line end."""
    return "\n".join(_blocks(page_of(drawable).blocks(), max(width, NARROWEST))) + "\n"


def _blocks(blocks: Iterable[Block], width: int) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if written := _block(block, max(width, NARROWEST)):
            lines += [*([""] if lines else []), *written]
    return lines


def _block(block: Block, width: int) -> list[str]:
    match block:
        case Heading(level, children):
            return _heading(level, _inlines(children), width)
        case Paragraph(children):
            return _wrapped(_inlines(children), width)
        case CodeBlock(text):
            return [f"    {line}".rstrip() for line in text.split("\n")]
        case Quote(blocks):
            return [f"| {line}".rstrip() for line in _blocks(blocks, width - 2)]
        case Listing():
            return _listing(block, width)
        case Table(rows):
            return [" | ".join(_inlines(cell) for cell in row) for row in rows]


def _heading(level: int, words: str, width: int) -> list[str]:
    lines = _wrapped(words, width)
    if level > 2 or not lines:
        return lines
    return [*lines, ("=" if level == 1 else "-") * max(len(line) for line in lines)]


def _wrapped(words: str, width: int) -> list[str]:
    lines: list[str] = []
    for part in words.strip("\n").split("\n"):
        lines += textwrap.wrap(part.strip(), width, break_long_words=False, break_on_hyphens=False) or [""]
    return lines if any(lines) else []


def _listing(listing: Listing, width: int) -> list[str]:
    last = listing.start + len(listing.items) - 1
    room = len(str(last)) + 2 if listing.ordered else 2
    tight = all(len(item.blocks) <= 1 for item in listing.items)
    lines: list[str] = []
    for index, item in enumerate(listing.items):
        marker = f"{listing.start + index}.".rjust(room - 1) + " " if listing.ordered else "- "
        body = _blocks(item.blocks, width - room) or [""]
        if lines and not tight:
            lines.append("")
        lines.append((marker + body[0]).rstrip())
        lines += [" " * room + line if line else "" for line in body[1:]]
    return lines


def _inlines(children: Iterable[Inline]) -> str:
    return "".join(_inline(child) for child in children)


def _inline(child: Inline) -> str:
    match child:
        case Text(text):
            return text
        case Code(text):
            return f"`{text}`" if text.strip() else text
        case Strong(children) | Emphasis(children):
            return _inlines(children)
        case Link(children, target):
            return _link(_inlines(children), safe_target(target))
        case Break():
            return "\n"
        case Variable(_, default):
            return default
        case _:
            return ""


def _link(label: str, target: str) -> str:
    if not target or target.startswith("#") or target == label:
        return label
    return f"{label} ({target})"
