"""The file systems that Windows starts from must be whole.

A volume that NTFS itself has marked as dirty is checked at the next start, and where the check cannot mend it, at every start.
Mending needs ``chkdsk`` of a Windows: nothing here clears the mark, which would only hide the damage from it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from bootmend.errors import BootmendError
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Volume, Workspace
    from bootmend.operations import Operation
    from bootmend.source import Source

RULE = Rule(
    id="ntfs-corruption",
    title="A file system is damaged or marked to be checked",
    severity=Severity.WARNING,
    applicability=Applicability.MANUAL,
    stop_codes=("0x00000024", "0x00000077", "0x0000007A"),
    status_codes=("0xC0000032", "0xC0000102"),
    names=("NTFS_FILE_SYSTEM", "STATUS_FILE_CORRUPT_ERROR", "KERNEL_DATA_INPAGE_ERROR", "KERNEL_STACK_INPAGE_ERROR"),
    screen_texts=("Checking file system on C:", "Scanning and repairing drive", "CHKDSK is verifying"),
    references=("self-help article on disk checks at the start (Azure SelfHelpContent)", "NTFS documentation of linux-ntfs"),
    phase=Phase.KERNEL,
)
CHKDSK = "run chkdsk /f on the volume from a Windows machine that the disk is attached to"


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the mark of each volume with Windows or a store, and at each NTFS whose files cannot be read at all."""
    for volume in machine.readable_volumes:
        if volume.kind == "NTFS" and machine.roles(volume) and _dirty(volume):
            yield _marked(volume)
    for volume, error in machine.unreadable:
        if volume.source is not None and _boot_sector_is_sound(volume.source):
            yield _unreadable(volume, error)


def _dirty(volume: Volume) -> bool:
    from bootmend.filesystem.ntfs.tree import NtfsTree

    return isinstance(volume.tree, NtfsTree) and volume.tree.dirty


def _boot_sector_is_sound(source: Source) -> bool:
    """Whether it is an NTFS and its first sector is not what is wrong with it: that would be another rule's finding."""
    from bootmend.filesystem.ntfs.boot import read_boot_sector

    try:
        boot = read_boot_sector(source)
    except BootmendError:
        return False
    return boot.clusters * boot.cluster <= source.size  # of a volume that was cut off, the missing part is no damage to check


def _marked(volume: Volume) -> Finding:
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.WARNING,
        applicability=Applicability.MANUAL,
        subject=volume.name,
        sentence=f"{volume.name.capitalize()} is marked as dirty: NTFS has met damage, and Windows checks it at the next start.",
        evidence=(Evidence("$Volume", volume.name, "flag 0x0001 (dirty)", "not set"),),
        fix=CHKDSK,
        details={"volume": str(volume.number)},
    )


def _unreadable(volume: Volume, error: BootmendError) -> Finding:
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.MANUAL,
        subject=volume.name,
        sentence=f"The boot sector of {volume.name} is sound, but its file system cannot be read: nothing on it can be judged.",
        evidence=(Evidence("$MFT", volume.name, str(error), "a directory of the root"),),
        fix=f"copy the disk first; then {CHKDSK}, or restore the disk",
        details={"volume": str(volume.number)},
        hides=True,
    )


def repair(_finding: Finding, _workspace: Workspace) -> Iterator[Operation]:
    """Nothing: only a whole check can tell what is damaged, and clearing the mark alone would keep Windows from making it."""
    yield from ()


def break_(workspace: Workspace) -> None:
    """Mark the volumes of Windows as dirty, as NTFS does."""
    for installation in workspace.machine.windows:
        mark_dirty(workspace, installation.volume)


def mark_dirty(workspace: Workspace, volume: Volume) -> None:
    """Set the flag in the record of ``$Volume``, before the first fixup, and in the copy of it in ``$MFTMirr``."""
    from bootmend.filesystem.ntfs import layout
    from bootmend.filesystem.ntfs.boot import read_boot_sector

    assert volume.source is not None
    boot = read_boot_sector(volume.source)
    for table in (boot.mft, boot.mirror):
        record = table * boot.cluster + layout.VOLUME_RECORD * boot.record
        flags = record + _flags_at(volume.source.read_at(record, boot.record))
        (before,) = struct.unpack("<H", volume.source.read_at(flags, 2))
        workspace.write_volume(volume.number, flags, struct.pack("<H", before | layout.VOLUME_DIRTY))


def _flags_at(record: bytes) -> int:
    """Where the flags of the volume information are in a file record; attributes begin where its head says."""
    from bootmend.filesystem.ntfs import layout

    (position,) = struct.unpack_from("<H", record, 20)
    while True:
        kind, length = struct.unpack_from("<II", record, position)
        if kind == layout.VOLUME_INFORMATION:
            (content,) = struct.unpack_from("<H", record, position + 20)
            return int(position + content + 10)
        position += length
