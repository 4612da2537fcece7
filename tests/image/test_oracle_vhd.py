"""VHD beside qemu-img and dissect.hypervisor, over the whole surface."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from bootmend.image import open_image
from bootmend.source import FileSource, MemorySource, Overlay
from tests.image import vhd_writer
from tests.image.vhd_writer import Dynamic
from tests.support import needs, shared_data

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.image import Image

pytestmark = pytest.mark.oracle

MIB = 1 << 20
SIZE = 30 * MIB + 512 * 3


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def qemu_surface(path: Path) -> bytes:
    """What qemu sees; the size is the footer's, not the geometry's, which qemu's default prefers."""
    raw = path.with_suffix(".raw")
    options = f"driver=vpc,force_size_calc=current_size,file.driver=file,file.filename={path}"
    run("qemu-img", "convert", "--image-opts", options, "-O", "raw", str(raw))
    return raw.read_bytes()


def whole(image: Image, piece: int = 1_000_003) -> bytes:
    return b"".join(image.read_at(at, min(piece, image.size - at)) for at in range(0, image.size, piece))


@pytest.mark.parametrize("subformat", ["dynamic", "fixed"])
def test_an_image_that_qemu_wrote_in_any_order(tmp_path: Path, subformat: str) -> None:
    needs("qemu-img", "qemu-io")
    path = tmp_path / "disk.vhd"
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", f"subformat={subformat},force_size=on", str(path), str(SIZE // 512 * 512))
    rng = random.Random(subformat)
    commands: list[str] = []
    for block in rng.sample(range(15), 8):  # two of fifteen blocks and more stay holes
        commands += ["-c", f"write -P {block + 1} {block * 2 * MIB + rng.randrange(4000) * 512} {rng.randrange(1, 400) * 512}"]
    run("qemu-io", "-f", "vpc", *commands, str(path))
    expected = qemu_surface(path)
    with FileSource(path) as source:
        image = open_image(source)
        assert image.format == f"VHD {subformat}"
        assert image.remarks == []
        assert image.size == len(expected) == SIZE
        assert whole(image) == expected


def test_qemu_reads_what_we_wrote_in_place(tmp_path: Path) -> None:
    needs("qemu-img", "qemu-io")
    path = tmp_path / "disk.vhd"
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=dynamic,force_size=on", str(path), str(SIZE))
    run("qemu-io", "-f", "vpc", "-c", "write -P 7 13M 3M", "-c", "write -P 9 1M 3M", str(path))
    before = bytearray(qemu_surface(path))
    overlay = Overlay(MemorySource(path.read_bytes()), "disk")
    image = open_image(overlay)
    for offset in (13 * MIB + 77, 14 * MIB - 100, 2 * MIB - 1):  # the last two cross from block to block
        image.write_at(offset, b"bootmend" * 50)
        before[offset : offset + 400] = b"bootmend" * 50
    path.write_bytes(overlay.read_at(0, overlay.size))
    assert qemu_surface(path) == bytes(before)


@pytest.mark.parametrize("block_size", [1 << 19, 1 << 21])
def test_qemu_reads_the_images_of_the_tests_own_writer_alike(tmp_path: Path, block_size: int) -> None:
    """Shows that the writer from the specification, which the other tests trust, writes real VHDs."""
    needs("qemu-img")
    vhd = Dynamic(size=7 * block_size + 1024, block_size=block_size, gap=5, order=[5, 7, 0, 2])
    vhd.blocks = {block: random.Random(block).randbytes(block_size if block < 7 else 1024) for block in vhd.order or []}
    path = tmp_path / "ours.vhd"
    path.write_bytes(vhd.build())
    assert qemu_surface(path) == vhd.surface()
    path.write_bytes(vhd_writer.fixed(vhd.surface()))
    assert qemu_surface(path) == vhd.surface()


@pytest.mark.parametrize("name", ["dfvfs-ext2.vhd", "plaso-image.vhd", "dfvfs-image.vhd"])
def test_third_party_images_beside_dissect(name: str) -> None:
    vhd = pytest.importorskip("dissect.hypervisor.disk.vhd")
    path = shared_data("disks") / name
    with path.open("rb") as file, FileSource(path) as source:
        theirs = vhd.VHD(cast("BinaryIO", file))
        image = open_image(source)
        theirs.seek(0)
        assert whole(image) == theirs.read(image.size)
        assert image.size == theirs.size


@pytest.mark.parametrize("name", ["dfvfs-ext2.vhd", "plaso-image.vhd"])
def test_third_party_images_beside_qemu(tmp_path: Path, name: str) -> None:
    needs("qemu-img")
    path = tmp_path / name
    path.write_bytes((shared_data("disks") / name).read_bytes())
    with FileSource(path) as source:
        assert whole(open_image(source)) == qemu_surface(path)


def test_reading_a_large_sparse_image_needs_little(tmp_path: Path) -> None:
    needs("qemu-img", "qemu-io")
    path = tmp_path / "disk.vhd"
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=dynamic,force_size=on", str(path), "127G")
    run("qemu-io", "-f", "vpc", "-c", "write -P 7 100G 4K", str(path))
    with FileSource(path) as source:
        image = open_image(source)
        assert (source.bytes_read, source.reads) == (2048, 3)
        assert image.read_at((100 << 30) + 1024, 1024) == b"\x07" * 1024
        assert image.read_at(50 << 30, 1024) == bytes(1024)
        assert source.bytes_read <= 2048 + 2 * 1024 + 512 + 1024
