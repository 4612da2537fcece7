"""The offline computer as one object."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bootmend.errors import BootmendError, place
from bootmend.machine.stores import BootStore, find_stores
from bootmend.machine.volumes import Volume
from bootmend.machine.windows import WindowsInstallation, find_windows
from bootmend.partition import PartitionTable, looks_like_gpt, read_partitions
from bootmend.source import Window

if TYPE_CHECKING:
    from bootmend.filesystem import FileTree
    from bootmend.source import Source

#: GPT partition type of an EFI system partition
ESP_TYPE = "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}"


class Machine:
    """A computer seen through its disk, or through a directory that holds its files.

    Nothing is read until it is asked for, and what was read is kept.  ``expected_firmware`` is what somebody said
    that the computer has (``BIOS`` or ``UEFI``), empty where nobody did: a disk alone cannot tell.
    """

    expected_firmware = ""

    def __init__(self, disk: Source | None, tree: FileTree | None = None) -> None:
        self.disk = disk
        self._tree = tree

    @property
    def table(self) -> PartitionTable | None:
        """The partition table; None for a directory.

        Raises:
            ReadError: the disk has no partition table and no file system that is known.
        """
        if isinstance(self._layout, BootmendError):
            raise self._layout
        return self._layout

    @property
    def layout_failure(self) -> BootmendError | None:
        """Why the disk's partitions cannot be told; None where they can.  Rules on the table itself ask this first."""
        return self._layout if isinstance(self._layout, BootmendError) else None

    @cached_property
    def _layout(self) -> PartitionTable | BootmendError | None:
        if self.disk is None:
            return None
        try:
            with place("partition table"):
                return read_partitions(self.disk)
        except BootmendError as error:
            return error

    @cached_property
    def volumes(self) -> list[Volume]:
        """All volumes, also those that cannot be read, in the order of the partition table."""
        if self._tree is not None:
            return [Volume(1, None, None, self._tree)]
        assert self.disk is not None
        assert self.table is not None
        return [Volume(part.index, Window(self.disk, part.offset, part.size), part) for part in self.table.partitions]

    @cached_property
    def unreadable(self) -> list[tuple[Volume, BootmendError]]:
        """The volumes that should be readable and are not, with the reason."""
        failures: list[tuple[Volume, BootmendError]] = []
        for volume in self.volumes:
            try:
                if volume.readable:
                    volume.tree.lookup("\\")
            except BootmendError as error:
                failures.append((volume, error))
        return failures

    @cached_property
    def readable_volumes(self) -> list[Volume]:
        """The volumes whose files can be read."""
        broken = {volume.number for volume, _ in self.unreadable}
        return [volume for volume in self.volumes if volume.number not in broken and volume.readable]

    @cached_property
    def stores(self) -> list[BootStore]:
        """The boot configuration stores, in the order of the volumes."""
        return list(find_stores(self.readable_volumes))

    @cached_property
    def sound_stores(self) -> list[BootStore]:
        """The stores that can be read: what rules on the contents of stores look at."""
        return [store for store in self.stores if store.failure is None]

    @cached_property
    def windows(self) -> list[WindowsInstallation]:
        """The Windows installations, in the order of the volumes."""
        return list(find_windows(self.readable_volumes))

    @cached_property
    def bitlocker(self) -> list[Volume]:
        """The volumes that BitLocker has encrypted."""
        return [volume for volume in self.volumes if volume.kind == "BitLocker"]

    @cached_property
    def hibernated(self) -> list[Volume]:
        """The volumes with a saved session, which Windows would resume with what it remembers of *all* volumes."""
        return [
            volume
            for volume in self.readable_volumes
            if any(obstacle.kind == "hibernated" for obstacle in volume.tree.obstacles())
        ]

    @property
    def firmware(self) -> str:
        """``UEFI`` (generation 2) or ``BIOS`` (generation 1), by the store in use and the partition table."""
        if self.layout_failure is not None:
            assert self.disk is not None
            return "UEFI" if looks_like_gpt(self.disk) else "BIOS"
        if self.table is not None and self.table.scheme in {"MBR", "none"}:
            return "UEFI" if self._only_uefi_stores else "BIOS"
        if any(volume.partition and volume.partition.type == ESP_TYPE for volume in self.volumes):
            return "UEFI"
        return "UEFI" if self._only_uefi_stores else "BIOS"

    @property
    def _only_uefi_stores(self) -> bool:
        return bool(self.stores) and all(store.firmware == "UEFI" for store in self.stores)

    def roles(self, volume: Volume) -> tuple[str, ...]:
        """What a volume is for: ``system``, ``windows``, ``recovery``, ``ESP``, ``active``; none or several."""
        roles = []
        if any(store.volume is volume and not store.recovery for store in self.stores):
            roles.append("system")
        if any(installation.volume is volume for installation in self.windows):
            roles.append("windows")
        if self._is_recovery(volume):
            roles.append("recovery")
        return tuple(roles)

    def _is_recovery(self, volume: Volume) -> bool:
        if not any(volume is one for one in self.readable_volumes):
            return False
        return volume.tree.lookup("\\Recovery\\WindowsRE") is not None

    def volume(self, number: int) -> Volume:
        """The volume of that number."""
        return next(volume for volume in self.volumes if volume.number == number)
