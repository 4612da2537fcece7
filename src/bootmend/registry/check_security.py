"""Security cells: rule 9 of the checklist in ``docs/formats/regf.md``.

All of them form one ring; each counts the keys that refer to it.  The descriptor inside is a
self-relative SECURITY_DESCRIPTOR of [MS-DTYP] 2.4.6.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from bootmend.registry.layout import BASE_SIZE, CELL_HEADER, SK, SK_HEAD, SK_SIZE

if TYPE_CHECKING:
    from bootmend.registry.check_cells import Cells
    from bootmend.registry.findings import Findings

_DESCRIPTOR: Final = Struct("<BBHIIII")
"""revision, spare, control, and the offsets of owner, group, system list and access list (0: absent)"""
_ACL: Final = Struct("<BBHHH")
"""revision, spare, size, number of entries, spare"""
_ACE: Final = Struct("<BBH")
"""type, flags, size"""
_SELF_RELATIVE: Final = 0x8000
_SID_HEAD: Final = 8
_SID_PARTS_LIMIT: Final = 15


class Security:
    """Counts the keys of every security cell, and checks all cells at the end."""

    __slots__ = ("_cells", "_findings", "_references")

    def __init__(self, cells: Cells, findings: Findings) -> None:
        self._cells = cells
        self._findings = findings
        self._references: dict[int, int] = {}

    def refer(self, offset: int, key: int) -> None:
        """Note that the key whose cell is ``key`` has the security cell ``offset``."""
        count = self._references.get(offset)
        if count is None:
            count = 0 if self._is_usable(offset, key) else -1
        if count >= 0:
            count += 1
        self._references[offset] = count

    def _is_usable(self, offset: int, owner: int) -> bool:
        if not self._cells.claim(offset, SK_SIZE, "security", owner):
            return False
        if self._read(offset)[0] != SK:
            self._findings.error("security-signature", offset, "a security cell should be here, but 'sk' is missing")
            return False
        return True

    def _read(self, offset: int) -> tuple[bytes, int, int, int, int, int]:
        fields: tuple[bytes, int, int, int, int, int] = SK_HEAD.unpack_from(self._cells.buffer, BASE_SIZE + CELL_HEADER + offset)
        return fields

    def check(self) -> None:
        """Check counts, descriptors and the ring; to be called when all keys have been seen."""
        used = {offset: count for offset, count in self._references.items() if count > 0}
        for offset, count in used.items():
            self._check_cell(offset, count)
        if used:
            self._check_ring(used)

    def _check_cell(self, offset: int, count: int) -> None:
        _, _, _, _, stored, length = self._read(offset)
        if stored != count:
            self._findings.error("security-references", offset, f"{count} keys refer to it, but it counts {stored}")
        room = self._cells.room(offset)
        if SK_SIZE + length > room:
            self._findings.error("security-length", offset, f"its descriptor of {length} bytes does not fit the cell")
            return
        start = BASE_SIZE + CELL_HEADER + offset + SK_SIZE
        fault = descriptor_fault(bytes(self._cells.buffer[start : start + length]))
        if fault:
            self._findings.error("security-descriptor", offset, f"its descriptor is not valid: {fault}")

    def _check_ring(self, used: dict[int, int]) -> None:
        """Follow the ring forwards; every step must be known from a key and point back to where we came from."""
        start = offset = min(used)
        seen = set()
        while offset not in seen:
            seen.add(offset)
            following = self._read(offset)[2]
            if following not in used and following not in seen and not self._is_stranger(following, offset):
                break
            if self._read(following)[3] != offset:
                self._findings.error("security-ring", following, f"the cell before it is {offset:#x}, but it does not point back")
            offset = following
        else:
            if offset != start:
                self._findings.error("security-ring", offset, "the ring of security cells closes too early")
        for missing in sorted(used.keys() - seen):
            self._findings.error("security-ring", missing, "it is not part of the ring of security cells")

    def _is_stranger(self, offset: int, owner: int) -> bool:
        """Report that the ring goes on to a cell that no key refers to; True where it can be followed all the same."""
        if offset not in self._references and self._is_usable(offset, owner):
            self._findings.error("security-references", offset, "it is in the ring, but no key refers to it")
            return True
        self._findings.error("security-ring", owner, f"the ring of security cells is broken towards {offset:#x}")
        return False


def descriptor_fault(data: bytes) -> str:
    """Say what is wrong with a self-relative security descriptor; empty when nothing is."""
    if len(data) < _DESCRIPTOR.size:
        return f"{len(data)} bytes are too few"
    revision, _, control, owner, group, sacl, dacl = _DESCRIPTOR.unpack_from(data)
    if revision != 1 or not control & _SELF_RELATIVE:
        return "not a self-relative descriptor of revision 1"
    sids = [name for name, offset in (("owner", owner), ("group", group)) if offset and not _is_sid(data, offset)]
    lists = [name for name, offset in (("system list", sacl), ("access list", dacl)) if offset and not _is_acl(data, offset)]
    return ", ".join(sids + lists)


def _is_sid(data: bytes, offset: int) -> bool:
    if offset + _SID_HEAD > len(data):
        return False
    revision, parts = data[offset], data[offset + 1]
    return revision == 1 and parts <= _SID_PARTS_LIMIT and offset + _SID_HEAD + 4 * parts <= len(data)


def _is_acl(data: bytes, offset: int) -> bool:
    if offset + _ACL.size > len(data):
        return False
    _, _, size, count, _ = _ACL.unpack_from(data, offset)
    end: int = offset + size
    offset += _ACL.size
    for _ in range(count):
        if offset + _ACE.size > min(end, len(data)):
            return False
        length: int = _ACE.unpack_from(data, offset)[2]
        if length < _ACE.size:
            return False
        offset += length
    return offset <= end <= len(data)
