"""The log of a VHDX ([MS-VHDX] 2.3): what a host had begun to change in the file's own structures when it stopped.

A ring of entries in sectors of 4 KiB.  An entry is a header with descriptors, then one sector for each descriptor
that carries data.  While the header of the file names a log, what the log holds counts, not what lies in the file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError, place
from bootmend.image.crc32c import crc32c
from bootmend.image.vhdx_layout import MIB, REGION_TABLES
from bootmend.source.base import Source
from bootmend.source.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.image.vhdx_layout import Header

SECTOR = 4096
LONGEST_LOG = 64 * MIB
MOST_ZEROS = 64 * MIB
_FURTHEST = 1 << 47
_ENTRY = struct.Struct("<4sIIIQII16sQQ")
_DESCRIPTOR = struct.Struct("<4s4s8sQQ")
_HINT = "attach it once on the host that it comes from, or restore the image: its last changes are lost"


class Write(NamedTuple):
    """What an entry puts at ``offset`` of the file: ``data``, or ``zeros`` bytes of zeros."""

    offset: int
    data: bytes
    zeros: int = 0


class Entry(NamedTuple):
    """A sound entry: where it begins and how many bytes of the ring it takes; from ``tail`` on, entries count."""

    start: int
    length: int
    tail: int
    sequence: int
    flushed: int
    last: int
    writes: tuple[Write, ...]


class Replay(NamedTuple):
    """What a log does to its file: the writes in order; ``size`` is how long the file is afterwards."""

    writes: tuple[Write, ...]
    size: int

    def view(self, base: Source) -> Overlay:
        """The file as the log makes it, in memory."""
        overlay = Overlay(base if base.size == self.size else Lengthened(base, self.size), "VHDX log")
        self._write(overlay)
        return overlay

    def apply(self, base: Source) -> None:
        """Write it all to the file, and flush it.

        Raises:
            RefusedError: the file would have to grow, and cannot.
        """
        base.grow(self.size)
        self._write(base)
        base.barrier()

    def _write(self, target: Source) -> None:
        for offset, data, zeros in self.writes:
            target.write_at(offset, data or bytes(zeros))


class Lengthened(Source):
    """A source, and zeros behind it."""

    def __init__(self, base: Source, size: int) -> None:
        self._base = base
        self._size = size

    @property
    def size(self) -> int:
        """The length with the zeros."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Read what is there, then zeros."""
        self.check_range(offset, length)
        there = max(min(length, self._base.size - offset), 0)
        return (self._base.read_at(offset, there) if there else b"") + bytes(length - there)


def read_log(base: Source, header: Header) -> Replay:
    """Find the log's active sequence and return what it writes (2.3.3).

    Raises:
        CorruptError: no sequence of entries is whole, or it writes where it must not.
        TruncatedError: the file is shorter than the log knows it to be.
        UnsupportedError: a log larger than any host makes.
    """
    with place("VHDX log"):
        if not header.log_length or header.log_offset + header.log_length > base.size:
            raise CorruptError("the header names a log that is not in the file", hint=_HINT)
        if header.log_length > LONGEST_LOG:
            raise UnsupportedError(f"a log of {header.log_length:#x} bytes is larger than this version reads")
        ring = base.read_at(header.log_offset, header.log_length)
        entries = {entry.start: entry for entry in _entries(ring, header.log_guid)}
        active = _active_sequence(entries, len(ring))
        return _replay(active, base.size, header)


def _replay(active: list[Entry], size: int, header: Header) -> Replay:
    head = active[-1]
    if size < head.flushed:
        raise TruncatedError(f"the VHDX is cut short: it had {head.flushed} bytes, of which {head.flushed - size} are missing")
    if max(entry.last for entry in active) > _FURTHEST:
        raise CorruptError("it wants the file to be longer than any can be")
    size = max(size, *(entry.last for entry in active))
    writes = tuple(write for entry in active for write in entry.writes)
    log = (header.log_offset, header.log_offset + header.log_length)
    for offset, data, zeros in writes:
        end = offset + (len(data) or zeros)
        if offset < REGION_TABLES[0] or (offset < log[1] and end > log[0]) or end > size:
            raise CorruptError(f"it writes to {offset:#x}, where it must not")
    if sum(write.zeros for write in writes) > MOST_ZEROS:
        raise UnsupportedError("it fills more of the file with zeros than this version does", hint=_HINT)
    return Replay(writes, size)


