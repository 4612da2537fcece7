"""VHDX and differencing disks beside qemu-img, libvhdi and dissect.hypervisor, over the whole surface."""

from __future__ import annotations

import gzip
import hashlib
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.engine.neighbours import given_parents
from bootmend.engine.target import Target
from bootmend.errors import MissingError
from bootmend.image import open_image
from bootmend.source import FileSource, MemorySource, Overlay
from tests.image import vhd_writer
from tests.image.test_oracle_vhd import run, whole
from tests.image.test_vhdx import any_vhdx, noise, opener_of, small
from tests.image.vhdx_writer import BAT_AT, LOG_SIZE, MIB, UNMAPPED, Vhdx, child_of, log_entry, ring
from tests.support import needs, shared_data

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle

SIZE = 22 * MIB + 512 * 3


def qemu_surface(path: Path) -> bytes:
    raw = path.with_suffix(".raw")
    run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", str(path), str(raw))
    return raw.read_bytes()


def libvhdi_surface(path: Path, parent: Path | None = None) -> bytes:
    """What libvhdi sees.  Of a child it is read piece by piece: 20260901 mixes up parent and child in longer reads."""
    pyvhdi: Any = pytest.importorskip("pyvhdi")
    image = pyvhdi.file()
    image.open(str(path))
    if parent is not None:
        below = pyvhdi.file()
        below.open(str(parent))
        image.set_parent(below)
    size, step = image.get_media_size(), 4096 if parent else MIB
    return b"".join(image.read_buffer_at_offset(min(step, size - at), at) for at in range(0, size, step))


def made_by_qemu(path: Path, subformat: str, block_size: str) -> None:
    """Blocks in any order, some of them cut, some holes."""
    options = f"subformat={subformat},block_size={block_size}"
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", options, str(path), str(SIZE))
    rng = random.Random(subformat + block_size)
    commands: list[str] = []
    for block in rng.sample(range(10), 6):
        commands += ["-c", f"write -P {block + 1} {block * 2 * MIB + rng.randrange(4000) * 512} {rng.randrange(1, 400) * 512}"]
    run("qemu-io", "-f", "vhdx", *commands, str(path))


@pytest.mark.parametrize(
    ("subformat", "block_size"), [("dynamic", "1M"), ("dynamic", "8M"), ("dynamic", "256M"), ("fixed", "1M")]
)
def test_an_image_that_qemu_wrote_is_read_and_written_as_by_qemu(tmp_path: Path, subformat: str, block_size: str) -> None:
    needs("qemu-img", "qemu-io")
    path = tmp_path / "disk.vhdx"
    made_by_qemu(path, subformat, block_size)
    expected = bytearray(qemu_surface(path))
    with FileSource(path) as source:
        image = open_image(source)
        assert (image.format, image.remarks, image.size) == (f"VHDX {subformat}", [], SIZE)
        assert whole(image) == bytes(expected) == libvhdi_surface(path)
        overlay = Overlay(source, "disk")
        image = open_image(overlay, seed=b"test")
        rng = random.Random(1)
        for _ in range(12):  # into blocks, over their edges, into holes
            offset, data = rng.randrange(SIZE - 70_000), rng.randbytes(rng.randrange(1, 70_000))
            image.write_at(offset, data)
            expected[offset : offset + len(data)] = data
        written = tmp_path / "written.vhdx"
        write_sparse(written, overlay)
    run("qemu-img", "check", "-q", "-f", "vhdx", str(written))
    assert qemu_surface(written) == bytes(expected) == libvhdi_surface(written)


def write_sparse(path: Path, source: Overlay) -> None:
    with path.open("wb") as file:
        for at in range(0, source.size, MIB):
            data = source.read_at(at, min(MIB, source.size - at))
            if any(data):
                file.seek(at)
                file.write(data)
        file.truncate(source.size)


