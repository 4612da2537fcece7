"""What an article is made of: properties, blocks and inline pieces.

The tree is smaller than Markdown's: it has what the self-help format uses.  Text in it is text, not
Markdown: a value that is filled in needs no escaping until a renderer writes it out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_VALUE = 300
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is wrong with an article: a stable ``code``, the 1-based ``line`` (0: the whole file), a sentence."""

    code: str
    line: int
    message: str

    def __str__(self) -> str:
        """As compilers print it."""
        return f"{self.line}: {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Text:
    """Plain characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Code within a line; may still hold variables, as the portal fills them before it reads Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Bold."""

    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Italics."""

    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link; ``target`` as written: a URL, ``#anchor`` or a portal blade."""

    children: tuple[Inline, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A named place, ``<a name="x">``."""

    name: str


@dataclass(frozen=True, slots=True)
class Break:
    """A line break."""


@dataclass(frozen=True, slots=True)
class Variable:
    """``<!--$name-->default<!--/$name-->``."""

    name: str
    default: str


Inline: TypeAlias = Text | Code | Strong | Emphasis | Link | Anchor | Break | Variable


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    children: tuple[Inline, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 6."""

    level: int
    children: tuple[Inline, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines of code, without a final newline; may still hold variables."""

    text: str
    language: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """A block quotation; the format uses it for notes."""

    blocks: tuple[Block, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list.

    ``operations`` are what the step's own marker names (:mod:`bootmend.article.steps`), ``done`` says by what they were
    done on this machine, "" for not.
    """

    blocks: tuple[Block, ...]
    line: int = 0
    operations: tuple[str, ...] = ()
    done: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list; ``start`` is the number of its first item (0: bullets)."""

    start: int
    items: tuple[Item, ...]
    line: int = 0

    @property
    def ordered(self) -> bool:
        """Whether its items are numbered."""
        return self.start > 0


@dataclass(frozen=True, slots=True)
class Table:
    """A pipe table: the first row is its head."""

    rows: tuple[tuple[tuple[Inline, ...], ...], ...]
    line: int = 0


Block: TypeAlias = Paragraph | Heading | CodeBlock | Quote | Listing | Table


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under a heading of level 1 or 2; an empty title is the text before the first of them."""

    title: str
    heading: Heading | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Article:
    """One article.

    ``properties`` has lower-case names in the order of the file, ``issue`` is the issue description,
    ``text`` the file's own text with line ends normalised, ``remarks`` what the parser had to forgive.
    """

    properties: Mapping[str, str]
    heading: Heading | None
    issue: tuple[Block, ...]
    sections: tuple[Section, ...]
    text: str
    remarks: tuple[Remark, ...]
    name: str = ""

    @property
    def id(self) -> str:
        """The diagnosis label that chooses this article (``articleId``), or ``""``."""
        return self.properties.get("articleid", "")

    @property
    def title(self) -> str:
        """The H1, else the page title, else the id."""
        written = plain(self.heading.children) if self.heading else ""
        return written or self.properties.get("pagetitle", "") or self.id or "Article"

    @property
    def summary(self) -> str:
        """The one line above the fold (``infoBubbleText``)."""
        return self.properties.get("infobubbletext", "")

    @property
    def steps(self) -> tuple[Item, ...]:
        """The recommended steps: what is numbered in their section, or its bullets; up to the first heading within it."""
        return steps_of(self)

    def blocks(self) -> tuple[Block, ...]:
        """The whole article in reading order, its title first."""
        first = self.heading or Heading(1, (Text(self.title),))
        return (first, *self.issue, *section_blocks(self.sections))


def section_blocks(sections: Iterable[Section]) -> tuple[Block, ...]:
    """Headings and contents of sections as one run of blocks."""
    return tuple(
        block for section in sections for block in ((section.heading, *section.blocks) if section.heading else section.blocks)
    )


def steps_of(article: Article) -> tuple[Item, ...]:
    """The items of the article's steps; see :attr:`Article.steps`."""
    named = [section for section in article.sections if "step" in section.title.lower()]
    blocks = [block for section in named or article.sections for block in section.blocks]
    first = next((index for index, block in enumerate(blocks) if isinstance(block, Heading)), len(blocks))
    lists = [block for block in blocks[:first] if isinstance(block, Listing)]
    lists = lists or [block for block in blocks if isinstance(block, Listing)]
    chosen = [listing for listing in lists if listing.ordered] or lists
    return tuple(item for listing in chosen for item in listing.items)


def printable(value: str) -> str:
    """One line without control or direction marks, of a bounded length."""
    text = " ".join(_UNSAFE.sub(" ", value).split())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def plain(children: Iterable[Inline]) -> str:
    """Only the characters of inline pieces; variables show their default."""
    return "".join(_characters(child) for child in children).strip()


def _characters(child: Inline) -> str:
    match child:
        case Text(text) | Code(text):
            return text
        case Strong(children) | Emphasis(children) | Link(children, _):
            return "".join(_characters(inner) for inner in children)
        case Variable(_, default):
            return default
        case Break():
            return " "
        case _:
            return ""


def walk_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Every block, also those within quotes and list items, in reading order."""
    for block in blocks:
        yield block
        if isinstance(block, Quote):
            yield from walk_blocks(block.blocks)
        elif isinstance(block, Listing):
            for item in block.items:
                yield from walk_blocks(item.blocks)


def walk_inlines(children: Iterable[Inline]) -> Iterator[Inline]:
    """Every inline piece, also those within others, in reading order."""
    for child in children:
        yield child
        if isinstance(child, Strong | Emphasis | Link):
            yield from walk_inlines(child.children)


def inlines_of(block: Block) -> tuple[Inline, ...]:
    """The inline pieces that stand directly in a block."""
    if isinstance(block, Paragraph | Heading):
        return block.children
    if isinstance(block, Table):
        return tuple(child for row in block.rows for cell in row for child in cell)
    return ()