def _active_sequence(entries: dict[int, Entry], size: int) -> list[Entry]:
    """The newest sequence that is whole, from its tail to its head.

    A sequence are entries that follow one another in the ring with consecutive numbers; it is valid if the tail
    of its last entry, the head, is one of them.  What was torn by a power cut fails its checksum, and ends it.
    """
    followers = {_next(entry, size) for entry in entries.values() if _continues(entries, entry, size)}
    best: list[Entry] = []
    for start in entries.keys() - followers:
        sequence = list(_walk(entries, start, size))
        tails = [index for index, entry in enumerate(sequence) if entry.start == sequence[-1].tail]
        if tails and (not best or sequence[-1].sequence > best[-1].sequence):
            best = sequence[tails[0] :]
    if not best:
        raise CorruptError("it holds no sequence of entries that is whole", hint=_HINT)
    return best


def _next(entry: Entry, size: int) -> int:
    return (entry.start + entry.length) % size


def _continues(entries: dict[int, Entry], entry: Entry, size: int) -> bool:
    after = entries.get(_next(entry, size))
    return after is not None and after.sequence == entry.sequence + 1


def _walk(entries: dict[int, Entry], start: int, size: int) -> Iterator[Entry]:
    entry = entries[start]
    yield entry
    while _continues(entries, entry, size):
        entry = entries[_next(entry, size)]
        yield entry


# -- entries -------------------------------------------------------------------------------------------------------------------
def _entries(ring: bytes, log_guid: bytes) -> Iterator[Entry]:
    """Every sound entry of this log.

    What an entry claims is compared, sector by sector, with what lies there before its checksum is computed: so
    no two of those that get so far share a sector, and all checksums together cost one pass over the ring.
    """
    for start in range(0, len(ring), SECTOR):
        if ring.startswith(b"loge", start):
            entry = _entry(ring, start, log_guid)
            if entry is not None:
                yield entry


def _entry(ring: bytes, start: int, log_guid: bytes) -> Entry | None:
    _, checksum, length, tail, sequence, count, _, guid, flushed, last = _ENTRY.unpack_from(ring, start)
    table = -(-(_ENTRY.size + count * _DESCRIPTOR.size) // SECTOR) * SECTOR
    plausible = guid == log_guid and sequence and not length % SECTOR and table <= length <= len(ring)
    if not plausible or tail % SECTOR or tail >= len(ring) or not _looks_whole(ring, start, length, table, count, sequence):
        return None
    data = _circular(ring, start, length)
    if crc32c(data[:4] + bytes(4) + data[8:]) != checksum:
        return None
    return Entry(start, length, tail, sequence, flushed, last, tuple(_writes(data, table, count)))


def _looks_whole(ring: bytes, start: int, length: int, table: int, count: int, sequence: int) -> bool:
    """Whether the sectors of an entry are its own: descriptors first, then one data sector for each that has one."""
    carried = 0
    at = start + _ENTRY.size
    for _ in range(count):
        kind, _, _, _, number = _DESCRIPTOR.unpack_from(ring, at % len(ring))
        if number != sequence or kind not in (b"desc", b"zero"):
            return False
        carried += kind == b"desc"
        at += _DESCRIPTOR.size
    if table + carried * SECTOR != length:
        return False
    high, low = struct.pack("<I", sequence >> 32), struct.pack("<I", sequence & 0xFFFFFFFF)
    for sector in range(start + table, start + length, SECTOR):
        at = sector % len(ring)
        if ring[at : at + 8] != b"data" + high or ring[at + SECTOR - 4 : at + SECTOR] != low:
            return False
    return True


def _circular(ring: bytes, start: int, length: int) -> bytes:
    data = ring[start : start + length]
    return data + ring[: length - len(data)]


def _writes(entry: bytes, table: int, count: int) -> Iterator[Write]:
    """What the descriptors say (2.3.1.2, 2.3.1.3); they keep the ends of a data sector, where its marks lie."""
    sector = table
    for index in range(count):
        kind, trailing, leading, offset, _ = _DESCRIPTOR.unpack_from(entry, _ENTRY.size + index * _DESCRIPTOR.size)
        if offset % SECTOR:
            raise CorruptError(f"it writes to {offset:#x}, which is no beginning of a sector")
        if kind == b"desc":
            yield Write(offset, leading + entry[sector + 8 : sector + SECTOR - 4] + trailing)
            sector += SECTOR
        else:
            zeros = int.from_bytes(leading, "little")
            if zeros % SECTOR:
                raise CorruptError(f"it fills {zeros} bytes with zeros, which are no whole sectors")
            yield Write(offset, b"", zeros)
