"""Boot configuration stores (BCD): objects, elements, device values, and bcdedit's words and text.

A store is a registry hive; this package reads and edits it through :mod:`bootmend.registry` and
knows nothing of files or disks.  :class:`Store` reads, :class:`StoreEditor` writes;
:func:`enum_text` prints as bcdedit does; :mod:`bootmend.bcd.commands` understands its command line.
"""

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
from bootmend.bcd.differences import Difference, differences
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
