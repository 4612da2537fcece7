"""A small VHDX writer for tests, from [MS-VHDX] alone.  It shares no code with the reader."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cache

KIB, MIB = 1 << 10, 1 << 20
HEADERS = (64 * KIB, 128 * KIB)
LOG_AT, LOG_SIZE = MIB, MIB
METADATA_AT = 2 * MIB
BAT_AT = 3 * MIB
NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, FULL, PARTIAL = 0, 1, 2, 3, 6, 7
FILE_GUID, DATA_GUID, LOG_GUID = (bytes([value]) * 16 for value in (0xF1, 0xDA, 0x10))
DISK_ID = b"disk-identifier!"

CRC_TABLE = []
for _value in range(256):
    for _ in range(8):
        _value = (_value >> 1) ^ (0x82F63B78 * (_value & 1))
    CRC_TABLE.append(_value)


def crc(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register = CRC_TABLE[(register ^ byte) & 0xFF] ^ register >> 8
    return register ^ 0xFFFFFFFF


def summed(data: bytes) -> bytes:
    """Fill the checksum at offset 4 in."""
    blank = data[:4] + bytes(4) + data[8:]
    return blank[:4] + struct.pack("<I", crc(blank)) + blank[8:]


def guid(text: str) -> bytes:
    import uuid

    return uuid.UUID(text).bytes_le


def braced(data: bytes) -> str:
    import uuid

    return "{" + str(uuid.UUID(bytes_le=data)) + "}"


def header(
    sequence: int, *, log: bytes = bytes(16), data_guid: bytes = DATA_GUID, version: int = 1, log_version: int = 0
) -> bytes:
    parts = struct.pack("<4sIQ", b"head", 0, sequence) + FILE_GUID + data_guid + log
    parts += struct.pack("<HHIQ", log_version, version, LOG_SIZE, LOG_AT)
    return summed(parts.ljust(4 * KIB, b"\0"))


@cache
def region_table(bat_size: int, *, more: tuple[tuple[bytes, int, int, int], ...] = ()) -> bytes:
    entries = (
        (guid("2DC27766-F623-4200-9D64-115E9BFD4A08"), BAT_AT, bat_size, 1),
        (guid("8B7CA206-4790-4B9A-B8FE-575F050F886E"), METADATA_AT, MIB, 1),
        *more,
    )
    table = struct.pack("<4sIII", b"regi", 0, len(entries), 0)
    table += b"".join(name + struct.pack("<QII", at, size, required) for name, at, size, required in entries)
    return summed(table.ljust(64 * KIB, b"\0"))


def metadata(items: list[tuple[bytes, bytes, int]]) -> bytes:
    table = struct.pack("<8sHH20x", b"metadata", 0, len(items))
    body = b""
    for name, value, flags in items:
        table += name + struct.pack("<IIII", 64 * KIB + len(body), len(value), flags, 0)
        body += value
    return (table.ljust(64 * KIB, b"\0") + body).ljust(MIB, b"\0")


def locator(pairs: dict[str, str], kind: str = "B04AEFB7-D19E-4A81-B789-25B8E9445913") -> bytes:
    head = guid(kind) + struct.pack("<HH", 0, len(pairs))
    table, body = b"", b""
    base = 20 + 12 * len(pairs)
    for key, value in pairs.items():
        name, text = key.encode("utf-16-le"), value.encode("utf-16-le")
        table += struct.pack("<IIHH", base + len(body), base + len(body) + len(name), len(name), len(text))
        body += name + text
    return head + table + body


@dataclass
class Vhdx:
    """A VHDX to be laid out; blocks that are in none of the dicts are not present."""

    size: int
    block_size: int = MIB
    sector: int = 512
    full: dict[int, bytes] = field(default_factory=dict)
    partial: dict[int, dict[int, bytes]] = field(default_factory=dict)  # block -> sector -> data
    states: dict[int, int] = field(default_factory=dict)  # block -> state without data
    order: list[int] | None = None
    gap: int = 0  # MiB of junk before each block
    parent: dict[str, str] | None = None
    fixed: bool = False
    log: bytes = b""  # what the log region holds; makes the header name it
    data_guid: bytes = DATA_GUID
    items: tuple[tuple[bytes, bytes, int], ...] = ()
    regions: tuple[tuple[bytes, int, int, int], ...] = ()
    stray_bitmaps: int = 0  # what stands in the bitmap entries of a disk that has none
    placed: dict[int, int] = field(default_factory=dict)

    @property
    def ratio(self) -> int:
        return (1 << 23) * self.sector // self.block_size

    @property
    def count(self) -> int:
        return -(-self.size // self.block_size)

    def index(self, block: int) -> int:
        return block + block // self.ratio

    def bitmap_index(self, chunk: int) -> int:
        return chunk * (self.ratio + 1) + self.ratio

    def bitmap(self, chunk: int) -> bytes:
        bits = bytearray(MIB)
        per_block = self.block_size // self.sector
        for block, sectors in self.partial.items():
            if block // self.ratio == chunk:
                for sector in sectors:
                    bit = block % self.ratio * per_block + sector
                    bits[bit // 8] |= 1 << bit % 8
        return bytes(bits)

    def _entries(self, data: bytearray) -> dict[int, int]:
        """Place the blocks behind what is there; returns the table's entries."""
        entries = {self.index(block): state for block, state in self.states.items()}
        for block in self.order or sorted([*self.full, *self.partial]):
            data += b"\xcd" * (self.gap * MIB)
            self.placed[block] = len(data)
            entries[self.index(block)] = len(data) | (FULL if block in self.full else PARTIAL)
            if block in self.full:
                data += self.full[block].ljust(self.block_size, b"\0")
            else:
                body = bytearray(b"\xee" * self.block_size)  # stale bytes, which no bit vouches for
                for sector, content in self.partial[block].items():
                    body[sector * self.sector : (sector + 1) * self.sector] = content
                data += body
        for chunk in sorted({block // self.ratio for block in self.partial}):
            entries[self.bitmap_index(chunk)] = len(data) | FULL
            data += self.bitmap(chunk)
        return entries

    def build(self) -> bytes:
        chunks = -(-self.count // self.ratio)
        total = chunks * (self.ratio + 1) if self.parent else self.count + (self.count - 1) // self.ratio
        bat_size = max(-(-total * 8 // MIB), 1) * MIB
        items = [
            (
                guid("CAA16737-FA36-4D43-B3B6-33F0AA44E76B"),
                struct.pack("<II", self.block_size, self.fixed | (2 if self.parent else 0)),
                4,
            ),
            (guid("2FA54224-CD1B-4876-B211-5DBED83BF4B8"), struct.pack("<Q", self.size), 6),
            (guid("BECA12AB-B2E6-4523-93EF-C309E000C746"), DISK_ID, 6),
            (guid("8141BF1D-A96F-4709-BA47-F233A8FAAB5F"), struct.pack("<I", self.sector), 6),
            (guid("CDA348C7-445D-4471-9CC9-E9885251C556"), struct.pack("<I", 4096), 6),
            *self.items,
        ]
        if self.parent:
            items.append((guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C"), locator(self.parent), 4))
        data = bytearray(BAT_AT + bat_size)
        entries = self._entries(data)
        if not self.parent:
            for chunk in range((self.count - 1) // self.ratio):
                entries[self.bitmap_index(chunk)] = self.stray_bitmaps
        for index, value in entries.items():
            data[BAT_AT + index * 8 : BAT_AT + index * 8 + 8] = struct.pack("<Q", value)
        name = LOG_GUID if self.log else bytes(16)
        placed = {
            0: b"vhdxfile" + "bootmend tests".encode("utf-16-le"),
            HEADERS[0]: header(6, log=name, data_guid=self.data_guid),
            HEADERS[1]: header(7, log=name, data_guid=self.data_guid),
            192 * KIB: region_table(bat_size, more=self.regions),
            256 * KIB: region_table(bat_size, more=self.regions),
            LOG_AT: self.log,
            METADATA_AT: metadata(items),
        }
        for at, part in placed.items():
            data[at : at + len(part)] = part
        return bytes(data)

    def surface(self, parent: bytes = b"") -> bytes:
        """What the guest must see, over ``parent`` where nothing of the child is."""
        whole = bytearray(parent[: self.size].ljust(self.size, b"\0")) + bytes(self.block_size)
        for block, state in self.states.items():
            if state != NOT_PRESENT:
                whole[block * self.block_size : (block + 1) * self.block_size] = bytes(self.block_size)
        for block, content in self.full.items():
            whole[block * self.block_size : (block + 1) * self.block_size] = content.ljust(self.block_size, b"\0")
        for block, sectors in self.partial.items():
            for sector, content in sectors.items():
                at = block * self.block_size + sector * self.sector
                whole[at : at + self.sector] = content
        return bytes(whole[: self.size])


def child_of(name: str, data_guid: bytes = DATA_GUID) -> dict[str, str]:
    """A parent locator's pairs as Hyper-V writes them."""
    return {
        "parent_linkage": braced(data_guid),
        "relative_path": f".\\{name}",
        "absolute_win32_path": f"C:\\VMs\\{name}",
        "volume_path": f"\\\\?\\Volume{{00000000-0000-0000-0000-000000000001}}\\VMs\\{name}",
    }


# -- the log ---------------------------------------------------------------------------------------------------------
def data_descriptor(offset: int, sector: bytes, sequence: int) -> tuple[bytes, bytes]:
    """A descriptor and its data sector: the first eight and last four bytes of the data travel in the descriptor."""
    described = struct.pack("<4s4s8sQQ", b"desc", sector[-4:], sector[:8], offset, sequence)
    carried = b"data" + struct.pack("<I", sequence >> 32) + sector[8:-4] + struct.pack("<I", sequence & 0xFFFFFFFF)
    return described, carried


def zero_descriptor(offset: int, length: int, sequence: int) -> tuple[bytes, bytes]:
    return struct.pack("<4sIQQQ", b"zero", 0, length, offset, sequence), b""


def log_entry(
    sequence: int,
    tail: int,
    writes: list[tuple[int, bytes | int]],
    *,
    log: bytes = LOG_GUID,
    flushed: int = 4 * MIB,
    last: int = 4 * MIB,
) -> bytes:
    """An entry; each write is an offset and a sector of 4 KiB, or a length of zeros."""
    pairs = [
        zero_descriptor(at, what, sequence) if isinstance(what, int) else data_descriptor(at, what, sequence)
        for at, what in writes
    ]
    descriptors = b"".join(described for described, _ in pairs)
    table = -(-(64 + len(descriptors)) // 4096) * 4096
    sectors = b"".join(carried for _, carried in pairs)
    head = struct.pack("<4sIIIQII", b"loge", 0, table + len(sectors), tail, sequence, len(pairs), 0)
    head += log + struct.pack("<QQ", flushed, last)
    return summed((head + descriptors).ljust(table, b"\0") + sectors)


def ring(*placed: tuple[int, bytes], size: int = LOG_SIZE) -> bytes:
    """A log with entries at offsets; what passes the end goes on at the beginning."""
    data = bytearray(size)
    for at, entry in placed:
        for index in range(0, len(entry), 4096):
            place = (at + index) % size
            data[place : place + 4096] = entry[index : index + 4096]
    return bytes(data)
