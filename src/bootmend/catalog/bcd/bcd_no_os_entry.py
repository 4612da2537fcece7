"""The default of a store must be an entry that is there.

The boot manager starts what its ``default`` names, or the first of its ``displayorder``.  Where both name objects that do
not exist, or the store has no Windows loader at all, it stops and says that there is no valid entry.  Entries that
are there are given back their place; where none is left, one is made for the Windows on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.object_types import OS_LOADER
from bootmend.machine import loader_text, own_stores, starts_windows, store_details
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import CreateObject, DeleteObject, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject
    from bootmend.bcd.fresh import FreshObject
    from bootmend.machine import BootStore, Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="bcd-no-os-entry",
    title="The boot configuration has no valid entry for Windows",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    status_codes=("0xC0000098", "0xC000000D", "0xC0000034"),
    names=("STATUS_FILE_INVALID", "STATUS_INVALID_PARAMETER"),
    screen_texts=(
        "The Boot Configuration Data file doesn't contain valid information for an operating system.",
        "The Windows Boot Configuration Data file does not contain a valid OS entry.",
    ),
    references=("Windows boot error 0xC0000098 (Azure troubleshooting documentation)",),
)
BOOTMGR = "{bootmgr}"


def detect(machine: Machine) -> Iterator[Finding]:
    """Follow the default and the menu of every store that has a boot manager object and is not recovery's."""
    for store in own_stores(machine):
        if store.store.boot_manager is not None and _starts_nothing(store):
            yield _finding(machine, store)


def _starts_nothing(store: BootStore) -> bool:
    """Whether what boots when nobody chooses is no object of the store; a default of another kind is somebody's choice."""
    stated = store.store.stated_default
    order = [object_id for object_id in store.store.display_order if store.store.get(object_id)]
    if stated is not None and store.store.get(stated) is not None:
        return False
    return stated is not None or not order


def _candidates(store: BootStore) -> list[BcdObject]:
    """The loaders of installed systems, those of the menu first."""
    return [loader for loader in store.store.loaders() if starts_windows(loader)]


def _finding(machine: Machine, store: BootStore) -> Finding:
    from bootmend.machine.fresh_store import sole_choice

    stated = store.store.stated_default
    loaders = _candidates(store)
    makeable = not loaders and sole_choice(machine, store.firmware, store.volume) is not None
    if loaders:
        sentence, fix = _entry_left(store, loaders), f"makes {loaders[0].id} the default, and the menu of what is there"
    else:
        sentence = f"The store {store.where} has no entry for an installed Windows at all."
        fix = "makes a new entry for the Windows on this disk" if makeable else "make a new store with  bootmend bcdboot"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.SAFE if loaders or makeable else Applicability.MANUAL,
        subject=store.where,
        sentence=sentence,
        evidence=(
            Evidence("store", store.where, f"{len(loaders)} loaders of an installed Windows"),
            Evidence("element", "{bootmgr} default", _named(store, stated), "a loader of this store"),
            Evidence("element", "{bootmgr} displayorder", _order(store), "loaders of this store"),
        ),
        fix=fix,
        details=store_details(store)
        | {"loader": loaders[0].id if loaders else "", "loadername": loaders[0].text("description") or "" if loaders else ""},
        hides=True,
    )


def _entry_left(store: BootStore, loaders: list[BcdObject]) -> str:
    stated = store.store.stated_default
    what = f"starts {stated} by default, which is not there" if stated else "names no entry to start"
    return f"The boot manager of {store.where} {what}; {loader_text(store.store, loaders[0])} is."


def _named(store: BootStore, object_id: str | None) -> str:
    if object_id is None:
        return "not there"
    return object_id if store.store.get(object_id) else f"{object_id}, which is not there"


def _order(store: BootStore) -> str:
    return ", ".join(_named(store, object_id) for object_id in store.store.display_order) or "empty"


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Make the first loader that is there the default, and the menu of those; with none left, make an entry."""
    volume, path = int(finding.details["volume"]), finding.details["path"]
    store = next(one for one in workspace.machine.stores if (one.volume.number, one.path) == (volume, path))
    chosen = [loader.id for loader in _candidates(store)]
    if not chosen:
        for item in _new_entry(workspace, store):
            yield CreateObject(volume, path, item.id, item.type)
            for element, value in sorted(item.elements.items()):
                yield SetElement(volume, path, item.id, element, value)
            if item.type == OS_LOADER:
                chosen.append(item.id)
    kept = [object_id for object_id in store.store.display_order if store.store.get(object_id)]
    yield SetElement(volume, path, BOOTMGR, "default", chosen[0])
    yield SetElement(volume, path, BOOTMGR, "displayorder", tuple(kept or chosen))


def _new_entry(workspace: Workspace, store: BootStore) -> list[FreshObject]:
    from bootmend.machine.fresh_store import derived_ids, fresh_entries, sole_choice

    choice = sole_choice(workspace.machine, store.firmware, store.volume)
    if choice is None:
        return []
    return fresh_entries(choice, store.store, derived_ids(workspace.machine, workspace.now))


def break_(workspace: Workspace) -> None:
    """Delete the default loaders; the boot manager goes on naming them."""
    for store in own_stores(workspace.machine):
        default = store.store.default_id
        if default is not None:
            DeleteObject(store.volume.number, store.path, default).do(workspace)
