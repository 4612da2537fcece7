"""Volume shadow copies: which ones an NTFS volume has. Reading inside them comes later.

Source: the libvshadow project's "Volume Shadow Snapshot (VSS) format specification" (facts only).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source.base import Source

HEADER_AT = 0x1E00
GUID = bytes.fromhex("6b87083876c1484eb7ae04046e6cc752")
HEADER = Struct("<16sIIQQQQQ")
"""identifier, version, type of the record (1), own offset, two unknown numbers, offset of the catalogue, size allowed"""
BLOCK_SIZE = 0x4000
BLOCK = Struct("<16sIIQQQ")
"""identifier, version, type of the record (2), offset from the first, own offset, offset of the next block"""
FIRST_ENTRY, ENTRY_SIZE = 128, 128
ENTRY = Struct("<QQ16sQQQ")
"""type of the entry (2: a copy), size of the volume, id, sequence, flags, creation (FILETIME)"""
IS_COPY = 2
CATALOGUE = 2
MAX_BLOCKS = 64


class ShadowCopy(NamedTuple):
    """One copy; ``created`` is a FILETIME."""

    id: str
    created: int
    sequence: int


def list_shadow_copies(volume: Source) -> list[ShadowCopy]:
    """Return the shadow copies of a volume, oldest first; none where it has none.

    Raises:
        CorruptError: the catalogue lies outside the volume, or leads back to itself.
    """
    if volume.size < HEADER_AT + HEADER.size:
        return []
    fields = HEADER.unpack(volume.read_at(HEADER_AT, HEADER.size))
    if fields[0] != GUID or not fields[6]:
        return []
    with place("shadow copies"):
        return sorted(_copies(volume, fields[6]), key=lambda copy: (copy.sequence, copy.created))


def _copies(volume: Source, offset: int) -> Iterator[ShadowCopy]:
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= MAX_BLOCKS or offset + BLOCK_SIZE > volume.size:
            raise CorruptError(f"the block of the catalogue at {offset:#x} cannot be")
        seen.add(offset)
        block = volume.read_at(offset, BLOCK_SIZE)
        guid, _, kind, _, own, following = BLOCK.unpack_from(block)
        if guid != GUID or kind != CATALOGUE or own != offset:
            raise CorruptError(f"what lies at {offset:#x} is no block of the catalogue")
        for at in range(FIRST_ENTRY, BLOCK_SIZE - ENTRY_SIZE + 1, ENTRY_SIZE):
            entry, _, raw, sequence, _, created = ENTRY.unpack_from(block, at)
            if entry == IS_COPY:
                yield ShadowCopy(_guid(raw), created, sequence)
        offset = following


def _guid(raw: bytes) -> str:
    first, second, third = Struct("<IHH").unpack_from(raw)
    return f"{{{first:08x}-{second:04x}-{third:04x}-{raw[8:10].hex()}-{raw[10:].hex()}}}"
