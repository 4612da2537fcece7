"""Hives and transaction logs made byte by byte from the specification.

Written with ``struct`` alone and without the package under test, so that both can be compared.
Source: M. Suhanov, "Windows registry file format specification" (2018).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise

Bytes = bytes | bytearray

NIL = 0xFFFFFFFF
STAMP = 0x01D84A12FD82ED25
SEGMENT = 16344
#: a self-relative descriptor: owner and group S-1-5-18, one access entry for S-1-1-0
SID = bytes.fromhex("010100000000000512000000")
EVERYONE = bytes.fromhex("010100000000000100000000")
ACL = struct.pack("<BBHHH", 2, 0, 28, 1, 0) + struct.pack("<BBHI", 0, 2, 20, 0xF003F) + EVERYONE
DESCRIPTOR = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 32, 0, 44) + SID + SID + ACL


@dataclass
class K:
    """A key to be made: values are triples of name, type and data."""

    name: str
    values: list[tuple[str, int, bytes]] = field(default_factory=list)
    children: list[K] = field(default_factory=list)
    class_name: str = ""
    security: int = 0


class RawHive:
    """Builds one hive; ``where`` maps paths of keys (and ``path:name`` of values) to cells."""

    def __init__(self, root: K, *, minor: int = 3, leaf: int = 507, tail: int = 0, sequence: int = 1) -> None:
        self.minor, self.leaf = minor, leaf
        self.body = bytearray()
        self.bin_start = self.free_at = 0
        self.where: dict[str, int] = {}
        self.lists: dict[str, int] = {}
        self.referred: dict[int, int] = {}
        self.security: dict[int, int] = {}
        root_cell = self.key(root, NIL, "")
        self.close_ring()
        self.close_bin()
        self.data = bytearray(base_block(root_cell, len(self.body), minor, sequence) + self.body + b"\xa5" * tail)
        struct.pack_into("<Q", self.data, 4096 + 20, STAMP)

    # -- cells ------------------------------------------------------------------------------------

    def cell(self, data: bytes) -> int:
        size = (4 + len(data) + 7) // 8 * 8
        if self.free_at + size > len(self.body):
            self.close_bin()
            self.open_bin(size)
        offset = self.free_at
        struct.pack_into("<i", self.body, offset, -size)
        self.body[offset + 4 : offset + 4 + len(data)] = data
        self.free_at += size
        return offset

    def open_bin(self, size: int) -> None:
        length = (32 + size + 4095) // 4096 * 4096
        self.bin_start = len(self.body)
        self.body += struct.pack("<4sII8xQI", b"hbin", self.bin_start, length, 0, 0).ljust(length, b"\0")
        self.free_at = self.bin_start + 32

    def close_bin(self) -> None:
        if self.free_at < len(self.body):
            struct.pack_into("<i", self.body, self.free_at, len(self.body) - self.free_at)
        self.free_at = len(self.body)

    def put(self, form: str, cell: int, offset: int, *values: int | bytes) -> None:
        struct.pack_into(form, self.body, cell + 4 + offset, *values)

    # -- keys ---------------------------------------------------------------------------------------

    def key(self, key: K, parent: int, path: str) -> int:
        raw, narrow = stored(key.name)
        flags = (0x20 if narrow else 0) | (0x2C if parent == NIL else 0)
        head = struct.pack("<2sHQII", b"nk", flags & ~0x20 | 0x20 * narrow, STAMP, 0, 0 if parent == NIL else parent)
        cell = self.cell(head.ljust(72, b"\0") + struct.pack("<HH", len(raw), 2 * len(key.class_name)) + raw)
        self.where[path] = cell
        class_cell = self.cell(key.class_name.encode("utf-16-le")) if key.class_name else NIL
        values, name_width, data_width = self.values(key, path)
        security = self.security_cell(key.security)
        children = sorted(key.children, key=lambda child: child.name.upper())
        cells = [self.key(child, cell, f"{path}\\{child.name}".lstrip("\\")) for child in children]
        listed = self.subkeys(children, cells, path)
        largest = max((2 * len(child.name) for child in children), default=0)
        classes = max((2 * len(child.class_name) for child in children), default=0)
        self.put("<IIII", cell, 20, len(cells), 0, listed, NIL)
        self.put("<IIII", cell, 36, len(key.values), values, security, class_cell)
        self.put("<IIIII", cell, 52, largest, classes, name_width, data_width, 0)
        return cell

    def subkeys(self, children: list[K], cells: list[int], path: str) -> int:
        if not cells:
            return NIL
        parts = [range(start, min(start + self.leaf, len(cells))) for start in range(0, len(cells), self.leaf)]
        leaves = []
        for part in parts:
            entries = b"".join(struct.pack("<I", cells[index]) + self.proof(children[index].name, len(parts)) for index in part)
            leaves.append(self.cell(self.signature(len(parts)) + struct.pack("<H", len(part)) + entries))
        self.lists[path] = leaves[0]
        if len(leaves) == 1:
            return leaves[0]
        self.lists[path] = self.cell(struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves))
        return self.lists[path]

    def signature(self, leaves: int) -> bytes:
        """Windows writes lh from version 1.5 on; before, lf, and li below an index."""
        return b"lh" if self.minor >= 5 else b"lf" if leaves == 1 else b"li"

    def proof(self, name: str, leaves: int) -> bytes:
        kind = self.signature(leaves)
        if kind == b"lh":
            return struct.pack("<I", reduce(lambda total, char: (37 * total + ord(char)) & NIL, name.upper(), 0))
        if kind == b"li":
            return b""
        narrow = all(ord(char) < 256 for char in name[:4])
        return (name[:4].encode("latin-1") if narrow else b"\0").ljust(4, b"\0")

    # -- values ---------------------------------------------------------------------------------------

    def values(self, key: K, path: str) -> tuple[int, int, int]:
        """The cell of the value list, the widest name and the longest data."""
        if not key.values:
            return NIL, 0, 0
        cells = []
        for name, kind, data in key.values:
            raw, narrow = stored(name)
            length, where = self.value_data(data)
            flag = int(narrow and bool(name))
            cells.append(self.cell(struct.pack("<2sHIIIHH", b"vk", len(raw), length, where, kind, flag, 0) + raw))
            self.where[f"{path}:{name}"] = cells[-1]
        widths = [2 * len(name) for name, _, _ in key.values]
        return self.cell(struct.pack(f"<{len(cells)}I", *cells)), max(widths), max(len(data) for _, _, data in key.values)

    def value_data(self, data: bytes) -> tuple[int, int]:
        if not data:
            return 0, NIL
        if len(data) <= 4:
            return len(data) | 0x80000000, int.from_bytes(data.ljust(4, b"\0"), "little")
        if len(data) <= SEGMENT or self.minor < 4:
            return len(data), self.cell(data)
        parts = [self.cell(data[start : start + SEGMENT].ljust(SEGMENT + 4, b"\0")) for start in range(0, len(data), SEGMENT)]
        listed = self.cell(struct.pack(f"<{len(parts)}I", *parts))
        return len(data), self.cell(struct.pack("<2sHI", b"db", len(parts), listed))

    # -- security -------------------------------------------------------------------------------------

    def security_cell(self, number: int) -> int:
        if number not in self.security:
            self.security[number] = self.cell(struct.pack("<2sHIIII", b"sk", 0, 0, 0, 0, len(DESCRIPTOR)) + DESCRIPTOR)
        cell = self.security[number]
        self.referred[cell] = self.referred.get(cell, 0) + 1
        return cell

    def close_ring(self) -> None:
        ring = list(self.security.values())
        for index, cell in enumerate(ring):
            self.put("<III", cell, 4, ring[(index + 1) % len(ring)], ring[index - 1], self.referred[cell])


def stored(name: str) -> tuple[bytes, bool]:
    narrow = all(ord(char) < 256 for char in name)
    return (name.encode("latin-1"), True) if narrow else (name.encode("utf-16-le"), False)


def base_block(root: int, bins_size: int, minor: int, sequence: int) -> bytearray:
    base = bytearray(struct.pack("<4sIIQIIIIIII", b"regf", sequence, sequence, STAMP, 1, minor, 0, 1, root, bins_size, 1))
    base[48:] = "\\??\\C:\\fixture".encode("utf-16-le")
    base.extend(bytes(4096 - len(base)))
    return summed(base)


def summed(data: bytearray) -> bytearray:
    """The same with the right checksum in its base block."""
    total = 0
    for (word,) in struct.iter_unpack("<I", data[:508]):
        total ^= word
    struct.pack_into("<I", data, 508, {0: 1, NIL: NIL - 1}.get(total, total))
    return data


def store(minor: int = 3, *, tail: int = 0, sequence: int = 1) -> RawHive:
    """A small hive in the shape of a BCD, with every kind of record of its version."""
    objects = K("Objects", children=[boot_object(number) for number in range(8)])
    mixed = K(
        "Description",
        [
            ("", 1, "default\0".encode("utf-16-le")),
            ("KeyName", 1, "BCD00000001\0".encode("utf-16-le")),
            ("\u0416\u0438\u0437\u043d\u044c", 4, b"\x01\0\0\0"),
            ("large", 3, bytes(range(256)) * 140),
            ("\xe4\xf6\xfc", 4, b"\x02\0\0\0"),
        ],
        class_name="4d36e968",
    )
    many = K("Many", children=[K(f"{number:04}") for number in range(30)], security=1)
    odd = K("Odd", [("empty", 3, b"")], children=[K("\xc4rger"), K("\u0400yrillic"), K("plain")], security=1)
    return RawHive(K("NewStoreRoot", children=[mixed, objects, many, odd]), minor=minor, leaf=12, tail=tail, sequence=sequence)


def boot_object(number: int) -> K:
    path = "\\windows\\system32\\winload.exe\0".encode("utf-16-le")
    elements = [
        K("11000001", [("Element", 3, bytes(88))]),
        K("12000002", [("Element", 1, path)]),
        K("25000004", [("Element", 3, bytes([number, 0, 0, 0, 0, 0, 0, 0]))]),
    ]
    description = K("Description", [("Type", 4, b"\x03\0\x20\x10")])
    return K(f"{{{number:08x}-1111-2222-3333-444444444444}}", children=[description, K("Elements", children=elements)])


# -- transaction logs -------------------------------------------------------------------------------------


def dirty(data: Bytes, *, sequence: int) -> bytearray:
    """The hive as it is while a write is under way: sequence numbers N and N - 1."""
    result = bytearray(data)
    struct.pack_into("<II", result, 4, sequence, sequence - 1)
    return summed(result)


def log_base(hive: Bytes, kind: int, sequence: int) -> bytearray:
    """The copy of the base block that a log begins with."""
    base = bytearray(hive[:512])
    struct.pack_into("<II", base, 4, sequence, sequence)
    struct.pack_into("<I", base, 28, kind)
    return summed(base)


def marvin(data: Bytes) -> bytes:
    """Marvin32 as published, one step a line, seed of the registry."""

    def turn(word: int, bits: int) -> int:
        return (word << bits | word >> (32 - bits)) & NIL

    low, high = 0x7A4E55C5, 0x82EF4D88
    padded = data + b"\x80" + bytes(3 - len(data) % 4) + bytes(4)
    for (word,) in struct.iter_unpack("<I", padded):
        low = (low + word) & NIL
        high ^= low
        low = (turn(low, 20) + high) & NIL
        high = turn(high, 9) ^ low
        low = (turn(low, 27) + high) & NIL
        high = turn(high, 19)
    return struct.pack("<II", low, high)


def entry(sequence: int, bins_size: int, pages: list[tuple[int, bytes]], *, flags: int = 0) -> bytes:
    """One HvLE entry."""
    body = b"".join(struct.pack("<II", offset, len(page)) for offset, page in pages) + b"".join(page for _, page in pages)
    size = (40 + len(body) + 511) // 512 * 512
    body = body.ljust(size - 40, b"\0")
    head = struct.pack("<4sIIIII", b"HvLE", size, flags, sequence, bins_size, len(pages)) + marvin(body)
    return head + marvin(head) + body


def changed_pages(before: Bytes, after: Bytes) -> list[tuple[int, bytes]]:
    """The 4096-byte pages of the bins that differ."""
    pages = [(start - 4096, bytes(after[start : start + 4096])) for start in range(4096, len(after), 4096)]
    return [(offset, page) for offset, page in pages if before[offset + 4096 : offset + 8192] != page]


def new_log(hive: Bytes, sequence: int, states: list[bytes]) -> bytes:
    """A log of type 6 that leads from one state of the hive to the next; ``states[0]`` is the hive's own."""
    log = bytes(log_base(hive, 6, sequence))
    for number, (before, after) in enumerate(pairwise(states)):
        bins_size = struct.unpack_from("<I", after, 40)[0]
        log += entry(sequence + number, bins_size, changed_pages(before, after[: 4096 + bins_size]))
    return log


def old_log(hive: Bytes, sequence: int, before: Bytes, after: Bytes, *, kind: int = 1) -> bytes:
    """A log of type 1 with the pages that differ, 512 bytes for each bit."""
    bins_size = struct.unpack_from("<I", after, 40)[0]
    bitmap = bytearray(bins_size // 4096)
    pages = b""
    for offset, page in changed_pages(before, after[: 4096 + bins_size]):
        bitmap[offset // 4096] = 0xFF
        pages += page
    base = log_base(hive, kind, sequence)
    struct.pack_into("<I", base, 40, bins_size)
    vector = b"DIRT" + bitmap
    return bytes(summed(base)) + vector.ljust((len(vector) + 511) // 512 * 512, b"\0") + pages
