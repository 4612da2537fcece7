"""Device values: what the elements ``device``, ``osdevice``, ``filedevice`` and their kind hold.

:func:`parse_device` takes bytes apart only when putting them together again gives the same bytes;
everything else is an :class:`UnknownDevice` that keeps them.  So a store can be read and written
without changing what we do not understand.  Layouts and their sources: :mod:`bootmend.bcd.layout`.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from bootmend.bcd import layout
from bootmend.bcd.identifiers import guid_from_bytes, guid_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_NO_OPTIONS = bytes(16)


class Device:
    """A device value; two are equal when they are of one kind and all their fields are.

    The kinds are named tuples below this class and not dataclasses, which take ten times as long to import.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def options(self) -> str | None:
            """The id of a device-options object, or None; a field of each kind."""

    def serialise(self) -> bytes:
        """Return the whole value as it stands in a store."""
        return (guid_to_bytes(self.options) if self.options else _NO_OPTIONS) + self.descriptor()

    def descriptor(self) -> bytes:
        """Return the descriptor: the value without the leading id of its options."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and tuple.__eq__(self, other)  # type: ignore[operator]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), tuple.__hash__(self)))  # type: ignore[arg-type]


class _Boot(NamedTuple):
    options: str | None = None


class BootDevice(Device, _Boot):
    """``boot``: the device that the boot manager itself was started from."""

    __slots__ = ()

    def descriptor(self) -> bytes:
        """Return the 72 bytes of the descriptor."""
        return _head(layout.BOOT, 0, bytes(layout.FIXED_SIZE - layout.HEAD_SIZE))


class _Partition(NamedTuple):
    scheme: Literal["GPT", "MBR"]
    disk_id: str
    partition_id: str | int
    options: str | None = None


class PartitionDevice(Device, _Partition):
    """``partition=``: a partition named by its own and its disk's identity, whatever letter it has.

    ``scheme`` "GPT": ``disk_id`` and ``partition_id`` are GUIDs ``{...}``.  "MBR": ``disk_id`` is the disk
    signature as ``0x5eed0067`` and ``partition_id`` the offset of the partition in bytes.
    """

    __slots__ = ()

    def descriptor(self) -> bytes:
        """Return the 72 bytes of the descriptor."""
        return _head(layout.PARTITION, 0, self.body(layout.HARD_DISK) + layout.NO_PARENT)

    def body(self, disk_kind: int) -> bytes:
        """Return the identities as they follow the head of a descriptor."""
        gpt = self.scheme == "GPT"
        if gpt:
            partition, disk = guid_to_bytes(str(self.partition_id)), guid_to_bytes(self.disk_id)
        else:
            partition = layout.MBR_PARTITION.pack(int(self.partition_id), 0)
            disk = layout.MBR_DISK.pack(int(self.disk_id, 16))
        return layout.PARTITION_BODY.pack(partition, disk_kind, layout.GPT if gpt else layout.MBR, disk)


class _File(NamedTuple):
    parent: Device
    path: str
    options: str | None = None


class FileDevice(Device, _File):
    """``file=[parent]path``: a file used as a device."""

    __slots__ = ()

    def descriptor(self) -> bytes:
        """Return the descriptor."""
        return _head(layout.LOCAL, 0, layout.FILE.to_bytes(4, "little") + _path_block(self.parent, self.path))


class _Ramdisk(NamedTuple):
    parent: Device
    path: str
    options: str | None = None
    base: int = 0
    size: int = 0
    offset: int = 0


class RamdiskDevice(Device, _Ramdisk):
    """``ramdisk=[parent]path,{options}``: an image that is loaded into memory.

    ``base``, ``size`` and ``offset`` are kept as found; Windows writes zeros, other tools do not.
    """

    __slots__ = ()

    def descriptor(self) -> bytes:
        """Return the descriptor."""
        body = layout.RAMDISK_BODY.pack(layout.RAMDISK, self.base, self.size, self.offset)
        return _head(layout.LOCAL, layout.RAMDISK_FLAGS, body + _path_block(self.parent, self.path))


class _VirtualDisk(NamedTuple):
    partition: PartitionDevice
    parent: Device
    path: str
    options: str | None = None


class VirtualDiskDevice(Device, _VirtualDisk):
    """``vhd=[parent]path``: ``partition``, which lies inside a virtual disk, which is the file ``path`` of ``parent``."""

    __slots__ = ()

    def descriptor(self) -> bytes:
        """Return the descriptor."""
        file = FileDevice(self.parent, self.path).descriptor()
        return _head(layout.PARTITION, 0, self.partition.body(layout.VIRTUAL_DISK) + file)


class _Locate(NamedTuple):
    kind: Literal["element", "path"]
    element: int = 0
    path: str = ""
    parent: int = 0
    options: str | None = None


class LocateDevice(Device, _Locate):
    """``locate=``: whichever volume has the file that is searched for.

    ``kind`` "element": the file is the value of ``element`` (an element id) in the same object.
    "path": the file is ``path``.
    """

    __slots__ = ()

    def descriptor(self) -> bytes:
        """Return the descriptor."""
        kind = layout.BY_ELEMENT if self.kind == "element" else layout.BY_PATH
        return _head(layout.LOCATE, 0, layout.LOCATE_BODY.pack(kind, self.element, self.parent) + _terminated(self.path))


class _Vmbus(NamedTuple):
    interface: str
    options: str | None = None


class VmbusDevice(Device, _Vmbus):
    """``vmbus={guid}``: a device offered by a hypervisor; layout as published, never measured."""

    __slots__ = ()

    def descriptor(self) -> bytes:
        """Return the 72 bytes of the descriptor."""
        body = guid_to_bytes(self.interface)
        return _head(layout.VMBUS, 0, body.ljust(layout.FIXED_SIZE - layout.HEAD_SIZE, b"\0"))


class _Unknown(NamedTuple):
    raw: bytes
    options: str | None = None


class UnknownDevice(Device, _Unknown):
    """A device value of a form that we do not know, or a broken one; ``raw`` is all of it, ``options`` stays None."""

    __slots__ = ()

    def serialise(self) -> bytes:
        """Return the bytes as they were found."""
        return self.raw

    def descriptor(self) -> bytes:
        """Return what follows the options."""
        return self.raw[layout.OPTIONS_SIZE :]


@lru_cache(maxsize=128)  # the entries of a store mostly name one partition
def parse_device(raw: bytes) -> Device:
    """Take a device value apart; never fails: what is not exactly a known form is an :class:`UnknownDevice`."""
    if not layout.OPTIONS_SIZE + layout.HEAD_SIZE <= len(raw) <= layout.VALUE_LIMIT:
        return UnknownDevice(raw)
    options = None if raw[:16] == _NO_OPTIONS else guid_from_bytes(raw[:16])
    device = _parse_descriptor(raw[layout.OPTIONS_SIZE :], options, layout.NESTING_LIMIT)
    return device if device is not None and device.serialise() == raw else UnknownDevice(raw)


def _parse_descriptor(data: bytes, options: str | None, depth: int) -> Device | None:
    """Return what a descriptor says, None if its form is unknown.  The caller compares the bytes."""
    if depth == 0 or len(data) < layout.HEAD_SIZE:
        return None
    parse = _PARSERS.get(int.from_bytes(data[:4], "little"))
    try:
        return None if parse is None else parse(data, options, depth - 1)
    except struct.error:
        return None


def _parse_boot(_data: bytes, options: str | None, _depth: int) -> Device | None:
    return BootDevice(options)


def _parse_partition(data: bytes, options: str | None, depth: int) -> Device | None:
    partition_id, disk_kind, scheme, disk_id = layout.PARTITION_BODY.unpack_from(data, layout.HEAD_SIZE)
    if scheme == layout.GPT:
        partition = PartitionDevice("GPT", guid_from_bytes(disk_id), guid_from_bytes(partition_id))
    elif scheme == layout.MBR:
        offset, signature = int.from_bytes(partition_id[:8], "little"), int.from_bytes(disk_id[:4], "little")
        partition = PartitionDevice("MBR", f"{signature:#010x}", offset)
    else:
        return None
    if disk_kind == layout.VIRTUAL_DISK:
        file = _parse_descriptor(data[layout.PARTITION_PARENT :], None, depth)
        return VirtualDiskDevice(partition, file.parent, file.path, options) if isinstance(file, FileDevice) else None
    return PartitionDevice(partition.scheme, partition.disk_id, partition.partition_id, options)


def _parse_local(data: bytes, options: str | None, depth: int) -> Device | None:
    subtype = int.from_bytes(data[layout.HEAD_SIZE : layout.FILE_PATH], "little")
    if subtype == layout.RAMDISK:
        _, base, size, offset = layout.RAMDISK_BODY.unpack_from(data, layout.HEAD_SIZE)
        found = _parse_path_block(data[layout.RAMDISK_PATH :], depth)
        return found and RamdiskDevice(*found, options, base, size, offset)
    if subtype == layout.FILE:
        found = _parse_path_block(data[layout.FILE_PATH :], depth)
        return found and FileDevice(*found, options)
    return None


def _parse_path_block(data: bytes, depth: int) -> tuple[Device, str] | None:
    """Return the parent and the path of a path block."""
    start = layout.PATH_BLOCK.size
    _, _, size, _ = layout.DESCRIPTOR_HEAD.unpack_from(data, start)
    parent = _parse_descriptor(data[start : start + size], None, depth)
    return None if parent is None else (parent, _unterminated(data[start + size :]))


def _parse_locate(data: bytes, options: str | None, _depth: int) -> Device | None:
    kind, element, parent = layout.LOCATE_BODY.unpack_from(data, layout.HEAD_SIZE)
    if kind not in (layout.BY_ELEMENT, layout.BY_PATH):
        return None
    path = _unterminated(data[layout.LOCATE_PATH :])
    return LocateDevice("element" if kind == layout.BY_ELEMENT else "path", element, path, parent, options)


def _parse_vmbus(data: bytes, options: str | None, _depth: int) -> Device | None:
    interface = data[layout.HEAD_SIZE : layout.HEAD_SIZE + 16]
    return VmbusDevice(guid_from_bytes(interface), options) if len(interface) == 16 else None


_PARSERS: dict[int, Callable[[bytes, str | None, int], Device | None]] = {
    layout.BOOT: _parse_boot,
    layout.PARTITION: _parse_partition,
    layout.LOCAL: _parse_local,
    layout.LOCATE: _parse_locate,
    layout.VMBUS: _parse_vmbus,
}


def _head(device_type: int, flags: int, body: bytes) -> bytes:
    """Return a descriptor: its head and ``body``."""
    return layout.DESCRIPTOR_HEAD.pack(device_type, flags, layout.HEAD_SIZE + len(body), 0) + body


def _path_block(parent: Device, path: str) -> bytes:
    """Return the block that names a file on a parent device."""
    rest = parent.descriptor() + _terminated(path)
    return layout.PATH_BLOCK.pack(layout.PATH_VERSION, layout.PATH_BLOCK.size + len(rest), layout.PATH_TYPE) + rest


def _terminated(path: str) -> bytes:
    return path.encode("utf-16-le", "surrogatepass") + b"\0\0"


def _unterminated(data: bytes) -> str:
    """Return UTF-16 text without its final NUL; an odd last byte is dropped, which the caller's comparison finds."""
    return data[: len(data) & ~1].decode("utf-16-le", "surrogatepass").removesuffix("\0")
