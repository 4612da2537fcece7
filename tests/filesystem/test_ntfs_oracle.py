"""NTFS held against other people's programs, and against volumes that Windows made.

ntfsprogs (mkntfs, ntfscp, ntfscat, ntfsfix) and ntfs-3g make and check volumes; dissect.ntfs reads the
same ones.  What they disagree on is said where it happens.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.errors import UnsupportedError
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.filesystem.ntfs.collation import UNITS
from bootmend.source import FileSource, MemorySource, Overlay, Source
from tests.filesystem.build_ntfs import DATA, HOLE, Attr, NtfsBuilder
from tests.filesystem.test_lznt1 import compressed
from tests.filesystem.test_ntfs_read import GEOMETRIES
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bootmend.filesystem import Entry

pytestmark = pytest.mark.oracle


class Stream(io.RawIOBase):
    """A source as the file object that dissect wants."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        room = max(0, self._source.size - self._position)
        size = room if size < 0 else min(size, room)
        data = self._source.read_at(self._position, size)
        self._position += size
        return data


def dissect_ntfs(source: Source) -> Any:
    return pytest.importorskip("dissect.ntfs").NTFS(fh=Stream(source))


def walk(tree: NtfsTree, path: str = "") -> Iterator[tuple[str, Entry]]:
    for entry in tree.list(path):
        full = f"{path}\\{entry.name}"
        yield full, entry
        if entry.is_directory:
            yield from walk(tree, full)


