"""A store must have the object of the boot manager.

Without ``{bootmgr}`` the boot manager finds no menu and no default in its store, and stops with 0xC0000034.  The object
holds nothing that cannot be told from the rest: the entries of the menu are the loaders of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.identifiers import BOOTMGR, GLOBAL_SETTINGS, MEMDIAG
from bootmend.bcd.object_types import BOOT_MANAGER
from bootmend.machine import device_for, own_stores, starts_windows, store_details, text_value
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import CreateObject, DeleteObject, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject, Device
    from bootmend.machine import BootStore, Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="bcd-no-bootmgr-object",
    title="The boot configuration has no boot manager object",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    status_codes=("0xC0000034",),
    names=("STATUS_OBJECT_NAME_NOT_FOUND",),
    screen_texts=("Status: 0xc0000034", "The Boot Configuration Data file does not contain"),
    references=("BCDEdit /create {bootmgr} (Windows driver documentation)",),
)
MANAGER = "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"
TIMEOUT = 30
"""what Windows itself sets"""


def detect(machine: Machine) -> Iterator[Finding]:
    """Look for the object in every store that is not a recovery environment's."""
    for store in own_stores(machine):
        if store.store.boot_manager is None:
            yield _finding(store)


def _loaders(store: BootStore) -> list[BcdObject]:
    """The loaders of installed systems, those with a name first."""
    found = [loader for loader in store.store.loaders() if starts_windows(loader)]
    return sorted(found, key=lambda loader: not text_value(loader, "description"))


def _finding(store: BootStore) -> Finding:
    loaders = _loaders(store)
    named = f"its {len(loaders)} loader{'s' * (len(loaders) != 1)} cannot be reached"
    order = Evidence("objects", "Windows Boot Loader", ", ".join(loader.id for loader in loaders) or "none")
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.SAFE if loaders else Applicability.MANUAL,
        subject=store.where,
        sentence=f"The store {store.where} has no boot manager object; {named}.",
        evidence=(Evidence("object", f"{{bootmgr}} {BOOTMGR}", "not there", "a Windows Boot Manager"), order),
        fix=f"makes {{bootmgr}} with {loaders[0].id} as its default" if loaders else "make a new store with  bootmend bcdboot",
        details=store_details(store) | {"loader": loaders[0].id if loaders else "", "loadername": "Windows Boot Manager"},
        hides=True,
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Make the object with what Windows puts into it; the loaders of the store become its menu."""
    volume, path = int(finding.details["volume"]), finding.details["path"]
    machine = workspace.machine
    store = next(one for one in machine.stores if (one.volume.number, one.path) == (volume, path))
    yield CreateObject(volume, path, BOOTMGR, BOOT_MANAGER)
    for element, value in _elements(store, device_for(machine, store.volume)):
        yield SetElement(volume, path, BOOTMGR, element, value)


def _elements(store: BootStore, device: Device | None) -> Iterator[tuple[str, Device | str | int | tuple[str, ...]]]:
    loaders = _loaders(store)
    if device is not None:
        yield "device", device
    if store.firmware == "UEFI":
        yield "path", MANAGER
    yield "description", "Windows Boot Manager"
    locale = next((text for loader in loaders if (text := text_value(loader, "locale"))), "en-US")
    yield "locale", locale
    if store.store.get(GLOBAL_SETTINGS) is not None:
        yield "inherit", (GLOBAL_SETTINGS,)
    yield "default", loaders[0].id
    yield "displayorder", tuple(loader.id for loader in loaders)
    if store.store.get(MEMDIAG) is not None:
        yield "toolsdisplayorder", (MEMDIAG,)
    yield "timeout", TIMEOUT


def break_(workspace: Workspace) -> None:
    """Delete the object from every store that is not a recovery environment's."""
    for store in own_stores(workspace.machine):
        DeleteObject(store.volume.number, store.path, BOOTMGR).do(workspace)
