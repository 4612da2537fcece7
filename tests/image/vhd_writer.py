"""A small VHD writer for tests, from the "Virtual Hard Disk Image Format Specification" 1.0 alone.

It shares no code with the reader, so that both can be wrong only in different ways.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SECTOR = 512
NOWHERE = 0xFFFFFFFF


def number(value: int, length: int) -> bytes:
    return value.to_bytes(length, "big")


def with_checksum(data: bytes, at: int) -> bytes:
    """Sum all bytes with the checksum as zero, invert, store."""
    blank = data[:at] + bytes(4) + data[at + 4 :]
    return data[:at] + number(sum(blank) ^ 0xFFFFFFFF, 4) + data[at + 4 :]


UNIQUE_ID = bytes(range(16))


def footer(
    size: int, kind: int, *, header_at: int = 512, saved: int = 0, version: int = 0x00010000, unique_id: bytes = UNIQUE_ID
) -> bytes:
    data = b"conectix" + number(2, 4) + number(version, 4)
    data += number(header_at if kind != 2 else (1 << 64) - 1, 8)
    data += number(0x2A000000, 4) + b"test" + number(0x10000, 4) + b"Wi2k"
    data += number(size, 8) + number(size, 8)
    data += b"\x00\x02\x04\x11"  # a geometry that has nothing to do with the size: readers must not use it
    data += number(kind, 4) + bytes(4) + unique_id + bytes([saved])
    return with_checksum(data.ljust(SECTOR, b"\0"), 64)


def header(
    table_at: int, entries: int, block_size: int, *, parent: str = "", locators: bytes = b"", parent_id: bytes = bytes(16)
) -> bytes:
    data = b"cxsparse" + number((1 << 64) - 1, 8) + number(table_at, 8) + number(0x00010000, 4)
    data += number(entries, 4) + number(block_size, 4) + bytes(4) + parent_id + bytes(4) + bytes(4)
    data += parent.encode("utf-16-be").ljust(512, b"\0")
    data += locators.ljust(8 * 24, b"\0")
    return with_checksum(data.ljust(1024, b"\0"), 36)


def fixed(data: bytes) -> bytes:
    return data + footer(len(data), 2)


@dataclass
class Dynamic:
    """A dynamic VHD to be laid out: ``blocks`` maps numbers to data; the file holds them in ``order``.

    With the name of a ``parent`` it is a differencing VHD, and clear sectors are the parent's.
    """

    size: int
    block_size: int = 0x200000
    blocks: dict[int, bytes] = field(default_factory=dict)
    clear: dict[int, set[int]] = field(default_factory=dict)  # block -> sectors whose bit is clear
    order: list[int] | None = None
    gap: int = 0  # sectors of junk before every block
    spare_entries: int = 0
    header_at: int = 512
    parent: str = ""
    parent_id: bytes = UNIQUE_ID
    unique_id: bytes = UNIQUE_ID
    placed: dict[int, int] = field(default_factory=dict)  # block -> where its bitmap begins

    @property
    def bitmap_size(self) -> int:
        bits = self.block_size // SECTOR
        sectors = 1
        while sectors * SECTOR * 8 < bits:
            sectors += 1
        return sectors * SECTOR

    def bitmap(self, block: int) -> bytes:
        bits = [0 if sector in self.clear.get(block, ()) else 1 for sector in range(self.block_size // SECTOR)]
        bits += [0] * (-len(bits) % 8)
        packed = bytes(int("".join(map(str, bits[at : at + 8])), 2) for at in range(0, len(bits), 8))
        return packed.ljust(self.bitmap_size, b"\0")

    def build(self) -> bytes:
        entries = self.spare_entries
        while entries * self.block_size < self.size or entries == 0:
            entries += 1
        entries += self.spare_entries
        table_at = self.header_at + 1024
        table = [NOWHERE] * entries
        end = footer(self.size, 4 if self.parent else 3, header_at=self.header_at, unique_id=self.unique_id)
        parent_id = self.parent_id if self.parent else bytes(16)
        dynamic = header(table_at, entries, self.block_size, parent=self.parent, parent_id=parent_id)
        data = bytearray(end.ljust(self.header_at, b"\xcc") + dynamic)
        data += b"\xff" * (-(-entries * 4 // SECTOR) * SECTOR)
        for block in self.order or sorted(self.blocks):
            data += b"\xcd" * (self.gap * SECTOR)
            self.placed[block] = len(data)
            table[block] = len(data) // SECTOR
            data += self.bitmap(block) + self.blocks[block].ljust(self.block_size, b"\0")
        data[table_at : table_at + 4 * entries] = b"".join(number(entry, 4) for entry in table)
        return bytes(data + end)

    def surface(self, parent: bytes = b"") -> bytes:
        """What the guest must see: holes and clear sectors are the parent's, zeros where there is none."""
        length = -(-self.size // self.block_size) * self.block_size
        below = parent[:length].ljust(length, b"\0")
        whole = bytearray(below)
        for block, data in self.blocks.items():
            base = block * self.block_size
            whole[base : base + len(data)] = data
            for sector in self.clear.get(block, ()):
                at = base + sector * SECTOR
                whole[at : at + SECTOR] = below[at : at + SECTOR]
        return bytes(whole[: self.size])
