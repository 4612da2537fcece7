r"""The boot manager must be where the firmware starts it, whole and not compressed.

On BIOS machines the boot sector loads ``\bootmgr`` from the active partition, without a file system driver: it must not be
compressed.  UEFI firmware starts ``\EFI\Microsoft\Boot\bootmgfw.efi``, or ``\EFI\Boot\bootx64.efi`` where it has forgotten
that.  Windows keeps a copy of each in ``\Windows\Boot``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.machine.boot_files import can_replace, file_fault
from bootmend.machine.system_volume import system_volumes
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import CopyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="bootmgr-missing",
    title="The boot manager's own file is missing or damaged",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=(
        "BOOTMGR is missing",
        "BOOTMGR is compressed",
        "BOOTMGR image is corrupt. The system cannot boot.",
    ),
    references=("BOOTMGR is missing (Azure troubleshooting documentation)",),
    phase=Phase.PREBOOT,
)
BIOS_FILE = "\\bootmgr"
UEFI_FILE = "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"
FALLBACK = "\\EFI\\Boot\\bootx64.efi"
COPIES = {BIOS_FILE: "Boot\\PCAT\\bootmgr", UEFI_FILE: "Boot\\EFI\\bootmgfw.efi", FALLBACK: "Boot\\EFI\\bootmgfw.efi"}
LEAST = 65536
"""bytes; the boot managers of Vista and later have some hundred thousand"""


class Copy(NamedTuple):
    """Where Windows keeps a copy of the boot manager, and how long that is."""

    volume: Volume
    path: str
    size: int


def detect(machine: Machine) -> Iterator[Finding]:
    """Look for the file on each volume that the firmware would start from."""
    firmware = machine.firmware
    for volume in system_volumes(machine, firmware):
        if firmware == "BIOS":
            yield from _findings(machine, volume, BIOS_FILE, Severity.ERROR)
        else:
            missing = list(_findings(machine, volume, UEFI_FILE, Severity.ERROR))
            yield from missing
            yield from _findings(machine, volume, FALLBACK, Severity.ERROR if missing else Severity.WARNING)


def _findings(machine: Machine, volume: Volume, path: str, severity: Severity) -> Iterator[Finding]:
    what = file_fault(volume, path, least=LEAST, plain=True)
    if what and not _is_elsewhere(machine, volume, path):
        yield _finding(volume, path, what, _copy(machine, path), severity)


def _is_elsewhere(machine: Machine, volume: Volume, path: str) -> bool:
    """Whether another volume has the file: then the wrong partition is active, or the disk has two system partitions."""
    return any(other is not volume and other.exists(path) for other in machine.readable_volumes)


def _copy(machine: Machine, path: str) -> Copy | None:
    for installation in machine.windows:
        source = installation.path(COPIES[path])
        if not file_fault(installation.volume, source, least=LEAST):
            entry = installation.volume.tree.lookup(source)
            assert entry is not None
            return Copy(installation.volume, source, entry.size)
    return None


def _finding(volume: Volume, path: str, what: str, copy: Copy | None, severity: Severity) -> Finding:
    curable = copy is not None and can_replace(volume, path, copy.size)
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=severity,
        applicability=Applicability.SAFE if curable else Applicability.MANUAL,
        subject=volume.where(path),
        sentence=f"The boot manager {volume.where(path)} {what}.",
        evidence=(
            Evidence("file", volume.where(path), what, "the boot manager"),
            *([Evidence("file", copy.volume.where(copy.path), f"a copy of {copy.size} bytes")] if copy else []),
        ),
        fix=_fix(volume, path, copy, curable=curable),
        details={
            "target": str(volume.number),
            "file": path,
            "windows": str(copy.volume.number) if copy else "",
            "source": copy.path if copy else "",
        },
    )


def _fix(volume: Volume, path: str, copy: Copy | None, *, curable: bool) -> str:
    if copy is None:
        return "no copy is on this disk: in Windows PE  bcdboot W:\\Windows /s S:"
    origin = f"{copy.volume.where(copy.path)} to {path}"
    if curable:
        return f"copies {origin}"
    return f"no file can be made on a {volume.kind} volume yet: from Windows PE copy {origin}, or run bcdboot"


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Copy the boot manager that Windows keeps: over the damaged file where the lengths agree, else as a new file."""
    details = finding.details
    if details["source"]:
        yield CopyFile(int(details["windows"]), details["source"], int(details["target"]), details["file"])


def break_(workspace: Workspace) -> None:
    """Overwrite the beginning of the boot manager with zeros."""
    machine = workspace.machine
    path = BIOS_FILE if machine.firmware == "BIOS" else UEFI_FILE
    for volume in system_volumes(machine, machine.firmware):
        data = volume.tree.read(path)
        workspace.overwrite_file(volume.number, path, bytes(4096) + data[4096:])
