"""Every Windows volume must begin with a boot sector that is whole.

The boot sector says what file system the volume has and where its parts are; without it the volume is unreadable.
On BIOS machines that of the active partition is also run: it must end with 55 AA, and know where on the disk it
is ("hidden sectors"), which is wrong after a partition was moved.  NTFS and FAT32 keep a backup of it on the volume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine.boot_sectors import HIDDEN_SECTORS, boot_sector, holds_windows_files, sound_backup
from bootmend.machine.system_volume import is_system
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import RestoreBootSector, SetHiddenSectors
from bootmend.partition.bootsector import file_system, has_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="vbr-damaged",
    title="The boot sector of a volume is damaged",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=("A disk read error occurred", "Remove disks or other media.", "Missing operating system"),
    references=("A disk read error occurred (Azure troubleshooting documentation)",),
    phase=Phase.PREBOOT,
)
OTHER_KINDS = frozenset({"BitLocker", "exFAT", "ReFS"})
BLANK = frozenset({"unknown", "empty"})


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the first sector of every volume of Windows' own kinds; at the backup only where that one is bad."""
    table = machine.table
    if table is None or table.scheme == "none":
        return
    failures = {volume.number: str(error.message) for volume, error in machine.unreadable}
    for volume in machine.volumes:
        if holds_windows_files(volume) and volume.kind not in OTHER_KINDS:
            started = _is_started(machine, volume)
            fault = _fault(volume, failures.get(volume.number, ""), started=started)
            if fault:
                yield from _damaged(machine, volume, fault, started=started)
            elif started and _hidden(volume) != _before(volume, table.sector):
                yield _misplaced(volume, table.sector)


def _is_started(machine: Machine, volume: Volume) -> bool:
    """Whether a BIOS runs the volume's boot sector."""
    return machine.firmware == "BIOS" and volume.partition is not None and volume.partition.active


def _fault(volume: Volume, failure: str, *, started: bool) -> str:
    if volume.kind in BLANK:
        return "holds nothing but zeros" if not any(boot_sector(volume)) else "is none"
    if failure:
        return f"cannot be used ({failure})"
    return "has lost its 55 AA" if started and not has_signature(boot_sector(volume)) else ""


def _hidden(volume: Volume) -> int:
    return int.from_bytes(boot_sector(volume)[HIDDEN_SECTORS], "little")


def _before(volume: Volume, sector: int) -> int:
    """How many sectors lie before the volume."""
    assert volume.partition is not None
    return volume.partition.offset // sector


def _damaged(machine: Machine, volume: Volume, fault: str, *, started: bool) -> Iterator[Finding]:
    backup = sound_backup(volume)
    if backup is None and (not started or (volume.readable and has_signature(boot_sector(volume)))):
        return  # an unformatted partition, or damage that the boot sector is not the cause of: nobody's finding here
    needed = started or _is_needed(machine, volume)
    kind = file_system(backup.sector) if backup else ""
    yield Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR if needed else Severity.WARNING,
        applicability=Applicability.SAFE if backup else Applicability.MANUAL,
        subject=volume.name,
        sentence=f"The boot sector of {volume.name} {fault}"
        + (f"; its {kind} backup is whole." if backup else ", and there is no backup of it that fits."),
        evidence=(
            Evidence("boot sector", f"{volume.name} sector 0", fault, "a boot sector of NTFS or FAT"),
            Evidence("backup", volume.name, f"{kind}, whole, at byte {backup.offset:#x}" if backup else "none that can be used"),
        ),
        fix="restores the boot sector from its backup" if backup else "recover the volume with other tools, or restore the disk",
        details={"volume": str(volume.number), "state": "damaged"},
        hides=True,
    )


def _is_needed(machine: Machine, volume: Volume) -> bool:
    """Whether nothing starts without it: it is what the firmware reads, or nothing of Windows is left to be seen."""
    return is_system(volume, machine.firmware) or not machine.windows or not machine.stores


def _misplaced(volume: Volume, sector: int) -> Finding:
    right = _before(volume, sector)
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.SAFE,
        subject=f"{volume.name} hidden sectors",
        sentence=f"The boot sector of {volume.name} believes that the volume begins at sector {_hidden(volume)} of the disk; "
        f"it begins at {right}, so its boot code reads the wrong place.",
        evidence=(Evidence("hidden sectors", f"{volume.name} sector 0", str(_hidden(volume)), str(right)),),
        fix=f"sets the hidden sectors to {right}, in the backup too",
        details={"volume": str(volume.number), "state": "misplaced", "sectors": str(right)},
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Restore the boot sector from its backup, or set the hidden sectors."""
    number = int(finding.details["volume"])
    if finding.details["state"] == "misplaced":
        yield SetHiddenSectors(number, int(finding.details["sectors"]))
    else:
        yield RestoreBootSector(number)


def break_(workspace: Workspace) -> None:
    """Overwrite the first sector of the first volume, the one that the machine starts from, with zeros."""
    workspace.write_volume(workspace.machine.volumes[0].number, 0, bytes(512))
