"""Fills an article in with what is known of one machine, and explains the rest.

Three kinds of gaps: variables (``<!--$name-->default<!--/$name-->``), placeholders that authors wrote as plain text, and
portal links.  A value becomes text, never Markdown: a computer's name cannot smuggle anything in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bootmend.article import placeholders as kinds
from bootmend.article.legend import explain
from bootmend.article.nodes import (
    Article,
    Block,
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
    Section,
    Strong,
    Table,
    Text,
    Variable,
    printable,
    section_blocks,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_UNKNOWN = 12  # placeholders of the author's own making that are explained

_VARIABLE = re.compile(r"<!--\s{0,9}\$([A-Za-z_][\w.-]{0,63})\s{0,9}-->")
_ANY_MARKER = re.compile(r"<!--\s{0,9}/?\$[\w.-]{1,64}\s{0,9}-->")
_STORE = re.compile(r"\\(?:EFI\\Microsoft\\)?Boot\\BCD\b", re.IGNORECASE)
_LETTER = re.compile(r"([A-Za-z]):?\\?$")
_RESOURCE = re.compile(r"/[A-Za-z0-9/_.() -]{1,400}$")
_BLADE = re.compile(r"data-?blade:", re.IGNORECASE)
_BLADE_URI = re.compile(r"data-?blade-?uri:(.{1,2000})$", re.IGNORECASE)
_EFI_STORE = re.compile(r"efi\\microsoft\\boot\\bcd", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One gap that is left: how it is spelled in the text, and what to put there."""

    spellings: tuple[str, ...]
    meaning: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """An article with its gaps filled; ``unknown`` names the variables without a value, in order."""

    article: Article
    legend: tuple[LegendEntry, ...]
    unknown: tuple[str, ...]

    @property
    def title(self) -> str:
        """The article's title."""
        return self.article.title

    def blocks(self) -> tuple[Block, ...]:
        """The whole article in reading order; the legend stands before the first section with steps."""
        blocks = self.article.blocks()
        if not self.legend:
            return blocks
        sections = self.article.sections
        step = next(
            (index for index, section in enumerate(sections) if any(isinstance(each, Listing) for each in section.blocks)), 0
        )
        head = len(blocks) - len(section_blocks(sections[step:]))
        return (*blocks[:head], *self._legend_blocks(), *blocks[head:])

    def _legend_blocks(self) -> tuple[Block, ...]:
        items = tuple(Item((Paragraph((*_spelled(entry.spellings), Text(": "), *entry.meaning)),)) for entry in self.legend)
        heading = Heading(3, (Text("What to put in"),))
        return (heading, Paragraph((Text("Replace each of these, brackets included:"),)), Listing(0, items))


def _spelled(spellings: tuple[str, ...]) -> tuple[Inline, ...]:
    pieces: list[Inline] = []
    for spelling in spellings:
        pieces += [Text(", ")] if pieces else []
        pieces.append(Code(spelling))
    return tuple(pieces)


def fill(article: Article, values: Mapping[str, str]) -> Filled:
    """Put ``values`` in: names without ``$``, in any case.

    Known names: vmname, computer, disk, store, loader, loadername, windowsvolume, systemvolume, imcpath, run; for
    placeholders also systemletter, windowsletter, systempartition, disknumber; for portal links resourceid and domain.
    A variable that has no value keeps its default.
    """
    return _Filler(article, _prepared(values)).fill()


def _prepared(values: Mapping[str, str]) -> dict[str, str]:
    """Values by lower-case name, made safe to print, and those that follow from others."""
    known = {name.lstrip("$").lower(): printable(value) for name, value in values.items()}
    known = {name: value for name, value in known.items() if value}
    for name, other in (("vmname", "computer"), ("computer", "vmname")):
        if other in known:
            known.setdefault(name, known[other])
    if (loader := known.get("loader")) and not loader.startswith("{"):
        known["loader"] = f"{{{loader.strip('{}')}}}"
    if found := _STORE.search(known.get("store", "")):
        known.setdefault("storepath", found.group())
    for name in ("systemletter", "windowsletter"):
        letter = _LETTER.match(known.pop(name, ""))
        known.update({name: letter.group(1).upper()} if letter else {})
    return known


