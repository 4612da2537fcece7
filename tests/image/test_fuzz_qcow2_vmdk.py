"""Damaged qcow2 and VMDK images: only our errors, in bounded time and memory."""

from __future__ import annotations

import contextlib
import random
import time
from struct import pack

import pytest

from bootmend.errors import BootmendError, CorruptError, TruncatedError, UnsupportedError
from bootmend.image import open_image
from bootmend.source import MemorySource, Overlay
from tests.support import fuzz_cases

CLUSTER = 512
COPIED = 1 << 63
GRAIN = 8 * 512


def qcow2(*, version: int = 3, entry: int | None = None, l2: int = 4 * CLUSTER, **header: int) -> bytes:
    """After the specification: clusters 0 header, 1 refcount table, 2 refcount block, 3 L1, 4 L2, 5 data of cluster 1."""
    fields = {"size": 20 * CLUSTER, "l1_size": 1, "crypt": 0, "bits": 9, "incompatible": 0, "order": 4, "backing": 0, "length": 0}
    fields |= header
    head = pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, fields["backing"], fields["length"], fields["bits"], fields["size"],
                fields["crypt"], fields["l1_size"], 3 * CLUSTER, CLUSTER, 1, 0, 0)  # fmt: skip
    head += pack(">QQQII", fields["incompatible"], 0, 0, fields["order"], 104) + bytes(8)
    table = pack(">Q", 2 * CLUSTER).ljust(CLUSTER, b"\0")
    counts = (pack(">H", 1) * 6).ljust(CLUSTER, b"\0")
    first = pack(">Q", l2 | COPIED).ljust(CLUSTER, b"\0")
    second = pack(">QQ", 0, 5 * CLUSTER | COPIED if entry is None else entry).ljust(CLUSTER, b"\0")
    return head.ljust(CLUSTER, b"\0") + table + counts + first + second + bytes(range(256)) * 2


def vmdk() -> bytes:
    """After the specification: header, descriptor, directory, one table of 512 entries, one grain (the second)."""
    lines = ("# Disk DescriptorFile", "version=1", "CID=12345678", "parentCID=ffffffff", 'RW 64 SPARSE "d.vmdk"', "")
    text = "\n".join(lines).encode()
    head = pack("<4sIIQQQQIQQQB4sH", b"KDMV", 1, 1, 64, 8, 1, 1, 512, 0, 2, 16, 0, b"\n \r\n", 0).ljust(512, b"\0")
    directory = pack("<I", 3).ljust(512, b"\0")
    return (head + text.ljust(512, b"\0") + directory + pack("<II", 0, 16).ljust(2048, b"\0")).ljust(
        16 * 512, b"\0"
    ) + b"g" * GRAIN


def mutated(data: bytes, rng: random.Random) -> bytes:
    result = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(min(rng.choice((112, 1600, len(data))), len(data)))
        value = (
            rng.randbytes(rng.choice((1, 1, 2, 4, 8))) if rng.random() < 0.5 else bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF))])
        )
        result[at : at + len(value)] = value[: len(result) - at]
    if rng.random() < 0.2:
        del result[rng.randrange(len(result)) :]
    return bytes(result)


@pytest.mark.parametrize("base", [qcow2(), qcow2(version=2), vmdk()], ids=["qcow2 v3", "qcow2 v2", "vmdk"])
def test_mutated_images(base: bytes) -> None:
    rng = random.Random(42)
    opened, begin, count = 0, time.process_time(), fuzz_cases(300)
    for _ in range(count):
        with contextlib.suppress(BootmendError):
            image = open_image(Overlay(MemorySource(mutated(base, rng)), "disk"))
            opened += 1
            for _ in range(4):
                offset = rng.randrange(min(image.size, 1 << 40) or 1)
                length = min(rng.randrange(20_000), image.size - offset)
                with contextlib.suppress(BootmendError):
                    assert len(image.read_at(offset, length)) == length
                    assert sum(extent.length for extent in image.locate(offset, length)) == length
                with contextlib.suppress(BootmendError):
                    patch = rng.randbytes(min(700, length))
                    image.write_at(offset, patch)
                    assert image.read_at(offset, len(patch)) == patch
    assert opened > count // 10
    assert time.process_time() - begin < 0.05 * count


def test_the_fixtures_are_what_they_claim() -> None:
    image = open_image(MemorySource(qcow2()))
    assert image.read_at(0, 3 * CLUSTER) == bytes(CLUSTER) + bytes(range(256)) * 2 + bytes(CLUSTER)
    image = open_image(MemorySource(vmdk()))
    assert image.read_at(0, 3 * GRAIN) == bytes(GRAIN) + b"g" * GRAIN + bytes(GRAIN)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (qcow2(version=4), UnsupportedError, "version 4 of qcow2"),
        (qcow2(crypt=1), UnsupportedError, r"encrypted \(AES\)"),
        (qcow2(incompatible=1 << 40), UnsupportedError, "features that are not known"),
        (qcow2(bits=30), CorruptError, r"clusters of 2\*\*30"),
        (qcow2(size=1 << 60), CorruptError, "a disk of"),
        (qcow2(l1_size=1 << 30), CorruptError, "an L1 table"),
        (qcow2(order=9), CorruptError, r"refcounts of 2\*\*9"),
        (qcow2(backing=200, length=1000), CorruptError, "the name of the backing file"),
    ],
)
def test_a_header_that_cannot_be(data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        open_image(MemorySource(data))


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (qcow2(entry=700 | COPIED), None, ""),  # the bits below the sector are reserved, and masked
        (qcow2(entry=5 << 40 | COPIED), TruncatedError, "lies past the end of the file"),
        (qcow2(l2=100 * CLUSTER), TruncatedError, "L2 table 0x0 at 0xc800 lies past the end"),
        (qcow2(entry=1 << 62 | 5 * CLUSTER), CorruptError, "a compressed cluster is damaged"),
    ],
)
def test_tables_that_point_nowhere(data: bytes, error: type[Exception] | None, words: str) -> None:
    image = open_image(MemorySource(data))
    if error is None:
        assert len(image.read_at(CLUSTER, 10)) == 10
        return
    with pytest.raises(error, match=words):
        image.read_at(CLUSTER, 10)


def test_a_compression_bomb_is_cut_at_the_cluster() -> None:
    """A cluster that unpacks to more than a cluster gives just a cluster."""
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    packed = packer.compress(bytes(1 << 20)) + packer.flush()
    data = qcow2(entry=1 << 62 | 3 << 61 | 5 * CLUSTER)[: 5 * CLUSTER] + packed
    assert open_image(MemorySource(data)).read_at(CLUSTER, CLUSTER) == bytes(CLUSTER)