def dissect_walk(record: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, found in record.listdir().items():
        below = found.dereference() if hasattr(found, "dereference") else found
        if name == "." or below.segment < 16:
            continue
        yield f"{path}\\{name}", below
        if below.is_dir() and not below.is_mount_point() and not below.is_symlink():
            yield from dissect_walk(below, f"{path}\\{name}")


def compare_with_dissect(source: Source, *, short_names: bool = False) -> int:
    """Compare all names and contents; return how many files had bytes to compare."""
    tree, ntfs, compared = NtfsTree(source), dissect_ntfs(source), 0
    ours, theirs = dict(walk(tree)), dict(dissect_walk(ntfs.mft.root))
    assert tree.label == ntfs.volume_name
    assert set(ours) <= set(theirs) if short_names else set(ours) == set(theirs)
    for path, entry in ours.items():
        assert tree.exists(path)
        if entry.is_directory:
            continue
        file = None
        try:
            file = tree.open(path)
        except UnsupportedError:
            assert theirs[path].attributes[0xC0]  # every one of them is a reparse point
            continue
        valid = getattr(file._content, "valid", file.size)  # dissect knows no valid data length
        size = min(valid, file.size, 1 << 20)
        stream = theirs[path].open()
        assert stream.size == file.size
        assert stream.read(size) == file.read_at(0, size), path
        compared += 1
    return compared


# -- volumes of the builder -------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_the_builders_volumes_are_what_they_claim(geometry: dict[str, int]) -> None:
    builder = NtfsBuilder(**geometry)
    builder.fanout = 4
    builder.add_directory("d")
    builder.add("d\\clusters", builder.clustered(DATA, os.urandom(20000), pieces=1 if builder.cluster > 9999 else 4))
    builder.add("d\\Größe", Attr(DATA, b"resident"))
    for index in range(15):
        builder.add(f"d\\{index:03}", Attr(DATA, bytes([index])))
    if builder.cluster == 4096:
        unit = builder.allocate(1)
        builder.put(unit, compressed(b"0123456789abcdef", (16, 4080)) * 2 + b"\0\0")
        builder.add("packed", Attr(DATA, runs=[(unit, 1), (HOLE, 15)], size=8192, flags=0x0001, unit=4), flags=0x820)
        runs = builder.store(b"e" * 12288, pieces=3)
        builder.add("listed", extensions=[[Attr(DATA, runs=runs[:1], size=12288)], [Attr(DATA, runs=runs[1:], lowest=1)]])
    assert compare_with_dissect(MemorySource(builder.finish())) >= 17


# -- volumes of mkntfs and ntfs-3g --------------------------------------------------------------------------


@contextmanager
def mounted(image: Path, tmp_path: Path) -> Iterator[Path]:
    """The volume mounted by ntfs-3g; skips where that is not allowed."""
    needs("ntfs-3g", "umount")
    folder = tmp_path / "mnt"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["ntfs-3g", "-o", "compression", str(image), str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"ntfs-3g cannot mount here: {done.stderr.decode(errors='replace').strip()[:100]}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        _wait_until_unused(image)


def _wait_until_unused(image: Path) -> None:
    """ntfs-3g writes the last bytes after umount has returned."""
    if shutil.which("fuser") is None:
        time.sleep(2)
        return
    for _ in range(100):
        if subprocess.run(["fuser", "-s", str(image)], stderr=subprocess.DEVNULL, check=False).returncode:
            return
        time.sleep(0.1)


def mkntfs(image: Path, size: int, *options: str) -> None:
    needs("mkntfs")
    with image.open("wb") as file:
        file.truncate(size)
    subprocess.run(["mkntfs", "-F", "-Q", "-q", "-L", "TEST", *options, str(image)], check=True, capture_output=True)


def ntfscat(image: Path, path: str) -> bytes:
    needs("ntfscat")
    return subprocess.run(["ntfscat", "-f", str(image), path], check=True, capture_output=True).stdout


def assert_sound(image: Path) -> None:
    needs("ntfsfix")
    done = subprocess.run(["ntfsfix", "-n", str(image)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()
    assert b"processed successfully" in done.stdout


@pytest.fixture(scope="module")
def fragmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume filled with small files, every other one deleted; then files of every kind of storage."""
    folder = tmp_path_factory.mktemp("ntfs")
    image = folder / "fragmented.img"
    mkntfs(image, 48 << 20)
    with mounted(image, folder) as root:
        (root / "small").write_bytes(b"resident")
        with (root / "sparse").open("wb") as file:
            file.seek(1 << 20)
            file.write(b"x" * 4096)
        (root / "packed").mkdir()
        os.setxattr(root / "packed", "system.ntfs_attrib_be", (0x810).to_bytes(4, "big"))
        (root / "packed" / "text").write_bytes(b"hello world " * 20000)
        (root / "packed" / "noise").write_bytes(random.Random(1).randbytes(100_000))
        (root / "fill").mkdir()
        count = 0
        try:
            while True:
                (root / "fill" / f"{count:05}").write_bytes(b"F" * 4096)
                count += 1
        except OSError:
            pass
        for index in range(0, count, 2):
            (root / "fill" / f"{index:05}").unlink()
        (root / "Boot").mkdir()
        (root / "Boot" / "BCD").write_bytes(b"".join(b"%015d\n" % line for line in range(600_000)))
    return image


def test_a_fragmented_volume_reads_as_ntfscat_does(fragmented: Path) -> None:
    with FileSource(fragmented) as source:
        tree = NtfsTree(source)
        bcd = tree.open("\\boot\\bcd")
        assert len(bcd._content.runs) > 300  # type: ignore[attr-defined]
        assert bcd._inode.attribute_list
        for path in ("/Boot/BCD", "/small", "/sparse", "/packed/text", "/packed/noise"):
            assert tree.read(path) == ntfscat(fragmented, path)
        names = sorted(entry.name for entry in tree.list("fill"))
        assert names == [f"{index:05}" for index in range(1, 2 * len(names), 2)]
        assert all(tree.exists(f"fill\\{name}") for name in names[::50])
        assert not tree.exists("fill\\00000")
        kinds = {
            path: [one.kind for one in tree.open(path).obstacles()] for path in ("Boot/BCD", "small", "sparse", "packed/text")
        }
        assert kinds == {"Boot/BCD": [], "small": [], "sparse": ["sparse"], "packed/text": ["compressed"]}


def test_what_is_written_in_place_reads_back_with_ntfscat(fragmented: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(fragmented, copy)
    with FileSource(copy) as source:
        overlay = Overlay(source, "disk")
        tree = NtfsTree(overlay)
        size = tree.open("Boot/BCD").size
        fresh = random.Random(2).randbytes(size)
        tree.open("Boot/BCD").write_at(0, fresh)
        tree.open("small").write_at(2, b"SIDE")
        assert tree.read("Boot/BCD") == fresh
        patches = overlay.patches()
    with copy.open("r+b") as file:
        for patch in patches:
            file.seek(patch.offset)
            file.write(patch.after)
    assert ntfscat(copy, "/Boot/BCD") == fresh
    assert ntfscat(copy, "/small") == b"reSIDEnt"
    assert_sound(copy)
    assert copy.stat().st_size == fragmented.stat().st_size


@pytest.mark.parametrize(
    "options", [["-c", "512"], ["-c", "4096"], ["-c", "65536"], ["-c", "131072"], ["-s", "4096"], ["-s", "1024"]]
)
def test_volumes_of_mkntfs(options: list[str], tmp_path: Path) -> None:
    needs("ntfscp")
    image, host = tmp_path / "v.img", tmp_path / "host"
    mkntfs(image, 32 << 20, *options)
    host.write_bytes(random.Random(3).randbytes(70_000))
    for name in ("clusters", "Grüße"):
        subprocess.run(
            ["ntfscp", "-q", str(image), str(host), name],
            check=True,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    with FileSource(image) as source:
        tree = NtfsTree(source)
        assert tree.label == "TEST"
        assert tree.read("CLUSTERS") == tree.read("grÜßE") == host.read_bytes()
        assert tree.open("clusters").obstacles() == tree.obstacles() == []
        assert not tree.log.unfinished
        overlay = Overlay(source, "disk")
        NtfsTree(overlay).open("clusters").write_at(100, b"Y" * 5000)
        patches = overlay.patches()
    with image.open("r+b") as file:
        for patch in patches:
            file.seek(patch.offset)
            file.write(patch.after)
    assert ntfscat(image, "clusters") == host.read_bytes()[:100] + b"Y" * 5000 + host.read_bytes()[5100:]
    assert_sound(image)


def test_no_unit_beyond_ascii_has_an_ascii_upper_case(tmp_path: Path) -> None:
    """On this rests that ASCII names are found without the table."""
    image = tmp_path / "v.img"
    mkntfs(image, 4 << 20)
    with FileSource(image) as source:
        table = NtfsTree(source).upcase
    assert all(table[unit] >= 128 for unit in range(128, UNITS))
    assert [chr(table[unit]) for unit in range(128)] == [chr(unit).upper() for unit in range(128)]


def test_an_mft_mirror_that_follows_is_accepted_by_ntfsfix(tmp_path: Path) -> None:
    image = tmp_path / "v.img"
    mkntfs(image, 4 << 20)
    source = MemorySource(image.read_bytes(), writable=True)
    tree = NtfsTree(source)
    info = tree.mft.inode(3).first(0x70)
    assert info is not None
    tree.mft.patch(3, info.start + 10, b"\x01\x00")
    image.write_bytes(source.data)
    assert_sound(image)
    tree.mft.patch(3, info.start + 10, b"\x00\x00")
    image.write_bytes(source.data)
    needs("ntfscp")
    host = tmp_path / "host"
    host.write_bytes(b"mounted")
    subprocess.run(["ntfscp", "-q", str(image), str(host), "new"], check=True, capture_output=True)
    assert ntfscat(image, "new") == b"mounted"


def test_a_hibernated_volume_is_one_for_ntfs3g_too(tmp_path: Path) -> None:
    needs("ntfscp")
    image, host = tmp_path / "v.img", tmp_path / "hiberfil.sys"
    mkntfs(image, 8 << 20)
    host.write_bytes(b"hibr" + bytes(70_000))
    subprocess.run(["ntfscp", "-q", str(image), str(host), "hiberfil.sys"], check=True, capture_output=True)
    refused = subprocess.run(["ntfscp", "-q", str(image), str(host), "other"], capture_output=True, check=False)
    assert refused.returncode != 0
    source = MemorySource(image.read_bytes(), writable=True)
    tree = NtfsTree(source)
    assert [obstacle.kind for obstacle in tree.obstacles()] == ["hibernated"]
    tree.open("hiberfil.sys").write_at(0, bytes(4))
    assert tree.obstacles() == []
    image.write_bytes(source.data)
    subprocess.run(["ntfscp", "-q", str(image), str(host), "other"], check=True, capture_output=True)
