r"""The program that a loader names must be there, whole, and of the firmware's own kind.

The boot manager starts the file that ``path`` names on the volume that ``device`` names: ``winload.exe`` on BIOS,
``winload.efi`` on UEFI.  Every Windows has both files, so a path with the other firmware's ending leads to a
file that is there and cannot be started.  Windows keeps spare copies in ``\Windows\System32\Boot``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.filesystem import normalise
from bootmend.machine import (
    device_value,
    is_default,
    loader_details,
    loader_text,
    own_stores,
    starts_windows,
    text_value,
    volumes_named,
)
from bootmend.machine.boot_files import can_replace, file_fault
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import CopyFile, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject
    from bootmend.machine import BootStore, Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="winload-missing",
    title="The program that loads Windows is not where the boot configuration says",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    status_codes=("0xC000000F", "0xC0000225", "0xC000000E", "0xC0000428", "0xC0000098"),
    names=("STATUS_NO_SUCH_FILE",),
    screen_texts=(
        "File: \\Windows\\system32\\winload.exe",
        "File: \\Windows\\system32\\winload.efi",
        "The selected entry could not be loaded because the application is missing or corrupt.",
    ),
    references=("Windows boot error 0xC000000F (Azure troubleshooting documentation)",),
)
SUFFIX = {"BIOS": "exe", "UEFI": "efi"}
KERNEL = "ntoskrnl.exe"
LEAST = 4096
"""bytes; no winload that ever was is smaller"""


class Fault(NamedTuple):
    """What is wrong with the program of a loader, and what would cure it: another path, or a copy at ``source``."""

    volume: Volume
    path: str
    what: str
    new_path: str = ""
    source: str = ""


def detect(machine: Machine) -> Iterator[Finding]:
    """Look for the program of every loader of an installed Windows whose volume can be read."""
    for store in own_stores(machine):
        for loader in store.store.loaders():
            fault = _fault(machine, store, loader) if starts_windows(loader) else None
            if fault is not None:
                yield _finding(store, loader, fault)


def _fault(machine: Machine, store: BootStore, loader: BcdObject) -> Fault | None:
    """None too where it cannot be this: no volume, no Windows on it, or a program that is none of Windows' own."""
    path, root = normalise(text_value(loader, "path")), normalise(text_value(loader, "systemroot") or "\\Windows")
    volumes = [each for each in volumes_named(machine, store, device_value(loader, "device")) if each.exists(f"{root}\\System32")]
    if len(volumes) != 1:
        return None
    if machine.disk is None and not volumes[0].exists(f"{root}\\System32\\{KERNEL}"):
        return None  # a directory into which somebody copied a few files, not a whole Windows
    volume, right = volumes[0], f"{root}\\System32\\winload.{SUFFIX[store.firmware]}"
    there = file_fault(volume, path, least=LEAST)
    if not there and not _is_other_firmwares(path, store.firmware):
        return None
    if path.lower() != right.lower() and not file_fault(volume, right, least=LEAST):
        what = (
            there or f"is the program for {'UEFI' if store.firmware == 'BIOS' else 'BIOS'}, and this store is {store.firmware}'s"
        )
        return Fault(volume, path, what, new_path=_like(path, right))
    what = there or "is for the other firmware, and the right one is missing too"
    spare = f"{root}\\System32\\Boot\\winload.{SUFFIX[store.firmware]}"
    return Fault(volume, path, what, source="" if file_fault(volume, spare, least=LEAST) else spare)


def _is_other_firmwares(path: str, firmware: str) -> bool:
    return path.lower().endswith("winload.exe" if firmware == "UEFI" else "winload.efi")


def _like(path: str, right: str) -> str:
    """The right path in the spelling of the wrong one, where they differ in nothing but the ending."""
    stem = path.rpartition(".")[0]
    return f"{stem}{right[-4:]}" if f"{stem}{right[-4:]}".lower() == right.lower() else right


def _finding(store: BootStore, loader: BcdObject, fault: Fault) -> Finding:
    copies = bool(fault.source) and _can_copy(fault)
    curable = bool(fault.new_path) or copies
    if fault.new_path:
        fix = f"sets path to {fault.new_path}"
    elif copies:
        fix = f"copies {fault.source} to {fault.path}"
    else:
        fix = _by_hand(fault)
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR if is_default(store, loader) else Severity.WARNING,
        applicability=Applicability.SAFE if curable else Applicability.MANUAL,
        subject=f"{store.where} {loader.id}",
        sentence=f"{loader_text(store.store, loader)} starts {fault.path}, which {fault.what}.",
        evidence=(
            Evidence("store", store.where, f"the loader's store, read by {store.firmware}"),
            Evidence("element", "path", text_value(loader, "path"), fault.new_path),
            Evidence("file", fault.volume.where(fault.path), fault.what, "a program"),
            *([Evidence("file", fault.volume.where(fault.source), "a spare copy")] if fault.source else []),
        ),
        fix=fix,
        details=loader_details(store, loader)
        | {"windows": str(fault.volume.number), "file": fault.path, "newpath": fault.new_path, "source": fault.source},
    )


def _can_copy(fault: Fault) -> bool:
    spare = fault.volume.tree.lookup(fault.source)
    return spare is not None and can_replace(fault.volume, fault.path, spare.size)


def _by_hand(fault: Fault) -> str:
    if fault.source:
        return f"copy {fault.source} to {fault.path} from Windows PE: files cannot be made on a {fault.volume.kind} volume yet"
    return "restore the file from Windows PE with DISM or SFC, or from a machine with the same build of Windows"


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Name the right file, or put the spare copy in the place of the bad one."""
    details = finding.details
    if details["newpath"]:
        yield SetElement(int(details["volume"]), details["path"], details["loader"], "path", details["newpath"])
    elif details["source"]:
        windows = int(details["windows"])
        yield CopyFile(windows, details["source"], windows, details["file"])


def break_(workspace: Workspace) -> None:
    """Give the default loaders the path of the other firmware's program, as conversions of disks do."""
    for store in own_stores(workspace.machine):
        default = store.store.get("{default}")
        if default is not None:
            other = "exe" if store.firmware == "UEFI" else "efi"
            path = f"{text_value(default, 'path').rpartition('.')[0]}.{other}"
            SetElement(store.volume.number, store.path, default.id, "path", path).do(workspace)
