"""A machine that can be changed: everything written stays on overlays until a plan is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import RefusedError, place
from bootmend.machine.hives import logs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd import StoreEditor
    from bootmend.filesystem import Attribute, File, Obstacle
    from bootmend.filesystem.edit import TreeEditor
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
        self.created: list[tuple[Volume, str]] = []
        self.changed_volumes: list[Volume] = []
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

    def write_disk(self, offset: int, data: bytes) -> None:
        """Overwrite bytes of the disk itself: of a partition table, of boot code.

        Raises:
            RefusedError: there is no disk but a directory, or the image cannot hold bytes there.
        """
        if self.machine.disk is None:
            raise RefusedError("a directory has no sectors to change")
        self.machine.disk.write_at(offset, data)
        self.machine.disk.barrier()
        self.table_touched = True

    def write_volume(self, volume: int, offset: int, data: bytes) -> None:
        """Overwrite bytes of a volume that belong to no file's contents: its boot sectors.

        Raises:
            RefusedError: as :meth:`write_disk`.
        """
        partition = self.machine.volume(volume).partition
        self.write_disk((partition.offset if partition else 0) + offset, data)

    def overwrite_file(self, volume: int, path: str, data: bytes) -> None:
        """Put ``data`` where the bytes of a file of the same length lie.

        Raises:
            RefusedError: the lengths differ, or the file's bytes cannot be overwritten where they are.
        """
        there = self.machine.volume(volume)
        with place(there.where(path)):
            file = there.tree.open(path)
            if file.size != len(data):
                raise RefusedError(f"the file has {file.size} bytes and would need {len(data)}")
            file.write_at(0, data)
            file.barrier()
        self.touched.append((there, path))

    def create_file(self, volume: int, path: str, data: bytes, attributes: Attribute | None = None) -> None:
        """Make a file, with the directories above it, or replace one of another length.

        Raises:
            RefusedError: the volume is full or takes no new files.
            UnsupportedError: files cannot be made on that file system.
        """

        def make(editor: TreeEditor) -> None:
            editor.make_directory(path.rpartition("\\")[0])
            editor.write(path, data, attributes)

        self.change_files(volume, path, make, leaves=True)

    def delete_file(self, volume: int, path: str) -> None:
        """Delete a file.

        Raises:
            MissingError: it is not there.
            RefusedError, UnsupportedError: as :meth:`create_file`.
        """
        self.change_files(volume, path, lambda editor: editor.delete(path), leaves=False)

    def change_files(self, volume: int, path: str, change: Callable[[TreeEditor], None], *, leaves: bool) -> None:
        """Make, move or delete files of a volume; ``leaves`` says whether there is a file or directory at ``path`` afterwards.

        Raises:
            RefusedError: the change is not possible, or the volume is that of a directory.
        """
        there = self.machine.volume(volume)
        with place(there.where(path)):
            change(self._tree_editor(there))
        self.changed_volumes.append(there)
        entry = self.reopened().volume(volume).tree.lookup(path) if leaves else None
        if entry is not None and not entry.is_directory:
            self.created.append((there, path))

    def _tree_editor(self, volume: Volume) -> TreeEditor:
        from bootmend.filesystem.edit import edit_volume

        if volume.source is None:
            raise RefusedError("the files of a directory are not ours to make or to delete")
        return edit_volume(volume.source, self.now)

    def settle(self) -> None:
        """Look at the machine anew if the disk's own sectors were written since the last look: partitions may have changed."""
        if self.table_touched:
            self.table_touched = False
            self.reopen()

    def reopen(self) -> None:
        """Write what is pending, and look at the machine anew: what comes next sees all that was done."""
        self.flush()
        self.machine = self._open_machine()

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
        """The files that were edited or made, opened anew."""
        machine = self.reopened()
        return [machine.volume(volume.number).tree.open(path) for volume, path in (*self.touched, *self.created)]

    def volumes_before(self, original: Machine) -> list[Volume]:
        """The volumes with edited or made files, as they were; those that could not be read then, as they are now."""
        files = [volume for volume, _ in (*self.touched, *self.created)]
        volumes = {volume.number: volume for volume in (*files, *self.changed_volumes)}
        return [_before(original, volume) for volume in volumes.values()]

    def obstacles(self, original: Machine) -> list[tuple[str, Obstacle]]:
        """What speaks against overwriting the edited files as they were on the ``original`` machine: where, and why."""
        found: list[tuple[str, Obstacle]] = []
        for touched, path in self.touched:
            file = _before(original, touched).tree.open(path)
            found += [(touched.where(path), obstacle) for obstacle in file.obstacles()]
        return found


def _before(original: Machine, touched: Volume) -> Volume:
    """The volume as it was before; where nothing could be read of it then, the volume as it became readable."""
    if original.layout_failure is not None:
        return touched
    return next((volume for volume in original.readable_volumes if volume.number == touched.number), touched)
