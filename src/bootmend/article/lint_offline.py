"""Rules on work at a disk that is not the running machine's: registries, letters, numbers, stores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.article.lint_header import line_from, line_numbers
from bootmend.article.lint_recipe import commands_of
from bootmend.article.nodes import Article, Heading, Remark, plain, section_blocks, walk_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_NUMBERS = 20

_HIVES = "SYSTEM|SOFTWARE|SAM|SECURITY|DEFAULT"
_LOAD = re.compile(
    r"reg(?:\.exe)? +load +\"?(?:HKLM|HKEY_LOCAL_MACHINE|HKU)\\([\w-]{1,60})\"?(?:[^\n`]{0,160}\\(\w{1,20})\b)?", re.IGNORECASE
)
_UNLOAD = re.compile(r"reg(?:\.exe)? +unload +\"?(?:HKLM|HKEY_LOCAL_MACHINE|HKU)\\([\w-]{1,60})", re.IGNORECASE)
_OPENED_FILE = re.compile(rf"\bopen the ({_HIVES}) file\b[^\0]{{0,300}}?`[A-Z]{{0,12}}({_HIVES})`")
_LIVE_WRITE = re.compile(r"reg(?:\.exe)? +(?:add|delete) +\"?(?:HKLM|HKEY_LOCAL_MACHINE)\\(SYSTEM|SOFTWARE)\\", re.IGNORECASE)
_CURRENT_SET = re.compile(r"(?:HKLM|HKEY_LOCAL_MACHINE)\\(?!SYSTEM\\)[\w-]{1,60}\\CurrentControlSet\b", re.IGNORECASE)
_NUMBERED_SET = re.compile(r"(?:HKLM|HKEY_LOCAL_MACHINE)\\(?!SYSTEM\\)[\w-]{1,60}\\ControlSet00[1-9]\b", re.IGNORECASE)
_SELECT = re.compile(r"\\?\bSelect\b\\?(?: |\"|\\)*(?:/v +)?Current\b", re.IGNORECASE)
_REGBACK = re.compile(r"\\RegBack\b", re.IGNORECASE)
_REGBACK_CHECKED = re.compile(r"\b(?:empty|0 bytes|0 KB|0-byte|size)\b", re.IGNORECASE)
_CURRENT_ENTRY = re.compile(r"bcdedit(?:\.exe)? +/store +[^\n]{1,120}\{current\}", re.IGNORECASE)
_SELECT_NOTHING = re.compile(r"\bsel(?:ect)? +[<\[]", re.IGNORECASE)
_SELECT_NUMBER = re.compile(r"\bsel(?:ect)? +(?:disk|dis) +(\d{1,3})", re.IGNORECASE)
_BIOS_STORE = re.compile(r":\\?boot\\bcd\b", re.IGNORECASE)
_UEFI_HEAD = re.compile(r"\b(?:generation 2|gen ?2|uefi)\b", re.IGNORECASE)
_OFFLINE = (  # a letter that stands for the disk of the broken machine
    re.compile(r"bcdedit(?:\.exe)? +/store +\"?([A-Z]):", re.IGNORECASE),
    re.compile(r"reg(?:\.exe)? +load +\S+ +\"?([A-Z]):\\", re.IGNORECASE),
    re.compile(r"\bchkdsk(?:\.exe)? +(?:/\w+ +)*([A-Z]):", re.IGNORECASE),
    re.compile(r"/(?:image:|offbootdir=|offwindir=)\"?([A-Z]):", re.IGNORECASE),
    re.compile(r"\bbcdboot(?:\.exe)? +\"?([A-Z]):", re.IGNORECASE),
)


def offline_rules(article: Article) -> Iterator[Remark]:
    """Remarks on commands and advice for a disk that is attached to another machine."""
    line = line_numbers(article.text)
    for code, pattern, message in (
        ("current-control-set", _CURRENT_SET, "a loaded hive has no CurrentControlSet: its Select names the set"),
        ("current-entry", _CURRENT_ENTRY, "{current} is the entry of the running Windows, not of another disk's store"),
        ("diskpart-select", _SELECT_NOTHING, "diskpart needs to be told what to select: disk, partition or volume"),
    ):
        for found in pattern.finditer(article.text):
            yield Remark(code, line(found.start()), message)
    yield from _disk_numbers(article, line)
    yield from _hives(article, line)
    yield from _wrong_registry(article, line)
    yield from _control_set(article, line)
    yield from _regback(article, line)
    yield from _letters(article)
    yield from _uefi_sections(article)


def _disk_numbers(article: Article, line: Callable[[int], int]) -> Iterator[Remark]:
    """A number of the attached disk is an example, and the text says so."""
    first = {found.group(1): found.start() for found in reversed(list(_SELECT_NUMBER.finditer(article.text)))}
    for number, position in sorted(first.items(), key=lambda item: item[1])[:MOST_NUMBERS]:
        example = rf"\b(?:here|example|where|if|replace)\b[^`\n]{{0,80}}\bdisk {number}\b"
        if re.search(example, article.text, re.IGNORECASE) is None:
            message = "the number of the attached disk is assumed: it differs from machine to machine"
            yield Remark("disk-number-assumed", line(position), message)


def _hives(article: Article, line: Callable[[int], int]) -> Iterator[Remark]:
    """Each hive that is loaded is unloaded, and is the hive that its name says."""
    unloaded = {found.group(1).lower() for found in _UNLOAD.finditer(article.text)}
    for found in _LOAD.finditer(article.text):
        name, file = found.group(1), (found.group(2) or "").upper()
        if unloaded and name.lower() not in unloaded:
            yield Remark("hive-not-unloaded", line(found.start()), f"the hive {name} is loaded and never unloaded")
        yield from _mismatch(line(found.start()), file, name.upper())
    for found in _OPENED_FILE.finditer(article.text):
        yield from _mismatch(line(found.start()), found.group(1), found.group(2))


def _mismatch(line: int, file: str, name: str) -> Iterator[Remark]:
    meant = re.search(rf"(?:{_HIVES})$", name)
    if meant and file in _HIVES.split("|") and meant.group() != file:
        yield Remark("hive-mismatch", line, f"the file {file} is loaded under a name that says {meant.group()}")


def _wrong_registry(article: Article, line: Callable[[int], int]) -> Iterator[Remark]:
    loaded = {found.group(1).upper() for found in _LOAD.finditer(article.text)}
    for found in _LIVE_WRITE.finditer(article.text) if loaded else ():
        if found.group(1).upper() not in loaded:
            yield Remark(
                "wrong-registry",
                line(found.start()),
                "this writes to the registry of the machine one sits at, not the loaded one",
            )


def _control_set(article: Article, line: Callable[[int], int]) -> Iterator[Remark]:
    found = _NUMBERED_SET.search(article.text)
    if found and _SELECT.search(article.text) is None:
        yield Remark("control-set-assumed", line(found.start()), "which control set is current is for Select to say")


def _regback(article: Article, line: Callable[[int], int]) -> Iterator[Remark]:
    found = _REGBACK.search(article.text)
    if found and _REGBACK_CHECKED.search(article.text) is None:
        message = "RegBack holds empty files since Windows 10 1803: nothing says to look at their size"
        yield Remark("regback-unchecked", line(found.start()), message)


def _letters(article: Article) -> Iterator[Remark]:
    """A letter of the attached disk is one that the text gives, or tells to replace."""
    seen: set[str] = set()
    for line, text in commands_of(article):
        for pattern in _OFFLINE:
            for found in pattern.finditer(text):
                letter = found.group(1).upper()
                if letter in seen:
                    continue
                seen.add(letter)
                if not _is_explained(article, letter):
                    yield Remark(
                        "drive-letter-assumed",
                        line_from(article, found.group(), line),
                        f"nothing says why the disk should have the letter {letter}",
                    )


def _is_explained(article: Article, letter: str) -> bool:
    words = rf"\b(?:letters?|drive|disk|volume|partition)(?: of [^.\n]{{0,60}}| is| as| to be)? [\"'`*]{{0,2}}{letter}\b"
    return (
        re.search(rf"{words}|letter={letter}\b|\bas {letter}\b|\b{letter}: (?:is|stands for) the\b", article.text, re.IGNORECASE)
        is not None
    )


def _uefi_sections(article: Article) -> Iterator[Remark]:
    """Below a heading that names UEFI, the store is not in \\Boot."""
    uefi = False
    lines = article.text.split("\n")
    for block in walk_blocks(section_blocks(article.sections)):
        if isinstance(block, Heading):
            uefi = _UEFI_HEAD.search(plain(block.children)) is not None
        elif uefi and (found := _store_line(lines, block.line)):
            yield Remark("bios-path-uefi", found, r"this part is for UEFI, where the store is \EFI\Microsoft\Boot\BCD")
            uefi = False


def _store_line(lines: list[str], start: int) -> int:
    """The line of a BIOS store in the paragraph or block of code that begins at ``start``, or 0."""
    for number, text in enumerate(lines[start - 1 : start + 59] if start else (), start):
        if number > start and not text.strip():
            return 0
        if _BIOS_STORE.search(text):
            return number
    return 0
