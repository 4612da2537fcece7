"""The Windows boot loaders of a store: how they are called, and which installation they start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd import Device, RamdiskDevice
from bootmend.filesystem import normalise
from bootmend.machine.devices import volumes_named

if TYPE_CHECKING:
    from bootmend.bcd import BcdObject, Store
    from bootmend.machine.machine import Machine
    from bootmend.machine.stores import BootStore
    from bootmend.machine.windows import WindowsInstallation


def loader_text(store: Store, loader: BcdObject) -> str:
    """``"Windows Server 2016" {default} {3d2f1a60-...}``: description, alias where it has one, whole id."""
    description = loader.text("description") or ""
    alias = f"{loader.alias} " if loader.alias else ""
    first = not alias and loader.id == store.default_id
    return f'"{description}" {alias}{loader.id}' + (" (first in the boot order)" if first else "")


def device_value(obj: BcdObject, element: str) -> Device | None:
    """The device that an element names; None where the element is missing or not a device."""
    found = obj.element(element)
    return found.value if found is not None and isinstance(found.value, Device) else None


def text_value(obj: BcdObject, element: str) -> str:
    """The text of a string element; empty where the element is missing."""
    found = obj.element(element)
    return found.value if found is not None and isinstance(found.value, str) else ""


def starts_windows(loader: BcdObject) -> bool:
    """Whether a loader starts an installed Windows from a volume, and not WinPE or WinRE from a RAM disk."""
    winpe = loader.element("winpe")
    return not isinstance(device_value(loader, "osdevice"), RamdiskDevice) and not (winpe is not None and winpe.value is True)


def installation_of(machine: Machine, store: BootStore, loader: BcdObject) -> WindowsInstallation | None:
    """The installation on this disk that a loader starts; None where its osdevice leads to none."""
    root = normalise(text_value(loader, "systemroot") or "\\Windows")
    volumes = volumes_named(machine, store, device_value(loader, "osdevice"))
    for installation in machine.windows:
        if installation.volume in volumes and installation.root.lower() == root.lower():
            return installation
    return None


def is_default(store: BootStore, loader: BcdObject) -> bool:
    """Whether the machine boots this loader when nobody chooses: the default of a store that is not recovery's."""
    return not store.recovery and loader.id == store.store.default_id


def loader_details(store: BootStore, loader: BcdObject) -> dict[str, str]:
    """What a finding about a loader carries for its repair and its article."""
    return store_details(store) | {"loader": loader.id, "loadername": loader.text("description") or ""}


def store_details(store: BootStore) -> dict[str, str]:
    """What a finding about a store carries for its repair and its article."""
    return {"volume": str(store.volume.number), "path": store.path}


def own_stores(machine: Machine) -> list[BootStore]:
    """The sound stores that a boot manager starts Windows from: all but those of recovery environments."""
    return [store for store in machine.sound_stores if not store.recovery]
