"""Our own command beside each one that is typed on Windows: the same change, on the disk, with a journal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.article.nodes import Block, CodeBlock, Listing, Paragraph, Quote, Text
from bootmend.views.style import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootmend.article import Filled

LEAD = "The same on this disk, without Windows:"

_LETTER = r"(?P<letter>[A-Z]|[<\[][^<>\[\]]{1,60}[>\]])"  # or what the author left to be replaced by one
_BCDEDIT = re.compile(rf"bcdedit(?:\.exe)? +/store +{_LETTER}:\\?[^ ]+ +(?P<rest>/.+)", re.IGNORECASE)
_PARTITION = re.compile(rf"\bpartition={_LETTER}:", re.IGNORECASE)
_REG = re.compile(r"reg +(?P<verb>add|query) +HKLM\\BROKEN(?P<path>(?:SYSTEM|SOFTWARE)\\[\w\\-]+) +/v +(?P<name>\w+)(?P<rest>.*)")
_DWORD = re.compile(r" +/t +REG_DWORD +/d +(?P<data>\d+)(?: +/f)?$")
_WINDOWS_ONLY = re.compile(r"reg +(?:un)?load ")


def with_ours(filled: Filled, values: Mapping[str, str]) -> Filled:
    """The article with our commands behind every block of commands that all have one; it needs the disk's name."""
    disk = values.get("disk")
    if not disk:
        return filled
    words = [quoted(disk), values.get("storevolume", "")]
    article = filled.article
    sections = tuple(replace(section, blocks=_blocks(section.blocks, words)) for section in article.sections)
    return replace(filled, article=replace(article, sections=sections))


def _blocks(blocks: tuple[Block, ...], words: list[str]) -> tuple[Block, ...]:
    return tuple(piece for block in blocks for piece in _block(block, words))


def _block(block: Block, words: list[str]) -> tuple[Block, ...]:
    match block:
        case CodeBlock(text, language):
            ours = _ours(text, *words)
            return (block, Paragraph((Text(LEAD),)), CodeBlock(ours, language)) if ours else (block,)
        case Listing(items=items):
            return (replace(block, items=tuple(replace(item, blocks=_blocks(item.blocks, words)) for item in items)),)
        case Quote(blocks):
            return (replace(block, blocks=_blocks(blocks, words)),)
        case _:
            return (block,)


def _ours(text: str, disk: str, volume: str) -> str:
    """Our commands for a block of Microsoft's, "" where one of them has none."""
    lines = [line.strip() for line in text.split("\n") if line.strip() and not _WINDOWS_ONLY.match(line.strip())]
    made = [_bcdedit(line, disk, volume) or _reg(line, disk) for line in lines]
    return "\n".join(made) if all(made) else ""


def _bcdedit(line: str, disk: str, volume: str) -> str:
    found = _BCDEDIT.fullmatch(line)
    if found is None:
        return ""
    system = found["letter"].upper()
    rest = _PARTITION.sub(lambda one: f"partition={'system' if one['letter'].upper() == system else 'windows'}", found["rest"])
    chosen = f"--store {volume} " if volume else ""
    return f"bootmend bcdedit {chosen}/store {disk} {rest}"


def _reg(line: str, disk: str) -> str:
    found = _REG.fullmatch(line)
    if found is None:
        return ""
    key = quoted(f"HKLM\\{found['path']}")
    if found["verb"] == "query":
        return f"bootmend hive get {disk} {key} {found['name']}" if not found["rest"].strip() else ""
    data = _DWORD.fullmatch(found["rest"])
    return f"bootmend hive set {disk} {key} {found['name']} {data['data']} --type dword --create" if data else ""