class _Filler:
    """Rebuilds the tree of one article, remembering the gaps that are left."""

    def __init__(self, article: Article, values: dict[str, str]) -> None:
        self.article = article
        self.values = values
        self.open: dict[str, list[str]] = {}
        self.unknown: list[str] = []
        self.mends_store = "storepath" in values and _EFI_STORE.search(article.text) is None
        self.replacements = {
            kinds.SYSTEM_LETTER: values.get("systemletter", ""),
            kinds.WINDOWS_LETTER: values.get("windowsletter", ""),
            kinds.LOADER: values.get("loader", ""),
            kinds.PARTITION: values.get("systempartition", ""),
            kinds.DISK: values.get("disknumber", ""),
            kinds.VM: values.get("vmname", ""),
        }

    def fill(self) -> Filled:
        """The filled article and its legend."""
        article = self.article
        filled = replace(
            article,
            heading=self._heading(article.heading) if article.heading else None,
            issue=self._blocks(article.issue),
            sections=tuple(self._section(section) for section in article.sections),
        )
        legend = tuple(LegendEntry(tuple(written), explain(kind, self.values)) for kind, written in self.open.items())
        return Filled(filled, legend, tuple(self.unknown))

    def _section(self, section: Section) -> Section:
        heading = self._heading(section.heading) if section.heading else None
        return Section(section.title, heading, self._blocks(section.blocks))

    def _heading(self, heading: Heading) -> Heading:
        return replace(heading, children=self._inlines(heading.children))

    def _blocks(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return tuple(self._block(block) for block in blocks)

    def _block(self, block: Block) -> Block:
        match block:
            case Paragraph(children, line):
                return Paragraph(self._inlines(children), line)
            case Heading():
                return self._heading(block)
            case CodeBlock(text, language, line):
                return CodeBlock(self._code(text), language, line)
            case Quote(blocks, line):
                return Quote(self._blocks(blocks), line)
            case Listing(start, items, line):
                return Listing(start, tuple(replace(item, blocks=self._blocks(item.blocks)) for item in items), line)
            case Table(rows, line):
                return Table(tuple(tuple(self._inlines(cell) for cell in row) for row in rows), line)

    def _inlines(self, children: tuple[Inline, ...]) -> tuple[Inline, ...]:
        return tuple(piece for child in children for piece in self._inline(child))

    def _inline(self, child: Inline) -> tuple[Inline, ...]:
        match child:
            case Text(text):
                return (Text(self._placeholders(text)),)
            case Code(text):
                return (Code(self._code(text)),)
            case Variable(name, default):
                return (Text(self._variable(name, default)),)
            case Strong(children):
                return (Strong(self._inlines(children)),)
            case Emphasis(children):
                return (Emphasis(self._inlines(children)),)
            case Link(children, target):
                return self._link(children, target)
            case _:
                return (child,)

    def _variable(self, name: str, default: str) -> str:
        value = self.values.get(name.lower())
        if value is not None:
            return value
        if name not in self.unknown:
            self.unknown.append(name)
        if default.startswith("[") and default.endswith("]"):
            self._leave(kinds.VM if name.lower() in ("vmname", "resourcename") else kinds.ANY, default)
        return default

    def _code(self, text: str) -> str:
        """Code with its variables replaced: there they are still marks, as code holds any characters."""
        pieces: list[str] = []
        position = 0
        while (found := _VARIABLE.search(text, position)) is not None:
            pieces.append(text[position : found.start()])
            closing = f"<!--/${found.group(1)}-->"
            close = text.find(closing, found.end(), found.end() + 4096)
            if close >= 0:
                pieces.append(self._variable(found.group(1), " ".join(text[found.end() : close].split())))
            position = close + len(closing) if close >= 0 else found.end()
        pieces.append(text[position:])
        return self._placeholders(_ANY_MARKER.sub("", "".join(pieces)))

    def _placeholders(self, text: str) -> str:
        pieces: list[str] = []
        position = 0
        for found in kinds.find_placeholders(text):
            value = self.replacements.get(found.kind, "")
            if not value:
                self._leave(found.kind, found.written)
            pieces += [text[position : found.start], value or found.written]
            position = found.end
            if found.store_end and self.mends_store:
                pieces.append(":" + self.values["storepath"])
                position = found.store_end
        pieces.append(text[position:])
        return "".join(pieces)

    def _leave(self, kind: str, written: str) -> None:
        """Remember a gap that stays, for the legend."""
        spellings = self.open.setdefault(kind, [])
        if written not in spellings and len(spellings) < MOST_UNKNOWN:
            spellings.append(written)

    def _link(self, children: tuple[Inline, ...], target: str) -> tuple[Inline, ...]:
        inner = self._inlines(children)
        if not _BLADE.match(target):
            return (Link(inner, _ANY_MARKER.sub("", target)),)
        address = self._portal(target)
        return (Link(inner, address),) if address else inner

    def _portal(self, target: str) -> str:
        """Where a portal link leads when the machine's resource id is known, else ``""``."""
        resource = self.values.get("resourceid", "")
        template = _BLADE_URI.search(target)
        if template is None or _RESOURCE.match(resource) is None:
            return ""
        domain = self.values.get("domain", "https://portal.azure.com").rstrip("/")
        address = template.group(1).replace("{$domain}", domain).replace("{$resourceIdDecoded}", resource.lstrip("/"))
        address = address.replace("{$resourceId}", resource.replace("/", "%2F")).strip()
        return address if address.startswith("https://") and "$" not in address else ""
