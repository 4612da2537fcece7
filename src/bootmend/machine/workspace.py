"""A machine that can be changed: everything written stays on overlays until a plan is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import RefusedError, place
from bootmend.machine.hives import logs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd import StoreEditor
    from bootmend.filesystem import File, Obstacle
    from bootmend.machine.machine import Machine
    from bootmend.machine.volumes import Volume
    from bootmend.registry import HiveEditor


class Workspace:
    """An editable machine.

    ``open_machine`` opens the same computer anew over the same overlays: once to edit, and again
    after :meth:`flush` to look at the result with fresh eyes.  ``now`` is the FILETIME that edited
    keys are stamped with, given so that the same plan can be derived twice.
    """

    def __init__(self, open_machine: Callable[[], Machine], now: int) -> None:
        self._open_machine = open_machine
        self.now = now
        self.machine = open_machine()
        self._hives: dict[tuple[int, str], HiveEditor] = {}
        self._stores: dict[tuple[int, str], StoreEditor] = {}
        self.touched: list[tuple[Volume, str]] = []
        self.table_touched = False

    def hive(self, volume: int, path: str) -> HiveEditor:
        """The editor of a hive file; opened once, recovered from its logs first if it is dirty.

        Raises:
            RefusedError: the hive is dirty and its logs do not help, or it must not be edited.
        """
        key = (volume, path.lower())
        if key not in self._hives:
            self._hives[key] = self._open_editor(self.machine.volume(volume), path)
        return self._hives[key]

    def _open_editor(self, volume: Volume, path: str) -> HiveEditor:
        from bootmend.registry import HiveEditor

        with place(volume.name), place(path):
            editor = HiveEditor(volume.tree.open(path), now=self.now, logs=logs_of(volume, path))
        self.touched.append((volume, path))
        return editor

    def store(self, volume: int, path: str) -> StoreEditor:
        """The editor of a boot configuration store."""
        from bootmend.bcd import StoreEditor

        key = (volume, path.lower())
        if key not in self._stores:
            editor = self.hive(volume, path)
            with place(self.machine.volume(volume).where(path)):
                self._stores[key] = StoreEditor(editor)
        return self._stores[key]

    def set_disk_id(self, disk_id: str) -> None:
        """Give the disk another MBR signature or GPT disk GUID."""
        from bootmend.partition import set_disk_id

        if self.machine.disk is None:
            raise RefusedError("a directory has no partition table to change")
        with place("partition table"):
            set_disk_id(self.machine.disk, disk_id)
            self.machine.disk.barrier()
        self.table_touched = True

    def flush(self) -> None:
        """Write every edited hive to the overlays, each in its own ordered steps."""
        for (number, path), editor in self._hives.items():
            volume = self.machine.volume(number)
            with place(volume.where(path)):
                file = volume.tree.open(path)
                editor.commit().write(file)
                file.barrier()
        self._hives.clear()
        self._stores.clear()

    def reopened(self) -> Machine:
        """The machine as it is after all changes, opened anew."""
        return self._open_machine()

    def files(self) -> list[File]:
        """The files that were edited, opened anew."""
        machine = self.reopened()
        return [machine.volume(volume.number).tree.open(path) for volume, path in self.touched]

    def obstacles(self, original: Machine) -> list[tuple[str, Obstacle]]:
        """What speaks against overwriting the edited files as they were on the ``original`` machine: where, and why."""
        found: list[tuple[str, Obstacle]] = []
        for touched, path in self.touched:
            file = original.volume(touched.number).tree.open(path)
            found += [(touched.where(path), obstacle) for obstacle in file.obstacles()]
        return found
