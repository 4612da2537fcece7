"""Boot configuration stores (BCD): objects, elements, device values, and bcdedit's words and text.

A store is a registry hive; this package reads and edits it through :mod:`bootmend.registry` and
knows nothing of files or disks.  :class:`Store` reads, :class:`StoreEditor` writes;
:func:`enum_text` prints as bcdedit does; :mod:`bootmend.bcd.commands` understands its command line.
Names are imported when they are first asked for: who lists a store pays for no editor.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootmend.bcd.comparison import Difference, differences
    from bootmend.bcd.devices import (
        BootDevice,
        Device,
        FileDevice,
        LocateDevice,
        PartitionDevice,
        RamdiskDevice,
        UnknownDevice,
        VirtualDiskDevice,
        VmbusDevice,
        parse_device,
    )
    from bootmend.bcd.edit import Edit, StoreEditor
    from bootmend.bcd.json_tree import store_to_json
    from bootmend.bcd.store import BcdObject, Element, Store
    from bootmend.bcd.text import Printer, enum_text, select

__all__ = [
    "BcdObject",
    "BootDevice",
    "Device",
    "Difference",
    "Edit",
    "Element",
    "FileDevice",
    "LocateDevice",
    "PartitionDevice",
    "Printer",
    "RamdiskDevice",
    "Store",
    "StoreEditor",
    "UnknownDevice",
    "VirtualDiskDevice",
    "VmbusDevice",
    "differences",
    "enum_text",
    "parse_device",
    "select",
    "store_to_json",
]

_HOMES = {
    "BcdObject": "store",
    "BootDevice": "devices",
    "Device": "devices",
    "Difference": "comparison",
    "Edit": "edit",
    "Element": "store",
    "FileDevice": "devices",
    "LocateDevice": "devices",
    "PartitionDevice": "devices",
    "Printer": "text",
    "RamdiskDevice": "devices",
    "Store": "store",
    "StoreEditor": "edit",
    "UnknownDevice": "devices",
    "VirtualDiskDevice": "devices",
    "VmbusDevice": "devices",
    "differences": "comparison",
    "enum_text": "text",
    "parse_device": "devices",
    "select": "text",
    "store_to_json": "json_tree",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
