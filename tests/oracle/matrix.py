"""One dead disk in every kind of image and device, and what programs that are not ours see in it."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from bootmend.engine.sample import make_sample
from bootmend.engine.target import Target
from tests.image import vhd_writer, vhdx_writer
from tests.image.vhdx_writer import MIB, Vhdx
from tests.oracle.disks import loop_device, make_disks
from tests.oracle.mounting import _unmount as unmount
from tests.support import shared_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE = "imc-config-init-failed"
SIZE = 1536 * MIB


class Volume(NamedTuple):
    """A volume with files: ``kind`` is NTFS or FAT32."""

    kind: str
    offset: int
    size: int


class Seen(NamedTuple):
    """What others see: the checksum of every file's bytes by volume and path, and the checkers' words."""

    files: dict[str, str]
    verdicts: tuple[str, ...]


class Dead(NamedTuple):
    """A raw disk that does not start, which no test changes."""

    raw: str
    generation: int
    volumes: tuple[Volume, ...]
    seen: Seen


class Made(NamedTuple):
    """The same disk in an image; ``parent`` is what that builds on, ``qemu`` what qemu calls it, "" where it cannot read it."""

    disk: str
    qemu: str = ""
    parent: str = ""


def qemu_img(*arguments: str) -> str:
    """Run qemu-img."""
    done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dead_disk(folder: Path, generation: int) -> Dead:
    """Made by a program that shares no code with ours where that is there, else a sample: its volumes are mkntfs's as well."""
    if shared_folder("tools") is not None and os.geteuid() == 0:
        raw = make_disks(folder, "--gen", str(generation), "--size-gib", "1.5", "--pad-mb", "1")
    else:
        raw = str(folder / "disk.raw")
        make_sample(RULE, raw, generation=generation, layout="usual", image_format="raw", size=SIZE)
    with Target(raw) as target:
        found = [(volume.kind, volume.partition) for volume in target.machine.volumes if volume.readable]
    volumes = tuple(Volume(kind, part.offset, part.size) for kind, part in found if part)
    return Dead(raw, generation, volumes, look(raw, volumes))


# -- what others see --------------------------------------------------------------------------------------


def look(raw: str, volumes: tuple[Volume, ...]) -> Seen:
    """Read every byte of every file with ntfs-3g and mtools, and ask ntfsfix and fsck.fat; none of them may write."""
    files: dict[str, str] = {}
    verdicts = []
    for number, volume in enumerate(volumes):
        with loop_device(raw, volume.offset, volume.size) as device:
            checker = ["ntfsfix", "-n", device] if volume.kind == "NTFS" else ["fsck.fat", "-n", device]
            done = subprocess.run(checker, capture_output=True, text=True, check=False, timeout=60)
            verdicts.append(re.sub(r"/dev/loop\d+", "...", f"{done.returncode} {done.stdout}{done.stderr}"))
            with (ntfs if volume.kind == "NTFS" else fat)(device) as root:
                files |= {f"{number} {path}": digest for path, digest in digests(root)}
    return Seen(files, tuple(verdicts))


@contextmanager
def ntfs(device: str) -> Iterator[Path]:
    """A volume as ntfs-3g shows it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["ntfs-3g", "-o", "ro", device, folder], check=True, timeout=60)
        try:
            yield Path(folder)
        finally:
            unmount(folder, device)


@contextmanager
def fat(device: str) -> Iterator[Path]:
    """The files of a volume as mtools copies them out."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mcopy", "-s", "-n", "-Q", "-i", device, "::", folder], check=True, timeout=60)
        yield Path(folder)


def digests(root: Path) -> Iterator[tuple[str, str]]:
    """Every file below a directory."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()


def raw_of(made: Made, folder: Path) -> str:
    """The disk's bytes as a raw file, by a reader that is not ours."""
    raw = str(folder / "seen.raw")
    if made.qemu:
        qemu_img("convert", "-f", made.qemu, "-O", "raw", "-S", "4k", made.disk, raw)
    elif made.disk.endswith(".avhdx"):
        by_libvhdi(made, raw)
    else:
        by_the_book(made, raw)
    return raw


def by_libvhdi(made: Made, raw: str) -> None:
    """A differencing VHDX, which qemu cannot read."""
    pyvhdi: Any = pytest.importorskip("pyvhdi")
    image, below = pyvhdi.file(), pyvhdi.file()
    image.open(made.disk)
    below.open(made.parent)
    image.set_parent(below)
    with open(raw, "wb") as file:
        for at in range(0, SIZE, MIB):
            piece = image.read_buffer_at_offset(min(MIB, SIZE - at), at)
            if piece.count(0) != len(piece):
                file.seek(at)
                file.write(piece)
        file.truncate(SIZE)


