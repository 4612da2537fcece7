"""Names of new FAT files: the 8.3 name that each has, and the slots of a long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import RefusedError, UnsupportedError
from bootmend.filesystem.fat import layout
from bootmend.filesystem.fat.directory import DAY, FILETIME_1980, checksum, fold

if TYPE_CHECKING:
    from collections.abc import Container

SHORT_SYMBOLS = "$%'-_@~`!(){}^#&"
MAX_TAIL = 999_999
DATE_END = 0xFF9F
"""2107-12-31, the last day that a FAT date can tell."""


def short_name_for(name: str, taken: Container[str]) -> bytes:
    """The 11 bytes of the 8.3 name of a new file; ``taken`` holds the folded short names of its directory.

    A name that is an 8.3 name but for its case keeps it; others get a numeric tail, as Windows gives it.
    """
    base, extension = _parts(name)
    if _text(base, extension) == fold(name) and fold(name) not in taken:
        return _packed(base, extension)
    for number in range(1, MAX_TAIL):
        tail = f"~{number}"
        candidate = base[: 8 - len(tail)] + tail
        if _text(candidate, extension) not in taken:
            return _packed(candidate, extension)
    raise RefusedError(f"no 8.3 name is left for {name!r} in its directory")


def _parts(name: str) -> tuple[str, str]:
    """Base and extension with what 8.3 names allow: spaces and inner dots go, other characters become underscores."""
    stem, dot, extension = name.lstrip(".").rpartition(".")
    if not dot:
        stem, extension = extension, ""
    return _allowed(stem)[:8] or "_", _allowed(extension)[:3]


def _allowed(text: str) -> str:
    upper = "".join(character for character in fold(text) if character not in " .")
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in SHORT_SYMBOLS) else "_" for letter in upper)


def _text(base: str, extension: str) -> str:
    return f"{base}.{extension}" if extension else base


def _packed(base: str, extension: str) -> bytes:
    return base.encode("ascii").ljust(8) + extension.encode("ascii").ljust(3)


def slots_for(name: str, short: bytes, entry: bytes) -> bytes:
    """All slots of a new name: those of the long one, unless the short one says it whole, and ``entry`` after them."""
    base, extension = short[:8].rstrip(b" ").decode("ascii"), short[8:].rstrip(b" ").decode("ascii")
    return entry if _text(base, extension) == name else _long_slots(name, checksum(short)) + entry


def _long_slots(name: str, tie: int) -> bytes:
    units = name.encode("utf-16-le")
    count = -(-len(units) // (2 * layout.LONG_CHARACTERS))
    if count > layout.MAX_LONG_ENTRIES:
        raise UnsupportedError(f"the name {name!r} is too long")
    room = count * 2 * layout.LONG_CHARACTERS
    if len(units) < room:
        units = (units + b"\0\0").ljust(room, b"\xff")
    slots = []
    for order in range(count, 0, -1):
        part = units[(order - 1) * 26 : order * 26]
        mark = order | (layout.LAST_LONG if order == count else 0)
        slots.append(layout.LONG.pack(mark, part[:10], layout.LONG_NAME, 0, tie, part[10:22], part[22:]))
    return b"".join(slots)


def fat_time(filetime: int) -> tuple[int, int]:
    """A FILETIME as a FAT date and time, taken as if the machine's zone were UTC; clamped to the years 1980 to 2107."""
    if filetime <= FILETIME_1980:
        return 0x21, 0
    days, rest = divmod(filetime - FILETIME_1980, DAY)
    seconds = rest // 10_000_000
    year, month, day = _civil(days)
    date = year << 9 | month << 5 | day
    return (date if year < 128 else DATE_END), seconds // 3600 << 11 | seconds // 60 % 60 << 5 | seconds % 60 // 2


def _civil(days: int) -> tuple[int, int, int]:
    """Years since 1980, month and day of a count of days since 1980-01-01."""
    year = 0
    while days >= (length := 366 if year % 4 == 0 and year != 120 else 365):  # 2100 is no leap year
        days -= length
        year += 1
    february = 29 if length == 366 else 28
    for month, length in enumerate((31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1):
        if days < length:
            return year, month, days + 1
        days -= length
    raise AssertionError("a year has twelve months")
