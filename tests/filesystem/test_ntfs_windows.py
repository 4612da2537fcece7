"""NTFS volumes that Windows made: names and contents as dissect.ntfs sees them, and their logs."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import BootmendError, UnsupportedError
from bootmend.filesystem import Attribute
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.filesystem.ntfs.lfs import LogRecords
from bootmend.source import FileSource, Overlay, Source, Window
from tests.filesystem.test_ntfs_oracle import compare_with_dissect, walk
from tests.support import shared_data

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.oracle

WINDOWS = {
    "ntfs-2m.raw.gz": 65536,
    "ntfs-lastaccess.raw.gz": 65536,
    "ntfs-ptrn.raw.gz": 65536,
    "ntfs-ramslack.raw.gz": 65536,
    "ntfs-si-vs-fn.raw.gz": 65536,
    "dissect-ntfs-ntfs.bin.gz": 0,
    "dissect-ntfs-ntfs-cloud.bin.gz": 0,
    "colinfinck-ntfs-testfs1.raw": 0,
}


@pytest.fixture(scope="module", params=WINDOWS)
def windows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Source]]:
    name: str = request.param
    packed = shared_data("disks") / name
    path = tmp_path_factory.mktemp("windows") / "disk"
    with (gzip.open if name.endswith(".gz") else open)(packed, "rb") as source, path.open("wb") as target:
        while part := source.read(1 << 20):
            if part.count(0) == len(part):
                target.seek(len(part), os.SEEK_CUR)
            else:
                target.write(part)
        target.truncate()
    with FileSource(path) as file:
        yield name, Window(file, WINDOWS[name], file.size - WINDOWS[name])
    path.unlink()


def test_names_and_contents_are_those_that_dissect_sees(windows: tuple[str, Source]) -> None:
    assert compare_with_dissect(windows[1], short_names=True) >= 1


def test_the_logs_of_windows(windows: tuple[str, Source]) -> None:
    """One volume was copied while it was in use: its log is of version 2.0 and unfinished, but with no dirty pages."""
    name, source = windows
    tree = NtfsTree(source)
    assert tree.log.unfinished == (name == "dissect-ntfs-ntfs-cloud.bin.gz")
    assert tree.log.touched == []
    assert tree.obstacles() == []
    for path, entry in list(walk(tree))[:30]:
        if not entry.is_directory:
            try:
                file = tree.open(path)
            except UnsupportedError:
                continue
            kinds = [obstacle.kind for obstacle in file.obstacles()]
            assert ("dirty-log" in kinds) == (tree.log.unfinished and file.is_resident)
            assert ("compressed" in kinds) == (bool(entry.attributes & Attribute.COMPRESSED) and not file.is_resident)


def test_a_log_of_windows_without_its_clean_flag(windows: tuple[str, Source]) -> None:
    """From its own restart record on, Windows has left nothing to do when it dismounted a volume."""
    tree = NtfsTree(windows[1])
    restart = tree.log.restart
    tree.log.restart = restart and restart._replace(flags=0)
    assert tree.log.unfinished == (restart is not None)  # None: ntfs-3g emptied it
    assert tree.log.touched == []


@pytest.mark.parametrize(
    ("windows", "first", "changed"),
    [("dissect-ntfs-ntfs-cloud.bin.gz", 0x404408, 0x14F5D000), ("ntfs-ramslack.raw.gz", 0x204408, None)],
    indirect=["windows"],
)
def test_the_chain_of_records_in_a_whole_round_of_the_ring(windows: tuple[str, Source], first: int, changed: int | None) -> None:
    """From the first page of the ring on, each record must lie where the one before says, up to Windows' own newest."""
    _, source = windows
    tree = NtfsTree(source)
    restart = tree.log.restart
    assert restart is not None
    records = list(LogRecords(tree.log._content, restart).after(first))
    assert records[-1].lsn == restart.current
    assert len(records) > 200
    tree.log.restart = restart._replace(flags=0, client=(first, restart.current))
    touched = tree.log.touched
    assert touched
    assert all(0 < start < end <= tree.boot.clusters * tree.boot.cluster for start, end in touched)
    if changed is not None:  # record 0x404535, read by hand: UpdateResidentValue in file record 0x20
        assert any(start <= changed and changed + 1024 <= end for start, end in touched)


def test_flipped_bytes_of_windows_volumes_give_only_our_errors(windows: tuple[str, Source]) -> None:
    source = windows[1]
    tree = NtfsTree(source)
    start = tree.boot.mft * tree.boot.cluster
    head = source.read_at(start, 64 << 10)
    chance = random.Random(hashlib.sha256(head).digest())
    for _ in range(10):
        overlay = Overlay(source, "disk")
        for _ in range(3):
            overlay.write_at(start + chance.randrange(len(head)), bytes([chance.randrange(256)]))
        try:
            damaged = NtfsTree(overlay)
            for path, entry in islice(walk(damaged), 60):
                if not entry.is_directory:
                    damaged.open(path).read_at(0, 0)
        except BootmendError:
            continue