def by_the_book(made: Made, raw: str) -> None:
    """A differencing VHD after the specification: libvhdi 20260901 errs in bitmaps with single sectors, qemu ignores them."""
    qemu_img("convert", "-f", "vpc", "-O", "raw", "-S", "4k", made.parent, raw)
    data = Path(made.disk).read_bytes()
    table = int.from_bytes(data[512 + 16 : 512 + 24], "big")
    starts = struct.unpack_from(f">{SIZE // (2 * MIB)}I", data, table)
    assert 1 <= sum(start != 0xFFFFFFFF for start in starts) <= 4
    with open(raw, "r+b") as file:
        for block, start in enumerate(starts):
            for sector in range(4096) if start != 0xFFFFFFFF else ():
                if data[start * 512 + sector // 8] << sector % 8 & 0x80:
                    at = (start + 1 + sector) * 512
                    file.seek(block * 2 * MIB + sector * 512)
                    file.write(data[at : at + 512])


# -- the kinds --------------------------------------------------------------------------------------------


def raw(dead: Dead, folder: Path) -> Made:
    """The disk itself."""
    return _converted(dead, folder, "disk.raw", "raw")


def vhd_fixed(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.vhd", "vpc", "subformat=fixed,force_size=on")


def vhd_dynamic(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.vhd", "vpc", "subformat=dynamic,force_size=on")


def vhd_differencing(dead: Dead, folder: Path) -> Made:
    """An empty checkpoint: no free program makes one, so it is written after the specification."""
    parent = vhd_dynamic(dead, folder).disk
    with open(parent, "rb") as file:
        footer = file.read(512)
    child = folder / "checkpoint.avhd"
    layout = vhd_writer.Dynamic(size=SIZE, parent="disk.vhd", parent_id=footer[68:84], unique_id=b"checkpoint's id.")
    child.write_bytes(layout.build())
    return Made(str(child), parent=parent)


def vhdx(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.vhdx", "vhdx", "subformat=dynamic,block_size=32M")


def vhdx_fixed(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.vhdx", "vhdx", "subformat=fixed,block_size=8M")


def vhdx_differencing(dead: Dead, folder: Path) -> Made:
    """An empty checkpoint after the specification."""
    parent = vhdx(dead, folder).disk
    with open(parent, "rb") as file:
        headers = [file.read(4096) for at in (64 << 10, 128 << 10) if file.seek(at) >= 0]
    current = max(headers, key=lambda header: struct.unpack_from("<Q", header, 8))
    child = folder / "checkpoint.avhdx"
    child.write_bytes(Vhdx(size=SIZE, block_size=2 * MIB, parent=vhdx_writer.child_of("disk.vhdx", current[32:48])).build())
    return Made(str(child), parent=parent)


def qcow2(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.qcow2", "qcow2")


def qcow2_with_backing(dead: Dead, folder: Path) -> Made:
    return _linked(qcow2(dead, folder), folder, "overlay.qcow2")


def qcow2_subclusters(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.qcow2", "qcow2", "extended_l2=on,cluster_size=128k")


def qcow2_compressed(dead: Dead, folder: Path) -> Made:
    path = str(folder / "disk.qcow2")
    qemu_img("convert", "-c", "-f", "raw", "-O", "qcow2", dead.raw, path)
    return Made(path, "qcow2")


def vmdk_sparse(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.vmdk", "vmdk", "subformat=monolithicSparse")


def vmdk_flat(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.vmdk", "vmdk", "subformat=monolithicFlat")


def vmdk_linked(dead: Dead, folder: Path) -> Made:
    return _linked(vmdk_sparse(dead, folder), folder, "clone.vmdk")


def vmdk_stream(dead: Dead, folder: Path) -> Made:
    return _converted(dead, folder, "disk.vmdk", "vmdk", "subformat=streamOptimized")


def _converted(dead: Dead, folder: Path, name: str, kind: str, options: str = "") -> Made:
    path = str(folder / name)
    qemu_img("convert", "-f", "raw", "-O", kind, *(["-o", options] if options else []), "-S", "4k", dead.raw, path)
    return Made(path, kind)


def _linked(below: Made, folder: Path, name: str) -> Made:
    path = str(folder / name)
    base = os.path.basename(below.disk)
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", below.qemu, "-F", below.qemu, "-b", base, name], cwd=folder, check=True, timeout=60
    )
    return Made(path, below.qemu, below.disk)
