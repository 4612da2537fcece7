"""Writes an article as clean CommonMark: what any Markdown reader shows as the author meant it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.article.nodes import (
    Anchor,
    Block,
    Break,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Inline,
    Item,
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

_SPECIAL = re.compile(r"([\\`*\[\]<>|~])|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w{1,10};)")
_HARD_BREAK = "\\\n"
_LINE_START = re.compile(r"^(\s*)(?:([#+=-])|(\d{1,9})([.)])(?=\s|$))")


def to_markdown(drawable: Drawable) -> str:
    """The whole article; ends with a line end."""
    return "\n".join(_blocks(page_of(drawable).blocks())) + "\n"


def _blocks(blocks: Iterable[Block]) -> list[str]:
    """Lines, with a blank line between blocks; neighbouring lists of one kind get different markers."""
    lines: list[str] = []
    before: Block | None = None
    turned = False
    for block in blocks:
        turned = isinstance(block, Listing) and isinstance(before, Listing) and before.ordered == block.ordered and not turned
        written = _listing(block, turned) if isinstance(block, Listing) else _block(block)
        if written:
            lines += [*([""] if lines else []), *written]
            before = block
    return lines


def _block(block: Block) -> list[str]:
    match block:
        case Heading(level, children):
            return [f"{'#' * level} {_inlines(children).replace(_HARD_BREAK, ' ').strip()}".rstrip()]
        case Paragraph(children):
            return _paragraph(children)
        case CodeBlock(text, language):
            return _fenced(text, language)
        case Quote(blocks):
            return [f"> {line}".rstrip() for line in _blocks(blocks)]
        case Table(rows):
            return _table(rows)
        case _:
            return []


def _paragraph(children: tuple[Inline, ...]) -> list[str]:
    """Lines end where the text breaks; Markdown has no break at either end, and blanks there mean something else."""
    lines = [line.strip() for line in _inlines(children).split(_HARD_BREAK)]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    broken = [f"{_LINE_START.sub(_escaped_start, line)}\\" for line in lines]
    return [*broken[:-1], broken[-1][:-1]] if broken else []


def _escaped_start(found: re.Match[str]) -> str:
    blanks, mark, digits, dot = found.groups()
    return f"{blanks}\\{mark}" if mark else f"{blanks}{digits}\\{dot}"


def _fenced(text: str, language: str) -> list[str]:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + re.sub(r"[^\w+#.-]", "", language), *text.split("\n"), fence]


def _table(rows: tuple[tuple[tuple[Inline, ...], ...], ...]) -> list[str]:
    lines = ["| " + " | ".join(_inlines(cell).replace(_HARD_BREAK, " ") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]


def _listing(listing: Listing, turned: bool) -> list[str]:
    tight = all(len(item.blocks) <= 1 for item in listing.items)
    lines: list[str] = []
    for index, item in enumerate(listing.items):
        marker = f"{listing.start + index}{')' if turned else '.'}" if listing.ordered else "-" if turned else "*"
        lines += [*([""] if lines and not tight else []), *_item(item, marker)]
    return lines


def _item(item: Item, marker: str) -> list[str]:
    body = _blocks(item.blocks) or [""]
    indent = " " * (len(marker) + 1)
    first = f"{marker} {body[0]}".rstrip()
    return [first, *(indent + line if line else "" for line in body[1:])]


def _inlines(children: Iterable[Inline]) -> str:
    """All pieces; marks that Markdown would not read as such between these neighbours are left out."""
    pieces = list(children)
    written = [_inline(piece) for piece in pieces]
    for index, piece in enumerate(pieces):
        if isinstance(piece, Strong | Emphasis):
            before = written[index - 1][-1:] if index else ""
            after = _inline(pieces[index + 1])[:1] if index + 1 < len(pieces) else ""
            bare = _inlines(piece.children)
            if not _can_be_marked(before, bare.strip(), after):
                written[index] = bare
    return "".join(written)


def _can_be_marked(before: str, inner: str, after: str) -> bool:
    """CommonMark's flanking rule: marks beside punctuation need a blank or punctuation on their other side."""
    opens = bool(inner) and (inner[0].isalnum() or not before.isalnum())
    return opens and (inner[-1].isalnum() or not after.isalnum())


def _inline(child: Inline) -> str:
    match child:
        case Text(text):
            return escape(text)
        case Code(text):
            return _code(text)
        case Strong(children):
            return _marked("**", _inlines(children))
        case Emphasis(children):
            return _marked("*", _inlines(children))
        case Link(children, target):
            return _link(children, target)
        case Break():
            return _HARD_BREAK
        case Variable(_, default):
            return escape(default)
        case Anchor():
            return ""


def escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return _SPECIAL.sub(lambda found: f"\\{found.group()}", text.replace("\n", " "))


def _marked(mark: str, inner: str) -> str:
    """Bold or italics; the marks must touch a word."""
    bare = inner.strip()
    if not bare:
        return inner
    lead, tail = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    return f"{lead}{mark}{bare}{mark}{tail}"


def _code(text: str) -> str:
    if not text.strip():
        return text
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or (text[0] == text[-1] == " ") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _link(children: tuple[Inline, ...], target: str) -> str:
    safe = safe_target(target)
    if not safe or safe.startswith("#"):  # anchors have no standard in Markdown
        return _inlines(children)
    address = safe.replace("(", "%28").replace(")", "%29")
    return f"[{_inlines(children)}]({address})"
