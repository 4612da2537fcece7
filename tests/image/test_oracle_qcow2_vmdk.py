"""qcow2 and VMDK beside qemu-img and dissect.hypervisor: whole surfaces read, and written images judged by both."""

from __future__ import annotations

import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.neighbours import Neighbours
from bootmend.errors import CorruptError, MissingError, RefusedError, UnsupportedError
from bootmend.image import open_image
from bootmend.source import FileSource, Overlay
from tests.support import needs, shared_data

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.image import Image

pytestmark = pytest.mark.oracle

SIZE = (6 << 20) + 3 * 512
QCOW2 = {
    "v3": (),
    "v2": ("-o", "compat=0.10"),
    "compressed": ("-c",),
    "zstd": ("-c", "-o", "compression_type=zstd"),
    "512-byte clusters": ("-o", "cluster_size=512"),
    "2 MiB clusters": ("-o", "cluster_size=2M"),
    "subclusters": ("-o", "extended_l2=on"),
    "1-bit counts": ("-o", "refcount_bits=1"),
    "64-bit counts": ("-o", "refcount_bits=64"),
}
VMDK = ("monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat")


def run(*command: object) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with data here and there, zeros and holes between."""
    needs("qemu-img", "qemu-io")
    path = tmp_path_factory.mktemp("raw") / "disk.raw"
    rng = random.Random(20261122)
    with path.open("wb") as file:
        file.truncate(SIZE)
        for _ in range(40):
            file.seek(rng.randrange(SIZE - 70_000))
            file.write(rng.randbytes(rng.choice((1, 512, 4096, 65_536))))
    return path


class Opened:
    """An image with all the files it names under overlays."""

    def __init__(self, path: Path, given: tuple[str, ...] = ()) -> None:
        self.path = path
        self.overlays: dict[str, Overlay] = {}
        self.image: Image = open_image(self._open(str(path)), Neighbours(str(path), self._open, given), seed=b"seed")

    def _open(self, path: str) -> Overlay:
        if path not in self.overlays:
            self.overlays[path] = Overlay(FileSource(path), path)
        return self.overlays[path]

    def save(self) -> None:
        """Write the patches into the files themselves."""
        for path, overlay in self.overlays.items():
            with open(path, "r+b") as file:
                for patch in overlay.patches():
                    file.seek(patch.offset)
                    file.write(patch.after)
                if overlay.size > overlay.base.size:
                    file.truncate(overlay.size)


def surface(image: Image, piece: int = 300_007) -> bytes:
    return b"".join(image.read_at(at, min(piece, image.size - at)) for at in range(0, image.size, piece))


def qemu_surface(path: Path, kind: str) -> bytes:
    result = path.parent / "by-qemu.raw"
    run("qemu-img", "convert", "-f", kind, "-O", "raw", path, result)
    return result.read_bytes()


def change(image: Image, before: bytes, seed: str) -> bytes:
    """Write here and there, also over holes and across clusters; returns the disk as it must be."""
    rng, wanted = random.Random(seed), bytearray(before)
    for _ in range(25):
        at, data = rng.randrange(SIZE - 70_000), rng.randbytes(rng.choice((1, 512, 5000, 65_536)))
        image.write_at(at, data)
        wanted[at : at + len(data)] = data
    return bytes(wanted)


@pytest.mark.parametrize("options", QCOW2)
def test_a_qcow2_is_read_and_written_like_qemu_does(raw: Path, tmp_path: Path, options: str) -> None:
    if options == "zstd":
        pytest.importorskip("zstandard")
    path, before = tmp_path / "disk.qcow2", raw.read_bytes()
    run("qemu-img", "convert", "-O", "qcow2", *QCOW2[options], raw, path)
    opened = Opened(path)
    assert opened.image.format == "qcow2"
    assert opened.image.remarks == []
    assert surface(opened.image) == before
    wanted = change(opened.image, before, options)
    assert surface(opened.image) == wanted
    opened.save()
    assert "No errors" in run("qemu-img", "check", path)
    assert qemu_surface(path, "qcow2") == wanted


@pytest.mark.parametrize("subformat", [*VMDK, "streamOptimized"])
def test_a_vmdk_is_read_and_written_like_qemu_does(raw: Path, tmp_path: Path, subformat: str) -> None:
    path, before = tmp_path / "disk.vmdk", raw.read_bytes()
    run("qemu-img", "convert", "-O", "vmdk", "-o", f"subformat={subformat}", raw, path)
    opened = Opened(path)
    assert surface(opened.image) == before
    if subformat == "streamOptimized":
        with pytest.raises(RefusedError, match="stream-optimized VMDK cannot be changed"):
            opened.image.write_at(0, b"x")
        return
    wanted = change(opened.image, before, subformat)
    assert surface(opened.image) == wanted
    opened.save()
    assert "No errors" in run("qemu-img", "check", path)
    assert qemu_surface(path, "vmdk") == wanted


@pytest.mark.parametrize("kind", ["qcow2", "vmdk"])
def test_a_second_reader_agrees(raw: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"disk.{kind}"
    run("qemu-img", "convert", "-O", kind, raw, path)
    opened = Opened(path)
    wanted = change(opened.image, raw.read_bytes(), kind)
    opened.save()
    module = pytest.importorskip(f"dissect.hypervisor.disk.{kind}")
    with path.open("rb") as file:
        disk = module.QCow2(file) if kind == "qcow2" else module.VMDK(file)
        stream = disk.open() if hasattr(disk, "open") else disk
        stream.seek(0)
        whole = SIZE - SIZE % 4096  # past that dissect's VMDK reader raises an IndexError
        assert stream.read(whole) == wanted[:whole]


def test_a_chain_of_backing_files(raw: Path, tmp_path: Path) -> None:
    """Of three: a larger child, a raw base whose format is said, and holes that show through."""
    base, middle, top = (tmp_path / name for name in ("base.raw", "middle.qcow2", "top.qcow2"))
    shutil.copy(raw, base)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", middle)
    run("qemu-io", "-f", "qcow2", "-c", "write -P 7 70000 100000", "-c", "write -z 1M 64k", middle)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", top, "8M")
    run("qemu-io", "-f", "qcow2", "-c", "write -P 9 90000 300", "-c", "write -P 3 7M 512", top)
    opened = Opened(top)
    before = qemu_surface(top, "qcow2")
    assert surface(opened.image) == before
    wanted = bytearray(before)
    for at in (0, 69_000, (1 << 20) + 5, SIZE - 100, SIZE + 70_000):
        opened.image.write_at(at, b"changed" * 100)
        wanted[at : at + 700] = b"changed" * 100
    assert {path for path, overlay in opened.overlays.items() if overlay.patches()} == {str(top)}
    opened.save()
    assert "No errors" in run("qemu-img", "check", top)
    assert qemu_surface(top, "qcow2") == wanted


def test_a_missing_backing_file_is_named(raw: Path, tmp_path: Path) -> None:
    shutil.copy(raw, tmp_path / "base.raw")
    top = tmp_path / "top.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", top)
    (tmp_path / "base.raw").rename(tmp_path / "elsewhere.raw")
    with pytest.raises(MissingError, match=r"backing file base\.raw"):
        Opened(top)
    assert surface(Opened(top, (str(tmp_path / "elsewhere.raw"),)).image) == raw.read_bytes()


@pytest.mark.parametrize("name", ["/etc/passwd", "top.qcow2", "json:{}", "../../etc/passwd"])
def test_a_crafted_backing_file_is_never_opened(tmp_path: Path, name: str) -> None:
    needs("qemu-img")
    top = tmp_path / "top.qcow2"
    run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", name, "-F", "raw", top, "1M")
    with pytest.raises((MissingError, CorruptError)):
        Opened(top)


def test_a_cluster_that_a_snapshot_has_too_is_not_written(raw: Path, tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", raw, path)
    run("qemu-img", "snapshot", "-c", "before", path)
    opened = Opened(path)
    assert surface(opened.image) == raw.read_bytes()
    assert opened.image.remarks == ["the qcow2 image has an internal snapshot; its present state is read"]
    with pytest.raises(RefusedError, match=r"is shared \(it has internal snapshots\)"):
        opened.image.write_at(0, b"x" * 4096)
    assert not any(overlay.patches() for overlay in opened.overlays.values())


def test_an_external_data_file(raw: Path, tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", "-o", f"data_file={tmp_path / 'disk.data'}", raw, path)
    opened = Opened(path)
    before = raw.read_bytes()
    assert surface(opened.image) == before
    at = next(at for at in range(0, SIZE, 65536) if any(before[at : at + 512]))
    opened.image.write_at(at, b"changed")
    opened.save()
    assert qemu_surface(path, "qcow2") == before[:at] + b"changed" + before[at + 7 :]


def test_an_encrypted_image_is_named(tmp_path: Path) -> None:
    needs("qemu-img")
    path = tmp_path / "disk.qcow2"
    run(
        "qemu-img",
        "create",
        "-q",
        "--object",
        "secret,id=s,data=x",
        "-f",
        "qcow2",
        "-o",
        "encrypt.format=luks,encrypt.key-secret=s",
        path,
        "1M",
    )
    with pytest.raises(UnsupportedError, match=r"encrypted \(LUKS\)"):
        Opened(path)


def test_bitmaps_are_said_to_be_stale(raw: Path, tmp_path: Path) -> None:
    """A writer that does not keep the bitmaps of changed blocks clears the bit that calls them good."""
    path = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", raw, path)
    run("qemu-img", "bitmap", "--add", path, "backup")
    opened = Opened(path)
    assert "keeps track of changed blocks" in opened.image.remarks[0]
    opened.image.write_at(1000, b"x")
    opened.save()
    assert path.read_bytes()[88:96] == bytes(8)
    run("qemu-img", "check", "-r", "leaks", path)
    assert "No errors" in run("qemu-img", "check", path)


def test_a_linked_clone_knows_its_parent_by_its_content_id(raw: Path, tmp_path: Path) -> None:
    base, child = tmp_path / "base.vmdk", tmp_path / "child.vmdk"
    run("qemu-img", "convert", "-O", "vmdk", raw, base)
    run("qemu-img", "create", "-q", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", child)
    run("qemu-io", "-f", "vmdk", "-c", "write -P 7 70000 1000", child)
    opened = Opened(child)
    assert surface(opened.image) == qemu_surface(child, "vmdk")
    parent = Opened(base)
    parent.image.write_at(0, b"changed")
    parent.save()
    with pytest.raises(CorruptError, match="is another disk than the one that this VMDK builds on, or has been written to since"):
        Opened(child)


@pytest.mark.parametrize(
    "file", ["dfvfs-windows_volume.qcow2", "plaso-image.qcow2", "plaso-vsstest.qcow2", "dfvfs-ext2.vmdk", "plaso-image.vmdk"]
)
def test_images_of_other_people(tmp_path: Path, file: str) -> None:
    needs("qemu-img")
    path = shared_data("disks") / file
    result = tmp_path / "by-qemu.raw"
    run("qemu-img", "convert", "-O", "raw", path, result)
    with FileSource(path) as source, result.open("rb") as expected:
        image = open_image(source)
        assert image.size == result.stat().st_size
        for at in range(0, image.size, 16 << 20):
            assert image.read_at(at, min(16 << 20, image.size - at)) == expected.read(16 << 20)
