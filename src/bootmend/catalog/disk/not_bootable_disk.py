"""The active partition must have boot code that starts Windows.

Linux tools that format a volume leave code there that only says "This is not a bootable disk".  Windows' boot code
is not ours to give, but the volume's own backup boot sector may still have it, and so has every NTFS volume that Windows
formatted: it is copied from there.  A disk on which no volume at all has other code was made by such tools as a
whole, and may never have been meant to start by itself: that is a remark, not a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine.boot_sectors import NTFS_BOOT_FILE, boot_sector, sound_backup
from bootmend.machine.system_volume import system_volumes
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import CopyBootCode
from bootmend.partition.boot_code import NOT_BOOTABLE, WINDOWS_NAMES, is_dummy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="not-bootable-disk",
    title="The active partition has no boot code that starts Windows",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=("This is not a bootable disk.", "Please insert a bootable floppy and", "press any key to try again"),
    references=("self-help article on 'This is not a bootable disk' (Azure SelfHelpContent)",),
    phase=Phase.PREBOOT,
    firmware="BIOS",
)
NTFS_CODE_AT, NTFS_CODE_END = 84, 510


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the boot sector of the active partition."""
    if machine.firmware != "BIOS":
        return
    for volume in system_volumes(machine, "BIOS"):
        sector = boot_sector(volume)
        if is_dummy(sector):
            donor = _donor(machine, volume)
            if donor is not None or any(_has_code(other) for other in _others(machine, volume)):
                yield _finding(volume, sector, donor)


def _others(machine: Machine, target: Volume) -> list[Volume]:
    return [volume for volume in machine.readable_volumes if volume is not target and volume.kind == "NTFS"]


def _has_code(volume: Volume) -> bool:
    return not is_dummy(boot_sector(volume))


def _donor(machine: Machine, target: Volume) -> Volume | None:
    """The volume itself where the backup of its boot sector has code, else another one whose code is Windows' own."""
    if target.kind != "NTFS":
        return None
    backup = sound_backup(target)
    if backup is not None and not is_dummy(backup.sector):
        return target
    return next((volume for volume in _others(machine, target) if _has_windows_code(volume)), None)


def _has_windows_code(volume: Volume) -> bool:
    if volume.source is None or volume.source.size < NTFS_BOOT_FILE or is_dummy(boot_sector(volume)):
        return False
    code = volume.source.read_at(0, NTFS_BOOT_FILE)
    wide = tuple(name.decode("ascii").encode("utf-16-le") for name in WINDOWS_NAMES)
    return any(name in code for name in (*WINDOWS_NAMES, *wide))


def _finding(volume: Volume, sector: bytes, donor: Volume | None) -> Finding:
    what = 'only says "This is not a bootable disk"' if NOT_BOOTABLE in sector else "is not there"
    by_hand = "write boot code from Windows PE:  bootsect /nt60 S:"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.SAFE if donor else Applicability.MANUAL,
        subject=volume.name,
        sentence=f"The boot code of {volume.name}, the active partition, {what}: a tool that is not Windows formatted it.",
        evidence=(
            Evidence("boot code", f"{volume.name} sector 0", what, "code that starts \\bootmgr"),
            *([Evidence("boot code", _place(donor, volume), "there")] if donor else []),
        ),
        fix=f"copies the boot code of {_place(donor, volume)}" if donor else by_hand,
        details={"volume": str(volume.number), "source": str(donor.number) if donor else ""},
    )


def _place(donor: Volume, volume: Volume) -> str:
    return f"the backup boot sector of {volume.name}" if donor is volume else f"{donor.name}, sectors 0 to 15"


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Copy the boot code from the backup of the boot sector, or from another volume that Windows formatted."""
    if finding.details["source"]:
        yield CopyBootCode(int(finding.details["source"]), int(finding.details["volume"]))


def break_(workspace: Workspace) -> None:
    """Write what mkntfs leaves in the boot sector of the active partition."""
    text = NOT_BOOTABLE + b". Please insert a bootable floppy and\r\npress any key to try again ... \r\n\0"
    for volume in system_volumes(workspace.machine, "BIOS"):
        workspace.write_volume(volume.number, NTFS_CODE_AT, text.ljust(NTFS_CODE_END - NTFS_CODE_AT, b"\0"))
