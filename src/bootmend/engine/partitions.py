r"""What a typed partition means on a disk: a letter, a number, a role, a GUID, ``\Device\HarddiskVolumeN``.

Letters are those of the Windows on the disk itself: what its ``SYSTEM\MountedDevices`` says of ``\DosDevices\C:``.
They are not those that another Windows would give to the disk, and nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd import PartitionDevice
from bootmend.errors import BootmendError, UsageError
from bootmend.image import open_image
from bootmend.machine import Machine, device_for, volume_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import Device
    from bootmend.machine import Volume, WindowsInstallation

DOS_DEVICES = "\\DosDevices\\"
_DMIO = b"DMIO:ID:"
"""A volume of a GPT disk: these eight bytes and the partition's GUID; of an MBR disk: signature, u64 offset in bytes."""
_MBR_SIZE = 12
_VOLUME = "\\device\\harddiskvolume"


def find_partition(machine: Machine, text: str) -> PartitionDevice:
    r"""Return the device for ``C:``, ``2``, ``\Device\HarddiskVolume2``, ``system``, ``windows``, ``recovery`` or a GUID.

    Raises:
        UsageError: nothing on this disk is called so.
        ReadError: the disk or its registry cannot be read.
    """
    word = text.strip().lower().removesuffix("\\")
    if len(word) == 2 and word[0].isalpha() and word[1] == ":":
        return _lettered(machine, word.upper())
    word = word.removeprefix(_VOLUME)
    for volume in machine.volumes:
        if word and word in _names(machine, volume):
            return _device(machine, volume)
    raise UsageError(f"no partition is known as {text!r}: {_known(machine)}")


def _names(machine: Machine, volume: Volume) -> set[str]:
    guid = (volume.partition.guid or "") if volume.partition else ""
    return {str(volume.number), guid, guid.strip("{}"), *machine.roles(volume)}


def _device(machine: Machine, volume: Volume) -> PartitionDevice:
    found = device_for(machine, volume)
    if found is None:
        raise UsageError(f"{volume.name} has no partition table that could name it: only a disk's partitions have identities")
    return found


def _known(machine: Machine) -> str:
    roles = {volume.number: ", ".join(machine.roles(volume)) for volume in machine.volumes}
    shown = [f"{number} ({roles[number]})" if roles[number] else str(number) for number in roles]
    return f"this disk has {', '.join(shown)}" if shown else "there is no disk to look for it on"


# -- letters -----------------------------------------------------------------------------------------
def _lettered(machine: Machine, letter: str) -> PartitionDevice:
    elsewhere = ""
    for installation in machine.windows:
        device = mounted(machine, installation, letter)
        if device is not None and volume_of(machine, device) is not None:
            return device
        if device is not None:
            elsewhere = f"{installation.where} gives {letter} to a partition that is not on this disk"
    raise UsageError(elsewhere or f"no Windows on this disk has a volume {letter}; {_known(machine)}")


def mounted(machine: Machine, installation: WindowsInstallation, letter: str) -> PartitionDevice | None:
    """Return the partition that an installation mounts at a letter (``C:``); None where it says nothing of it."""
    key = installation.system.hive.key("MountedDevices")
    value = None if key is None else key.value(f"{DOS_DEVICES}{letter}")
    return None if value is None else _mounted_device(machine, bytes(value.data))


def _mounted_device(machine: Machine, data: bytes) -> PartitionDevice | None:
    from bootmend.bcd.identifiers import guid_from_bytes

    if data.startswith(_DMIO) and len(data) == len(_DMIO) + 16:
        guid = guid_from_bytes(data[len(_DMIO) :])
        disk_id = machine.table.disk_id if machine.table is not None else None
        return PartitionDevice("GPT", disk_id or "{00000000-0000-0000-0000-000000000000}", guid)
    if len(data) == _MBR_SIZE:
        signature, offset = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:], "little")
        return PartitionDevice("MBR", f"{signature:#010x}", offset)
    return None


# -- virtual disks -------------------------------------------------------------------------------------
def find_virtual_disk(machine: Machine, parent: Device, path: str) -> PartitionDevice | None:
    """Return the partition with Windows inside the virtual disk ``path`` of ``parent``; else its only partition.

    None where there is no such file, or no partition in it that could be meant.
    """
    for volume in _volumes(machine, parent):
        entry = volume.tree.lookup(path)
        if entry is not None and not entry.is_directory:
            return _start_partition(Machine(open_image(volume.tree.open(path))))
    return None


def _volumes(machine: Machine, parent: Device) -> Iterator[Volume]:
    if isinstance(parent, PartitionDevice):
        found = volume_of(machine, parent)
        if found is not None and found.readable:
            yield found
    else:
        yield from machine.readable_volumes


def _start_partition(inner: Machine) -> PartitionDevice | None:
    try:
        volumes = [installation.volume for installation in inner.windows] or inner.volumes
    except BootmendError:
        volumes = inner.volumes
    return device_for(inner, volumes[0]) if len(volumes) == 1 else None
