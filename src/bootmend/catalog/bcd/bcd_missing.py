r"""The volume that starts the machine must have a boot configuration that can be read.

BIOS machines read ``\Boot\BCD`` of the active partition, UEFI machines ``\EFI\Microsoft\Boot\BCD`` of the EFI system
partition.  A file that is gone, empty or overwritten leaves the boot manager with nothing to start.  What it must hold is
known from the Windows on the disk, so a new store is made as ``bcdboot`` would make it.  A store that is only dirty is none
of this: its logs mend it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError
from bootmend.machine.boot_files import can_create
from bootmend.machine.hives import open_hive
from bootmend.machine.system_volume import STORES, system_volumes
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import WriteStore
from bootmend.registry import is_hive
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="bcd-missing",
    title="The boot configuration store is missing or cannot be read",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    status_codes=("0xC000000F", "0xC0000034", "0xC000014C", "0xC0000185"),
    names=("STATUS_NO_SUCH_FILE", "STATUS_OBJECT_NAME_NOT_FOUND"),
    screen_texts=(
        "File: \\Boot\\BCD",
        "File: \\EFI\\Microsoft\\Boot\\BCD",
        "The Boot Configuration Data for your PC is missing or contains errors",
        "An error occurred while attempting to read the boot configuration data.",
        "The Windows Boot Configuration Data file is missing required information",
    ),
    references=("Windows boot error 0xC000000F (Azure troubleshooting documentation)",),
)
BY_HAND = "make it with  bootmend bcdboot DISK -o FILE  and put it there from Windows PE"


class Lost(NamedTuple):
    """A store that should be there: what is found in its place, and whether anything of it might still be saved."""

    volume: Volume
    path: str
    firmware: str
    what: str
    remains: bool = False


def detect(machine: Machine) -> Iterator[Finding]:
    """Look for the store where the firmware's boot manager would read it, and at every store file that is no store."""
    for lost in (*_unreadable(machine), *_absent(machine)):
        yield _finding(machine, lost)


def _unreadable(machine: Machine) -> Iterator[Lost]:
    for store in machine.stores:
        if store.recovery or store.failure is None or _opens_as_it_lies(store.volume, store.path):
            continue
        data = _contents(store.volume, store.path)
        if data is None:
            continue
        hive = is_hive(MemorySource(data))
        what = str(store.failure.message) if hive else f"{len(data)} bytes that are no store" if data else "an empty file"
        yield Lost(store.volume, store.path, store.firmware, what, remains=hive)


def _contents(volume: Volume, path: str) -> bytes | None:
    """The file's bytes; None where the file system itself is damaged there: nothing may be written to it then."""
    try:
        return volume.tree.read(path)
    except BootmendError:
        return None


def _opens_as_it_lies(volume: Volume, path: str) -> bool:
    """Whether only its pending changes cannot be applied: then it is not lost, and what to do is another question."""
    try:
        return open_hive(volume, path, recover=False).hive.key("Objects") is not None
    except BootmendError:
        return False


def _absent(machine: Machine) -> Iterator[Lost]:
    firmware = machine.firmware
    if any(store.firmware == firmware and not store.recovery for store in machine.stores) or not machine.windows:
        return
    volumes = system_volumes(machine, firmware)
    if len(volumes) == 1:
        yield Lost(volumes[0], STORES[firmware], firmware, "not there")


def _finding(machine: Machine, lost: Lost) -> Finding:
    how = _applicability(machine, lost)
    where = lost.volume.where(lost.path)
    windows = [Evidence("Windows", one.where, one.product or "found") for one in machine.windows]
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR if lost.firmware == machine.firmware else Severity.WARNING,
        applicability=how,
        subject=where,
        sentence=f"The boot configuration {where}, which {lost.firmware} machines start from, is {_state(lost)}.",
        evidence=(Evidence("store", where, lost.what, "a boot configuration store"), *windows),
        fix=_fix(machine, lost, how),
        details={
            "volume": str(lost.volume.number),
            "path": lost.path,
            "firmware": lost.firmware,
            "loadername": "",
        },
        hides=True,
    )


def _state(lost: Lost) -> str:
    return "damaged" if lost.remains else lost.what


def _new_store(machine: Machine, lost: Lost, now: int) -> bytes | None:
    from bootmend.machine.fresh_store import build_store, derived_ids, sole_choice

    choice = sole_choice(machine, lost.firmware, lost.volume)
    return None if choice is None else build_store(choice, "en-US", now, derived_ids(machine, now))[0]


def _applicability(machine: Machine, lost: Lost) -> Applicability:
    """By hand where it is not clear for which Windows, or where the store has no room and no file can be made."""
    try:
        store = _new_store(machine, lost, 0)
    except BootmendError:
        return Applicability.MANUAL
    entry = lost.volume.tree.lookup(lost.path)
    if store is None or not (can_create(lost.volume) or (entry is not None and entry.size >= len(store))):
        return Applicability.MANUAL
    return Applicability.UNSAFE if lost.remains else Applicability.SAFE


def _fix(machine: Machine, lost: Lost, how: Applicability) -> str:
    if how is Applicability.MANUAL:
        if len(machine.windows) != 1:
            return f"say for which Windows:  bootmend bcdboot DISK --windows N -o FILE  ({len(machine.windows)} are here)"
        return f"no file can be made on a {lost.volume.kind} volume yet: {BY_HAND}"
    given_up = (
        "; entries that only the damaged store had are lost, so try  bootmend hive check --repair  first" if lost.remains else ""
    )
    return f"makes a new store for {machine.windows[0].where}{given_up}"


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Make a new store for the Windows on the disk: over the file where it is long enough, else as a new file."""
    details = finding.details
    volume = workspace.machine.volume(int(details["volume"]))
    store = _new_store(workspace.machine, Lost(volume, details["path"], details["firmware"], ""), workspace.now)
    if store is not None:
        yield WriteStore(volume.number, details["path"], store)


def break_(workspace: Workspace) -> None:
    """Overwrite the store that is started from with zeros, all of it."""
    for store in workspace.machine.stores:
        if not store.recovery:
            size = store.volume.tree.open(store.path).size
            workspace.overwrite_file(store.volume.number, store.path, bytes(size))
