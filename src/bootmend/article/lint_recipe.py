"""Rules on what a recipe tells people to do: traps that official articles have had."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.article.lint_header import line_of
from bootmend.article.nodes import Article, Code, CodeBlock, Remark, inlines_of, section_blocks, walk_blocks, walk_inlines

if TYPE_CHECKING:
    from collections.abc import Iterator

_BIOS_STORE = re.compile(r"bcdedit[^\n]{0,120}:\\?boot\\bcd", re.IGNORECASE)
_EFI_STORE = re.compile(r"efi\\microsoft\\boot", re.IGNORECASE)
_EFI_WITHOUT_BACKSLASH = re.compile(r"[>\]\w]:efi\\", re.IGNORECASE)
_WRONG_SELECT = re.compile(r"reg(?:\.exe)? query \"?(?:HKLM|HKEY_LOCAL_MACHINE)\\SYSTEM\\Select", re.IGNORECASE)
_GUID_SHAPE = re.compile(r"(?<![\w-])x{4,12}(?:-x{4,12}){1,9}(?![\w-])", re.IGNORECASE)
_SNAPSHOT = re.compile(r"\battach\w{0,3}\b[^.\n]{0,25}\bsnapshot", re.IGNORECASE)
_ALIAS = re.compile(r"<(?:default|bootmgr|current|memdiag|globalsettings)>", re.IGNORECASE)
_DRIVERS = re.compile(r"disconnecting any drivers that don", re.IGNORECASE)
_NO_SYSTEM = re.compile(r"an operating system wasn.t found", re.IGNORECASE)
_GUID_GROUPS = [8, 4, 4, 4, 12]


def recipe_rules(article: Article) -> Iterator[Remark]:
    """Remarks on commands and advice."""
    for code, pattern, message in (
        ("efi-path", _EFI_WITHOUT_BACKSLASH, "a path on the EFI system partition begins with a backslash: S:\\EFI"),
        ("select-wrong-hive", _WRONG_SELECT, "this reads Select of the machine one sits at, not of the broken one"),
        ("snapshot-attached", _SNAPSHOT, "a snapshot cannot be attached: a disk has to be made from it"),
        ("alias-brackets", _ALIAS, "bcdedit's own names stand in braces: {default}"),
        ("screen-text", _DRIVERS, "the screen says 'drives', not 'drivers'"),
    ):
        for found in pattern.finditer(article.text):
            yield Remark(code, 1 + article.text.count("\n", 0, found.start()), message)
    yield from _stores(article)
    yield from _hives(article)
    yield from _guids(article)
    yield from _foreign_screen(article)


def commands_of(article: Article) -> Iterator[tuple[int, str]]:
    """Every piece of code with its line."""
    for block in walk_blocks((*article.issue, *section_blocks(article.sections))):
        if isinstance(block, CodeBlock):
            yield block.line, block.text
        for piece in walk_inlines(inlines_of(block)):
            if isinstance(piece, Code):
                yield block.line, piece.text


def _stores(article: Article) -> Iterator[Remark]:
    if _EFI_STORE.search(article.text):
        return
    line = next((line for line, text in commands_of(article) if _BIOS_STORE.search(text)), 0)
    if line:
        yield Remark(
            "bios-path-only", line, r"only the BIOS store \Boot\BCD is named; UEFI machines have \EFI\Microsoft\Boot\BCD"
        )


def _hives(article: Article) -> Iterator[Remark]:
    text = article.text.lower()
    loads = "reg load" in text or "load hive" in text
    if loads and not re.search(r"unload", text):
        line = line_of(article, "reg load") or line_of(article, "load hive")
        yield Remark(
            "hive-not-unloaded", line, "a hive is loaded and never unloaded; until then changes are not whole on the disk"
        )


def _guids(article: Article) -> Iterator[Remark]:
    for found in _GUID_SHAPE.finditer(article.text):
        if [len(group) for group in found.group().split("-")] != _GUID_GROUPS:
            line = 1 + article.text.count("\n", 0, found.start())
            yield Remark("guid-shape", line, "a GUID has five groups of 8, 4, 4, 4 and 12 digits")


def _foreign_screen(article: Article) -> Iterator[Remark]:
    """The text of the screen 'An operating system wasn't found', pasted into articles on other faults."""
    about = f"{article.id} {article.properties.get('pagetitle', '')} {article.name}".lower().replace("-", "_").replace(" ", "_")
    found = _NO_SYSTEM.search(article.text)
    if found and not re.search(r"os_not_found|system_not_found", about):
        yield Remark("screen-text-foreign", 1 + article.text.count("\n", 0, found.start()), "this is the screen of another fault")
