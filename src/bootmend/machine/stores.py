"""The boot configuration stores of a computer."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bootmend.errors import BootmendError, place
from bootmend.machine.hives import OpenedHive, open_hive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import Store
    from bootmend.machine.volumes import Volume

#: where stores lie, the firmware that reads them, and whether it is the recovery environment's own
STORE_PATHS = (
    ("\\Boot\\BCD", "BIOS", False),
    ("\\EFI\\Microsoft\\Boot\\BCD", "UEFI", False),
    ("\\EFI\\Microsoft\\Recovery\\BCD", "UEFI", True),
)


class BootStore:
    """A store file on a volume; its hive is opened when first asked for."""

    def __init__(self, volume: Volume, path: str, firmware: str, *, recovery: bool) -> None:
        self.volume = volume
        self.path = path
        self.firmware = firmware
        self.recovery = recovery

    @property
    def where(self) -> str:
        """``volume 1 \\Boot\\BCD``."""
        return self.volume.where(self.path)

    @cached_property
    def opened(self) -> OpenedHive:
        """The store's hive, recovered from its logs if it is dirty."""
        return open_hive(self.volume, self.path)

    @cached_property
    def store(self) -> Store:
        """The objects and elements.

        Raises:
            ReadError: the file is no hive, or holds no objects.
        """
        from bootmend.bcd import Store

        hive = self.opened.hive
        with place(self.where):
            return Store(hive)

    @cached_property
    def failure(self) -> BootmendError | None:
        """Why nothing can be read from it; None for a sound store."""
        try:
            self.store.objects()
        except BootmendError as error:
            return error
        return None


def find_stores(volumes: list[Volume]) -> Iterator[BootStore]:
    """Yield the store files on readable volumes, in the order of the volumes."""
    for volume in volumes:
        for path, firmware, recovery in STORE_PATHS:
            entry = volume.tree.lookup(path)
            if entry is not None and not entry.is_directory:
                yield BootStore(volume, path, firmware, recovery=recovery)
