"""Records guarded by an update sequence, and file records: the lines of the $MFT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.attribute import Attribute, parse_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator


def unguard(raw: bytes, magic: bytes) -> bytearray:
    """Check a record's magic and update sequence and put the guarded words back in place.

    The last word of every 512 bytes on disk holds the update sequence number; a sector that holds
    another one was not written together with the rest.

    Raises:
        CorruptError: another magic, a torn record, or an array that does not fit.
    """
    if raw[:4] != magic:
        if raw[:4] == layout.BAD_MAGIC:
            raise CorruptError("marked as damaged ('BAAD'): Windows found it torn")
        raise CorruptError(f"begins with {raw[:4]!r} instead of {magic!r}")
    array, words = layout.UPDATE_SEQUENCE.unpack_from(raw, layout.UPDATE_SEQUENCE_AT)
    if words != len(raw) // layout.STRIDE + 1 or array % 2 or not 8 <= array <= layout.STRIDE - 2 - 2 * words:
        raise CorruptError(f"its update sequence array ({words} words at {array:#x}) cannot be")
    record = bytearray(raw)
    number = raw[array : array + 2]
    for sector in range(1, words):
        end = sector * layout.STRIDE
        if raw[end - 2 : end] != number:
            raise CorruptError(f"torn: sector {sector - 1} was not written together with the others")
        record[end - 2 : end] = raw[array + 2 * sector : array + 2 * sector + 2]
    return record


def guard(record: bytearray) -> bytes:
    """Return the record as it is written to disk, under the next update sequence number.

    0 and 0xFFFF are skipped, as Windows does.  ``record`` is an unguarded one; its array is renewed.
    """
    array, words = layout.UPDATE_SEQUENCE.unpack_from(record, layout.UPDATE_SEQUENCE_AT)
    number = int.from_bytes(record[array : array + 2], "little") + 1
    mark = (1 if number >= 0xFFFF else number).to_bytes(2, "little")
    record[array : array + 2] = mark
    for sector in range(1, words):
        end = sector * layout.STRIDE
        record[array + 2 * sector : array + 2 * sector + 2] = record[end - 2 : end]
    raw = bytearray(record)
    for sector in range(1, words):
        raw[sector * layout.STRIDE - 2 : sector * layout.STRIDE] = mark
    return bytes(raw)


def guarded_words(record: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Yield where the guarded words belong in the record, and where in its array they lie on disk."""
    array, words = layout.UPDATE_SEQUENCE.unpack_from(record, layout.UPDATE_SEQUENCE_AT)
    for sector in range(1, words):
        yield sector * layout.STRIDE - 2, array + 2 * sector


class FileRecord:
    """One file record, unguarded: a base record, or an extension that holds further attributes of one."""

    __slots__ = ("attributes", "base", "data", "flags", "links", "number", "sequence")

    def __init__(self, raw: bytes, number: int) -> None:
        """Parse the bytes of record ``number`` as they are on disk.

        Raises:
            CorruptError: torn, not a file record, or with attributes that do not fit into it.
        """
        self.data = unguard(raw, layout.FILE_MAGIC)
        self.number = number
        sequence, links, first, flags, used, _, base = layout.RECORD_HEAD.unpack_from(self.data)
        if not layout.RECORD_HEAD_SIZE <= first < used <= len(self.data):
            raise CorruptError(f"its attributes ({first:#x} to {used:#x}) do not fit into its {len(self.data):#x} bytes")
        self.sequence: int = sequence
        self.links: int = links
        self.flags: int = flags
        self.base: int = base
        self.attributes: list[Attribute] = parse_attributes(self.data, number, first, used)

    @property
    def in_use(self) -> bool:
        """Whether the record belongs to a file that exists."""
        return bool(self.flags & layout.RECORD_IN_USE)

    @property
    def is_directory(self) -> bool:
        """Whether the record belongs to a directory."""
        return bool(self.flags & layout.RECORD_IS_DIRECTORY)
