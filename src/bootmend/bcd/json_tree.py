"""A store as a typed tree for machines: schema ``bootmend.bcd/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.devices import (
    BootDevice,
    Device,
    FileDevice,
    LocateDevice,
    PartitionDevice,
    RamdiskDevice,
    VirtualDiskDevice,
    VmbusDevice,
)
from bootmend.bcd.text import Printer, select

if TYPE_CHECKING:
    from bootmend.bcd.store import BcdObject, Element, Store
    from bootmend.bcd.text import Resolver

SCHEMA = "bootmend.bcd/1"


def store_to_json(store: Store, resolver: Resolver | None = None, what: str = "ALL") -> dict[str, object]:
    """Return the whole store: each object and element with id, names, typed value, printed text and stored bytes.

    Ids of elements and types are ``0x`` and eight hex digits, stored bytes are hex digits.  ``what`` chooses
    objects as :func:`~bootmend.bcd.text.enum_text` does.

    Raises:
        UsageError: ``what`` is no type and no id.
    """
    printer = Printer(store, verbose=True, resolver=resolver)
    return {
        "schema": SCHEMA,
        "name": store.name,
        "system": store.system,
        "default": store.default_id,
        "display_order": list(store.display_order),
        "objects": [_object(item, printer) for item in select(store, what)],
        "remarks": store.remarks,
    }


def _object(item: BcdObject, printer: Printer) -> dict[str, object]:
    return {
        "id": item.id,
        "alias": item.alias,
        "type": f"{item.type:#010x}",
        "title": item.title,
        "elements": [element_to_json(element, item, printer) for element in item.elements.values()],
        "remarks": item.remarks,
    }


def element_to_json(element: Element, owner: BcdObject, printer: Printer) -> dict[str, object]:
    """Return one element."""
    return {
        "id": f"{element.id:#010x}",
        "name": element.name,
        "format": element.format,
        "value": _value(element),
        "text": printer.values(element, owner),
        "registry_type": element.registry_type,
        "raw": element.raw.hex(),
        "key": element.key_name,
        "remark": element.remark,
    }


def _value(element: Element) -> object:
    """Return the typed value; None where the stored bytes are no value of the element."""
    value = element.value
    if isinstance(value, Device):
        return device_to_json(value)
    if isinstance(value, bytes):
        return None if element.remark else value.hex()
    return list(value) if isinstance(value, tuple) else value


def device_to_json(device: Device) -> dict[str, object]:
    """Return a device: its ``kind`` and what that kind has."""
    tree = _kind(device)
    if device.options:
        tree["options"] = device.options
    return tree


def _kind(device: Device) -> dict[str, object]:
    match device:
        case BootDevice():
            return {"kind": "boot"}
        case PartitionDevice():
            ids = {"disk_id": device.disk_id, "partition_id": device.partition_id}
            return {"kind": "partition", "scheme": device.scheme, **ids}
        case RamdiskDevice():
            opaque = {"base": device.base, "size": device.size, "offset": device.offset}
            return {"kind": "ramdisk", "parent": device_to_json(device.parent), "path": device.path, **opaque}
        case FileDevice():
            return {"kind": "file", "parent": device_to_json(device.parent), "path": device.path}
        case VirtualDiskDevice():
            inner = device_to_json(device.partition)
            return {"kind": "vhd", "parent": device_to_json(device.parent), "path": device.path, "partition": inner}
        case LocateDevice():
            return {"kind": "locate", "by": device.kind, "element": f"{device.element:#010x}", "path": device.path}
        case VmbusDevice():
            return {"kind": "vmbus", "interface": device.interface}
    return {"kind": "unknown"}
