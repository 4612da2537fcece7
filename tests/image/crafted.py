"""Images made to do harm, after each format's specification: each does one thing that no honest image does."""

from __future__ import annotations

import struct
import zlib
from struct import pack
from typing import TYPE_CHECKING

from tests.image import vhd_writer, vhdx_writer
from tests.image.vhdx_writer import MIB, Vhdx, child_of

if TYPE_CHECKING:
    from collections.abc import Callable

CLUSTER = 64 << 10
COPIED, COMPRESSED = 1 << 63, 1 << 62
ELSEWHERE = "/etc/passwd"
UPWARDS = "../elsewhere/secret.raw"


def qcow2(
    *, size: int = 64 * MIB, l1: list[int] | None = None, l2: list[int] | None = None, tail: bytes = b"",
    features: int = 0, backing: str = "", extension: tuple[int, str] | None = None, **header: int,
) -> bytes:  # fmt: skip
    """Clusters: 0 header, 1 refcount table, 2 refcount block, 3 L1, 4 L2, and then ``tail``."""
    fields = {"l1_size": 1, "refcounts": CLUSTER} | header
    name = backing.encode()
    extended = pack(">II", extension[0], len(extension[1])) + extension[1].encode() if extension else b""
    extended += bytes(-len(extended) % 8 + 8)
    name_at = 104 + len(extended)
    head = pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, name_at if name else 0, len(name), 16, size, 0, fields["l1_size"],
                3 * CLUSTER, fields["refcounts"], 1, 0, 0)  # fmt: skip
    head += pack(">QQQII", features, 0, 0, 4, 104) + extended + name
    tables = [pack(">Q", 2 * CLUSTER), pack(">H", 1) * 8]
    tables.append(b"".join(pack(">Q", entry) for entry in l1 or [4 * CLUSTER | COPIED]))
    tables.append(b"".join(pack(">Q", entry) for entry in l2 or []))
    return b"".join(part.ljust(CLUSTER, b"\0") for part in (head, *tables)) + tail


