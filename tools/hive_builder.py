"""Write a registry hive from a tree of keys, the plain way: used to make the sample disks, not part of bootmend.

Independent of ``bootmend.registry`` on purpose: what this writes, that must read, and other readers judge both.
Facts: M. Suhanov, "Windows registry file format specification" (2018).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

NIL = 0xFFFFFFFF
SZ, EXPAND_SZ, BINARY, DWORD, MULTI_SZ, QWORD = 1, 2, 3, 4, 7, 11
STAMP = 0x01DA5E1B2D3C4000
"""2024-02-13, the date of everything in the sample hives."""


@dataclass
class Key:
    """A key: its values (name to type and bytes), its subkeys and its class name."""

    values: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    class_name: str = ""

    def at(self, path: str) -> Key:
        """The key at a path below this one, made where it is not there."""
        key = self
        for name in path.split("\\"):
            key = key.keys.setdefault(name, Key())
        return key

    def set(self, path: str, **values: object) -> Key:
        """Set values of the key at ``path``: text becomes SZ, int DWORD, list MULTI_SZ, bytes BINARY; returns the key."""
        key = self.at(path)
        for name, value in values.items():
            key.put(name, value)
        return key

    def put(self, name: str, value: object) -> None:
        """Set one value; a tuple is (type, bytes)."""
        if isinstance(value, str):
            self.values[name] = (EXPAND_SZ if "%" in value else SZ, (value + "\0").encode("utf-16-le"))
        elif isinstance(value, int):
            self.values[name] = (DWORD, struct.pack("<I", value))
        elif isinstance(value, list):
            self.values[name] = (MULTI_SZ, ("".join(each + "\0" for each in value) + "\0").encode("utf-16-le"))
        elif isinstance(value, tuple):
            self.values[name] = value
        else:
            assert isinstance(value, bytes)
            self.values[name] = (BINARY, value)


def security_descriptor() -> bytes:
    """Owner and group Administrators; SYSTEM and Administrators have full access, Users may read; inherited."""

    def sid(*authorities: int) -> bytes:
        return struct.pack("<BB6s", 1, len(authorities), b"\0\0\0\0\0\5") + struct.pack(f"<{len(authorities)}I", *authorities)

    system, administrators, users = sid(18), sid(32, 544), sid(32, 545)
    grants = ((system, 0xF003F), (administrators, 0xF003F), (users, 0x20019))
    aces = b"".join(struct.pack("<BBHI", 0, 2, 8 + len(who), what) + who for who, what in grants)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(aces), len(grants), 0) + aces
    head = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 20 + len(administrators), 0, 20 + 2 * len(administrators))
    return head + administrators + administrators + acl


class _Builder:
    """Lays out cells one after the other; a cell never crosses a bin of 4096 bytes unless it has a bin of its own."""

    def __init__(self, minor: int) -> None:
        self.minor = minor
        self.cells: dict[int, bytearray] = {}
        self.bins: list[tuple[int, int]] = []
        self.position = 0
        self.end = 0

    def cell(self, length: int) -> int:
        """Allocate a cell for ``length`` bytes and return its offset."""
        size = (length + 4 + 7) & ~7
        if self.position + size > self.end:
            self.position = self.end
            room = (size + 32 + 4095) & ~4095
            self.bins.append((self.end, room))
            self.end += room
            self.position += 32
        offset = self.position
        self.cells[offset] = bytearray(size - 4)
        self.position += size
        return offset

    def fill(self, offset: int, data: bytes) -> int:
        self.cells[offset][: len(data)] = data
        return offset

    def add(self, data: bytes) -> int:
        return self.fill(self.cell(len(data)), data)

    def image(self) -> bytearray:
        """All bins; what no cell uses becomes one free cell at the end of its bin."""
        data = bytearray(self.end)
        ends: dict[int, int] = {}
        for start, size in self.bins:
            struct.pack_into("<4sII8xQI", data, start, b"hbin", start, size, 0 if start else STAMP, 0)
            ends[start] = start + 32
        starts = sorted(ends)
        for offset in sorted(self.cells):
            body = self.cells[offset]
            struct.pack_into("<i", data, offset, -(len(body) + 4))
            data[offset + 4 : offset + 4 + len(body)] = body
            while len(starts) > 1 and starts[1] <= offset:
                starts.pop(0)
            ends[starts[0]] = offset + 4 + len(body)
        for start, size in self.bins:
            if ends[start] < start + size:
                struct.pack_into("<i", data, ends[start], start + size - ends[start])
        return data

    def key(self, name: str, key: Key, parent: int, security: int, placed: int | None = None) -> int:
        """Lay out a key and all below it, depth first; ``placed`` is the root's cell, made before."""
        stored = name.encode("latin-1")
        offset = self.cell(76 + len(stored)) if placed is None else placed
        classed = self.add(key.class_name.encode("utf-16-le")) if key.class_name else NIL
        values = self.value_list(key)
        children = sorted(key.keys, key=str.upper)
        offsets = [self.key(child, key.keys[child], offset, security) for child in children]
        listed = self.subkey_list(children, offsets)
        head = struct.pack(
            "<2sHQIIIIIIIIIIIIIIIHH",
            b"nk",
            0x20 if placed is None else 0x2C,
            STAMP,
            0,
            parent,
            len(children),
            0,
            listed,
            NIL,
            len(key.values),
            values,
            security,
            classed,
            max((2 * len(child) for child in children), default=0),
            max((2 * len(key.keys[child].class_name) for child in children), default=0),
            max((2 * len(each) for each in key.values), default=0),
            max((len(data) for _, data in key.values.values()), default=0),
            0,
            len(stored),
            2 * len(key.class_name),
        )
        self.fill(offset, head + stored)
        return offset

    def value_list(self, key: Key) -> int:
        if not key.values:
            return NIL
        listed = self.cell(4 * len(key.values))
        offsets = [self.value(name, *value) for name, value in key.values.items()]
        return self.fill(listed, struct.pack(f"<{len(offsets)}I", *offsets))

    def value(self, name: str, kind: int, data: bytes) -> int:
        stored = name.encode("latin-1")
        assert len(data) <= 16344, "big data is not needed here"
        offset = self.cell(20 + len(stored))
        if len(data) <= 4:
            length, where = len(data) | 0x80000000, int.from_bytes(data.ljust(4, b"\0"), "little")
        else:
            length, where = len(data), self.add(data)
        return self.fill(offset, struct.pack("<2sHIIIHH", b"vk", len(stored), length, where, kind, 1 if name else 0, 0) + stored)

    def subkey_list(self, names: list[str], offsets: list[int]) -> int:
        if not names:
            return NIL
        kind = b"lh" if self.minor >= 5 else b"lf"
        entries = b"".join(struct.pack("<I4s", at, self.hint(name)) for name, at in zip(names, offsets, strict=True))
        return self.add(struct.pack("<2sH", kind, len(names)) + entries)

    def hint(self, name: str) -> bytes:
        """Four bytes by which a name is found faster: its first characters before hives of version 1.5, a hash since."""
        if self.minor < 5:
            return name.encode("latin-1")[:4].ljust(4, b"\0")
        total = 0
        for character in name.upper():
            total = (total * 37 + ord(character)) & 0xFFFFFFFF
        return struct.pack("<I", total)