def test_the_images_of_the_tests_own_writer_are_vhdx_to_everybody(tmp_path: Path) -> None:
    """Shows that the writer from the specification, which the other tests trust, writes real files."""
    needs("qemu-img")
    path = tmp_path / "ours.vhdx"
    for vhdx in (small(), any_vhdx(random.Random(4), 9 * MIB + 4096, 4096, None)):
        path.write_bytes(vhdx.build())
        assert libvhdi_surface(path) == vhdx.surface()
        if vhdx.sector == 512:  # qemu 7.2 says that it does not support others
            assert qemu_surface(path) == vhdx.surface()


@pytest.mark.parametrize("seed", range(2))
def test_children_of_the_tests_own_writer_beside_libvhdi(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    base = any_vhdx(rng, 7 * MIB + 8192, 512, None)
    child = any_vhdx(rng, 7 * MIB + 8192, 512, child_of("base.vhdx"))
    child.states.clear()  # libvhdi 20260901 shows the parent in blocks whose state says zeros; dissect does not
    (tmp_path / "base.vhdx").write_bytes(base.build())
    (tmp_path / "child.avhdx").write_bytes(child.build())
    expected = bytearray(child.surface(base.surface()))
    assert libvhdi_surface(tmp_path / "child.avhdx", tmp_path / "base.vhdx") == bytes(expected)
    with Target(str(tmp_path / "child.avhdx")) as target:
        assert target.image is not None
        assert whole(target.image) == bytes(expected)
        overlays = target.overlays(b"test")
        overlay = overlays.open_file(target.path)
        image = target.open_image(overlay, overlays.open_file, seed=b"test")
        for _ in range(6):
            offset, data = rng.randrange(6 * MIB), rng.randbytes(rng.randrange(1, 70_000))
            image.write_at(offset, data)
            expected[offset : offset + len(data)] = data
        write_sparse(tmp_path / "written.avhdx", overlay)
    assert libvhdi_surface(tmp_path / "written.avhdx", tmp_path / "base.vhdx") == bytes(expected)


def test_states_of_a_child_beside_dissect(tmp_path: Path) -> None:
    vhdx: Any = pytest.importorskip("dissect.hypervisor.disk.vhdx")
    base = Vhdx(size=6 * MIB, full={block: noise(MIB, block) for block in range(6)})
    child = Vhdx(size=6 * MIB, parent=child_of("base.vhdx"), states={1: 2, 2: UNMAPPED}, full={3: noise(MIB, 30)})
    child.partial = {5: {number: noise(512, number) for number in (0, 8, 9, 2047)}}
    (tmp_path / "base.vhdx").write_bytes(base.build())
    (tmp_path / "child.avhdx").write_bytes(child.build())
    theirs = vhdx.VHDX(tmp_path / "child.avhdx")
    theirs.seek(0)
    expected = child.surface(base.surface())
    assert theirs.read(len(expected)) == expected
    theirs.parent.fh.close()
    theirs.fh.close()
    image = open_image(MemorySource(child.build()), opener_of(base.build()))
    assert image.read_at(0, image.size) == expected


@pytest.mark.parametrize("seed", range(2))
def test_differencing_vhds_beside_libvhdi(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    block = 1 << 19
    base = vhd_writer.Dynamic(size=9 * block, block_size=block, order=[5, 0, 3, 8])
    base.blocks = {number: rng.randbytes(block) for number in base.order or []}
    child = vhd_writer.Dynamic(
        size=9 * block, block_size=block, order=[8, 3, 1], parent="base.vhd", unique_id=b"child's own id.."
    )
    child.blocks = {number: rng.randbytes(block) for number in child.order or []}
    # libvhdi 20260901 looks at the first bit of each byte of a VHD's bitmap only, so whole bytes are clear here;
    # in which order the bits stand the disk says that Windows made, below
    eights = {number: [rng.randrange(128) * 8 for _ in range(40)] for number in child.blocks}
    child.clear = {number: {first + bit for first in firsts for bit in range(8)} for number, firsts in eights.items()}
    (tmp_path / "base.vhd").write_bytes(base.build())
    (tmp_path / "child.avhd").write_bytes(child.build())
    expected = bytearray(child.surface(base.surface()))
    assert libvhdi_surface(tmp_path / "child.avhd", tmp_path / "base.vhd") == bytes(expected)
    with Target(str(tmp_path / "child.avhd")) as target:
        assert target.image is not None
        assert whole(target.image) == bytes(expected)
        overlays = target.overlays()
        overlay = overlays.open_file(target.path)
        image = target.open_image(overlay, overlays.open_file)
        for _ in range(6):
            offset, data = rng.randrange(8 * block // 4096) * 4096, rng.randbytes(4096 * rng.randrange(1, 20))
            image.write_at(offset, data)
            expected[offset : offset + len(data)] = data
        write_sparse(tmp_path / "written.avhd", overlay)
    assert libvhdi_surface(tmp_path / "written.avhd", tmp_path / "base.vhd") == bytes(expected)


def test_qemu_reads_a_dynamic_vhd_that_has_grown(tmp_path: Path) -> None:
    needs("qemu-img")
    from tests.image.test_oracle_vhd import qemu_surface as vpc_surface

    path = tmp_path / "disk.vhd"
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=dynamic,force_size=on", str(path), str(30 * MIB))
    overlay = Overlay(MemorySource(path.read_bytes()), "disk")
    image = open_image(overlay)
    expected = bytearray(30 * MIB)
    for offset in (13 * MIB + 77, 4 * MIB - 100, 29 * MIB):
        image.write_at(offset, noise(300_000, offset))
        expected[offset : offset + 300_000] = noise(300_000, offset)
    write_sparse(path, overlay)
    assert vpc_surface(path) == bytes(expected) == libvhdi_surface(path)


# Third-party images


def dirty_sample() -> bytes:
    return gzip.decompress((shared_data("disks") / "vhdx-log-replay.vhdx.gz").read_bytes())


def test_the_dirty_sample_shows_what_its_host_had_written() -> None:
    """Its partition table is in the log alone: dissect and libvhdi read it without a word, and without the log.

    The hash is of what qemu shows once it has replayed the log into the file.
    """
    image = open_image(MemorySource(dirty_sample()))
    digest = hashlib.sha256()
    for at in range(0, image.size, 4 * MIB):
        digest.update(image.read_at(at, 4 * MIB))
    assert digest.hexdigest() == "3ba3b309425b7ff5e8e0199edceed95226250f880c53b24e8eae93865f3fad5e"
    assert any("log was replayed" in remark for remark in image.remarks)


def test_a_replay_for_good_is_the_one_that_qemu_makes(tmp_path: Path) -> None:
    needs("qemu-img", "qemu-io")
    ours, theirs = tmp_path / "ours.vhdx", tmp_path / "theirs.vhdx"
    theirs.write_bytes(dirty_sample())
    run("qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", str(theirs))
    run("qemu-io", "-f", "vhdx", "-c", "write -P 98 512000 512", str(theirs))
    overlay = Overlay(MemorySource(dirty_sample()), "disk")
    open_image(overlay, seed=b"test").write_at(512000, b"b" * 512)
    write_sparse(ours, overlay)
    run("qemu-img", "check", "-q", "-f", "vhdx", str(ours))
    run("qemu-img", "compare", "-f", "vhdx", "-F", "vhdx", str(ours), str(theirs))


def test_a_log_of_the_tests_own_writer_is_replayed_by_qemu_alike(tmp_path: Path) -> None:
    needs("qemu-img")
    vhdx = small()
    sector = bytearray(vhdx.build()[BAT_AT : BAT_AT + 4096])
    sector[0:8], sector[16:24] = sector[16:24], sector[0:8]
    older = log_entry(5, LOG_SIZE - 8192, [(BAT_AT, bytes(4096))], flushed=8 * MIB, last=8 * MIB)
    newer = log_entry(6, LOG_SIZE - 8192, [(BAT_AT, bytes(sector))], flushed=8 * MIB, last=8 * MIB)
    data = small(log=ring((LOG_SIZE - 8192, older), (0, newer))).build()
    path = tmp_path / "dirty.vhdx"
    path.write_bytes(data)
    run("qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", str(path))
    image = open_image(MemorySource(data))
    assert whole(image) == qemu_surface(path)


def test_the_real_differencing_pair() -> None:
    folder = shared_data("disks")
    child, parent = folder / "dfvfs-image-differential.vhd", folder / "dfvfs-image.vhd"
    with pytest.raises(MissingError, match=r"image\.vhd"), Target(str(child)) as alone:
        _ = alone.image
    with given_parents(str(parent)), Target(str(child)) as target:
        assert target.image is not None
        assert whole(target.image) == libvhdi_surface(child, parent)


def test_a_child_that_windows_made_and_whose_parent_is_lost() -> None:
    with (
        pytest.raises(MissingError, match=r"parent fat-parent\.vhd, which is not in the same folder") as caught,
        Target(str(shared_data("disks") / "dfvfs-fat-differential.vhd")) as target,
    ):
        _ = target.image
    assert "--parent" in str(caught.value.hint)


def test_the_bits_that_windows_set() -> None:
    """Over an empty parent the child shows every sector that Windows wrote to it; with the bits of a byte turned round, none."""
    data = (shared_data("disks") / "dfvfs-fat-differential.vhd").read_bytes()
    header = int.from_bytes(data[16:24], "big")
    table = int.from_bytes(data[header + 16 : header + 24], "big")
    start = int.from_bytes(data[table : table + 4], "big") * 512 + 512
    written = {
        at: data[start + at : start + at + 512] for at in range(0, 2 * MIB, 512) if any(data[start + at : start + at + 512])
    }
    assert len(written) == 9
    size = int.from_bytes(data[48:56], "big")
    parent = bytes(size) + vhd_writer.footer(size, 2, unique_id=data[header + 40 : header + 56])
    image = open_image(MemorySource(data), opener_of(parent))
    shown = image.read_at(0, min(2 * MIB, size))
    assert {at: shown[at : at + 512] for at in range(0, len(shown), 512) if any(shown[at : at + 512])} == written


# Size and speed


def test_a_large_sparse_image_needs_little(tmp_path: Path) -> None:
    needs("qemu-img", "qemu-io")
    path = tmp_path / "disk.vhdx"
    run("qemu-img", "create", "-q", "-f", "vhdx", str(path), "127G")
    run("qemu-io", "-f", "vhdx", "-c", "write -P 7 100G 4K", str(path))
    with FileSource(path) as source:
        begin = time.perf_counter()
        image = open_image(source)
        assert image.read_at((100 << 30) + 1024, 1024) == b"\x07" * 1024
        assert image.read_at(50 << 30, 1024) == bytes(1024)
        assert time.perf_counter() - begin < 0.1
        assert source.bytes_read <= 96 << 10
        assert source.reads <= 16


def test_64_tib(tmp_path: Path) -> None:
    needs("qemu-img", "qemu-io")
    path = tmp_path / "disk.vhdx"
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=256M", str(path), str(64 << 40))
    run("qemu-io", "-f", "vhdx", "-c", f"write -P 7 {(64 << 40) - 8192} 8192", "-c", "write -P 9 3T 4K", str(path))
    overlay = Overlay(FileSource(path), "disk")
    image = open_image(overlay, seed=b"x")
    assert image.read_at((64 << 40) - 8192, 8192) == b"\x07" * 8192
    assert image.read_at(3 << 40, 4096) == b"\x09" * 4096
    assert image.read_at(40 << 40, 4096) == bytes(4096)
    image.write_at(40 << 40, b"here")
    assert image.read_at(40 << 40, 4) == b"here"