def qcow2_bomb() -> bytes:
    """Every cluster of a large disk is the same packed one, which unpacks to much more than a cluster."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    packed = (packer.compress(bytes(64 * MIB)) + packer.flush()).ljust(CLUSTER, b"\0")
    sectors = 127
    entry = COMPRESSED | sectors << (62 - 8) | 5 * CLUSTER
    return qcow2(size=8192 * CLUSTER, l2=[entry] * 8192, tail=packed)


def vmdk(text: str = "", *, sectors: int = 1 << 17, grain: int = 128, entries: int = 512, table: list[int] | None = None,
         directory: list[int] | None = None, flags: int = 1, compression: int = 0, tail: bytes = b"") -> bytes:  # fmt: skip
    """Sectors: 0 header, 1 descriptor, 8 directory, 128 the first table, 256 what follows."""
    text = text or descriptor(f'RW {sectors} SPARSE "d.vmdk"')
    head = pack("<4sIIQQQQIQQQB4sH", b"KDMV", 1, flags, sectors, grain, 1, 7, entries, 0, 8, 128, 0, b"\n \r\n", compression)
    data = head.ljust(512, b"\0") + text.encode().ljust(7 * 512, b"\0")
    data += b"".join(pack("<I", entry) for entry in directory or [128] * 120).ljust(120 * 512, b"\0")
    return data + b"".join(pack("<I", entry) for entry in table or []).ljust(128 * 512, b"\0") + tail


def descriptor(*extents: str, parent: str = "", kind: str = "monolithicSparse") -> str:
    parent_lines = ("parentCID=12345678", f'parentFileNameHint="{parent}"') if parent else ("parentCID=ffffffff",)
    lines = ("# Disk DescriptorFile", "version=1", "CID=12345678", *parent_lines, f'createType="{kind}"', *extents, "")
    return "\n".join(lines)


def vmdk_bomb() -> bytes:
    """A stream whose grains all are one packed grain that unpacks to much more."""
    packed = zlib.compress(bytes(64 * MIB), 9)
    marked = (pack("<QI", 0, len(packed)) + packed).ljust(128 * 512, b"\0")
    data = bytearray(vmdk(flags=0x30001, compression=1, table=[256] * 512, tail=marked))
    return bytes(data)


def vhd(table: list[int], *, entries: int | None = None, block: int = 2 * MIB, size: int = 64 * MIB) -> bytes:
    """A dynamic VHD with this block table."""
    end = vhd_writer.footer(size, 3)
    head = vhd_writer.header(1536, len(table) if entries is None else entries, block)
    return end + head + b"".join(pack(">I", entry) for entry in table).ljust(4096, b"\xff") + bytes(4 * MIB) + end


def vhd_child(parent: str) -> bytes:
    return vhd_writer.Dynamic(size=4 * MIB, parent=parent).build()


def vhdx_child(name: str) -> bytes:
    pairs = child_of(name) | {"relative_path": name, "volume_path": name, "absolute_win32_path": name}
    return Vhdx(size=4 * MIB, parent=pairs).build()


def vhdx_of(entry: int, count: int = 8) -> bytes:
    """All blocks in one place, or in impossible ones."""
    data = bytearray(Vhdx(size=count * MIB, full={0: b"x" * MIB}).build())
    data[vhdx_writer.BAT_AT : vhdx_writer.BAT_AT + 8 * count] = pack("<Q", entry) * count
    return bytes(data)


def vhdx_endless_log() -> bytes:
    """A ring full of entries, each of which says that the sequence goes on."""
    entry = vhdx_writer.log_entry(1, 0, [], flushed=8 * MIB, last=8 * MIB)
    copies = vhdx_writer.LOG_SIZE // len(entry)
    return Vhdx(size=8 * MIB, log=entry * copies).build()


def fixed_disk(table: bytes) -> bytes:
    """A raw disk with only a partition table."""
    return (bytes(446) + table).ljust(510, b"\0") + b"\x55\xaa" + bytes(MIB)


def extended_loop() -> bytes:
    """A chain of logical partitions that comes back to itself."""
    disk = bytearray(fixed_disk(pack("<B3sB3sII", 0, b"", 5, b"", 63, 1000)))
    link = bytes(446) + pack("<B3sB3sII", 0, b"", 7, b"", 1, 10) + pack("<B3sB3sII", 0, b"", 5, b"", 0, 900)
    disk[63 * 512 : 64 * 512] = link.ljust(510, b"\0") + b"\x55\xaa"
    return bytes(disk)


def gpt_of_many() -> bytes:
    """A GPT header that asks for four thousand million entries."""
    head = bytearray(
        pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, 2000, 34, 1900, b"d" * 16, 2, 0xFFFFFFFF, 128, 0)
    )
    head[16:20] = pack("<I", zlib.crc32(bytes(head)))
    disk = bytearray(fixed_disk(pack("<B3sB3sII", 0, b"", 0xEE, b"", 1, 0xFFFFFFFF)))
    disk[512 : 512 + len(head)] = head
    return bytes(disk)


def vhd_huge_table() -> bytes:
    """A table that would take 16 GiB."""
    data = bytearray(vhd([0xFFFFFFFF] * 16, entries=0xFFFFFFFF))
    return bytes(data)


DATA_FILE, DATA_FILE_NAME, BACKING_FORMAT = 4, 0x44415441, 0xE2792ACA

CRAFTED: dict[str, Callable[[], bytes]] = {
    "qcow2: an L2 table that is the L1 table": lambda: qcow2(l1=[3 * CLUSTER | COPIED]),
    "qcow2: clusters that are the header": lambda: qcow2(l2=[COPIED] * 1000),
    "qcow2: all clusters in one place": lambda: qcow2(l2=[5 * CLUSTER | COPIED] * 1024, tail=bytes(CLUSTER)),
    "qcow2: a cluster that is its own table": lambda: qcow2(l2=[4 * CLUSTER | COPIED] * 1024),
    "qcow2: a huge L1 table": lambda: qcow2(l1_size=0x7FFFFFFF),
    "qcow2: a disk of 2**55 bytes": lambda: qcow2(size=1 << 55, l1_size=1 << 22),
    "qcow2: counts past the end": lambda: qcow2(refcounts=1 << 50),
    "qcow2: packed bombs": qcow2_bomb,
    "qcow2: backed by a file elsewhere": lambda: qcow2(backing=ELSEWHERE, extension=(BACKING_FORMAT, "raw")),
    "qcow2: backed by a path upwards": lambda: qcow2(backing=UPWARDS, extension=(BACKING_FORMAT, "raw")),
    "qcow2: backed by itself": lambda: qcow2(backing="disk.img"),
    "qcow2: backed by JSON": lambda: qcow2(
        backing=f'json:{{"driver":"raw","file":{{"driver":"file","filename":"{ELSEWHERE}"}}}}'
    ),
    "qcow2: backed by a server": lambda: qcow2(backing="nbd://127.0.0.1:1/x"),
    "qcow2: its data elsewhere": lambda: qcow2(features=DATA_FILE, extension=(DATA_FILE_NAME, ELSEWHERE)),
    "VMDK: all grains in one place": lambda: vmdk(table=[256] * 512, tail=bytes(CLUSTER)),
    "VMDK: grains that are the header": lambda: vmdk(table=[2] * 512),
    "VMDK: a directory that is its own table": lambda: vmdk(directory=[8] * 100),
    "VMDK: a huge disk": lambda: vmdk(sectors=1 << 45),
    "VMDK: tables of one entry": lambda: vmdk(sectors=1 << 40, entries=1, grain=8),
    "VMDK: packed bombs": vmdk_bomb,
    "VMDK: an extent elsewhere": lambda: descriptor(f'RW 2048 FLAT "{ELSEWHERE}" 0', kind="monolithicFlat").encode(),
    "VMDK: an extent that is itself": lambda: descriptor('RW 2048 SPARSE "disk.img"', kind="monolithicFlat").encode().ljust(4096),
    "VMDK: a million extents": lambda: (descriptor(*['RW 1 FLAT "disk.img" 0'] * 40_000, kind="monolithicFlat")).encode(),
    "VMDK: a parent elsewhere": lambda: vmdk(descriptor('RW 131072 SPARSE "d.vmdk"', parent=ELSEWHERE)),
    "VMDK: its own parent": lambda: vmdk(descriptor('RW 131072 SPARSE "d.vmdk"', parent="disk.img")),
    "VHD: all blocks in one place": lambda: vhd([16] * 32),
    "VHD: blocks that are the header": lambda: vhd([0] * 32),
    "VHD: a huge table": vhd_huge_table,
    "VHD: blocks of 2 GiB": lambda: vhd([16] * 32, block=1 << 31),
    "VHD: a parent elsewhere": lambda: vhd_child(ELSEWHERE),
    "VHD: its own parent": lambda: vhd_child("disk.img"),
    "VHDX: all blocks in one place": lambda: vhdx_of(4 * MIB | 6),
    "VHDX: blocks past the end": lambda: vhdx_of(1 << 60 | 6),
    "VHDX: a log without end": vhdx_endless_log,
    "VHDX: a parent elsewhere": lambda: vhdx_child(ELSEWHERE),
    "VHDX: a parent upwards": lambda: vhdx_child(UPWARDS.replace("/", "\\")),
    "VHDX: its own parent": lambda: vhdx_child("disk.img"),
    "raw: logical partitions in a circle": extended_loop,
    "raw: a GPT of 2**32 entries": gpt_of_many,
    "raw: partitions over one another": lambda: fixed_disk(
        b"".join(struct.pack("<B3sB3sII", 0x80, b"", 7, b"", 1, 0xFFFFFFFF) for _ in range(4))
    ),
}
