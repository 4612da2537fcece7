"""A large hive made from nothing: ten keys of 15,000 subkeys with two values each, about 100 MB, format 1.5.

Cells are written one behind the other into bins, the rest of a bin is a free cell.  Run as a script it
writes the file that it is given.
"""

from __future__ import annotations

import struct
import sys

CLASSES, SUBKEYS, TEXT = 10, 15_000, 244
LIST = 1000  # subkeys of one lh; an ri holds the lists
BIN = 64 * 1024
NIL = 0xFFFFFFFF
STAMP = 132_000_000_000_000_000
DWORD, SZ = 4, 1
#: a self-relative descriptor: owner and group BUILTIN\Administrators, everything allowed to SYSTEM
ADMINISTRATORS = bytes.fromhex("01020000000000052000000020020000")
SYSTEM = bytes.fromhex("010100000000000512000000")
ACL = struct.pack("<BBHHH", 2, 0, 28, 1, 0) + struct.pack("<BBHI", 0, 2, 20, 0xF003F) + SYSTEM
DESCRIPTOR = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 36, 0, 52) + ADMINISTRATORS * 2 + ACL


class Bins:
    """Hive bins that grow; offsets are relative to the first, as in cells."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.bin = 0  # where the open bin begins
        self.end = 0  # and ends
        self.next = 0

    def add(self, content: bytes) -> int:
        """Put a cell and return its offset."""
        size = (len(content) + 4 + 7) & ~7
        if self.next + size > self.end:
            self._open(size)
        offset = self.next
        struct.pack_into("<i", self.data, offset, -size)
        self.data[offset + 4 : offset + 4 + len(content)] = content
        self.next += size
        return offset

    def _open(self, size: int) -> None:
        self.close()
        self.bin = self.next = self.end
        length = max(BIN, (size + 32 + 4095) & ~4095)
        self.end = self.bin + length
        self.data += bytes(length)
        struct.pack_into("<4sIIQQI", self.data, self.bin, b"hbin", self.bin, length, 0, STAMP if self.bin == 0 else 0, 0)
        self.next += 32

    def close(self) -> None:
        """Make the rest of the open bin a free cell."""
        if self.next < self.end:
            struct.pack_into("<i", self.data, self.next, self.end - self.next)


def key(name: str, parent: int, security: int, *, subkeys: int = 0, subkey_list: int = NIL, longest_subkey: int = 0,
        values: int = 0, value_list: int = NIL, longest_name: int = 0, longest_data: int = 0, flags: int = 0x20,
) -> bytes:  # fmt: skip
    head = struct.pack(
        "<2sHQIIIIIIIIII", b"nk", flags, STAMP, 0, parent, subkeys, 0, subkey_list, NIL, values, value_list, security, NIL
    )
    return head + struct.pack("<IIIIIHH", longest_subkey, 0, longest_name, longest_data, 0, len(name), 0) + name.encode("ascii")


def value(name: str, kind: int, size: int, data: int) -> bytes:
    return struct.pack("<2sHIIIHH", b"vk", len(name), size, data, kind, 1, 0) + name.encode("ascii")


def name_hash(name: str) -> int:
    result = 0
    for letter in name.upper():
        result = (result * 37 + ord(letter)) & NIL
    return result


def large_hive() -> bytes:
    bins = Bins()
    names = [f"Class{number:02d}" for number in range(CLASSES)]
    root = bins.add(key("ROOT", NIL, 0, flags=0x2C))
    security = bins.add(b"sk\0\0" + struct.pack("<IIII", 0, 0, CLASSES * (SUBKEYS + 1) + 1, len(DESCRIPTOR)) + DESCRIPTOR)
    struct.pack_into("<II", bins.data, security + 8, security, security)
    classes = [(name, bins.add(key(name, root, security))) for name in names]
    for name, offset in classes:
        fill_class(bins, name, offset, security)
    lists = b"".join(struct.pack("<II", offset, name_hash(name)) for name, offset in classes)
    top = bins.add(struct.pack("<2sH", b"lh", CLASSES) + lists)
    put(bins, root, key("ROOT", NIL, security, subkeys=CLASSES, subkey_list=top, longest_subkey=14, flags=0x2C))
    bins.close()
    return base_block(root, len(bins.data)) + bytes(bins.data)


def fill_class(bins: Bins, name: str, offset: int, security: int) -> None:
    entries: list[tuple[str, int]] = []
    for number in range(SUBKEYS):
        child = f"Key{number:05d}"
        text = f"{name} {child} ".ljust(TEXT - 1, "x").encode("utf-16-le") + b"\0\0"
        data = bins.add(text)
        pair = struct.pack(
            "<II", bins.add(value("Number", DWORD, 4 | 1 << 31, number)), bins.add(value("Text", SZ, len(text), data))
        )
        listed = bins.add(pair)
        cell = key(child, offset, security, values=2, value_list=listed, longest_name=12, longest_data=len(text))
        entries.append((child, bins.add(cell)))
    parts = [entries[start : start + LIST] for start in range(0, SUBKEYS, LIST)]
    lists = [
        bins.add(struct.pack("<2sH", b"lh", len(part)) + b"".join(struct.pack("<II", at, name_hash(one)) for one, at in part))
        for part in parts
    ]
    index = bins.add(struct.pack(f"<2sH{len(lists)}I", b"ri", len(lists), *lists))
    parent = struct.unpack_from("<I", bins.data, offset + 4 + 16)[0]
    put(bins, offset, key(name, parent, security, subkeys=SUBKEYS, subkey_list=index, longest_subkey=16))


def put(bins: Bins, offset: int, content: bytes) -> None:
    bins.data[offset + 4 : offset + 4 + len(content)] = content


def base_block(root: int, size: int) -> bytes:
    block = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", block, 0, b"regf", 1, 1, STAMP, 1, 5, 0, 1, root, size, 1)
    checksum = 0
    for (word,) in struct.iter_unpack("<I", block[:508]):
        checksum ^= word
    struct.pack_into("<I", block, 508, checksum)
    return bytes(block)


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(large_hive())
