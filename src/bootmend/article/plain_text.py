"""Writes an article as text of a given width, plain or coloured for a terminal.

Commands are never wrapped: they are there to be copied.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

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
    from collections.abc import Iterable, Iterator

NARROWEST = 20
_PAINT = {
    "title": "1;4",
    "heading": "1",
    "strong": "1",
    "emphasis": "3",
    "code": "36",
    "marker": "1;36",
    "address": "4;34",
    "quote": "2",
}


class _Piece(NamedTuple):
    """Characters of one role (a key of the paint, or ``""``); a line break is a piece of its own."""

    text: str
    role: str


_BREAK = _Piece("\n", "")


def to_text(drawable: Drawable, width: int = 80) -> str:
    """The whole article as plain text: for pipes, logs and tickets.  Ends with a line end."""
    return _Layout(painted=False).write(page_of(drawable).blocks(), width)


def to_terminal(drawable: Drawable, width: int = 80) -> str:
    """The whole article in the sixteen colours that every terminal has, on light and dark alike."""
    return _Layout(painted=True).write(page_of(drawable).blocks(), width)


class _Layout:
    """Turns blocks into lines."""

    def __init__(self, *, painted: bool) -> None:
        self.painted = painted

    def write(self, blocks: Iterable[Block], width: int) -> str:
        """All blocks, wrapped at ``width`` columns."""
        return "\n".join(self._blocks(blocks, width)) + "\n"

    def _paint(self, text: str, role: str) -> str:
        return f"\x1b[{_PAINT[role]}m{text}\x1b[0m" if self.painted and role and text else text

    def _blocks(self, blocks: Iterable[Block], width: int) -> list[str]:
        lines: list[str] = []
        for block in blocks:
            if written := self._block(block, max(width, NARROWEST)):
                lines += [*([""] if lines else []), *written]
        return lines

    def _block(self, block: Block, width: int) -> list[str]:
        match block:
            case Heading(level, children):
                return self._heading(level, list(self._pieces(children)), width)
            case Paragraph(children):
                return self._wrapped(self._pieces(children), width)
            case CodeBlock(text):
                return ["    " + self._paint(line.rstrip(), "code") if line.strip() else "" for line in text.split("\n")]
            case Quote(blocks):
                return [f"{self._paint('|', 'quote')} {line}".rstrip() for line in self._blocks(blocks, width - 2)]
            case Listing():
                return self._listing(block, width)
            case Table(rows):
                return [" | ".join(self._row(cell) for cell in row) for row in rows]

    def _row(self, cell: tuple[Inline, ...]) -> str:
        return " ".join(self._wrapped(self._pieces(cell), 1000))

    def _heading(self, level: int, pieces: list[_Piece], width: int) -> list[str]:
        if self.painted:
            role = "title" if level == 1 else "heading"
            return self._wrapped((piece._replace(role=role) for piece in pieces), width)
        lines = self._wrapped(pieces, width)
        if level > 2 or not lines:
            return lines
        return [*lines, ("=" if level == 1 else "-") * max(len(line) for line in lines)]

    def _listing(self, listing: Listing, width: int) -> list[str]:
        last = listing.start + len(listing.items) - 1
        room = len(str(last)) + 2 if listing.ordered else 2
        tight = all(len(item.blocks) <= 1 for item in listing.items)
        lines: list[str] = []
        for index, item in enumerate(listing.items):
            marker = f"{listing.start + index}.".rjust(room - 1) if listing.ordered else "-"
            body = self._blocks(item.blocks, width - room) or [""]
            if lines and not tight:
                lines.append("")
            lines.append(f"{self._paint(marker, 'marker')} {body[0]}".rstrip())
            lines += [" " * room + line if line else "" for line in body[1:]]
        return lines

    # running text

    def _wrapped(self, pieces: Iterable[_Piece], width: int) -> list[str]:
        lines: list[list[_Piece]] = [[]]
        used = 0
        for word in _words(pieces):
            length = sum(len(piece.text) for piece in word)
            if word == [_BREAK] or (used and used + 1 + length > width):
                lines.append([])
                used = 0
            if word != [_BREAK]:
                if used:
                    role = word[0].role
                    lines[-1].append(_Piece(" ", role if lines[-1][-1].role == role else ""))
                lines[-1] += word
                used += length + bool(used)
        while lines and not lines[-1]:
            lines.pop()
        return [self._painted(line) for line in lines]

    def _painted(self, line: list[_Piece]) -> str:
        groups = groupby(line, key=lambda piece: piece.role)
        return "".join(self._paint("".join(piece.text for piece in group), role) for role, group in groups)

    def _pieces(self, children: Iterable[Inline], role: str = "") -> Iterator[_Piece]:
        for child in children:
            match child:
                case Text(text) | Variable(_, text):
                    yield _Piece(text, role)
                case Code(text):
                    yield _Piece(text if self.painted or not text.strip() else f"`{text}`", "code")
                case Strong(inner):
                    yield from self._pieces(inner, "strong")
                case Emphasis(inner):
                    yield from self._pieces(inner, "emphasis")
                case Link(inner, target):
                    yield from self._link(inner, safe_target(target), role)
                case Break():
                    yield _BREAK
                case _:
                    continue

    def _link(self, children: tuple[Inline, ...], target: str, role: str) -> Iterator[_Piece]:
        label = list(self._pieces(children, role))
        yield from label
        if target and not target.startswith("#") and target != "".join(piece.text for piece in label):
            yield _Piece(" (", role)
            yield _Piece(target, "address")
            yield _Piece(")", role)


def _words(pieces: Iterable[_Piece]) -> Iterator[list[_Piece]]:
    """Cut pieces at blanks; a word may have pieces of several roles."""
    word: list[_Piece] = []
    for piece in pieces:
        if piece is _BREAK:
            yield from ([word] if word else [])
            yield [_BREAK]
            word = []
            continue
        for index, part in enumerate(re.split(r"\s+", piece.text)):
            if index and word:
                yield word
                word = []
            if part:
                word.append(_Piece(part, piece.role))
    if word:
        yield word
