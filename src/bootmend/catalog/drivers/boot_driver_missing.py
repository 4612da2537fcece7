"""A boot driver whose failure stops the start must have a file that can be loaded.

The loader reads every driver with ``Start`` 0 before Windows runs.  ``ErrorControl`` says what a failure means: with 0
and 1 the start goes on, so only drivers with 2 and 3 are looked at.  A copy is taken from the driver store alone, whose
files are whole; those of WinSxS may be compressed as differences, which no size shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import MissingError
from bootmend.machine.drivers import driver_file, has_drivers, why_no_program
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import CopyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.machine.windows import Service
    from bootmend.operations import Operation

RULE = Rule(
    id="boot-driver-missing",
    title="The file of a boot driver is missing or damaged",
    severity=Severity.ERROR,
    applicability=Applicability.UNSAFE,
    status_codes=(
        "0xC000000F",
        "0xC0000225",
        "0xC0000011",
        "0xC0000098",
        "0xC00000BA",
        "0xC000007B",
        "0xC0000221",
        "0xC0000242",
        "0xC0000359",
        "0xC0000102",
    ),
    screen_texts=("File: \\Windows\\System32\\drivers\\",),
    references=("Windows boot error 0xC000000F on an Azure VM (Microsoft Learn)",),
    phase=Phase.WINLOAD,
)
STORE = "System32\\DriverStore\\FileRepository"
SEVERE = 2
#: a machine type and the offset of the PE header, from the DOS header on
PE_OFFSET = slice(0x3C, 0x40)
HEAD = 4096
SAMPLE_DRIVER = "storahci"


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the file of every boot driver that Windows cannot start without; early-launch drivers have a rule of their own."""
    for installation in machine.windows:
        if not has_drivers(installation):
            continue
        for service in installation.boot_drivers:
            if (service.error_control or 0) < SEVERE or _is_early(service):
                continue
            path = driver_file(installation, service)
            reason = why_no_program(installation.volume.tree, path) if path else ""
            if path and reason:
                yield _finding(installation, service, path, reason)


def _is_early(service: Service) -> bool:
    group = service.key.value("Group")
    return group is not None and group.text().lower() == "early-launch"


def _finding(installation: WindowsInstallation, service: Service, path: str, reason: str) -> Finding:
    volume = installation.volume
    copies = list(_copies(installation, path.rpartition("\\")[2]))
    copy = copies[0] if len(copies) == 1 and reason != "a directory" else ""
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=RULE.severity,
        applicability=Applicability.UNSAFE if copy else Applicability.MANUAL,
        subject=f"{installation.where} {service.name}",
        sentence=f"Windows on {volume.name} cannot start without its boot driver {service.name}, and its file is {reason}.",
        evidence=(
            Evidence("file", volume.where(path), reason, "a program"),
            Evidence(
                "registry key", f"{installation.control_set}\\Services\\{service.name}", "Start 0, a failure stops the start"
            ),
            Evidence("driver store", volume.where(installation.path(STORE)), f"{len(copies)} whole copies of the file", "one"),
        ),
        fix="copies the file from the driver store; look whether its version is that of this Windows"
        if copy
        else "restore the file from another machine of the same build, or with DISM",
        details={"volume": str(volume.number), "driver": service.name, "file": path, "copy": copy},
    )


def _copies(installation: WindowsInstallation, name: str) -> Iterator[str]:
    """The files of that name in the driver store that are programs for the machine type of this Windows."""
    tree, store = installation.volume.tree, installation.path(STORE)
    if not tree.exists(store):
        return
    wanted = _machine_type(installation, installation.path("System32\\ntoskrnl.exe"))
    for folder in sorted(tree.list(store)):
        path = f"{store}\\{folder.name}\\{name}"
        if folder.is_directory and not why_no_program(tree, path) and _machine_type(installation, path) == wanted:
            yield path


def _machine_type(installation: WindowsInstallation, path: str) -> bytes:
    """The two bytes of a program that say for which processor it is (PE format, COFF file header)."""
    tree = installation.volume.tree
    entry = tree.lookup(path)
    if entry is None or entry.is_directory:
        return b""
    head = tree.open(path).read_at(0, min(HEAD, entry.size))
    at = int.from_bytes(head[PE_OFFSET], "little")
    return head[at + 4 : at + 6] if head[at : at + 4] == b"PE\0\0" else b""


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Copy the file from the driver store."""
    details = finding.details
    if not details["copy"]:
        raise MissingError(f"the disk has no copy of {details['file']} that is sure to be right")
    yield CopyFile(int(details["volume"]), details["copy"], int(details["volume"]), details["file"])


def break_(workspace: Workspace) -> None:
    """Let the driver of the disk controller be missing, of which the driver store has a copy."""
    for installation in workspace.machine.windows:
        number = installation.volume.number
        path = installation.path(f"System32\\drivers\\{SAMPLE_DRIVER}.sys")
        data = installation.volume.tree.read(path)
        store = installation.path(f"{STORE}\\mshdc.inf_amd64_0123456789abcdef\\{SAMPLE_DRIVER}.sys")
        workspace.create_file(number, store, data)
        workspace.delete_file(number, path)
