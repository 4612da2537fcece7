"""When files of a volume are not to be changed: a log with work left in it, a volume to be checked, a saved session, children."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.engine.target import Target
from tests.catalog.disks import fingerprint
from tests.filesystem.build_log import PAGE, LogBuilder, operation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

WINDOWS = 2
DIRTY = 1


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(b"hello\n")
    return path


@pytest.fixture
def raw(disk: MakeDisk) -> Path:
    return disk(form="raw")


def put(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def leave_work_in_the_log(path: Path) -> None:
    """A log of our own making, as long as the volume's, whose one operation changes a file record."""
    with Target(str(path)) as target:
        (extent, *more) = target.machine.volume(WINDOWS).tree.open("\\$LogFile").locate(0, 1 << 20)
        size = target.machine.volume(WINDOWS).tree.open("\\$LogFile").size
    assert not more
    builder = LogBuilder(version=2, start=None, pages=size // PAGE)
    oldest = builder.add(operation(0x1B, 0x01))
    builder.add(operation(0x07, 0x07, (4,), vcn=16, block=0, payload=b"x" * 40))
    put(path, extent.offset, builder.build(oldest, builder.restart(), flags=0, in_use=0))


def mark_to_be_checked(path: Path) -> None:
    """The dirty flag in $VOLUME_INFORMATION, attribute 0x70 of file record 3."""
    with Target(str(path)) as target:
        partition = target.machine.volume(WINDOWS).partition
        assert partition is not None
        start = partition.offset
    with path.open("rb") as file:
        file.seek(start)
        boot = file.read(512)
        cluster = int.from_bytes(boot[11:13], "little") * boot[13]
        record_at = start + int.from_bytes(boot[48:56], "little") * cluster + 3 * 1024
        file.seek(record_at)
        record = file.read(1024)
    at = int.from_bytes(record[20:22], "little")
    while int.from_bytes(record[at : at + 4], "little") != 0x70:
        at += int.from_bytes(record[at + 4 : at + 8], "little")
    value = at + int.from_bytes(record[at + 20 : at + 22], "little")
    put(path, record_at + value + 10, bytes([record[value + 10] | DIRTY]))


CHANGES = (
    lambda note: ("cp", str(note), f"{WINDOWS}:\\Windows"),
    lambda _: ("mkdir", f"{WINDOWS}:\\new"),
    lambda _: ("mv", f"{WINDOWS}:\\Windows\\explorer.exe", f"{WINDOWS}:\\Windows\\other.exe"),
    lambda _: ("rm", f"{WINDOWS}:\\Windows\\explorer.exe"),
    lambda _: ("attrib", f"{WINDOWS}:\\Windows\\explorer.exe", "+h"),
)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [(leave_work_in_the_log, "work left in the volume's log"), (mark_to_be_checked, "marked to be checked by chkdsk")],
)
def test_a_volume_that_windows_has_to_finish_first(
    harm: Callable[[Path], None], reason: str, bootmend: Bootmend, raw: Path, note: Path
) -> None:
    harm(raw)
    before = fingerprint(str(raw))
    for change in CHANGES:
        command, *words = change(note)
        said = bootmend("disk", command, raw, *words, "--yes", expect=4)
        assert reason in said.err
        assert "attach the disk to a running Windows" in said.err
    assert fingerprint(str(raw)) == before
    assert bootmend("disk", "cat", raw, "1:\\Boot\\BCD.LOG", expect=0).out == ""
    # the other volume is sound, and a store that keeps its place may be written on either
    bootmend("disk", "mkdir", raw, "1:\\new", "--yes", expect=0)
    bootmend("undo", raw, "--yes", expect=0)
    bootmend("repair", raw, "--yes", expect=0)
    bootmend("undo", raw, "--yes", expect=0)
    assert fingerprint(str(raw)) == before


def test_a_saved_session_is_discarded_first_and_that_can_be_undone(
    bootmend: Bootmend, raw: Path, note: Path, tmp_path: Path
) -> None:
    session = tmp_path / "hiberfil.sys"
    session.write_bytes(bytes(4) + bytes(range(256)) * 400)
    bootmend("disk", "cp", raw, session, f"{WINDOWS}:\\hiberfil.sys", "--yes", expect=0)
    with Target(str(raw)) as target:
        (extent,) = target.machine.volume(WINDOWS).tree.open("\\hiberfil.sys").locate(0, 4)
    put(raw, extent.offset, b"hibr")
    before = fingerprint(str(raw))
    for change in CHANGES:
        command, *words = change(note)
        said = bootmend("disk", command, raw, *words, "--yes", expect=4)
        assert "Windows saved a session on volume 2" in said.err
        assert "bootmend repair DISK --discard-hibernation" in said.err
    assert fingerprint(str(raw)) == before
    bootmend("repair", raw, "--discard-hibernation", "--yes", expect=0)
    bootmend("disk", "cp", raw, note, f"{WINDOWS}:\\Windows", "--yes", expect=0)
    bootmend("undo", raw, "--yes", expect=0)
    bootmend("undo", raw, "--yes", expect=0)
    assert fingerprint(str(raw)) == before


def test_an_image_that_others_build_on(bootmend: Bootmend, raw: Path, note: Path) -> None:
    (raw.parent / "clone.vmdk").write_text(f'# Disk DescriptorFile\nparentFileNameHint="{raw.name}"\n')
    before = fingerprint(str(raw))
    said = bootmend("disk", "cp", raw, note, f"{WINDOWS}:\\Windows", "--yes", expect=4)
    assert "clone.vmdk builds on it" in said.err
    assert fingerprint(str(raw)) == before