def count_keys(key: Key) -> int:
    """The number of keys of a tree, the root included."""
    return 1 + sum(count_keys(child) for child in key.keys.values())


def build(root: Key, root_name: str, file_name: str, *, minor: int, size: int | None = None, free: int = 0) -> bytes:
    """Return the hive file: ``free`` appends an empty bin of so many bytes, ``size`` pads it with zeros, as Windows does."""
    builder = _Builder(minor)
    # the root comes first in its bin (some readers rely on it), then the one security cell that all keys share
    descriptor = security_descriptor()
    root_offset = builder.cell(76 + len(root_name))
    security = builder.cell(20 + len(descriptor))
    builder.fill(security, struct.pack("<2sHIIII", b"sk", 0, security, security, count_keys(root), len(descriptor)) + descriptor)
    builder.key(root_name, root, NIL, security, placed=root_offset)
    if free:
        builder.bins.append((builder.end, free))
        builder.end += free
    bins = builder.image()
    base = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", base, 0, b"regf", 9, 9, STAMP, 1, minor, 0, 1, root_offset, len(bins), 1)
    name = file_name[-31:].encode("utf-16-le")
    base[48 : 48 + len(name)] = name
    total = 0
    for (word,) in struct.iter_unpack("<I", bytes(base[:508])):
        total ^= word
    struct.pack_into("<I", base, 508, {0: 1, NIL: NIL - 1}.get(total, total))
    data = bytes(base) + bytes(bins)
    assert size is None or len(data) <= size, (file_name, len(data), size)
    return data.ljust(size or 0, b"\0")
