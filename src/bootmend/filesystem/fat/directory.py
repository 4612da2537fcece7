"""FAT directories: long and short names, as they are stored in 32-byte slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.filesystem.fat import layout
from bootmend.filesystem.tree import Attribute, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILETIME_1980 = 119_600_064_000_000_000
"""1980-01-01 as a FILETIME, where FAT's own time begins."""
DAY = 86_400 * 10_000_000
DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


class Slot(NamedTuple):
    """One 32-byte slot and where it lies on the volume."""

    offset: int
    data: bytes


class Record(NamedTuple):
    """A file, directory or label as its slots say. ``slots`` are their offsets on the volume, in stored order."""

    entry: Entry
    short_name: str
    cluster: int
    slots: tuple[int, ...]

    @property
    def is_label(self) -> bool:
        """Whether this is the volume's label and not a file."""
        return bool(self.entry.attributes & layout.VOLUME_ID)


def records(slots: Iterable[Slot]) -> Iterator[Record]:
    """Yield what a directory holds, without ``.`` and ``..``.

    Long names count only when all their parts are there, in order and with the checksum of the short
    name that follows; otherwise an old program moved the short name, and the long one is an orphan.
    """
    parts: list[Slot] = []
    for slot in slots:
        first = slot.data[0]
        if first == layout.END_OF_DIRECTORY:
            return
        if first == layout.DELETED:
            parts = []
        elif slot.data[11] & layout.LONG_NAME_MASK == layout.LONG_NAME:
            parts = _collect(parts, slot)
        else:
            if slot.data[:11] not in (b".          ", b"..         "):
                yield _record(parts, slot)
            parts = []


def _collect(parts: list[Slot], slot: Slot) -> list[Slot]:
    """The parts of a long name so far, with this one; empty where the order is broken."""
    order = slot.data[0]
    if order & layout.LAST_LONG:
        return [slot] if 0 < order & ~layout.LAST_LONG <= layout.MAX_LONG_ENTRIES else []
    if parts and order and order == (parts[-1].data[0] & ~layout.LAST_LONG) - 1 and slot.data[13] == parts[0].data[13]:
        return [*parts, slot]
    return []


def _record(parts: list[Slot], slot: Slot) -> Record:
    raw, attributes, case, high, time, date, low, size = layout.SHORT.unpack(slot.data)
    short = short_name(raw, 0)
    complete = parts and parts[-1].data[0] & ~layout.LAST_LONG == 1 and parts[0].data[13] == checksum(raw)
    name = _long_name(parts) if complete else ""
    entry = Entry(name or short_name(raw, case), size, Attribute(attributes & 0x3F), filetime(date, time))
    offsets = (*(part.offset for part in parts), slot.offset) if name else (slot.offset,)
    return Record(entry, short, high << 16 | low, offsets)


def checksum(short: bytes) -> int:
    """The checksum that ties a long name to its 11-byte short name."""
    total = 0
    for byte in short:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total


def _long_name(parts: list[Slot]) -> str:
    units = b"".join(b"".join(layout.LONG.unpack(part.data)[index] for index in (1, 5, 6)) for part in reversed(parts))
    text = units.decode("utf-16-le", "replace")
    return text.split("\0", 1)[0]


def short_name(raw: bytes, case: int) -> str:
    """The 8.3 name as text; ``case`` is byte 12 of the slot, with Windows NT's two lower-case bits.

    Bytes outside ASCII belong to the OEM code page of the machine that wrote them, which the volume
    does not name: code page 437 is taken, which has a character for each byte.
    """
    if raw[0] == layout.KANJI_E5:
        raw = b"\xe5" + raw[1:]
    base, extension = _oem(raw[:8]), _oem(raw[8:11])
    if case & layout.LOWER_BASE:
        base = base.lower()
    if case & layout.LOWER_EXTENSION:
        extension = extension.lower()
    return f"{base}.{extension}" if extension else base


def _oem(raw: bytes) -> str:
    raw = raw.rstrip(b" ")
    return raw.decode("ascii") if raw.isascii() else raw.decode("cp437")


def label_text(raw: bytes) -> str:
    """The 11 bytes of a volume label as text."""
    return _oem(raw.rstrip(b"\0"))


def filetime(date: int, time: int) -> int:
    """A FAT date and time (local time, two-second steps) as a FILETIME, taken as UTC; 0 where there is none."""
    year, month, day = date >> 9, date >> 5 & 0x0F, date & 0x1F
    hour, minute, second = time >> 11, time >> 5 & 0x3F, (time & 0x1F) * 2
    if not (1 <= month <= 12 and day and hour < 24 and minute < 60 and second < 60):
        return 0
    leap = (year + 3) // 4 - (year > 120) + (month > 2 and year % 4 == 0 and year != 120)  # 1980 is a leap year, 2100 is none
    days = year * 365 + leap + DAYS_BEFORE_MONTH[month - 1] + day - 1
    return FILETIME_1980 + days * DAY + (hour * 3600 + minute * 60 + second) * 10_000_000


def fold(name: str) -> str:
    """The name as it is compared: upper case, one character for one character."""
    upper = name.upper()
    if len(upper) == len(name):
        return upper
    return "".join(character.upper() if len(character.upper()) == 1 else character for character in name)
