"""FAT volumes built for tests, after the specification and without the code under test.

``FatVolume`` lays out boot sector, FATs, directories and files, and lets a test spoil any of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

END = {12: 0xFFF, 16: 0xFFFF, 32: 0x0FFFFFFF}
SIZES = {12: (1, 500), 16: (1, 5000), 32: (1, 4000)}
"""Sectors a cluster and data clusters by type; the FAT32 is smaller than the specification allows, but quick to build."""
DATE, TIME = (2024 - 1980) << 9 | 2 << 5 | 29, 12 << 11 | 34 << 5 | 28  # 2024-02-29 12:34:56


def short_checksum(name: bytes) -> int:
    """The specification's ChkSum(): rotate right, add."""
    total = 0
    for byte in name:
        total = ((0x80 if total & 1 else 0) + (total >> 1) + byte) % 256
    return total


def short_slot(name: bytes, cluster: int = 0, size: int = 0, attributes: int = 0x20, case: int = 0) -> bytes:
    """One 8.3 slot."""
    return struct.pack("<11sBBBHHHHHHHI", name, attributes, case, 0, 0, 0, 0, cluster >> 16, TIME, DATE, cluster & 0xFFFF, size)


def long_slots(name: str, short: bytes) -> list[bytes]:
    """The slots of a long name, in the order in which they are stored: last part first."""
    units = name.encode("utf-16-le")
    count = -(-len(units) // 26)
    if len(units) % 26:
        units = (units + b"\0\0").ljust(count * 26, b"\xff")
    slots = []
    for number in range(count, 0, -1):
        part = units[(number - 1) * 26 : number * 26]
        order = number | (0x40 if number == count else 0)
        check = short_checksum(short)
        slots.append(struct.pack("<B10sBBB12sH4s", order, part[:10], 0x0F, 0, check, part[10:22], 0, part[22:]))
    return slots


@dataclass
class FatVolume:
    """A volume in the making. Clusters are handed out ascending from 2 (from 3 on a FAT32, whose root is 2)."""

    bits: int = 16
    per_cluster: int = 0
    clusters: int = 0
    sector: int = 512
    label: bytes = b"NO NAME    "
    gap: int = 0
    """How many clusters to leave out after each one: a gap fragments every file."""
    chains: dict[int, int] = field(default_factory=dict)
    content: dict[int, bytes] = field(default_factory=dict)
    root: list[bytes] = field(default_factory=list)
    folders: dict[str, list[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        usual = SIZES[self.bits]
        self.per_cluster = self.per_cluster or usual[0]
        self.clusters = self.clusters or usual[1]
        self.next_free = 3 if self.bits == 32 else 2
        self.root_entries = 0 if self.bits == 32 else 512
        self.reserved = 32 if self.bits == 32 else 1
        entry_bits = self.bits
        self.fat_sectors = -(-(self.clusters + 2) * entry_bits // 8 // self.sector) + 1
        self.fat_offset = self.reserved * self.sector
        self.root_offset = self.fat_offset + 2 * self.fat_sectors * self.sector
        self.data_offset = self.root_offset + self.root_entries * 32
        self.cluster = self.per_cluster * self.sector

    def place(self, cluster: int) -> int:
        """Where a cluster lies."""
        return self.data_offset + (cluster - 2) * self.cluster

    def store(self, data: bytes) -> int:
        """Put bytes into clusters of their own and return the first; 0 for no bytes."""
        if not data:
            return 0
        count = -(-len(data) // self.cluster)
        numbers = [self.next_free + index * (1 + self.gap) for index in range(count)]
        self.next_free = numbers[-1] + 1 + self.gap
        for index, number in enumerate(numbers):
            self.content[number] = data[index * self.cluster : (index + 1) * self.cluster]
            self.chains[number] = numbers[index + 1] if index + 1 < count else END[self.bits]
        return numbers[0]

    def file(self, data: bytes, short: bytes, long: str = "", folder: str = "", attributes: int = 0x20, case: int = 0) -> int:
        """Add a file to a folder made later by :meth:`folder`, or to the root; returns its first cluster."""
        first = self.store(data)
        slots = (long_slots(long, short) if long else []) + [short_slot(short, first, len(data), attributes, case)]
        (self.folders.setdefault(folder, []) if folder else self.root).extend(slots)
        return first

    def folder(self, name: str, short: bytes, parent: str = "", long: str = "") -> int:
        """Finish a folder: everything must have been added to it."""
        slots = [
            short_slot(b".          ", attributes=0x10),
            short_slot(b"..         ", attributes=0x10),
            *self.folders.get(name, []),
        ]
        first = self.store(b"".join(slots).ljust(self.cluster, b"\0"))
        entry = (long_slots(long, short) if long else []) + [short_slot(short, first, 0, 0x10)]
        (self.folders.setdefault(parent, []) if parent else self.root).extend(entry)
        return first

    def table(self) -> bytes:
        """One FAT."""
        values = {0: END[self.bits] & ~0xFF | 0xF8, 1: END[self.bits], **self.chains}
        if self.bits != 12:
            data = bytearray(self.fat_sectors * self.sector)
            for cluster, value in values.items():
                struct.pack_into("<H" if self.bits == 16 else "<I", data, cluster * self.bits // 8, value)
            return bytes(data)
        packed = 0
        for cluster, value in values.items():
            packed |= value << (12 * cluster)
        return packed.to_bytes(self.fat_sectors * self.sector, "little")

    def boot_sector(self) -> bytes:
        """The first sector."""
        total = self.data_offset // self.sector + self.clusters * self.per_cluster
        boot = bytearray(self.sector)
        boot[:11] = b"\xeb\x58\x90MSDOS5.0"
        small = total if total < 65536 and self.bits != 32 else 0
        fat16 = 0 if self.bits == 32 else self.fat_sectors
        head = (self.sector, self.per_cluster, self.reserved, 2, self.root_entries, small, 0xF8, fat16, 63, 255, 2048)
        struct.pack_into("<HBHBHHBHHHI", boot, 11, *head)
        struct.pack_into("<I", boot, 32, 0 if small else total)
        if self.bits == 32:
            struct.pack_into("<IHHIHH", boot, 36, self.fat_sectors, 0, 0, 2, 1, 6)
        tail = 64 if self.bits == 32 else 36
        struct.pack_into("<BBBI11s8s", boot, tail, 0x80, 0, 0x29, 0x67675EED, self.label, f"FAT{self.bits}   ".encode())
        boot[510:512] = b"\x55\xaa"
        return bytes(boot)

    def build(self) -> bytearray:
        """The volume's bytes."""
        root = b"".join(self.root)
        if self.bits == 32:
            self.chains.setdefault(2, END[32])
            self.content[2] = root
        image = bytearray(self.place(self.clusters + 2))
        image[: self.sector] = self.boot_sector()
        table = self.table()
        for number in range(2):
            start = self.fat_offset + number * len(table)
            image[start : start + len(table)] = table
        if self.bits != 32:
            image[self.root_offset : self.root_offset + len(root)] = root
        for cluster, data in self.content.items():
            image[self.place(cluster) : self.place(cluster) + len(data)] = data
        return image


def esp(bits: int = 32, gap: int = 0, per_cluster: int = 0) -> FatVolume:
    """A volume like an EFI system partition: ``\\EFI\\Microsoft\\Boot\\BCD`` and a few more."""
    volume = FatVolume(bits, gap=gap, per_cluster=per_cluster)
    volume.root.append(short_slot(b"SYSTEM     ", attributes=0x08))
    volume.file(BCD, b"BCD        ", folder="boot", attributes=0x26)
    volume.file(b"", b"BCD     LOG", folder="boot")
    volume.file(b"MZ" * 700, b"BOOTMGFWEFI", folder="boot", case=0x18)
    volume.folder("boot", b"BOOT       ", "microsoft", "Boot")
    volume.folder("microsoft", b"MICROS~1   ", "efi", "Microsoft")
    volume.folder("efi", b"EFI        ")
    return volume


BCD = bytes(range(256)) * 32
