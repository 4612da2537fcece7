"""Switching on the serial console: the optional steps of the 0x67 article, for any repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import starts_windows
from bootmend.operations import CreateObject, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.machine import BootStore, Workspace
    from bootmend.operations import Operation

EMS_SETTINGS_TYPE = 0x20100000
PORT = 1
BAUD_RATE = 115200
MENU_SECONDS = 5


def serial_console_operations(workspace: Workspace, repaired: Iterable[tuple[int, str, str]]) -> Iterator[Operation]:
    """Yield the operations for every store that starts Windows.

    ``repaired`` names loaders by volume, store path and id; besides those the default loader of each
    store is switched on.  Recovery's own store is left alone.
    """
    repaired = list(repaired)
    for store in workspace.machine.stores:
        if store.recovery or store.store.get("{bootmgr}") is None:
            continue
        chosen = {loader for number, path, loader in repaired if (number, path) == (store.volume.number, store.path)}
        default = store.store.get(store.store.default_id) if store.store.default_id else None
        if default is not None and starts_windows(default):
            chosen.add(default.id)
        if chosen:
            yield from _store_operations(store, sorted(chosen))


def _store_operations(store: BootStore, loaders: list[str]) -> Iterator[Operation]:
    number, path = store.volume.number, store.path
    yield SetElement(number, path, "{bootmgr}", "displaybootmenu", value=True)
    yield SetElement(number, path, "{bootmgr}", "timeout", MENU_SECONDS)
    yield SetElement(number, path, "{bootmgr}", "bootems", value=True)
    for loader in loaders:
        yield SetElement(number, path, loader, "ems", value=True)
    yield CreateObject(number, path, "{emssettings}", EMS_SETTINGS_TYPE)
    yield SetElement(number, path, "{emssettings}", "emsport", PORT)
    yield SetElement(number, path, "{emssettings}", "emsbaudrate", BAUD_RATE)
