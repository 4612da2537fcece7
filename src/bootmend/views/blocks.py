"""A page as a list of blocks, rendered to Markdown or to one self-contained HTML file."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 3."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head; cells are plain text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Preformatted lines: commands, or a diff whose lines begin with ``+``, ``-`` or ``~``."""

    lines: tuple[str, ...]


Block = Heading | Text | Table | Lines


def to_markdown(blocks: Iterable[Block]) -> str:
    """Markdown that can be pasted into a ticket."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_escaped(block.text)}"
        case Text():
            return _escaped(block.text)
        case Table():
            rows = [block.head, ("---",) * len(block.head), *block.rows]
            return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)
        case Lines():
            fence = "```"
            while any(fence in line for line in block.lines):
                fence += "`"
            return plain("\n".join([fence, *block.lines, fence]))


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is; the whole of it stays on one line, where only its first character could be a mark."""
    text = " ".join(plain(text).split())
    for character in "\\`*_[]<>&":
        text = text.replace(character, f"\\{character}")
    return f"\\{text}" if text[:1] in {"#", "+", "-", "="} and text[1:] else text


def _cell(text: str) -> str:
    return text if text == "---" else _escaped(text).replace("|", "\\|")


def to_html(blocks: Iterable[Block], title: str) -> str:
    """One HTML file: no scripts, nothing loaded, light and dark, printable."""
    from bootmend.views.markup import Markup
    from bootmend.views.sheet import page

    return page(title, [Markup('<main class="plain">'), *(Markup(_html(block)) for block in blocks), Markup("</main>")])


def _html(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{_shown(block.text)}</h{block.level}>"
        case Text():
            return f"<p>{_shown(block.text)}</p>"
        case Table():
            head = "".join(f'<th scope="col">{_shown(cell)}</th>' for cell in block.head)
            rows = "".join("<tr>" + "".join(f"<td>{_shown(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
            return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        case Lines():
            return '<pre tabindex="0">' + "\n".join(_html_line(line) for line in block.lines) + "</pre>"


def _shown(text: str) -> str:
    return html.escape(plain(text))


def _html_line(line: str) -> str:
    kind = {"+": "plus", "-": "minus"}.get(line.lstrip()[:1])
    text = _shown(line)
    return f'<span class="{kind}">{text}</span>' if kind else text
