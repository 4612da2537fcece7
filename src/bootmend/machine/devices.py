"""From a BCD device element to the volume it means on this disk, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd import BootDevice, FileDevice, LocateDevice, PartitionDevice, Printer, RamdiskDevice, VirtualDiskDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject, Device, Store
    from bootmend.machine.machine import Machine
    from bootmend.machine.stores import BootStore
    from bootmend.machine.volumes import Volume


def volume_of(machine: Machine, device: PartitionDevice) -> Volume | None:
    """The volume that a qualified-partition device names; None where this disk has no such partition."""
    table = machine.table
    if table is None or device.scheme != table.scheme or device.disk_id != table.disk_id:
        return None
    return next((volume for volume in machine.volumes if _is(volume, device)), None)


def same_partition(machine: Machine, device: PartitionDevice) -> Volume | None:
    """The volume whose partition id a device names, whatever disk id it names."""
    if machine.table is None or device.scheme != machine.table.scheme:
        return None
    return next((volume for volume in machine.volumes if _is(volume, device)), None)


def _is(volume: Volume, device: PartitionDevice) -> bool:
    partition = volume.partition
    if partition is None:
        return False
    if device.scheme == "GPT":
        return partition.guid == device.partition_id
    return partition.offset == device.partition_id


def device_for(machine: Machine, volume: Volume) -> PartitionDevice | None:
    """The device that names a volume of this disk; None where there is no partition table to name it by."""
    table, partition = machine.table, volume.partition
    if table is None or partition is None or table.disk_id is None:
        return None
    if table.scheme == "MBR":
        return PartitionDevice("MBR", table.disk_id, partition.offset)
    return None if partition.guid is None else PartitionDevice("GPT", table.disk_id, partition.guid)


def volume_text(machine: Machine, device: PartitionDevice) -> str | None:
    """How the text of ``bcdedit /enum`` names a partition of this disk: as Windows would number its volumes."""
    volume = volume_of(machine, device)
    return None if volume is None else f"\\Device\\HarddiskVolume{volume.number}"


def partitions_in(device: Device) -> Iterator[PartitionDevice]:
    """Yield the partitions that a device names: itself, or the one that holds its file."""
    if isinstance(device, PartitionDevice):
        yield device
    elif isinstance(device, (FileDevice, RamdiskDevice, VirtualDiskDevice)):
        yield from partitions_in(device.parent)


def printer(machine: Machine, store: Store, *, verbose: bool = True) -> Printer:
    """What prints the values of a store with this disk's own volumes for partitions."""
    return Printer(store, verbose=verbose, resolver=lambda device: volume_text(machine, device))


def element_text(machine: Machine, store: Store, obj: BcdObject, name: str | int) -> str | None:
    """An element as ``bcdedit /v`` prints it, lists on one line; None where the object does not have it."""
    element = obj.element(name)
    return None if element is None else printer(machine, store).value(element, obj)


def volumes_named(machine: Machine, store: BootStore, device: Device | None) -> list[Volume]:
    """The volumes in which the boot manager would look for a file on ``device``.

    ``boot`` means the volume the boot manager itself was started from; ``locate`` means every volume.
    A partition that is not there, or a kind of device that is not followed, gives none.  A directory
    has no partition table: its files stand for whatever partition is named.
    """
    if isinstance(device, BootDevice):
        return [store.volume]
    if isinstance(device, LocateDevice) or (machine.table is None and isinstance(device, PartitionDevice)):
        return machine.readable_volumes
    if isinstance(device, PartitionDevice):
        volume = volume_of(machine, device)
        return [] if volume is None or not volume.readable else [volume]
    return []


def locate_file(machine: Machine, store: BootStore, device: Device | None, path: str) -> Volume | None:
    """The first volume on which the boot manager would find ``path``; None where it is on none."""
    for volume in volumes_named(machine, store, device):
        entry = volume.tree.lookup(path)
        if entry is not None and not entry.is_directory:
            return volume
    return None
