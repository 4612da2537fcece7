r"""Devices as people read and type them: ``partition=C:``, ``ramdisk=[boot]\sources\boot.wim,{id}``, ``locate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
from bootmend.bcd.identifiers import parse_guid
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def device_text(
    device: Device,
    name_partition: Callable[[PartitionDevice], str | None],
    name_object: Callable[[str], str],
    locate_element: Callable[[int], str | None],
) -> str:
    """Return a device as bcdedit prints it.

    ``name_partition`` gives ``C:`` or another name, None where the partition is not known;
    ``name_object`` the text of an object id; ``locate_element`` the text of an element of the object
    that the device belongs to, None where the object lacks it.
    """
    match device:
        case BootDevice():
            return "boot"
        case PartitionDevice():
            name = name_partition(device)
            return f"partition={name}" if name else "unknown"
        case LocateDevice():
            found = locate_element(device.element) if device.kind == "element" else device.path
            return f"locate={found or 'unknown'}"
        case VmbusDevice():
            return f"vmbus={device.interface}"
        case RamdiskDevice() | FileDevice() | VirtualDiskDevice():
            inner = "locate" if isinstance(device.parent, LocateDevice) else None
            inner = inner or device_text(device.parent, name_partition, name_object, locate_element)
            options = f",{name_object(device.options)}" if device.options else ""
            return f"{_PREFIXES[type(device)]}=[{inner.removeprefix('partition=')}]{device.path}{options}"
    return "unknown"


_PREFIXES: dict[type[Device], str] = {RamdiskDevice: "ramdisk", FileDevice: "file", VirtualDiskDevice: "vhd"}

LOCATED_BY = {0x11000001: 0x12000002, 0x21000001: 0x22000002, 0x21000138: 0x22000137}
"""Which element names the file for a device that is only ``locate``: path, systemroot or filepath, imchivename."""


class Finder(NamedTuple):
    """What words in a device mean: each function returns None for what is not known.

    ``partition`` takes ``C:`` or another name, ``object_id`` an identifier, ``virtual_disk`` the device and the
    path of a virtual disk and gives the partition inside it that holds Windows.
    """

    partition: Callable[[str], PartitionDevice | None]
    object_id: Callable[[str], str | None]
    virtual_disk: Callable[[Device, str], PartitionDevice | None] = lambda _parent, _path: None


def device_from_text(text: str, finder: Finder, element_id: int = 0) -> Device:
    """Return the device that a person typed, in the forms that :func:`device_text` prints.

    ``locate`` alone searches by the element that belongs to ``element_id``; ``locate=custom:XXXXXXXX``
    by that element; ``hd_partition=`` is ``partition=``.

    Raises:
        UsageError: the text is no device, or the partition it names is not known.
    """
    form, _, rest = text.partition("=")
    match form.lower():
        case "boot" if not rest:
            return BootDevice()
        case "locate":
            return _locate_from_text(rest, element_id)
        case "partition" | "hd_partition":
            return _partition_from_text(rest, finder)
        case "vmbus":
            interface = parse_guid(rest)
            if interface is not None:
                return VmbusDevice(interface)
        case "ramdisk":
            return RamdiskDevice(*_file_from_text(rest, finder))
        case "file":
            return FileDevice(*_file_from_text(rest, finder))
        case "vhd":
            return _virtual_disk_from_text(rest, finder)
    raise UsageError(f"{text!r} is not a device that can be written")


def _partition_from_text(name: str, finder: Finder) -> PartitionDevice:
    found = finder.partition(name)
    if found is None:
        raise UsageError(f"no partition is known as {name!r}")
    return found


def _virtual_disk_from_text(rest: str, finder: Finder) -> Device:
    parent, path, options = _file_from_text(rest, finder)
    inner = finder.virtual_disk(parent, path)
    if inner is None:
        raise UsageError(f"vhd={rest}: there is no virtual disk with a Windows partition on this disk")
    return VirtualDiskDevice(inner, parent, path, options)


def _locate_from_text(rest: str, element_id: int) -> Device:
    digits = rest.lower().removeprefix("custom:")
    if rest and digits == rest.lower():
        return LocateDevice("path", path=rest)
    try:
        element = int(digits, 16) if rest else LOCATED_BY[element_id]
    except (ValueError, KeyError):
        raise UsageError(f"locate={rest}: nothing says which file to search for") from None
    if not 0 < element <= 0xFFFFFFFF:
        raise UsageError(f"locate={rest}: no such element")
    return LocateDevice("element", element)


def _file_from_text(rest: str, finder: Finder) -> tuple[Device, str, str | None]:
    """Return the parent, the path and the options of ``[parent]path,{options}``."""
    inner, closed, tail = rest.removeprefix("[").partition("]")
    if not rest.startswith("[") or not closed:
        raise UsageError(f"{rest!r}: expected [device]path")
    path, comma, name = tail.rpartition(",") if tail.endswith("}") else (tail, "", "")
    options = finder.object_id(name) if comma else None
    if not path or (comma and options is None):
        raise UsageError(f"{rest!r}: expected a path, and an object that exists after the comma")
    return _parent_from_text(inner, path, finder), path, options


def _parent_from_text(inner: str, path: str, finder: Finder) -> Device:
    """Return the device in brackets; ``locate`` there means whichever volume has the file itself."""
    match inner.lower():
        case "boot":
            return BootDevice()
        case "locate":
            return LocateDevice("path", path=path)
    return _partition_from_text(inner.removeprefix("partition="), finder)
