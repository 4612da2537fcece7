"""Attributes: the parts of a file record."""

from __future__ import annotations

from typing import NamedTuple

from bootmend.errors import CorruptError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.runs import Run, decode_runs


class Attribute(NamedTuple):
    """One attribute, or one extent of it, inside a file record.

    ``record`` is the unguarded record that it lies in, ``home`` its number, ``offset`` the place there.  For a resident attribute
    ``size`` and ``start`` (in the record) tell its value.  For a non-resident one ``start`` is
    that of the run list, which maps the VCNs ``lowest`` to ``highest``; the sizes (bytes) hold
    only where ``lowest`` is 0; ``unit`` is the number of clusters a compression unit has, or 0.
    """

    record: bytearray
    home: int
    offset: int
    length: int
    type: int
    name: str
    flags: int
    instance: int
    resident: bool
    start: int
    size: int
    lowest: int = 0
    highest: int = -1
    allocated: int = 0
    valid: int = 0
    unit: int = 0

    @property
    def value(self) -> bytes:
        """The value of a resident attribute; of a non-resident one the bytes of its run list."""
        end = self.start + self.size if self.resident else self.offset + self.length
        return bytes(self.record[self.start : end])

    @property
    def is_compressed(self) -> bool:
        """Whether its clusters may be compressed."""
        return bool(self.flags & layout.COMPRESSION_MASK)

    @property
    def is_encrypted(self) -> bool:
        """Whether its clusters are encrypted (EFS)."""
        return bool(self.flags & layout.ENCRYPTED)

    def runs(self, clusters: int) -> list[Run]:
        """Decode the run list, on a volume of ``clusters`` clusters.

        Raises:
            CorruptError: it does not map just the VCNs that the attribute says.
        """
        return decode_runs(self.value, self.lowest, self.highest, clusters)


def parse_attributes(record: bytearray, number: int, first: int, used: int) -> list[Attribute]:
    """Return the attributes of the unguarded file record ``number`` that lie between two offsets.

    Raises:
        CorruptError: one reaches beyond the record's used bytes, or the end mark is missing.
    """
    attributes: list[Attribute] = []
    offset = first
    while offset + 4 <= used:
        if record[offset : offset + 4] == b"\xff\xff\xff\xff":
            return attributes
        attribute = _parse(record, number, offset, used)
        attributes.append(attribute)
        offset += attribute.length
    raise CorruptError("its list of attributes has no end")


def _parse(record: bytearray, number: int, offset: int, used: int) -> Attribute:
    if offset + 0x18 > used:
        raise CorruptError(f"the attribute at {offset:#x} is cut off")
    head = layout.ATTRIBUTE_HEAD.unpack_from(record, offset)
    kind, length, non_resident, name_length, name_offset, flags, instance = head
    if length < 0x18 or length % 8 or offset + length > used or name_offset + 2 * name_length > length:
        raise CorruptError(f"the attribute at {offset:#x} (type {kind:#x}, {length:#x} bytes) does not fit")
    name = ""
    if name_length:
        start = offset + name_offset
        name = record[start : start + 2 * name_length].decode("utf-16-le", "surrogatepass")
    plain = Attribute(record, number, offset, length, kind, name, flags, instance, not non_resident, offset, 0)
    return _with_runs(plain) if non_resident else _with_value(plain)


def _with_value(plain: Attribute) -> Attribute:
    size, start = layout.RESIDENT.unpack_from(plain.record, plain.offset)
    if start + size > plain.length:
        raise CorruptError(f"the value of the attribute at {plain.offset:#x} (type {plain.type:#x}) does not fit")
    return plain._replace(start=plain.offset + start, size=size)


def _with_runs(plain: Attribute) -> Attribute:
    where = f"the attribute at {plain.offset:#x} (type {plain.type:#x})"
    if plain.length < layout.NON_RESIDENT_SIZE:
        raise CorruptError(f"{where} is too short to be non-resident")
    lowest, highest, start, unit, allocated, size, valid = layout.NON_RESIDENT.unpack_from(plain.record, plain.offset)
    if highest == (1 << 64) - 1:
        highest = lowest - 1  # no clusters at all
    if not layout.NON_RESIDENT_SIZE <= start <= plain.length or highest + 1 < lowest or highest >= 1 << 55 or unit > 16:
        raise CorruptError(f"{where} maps clusters {lowest:#x} to {highest:#x}, which cannot be")
    if lowest:
        allocated = size = valid = 0
    elif max(allocated, size) >= 1 << 63:
        raise CorruptError(f"{where} has the impossible size {size:#x}")
    return plain._replace(
        start=plain.offset + start,
        size=size,
        lowest=lowest,
        highest=highest,
        allocated=allocated,
        valid=min(valid, size),
        unit=1 << unit if unit else 0,
    )


class FileName(NamedTuple):
    """A $FILE_NAME: as an attribute, and as the key of a directory entry. Times are FILETIMEs."""

    parent: int
    modified: int
    size: int
    attributes: int
    namespace: int
    name: str


def parse_file_name(data: bytes | bytearray, offset: int, length: int) -> FileName:
    """Parse the $FILE_NAME of ``length`` bytes at ``offset`` of ``data``.

    Raises:
        CorruptError: the name does not fit.
    """
    if length < layout.NAME_SIZE:
        raise CorruptError(f"a file name of {length} bytes is too short")
    parent, _, modified, _, _, _, size, attributes, _, characters, namespace = layout.NAME.unpack_from(data, offset)
    if layout.NAME_SIZE + 2 * characters > length:
        raise CorruptError(f"a file name of {characters} characters does not fit into {length} bytes")
    start = offset + layout.NAME_SIZE
    name = data[start : start + 2 * characters].decode("utf-16-le", "surrogatepass")
    return FileName(parent, modified, size, attributes, namespace, name)
