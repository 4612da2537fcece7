"""Making, replacing, renaming and deleting files on a FAT volume."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from bootmend.errors import MissingError, RefusedError
from bootmend.filesystem.edit import SETTABLE, TreeEditor, check_name, is_inside
from bootmend.filesystem.fat import layout
from bootmend.filesystem.fat.directory import fold, records
from bootmend.filesystem.fat.names import fat_time, short_name_for, slots_for
from bootmend.filesystem.fat.space import Space
from bootmend.filesystem.fat.tree import FatTree
from bootmend.filesystem.tree import Attribute, normalise, split_path

if TYPE_CHECKING:
    from bootmend.filesystem.fat.directory import Record
    from bootmend.source import Source

SLOT = Struct("<11sBBBHHHHHHHI")
"""name, attributes, case, tenths of the creation's second, creation time and date, last access,
cluster high, time, date, cluster low, size"""
ATTRIBUTES_AT = 11
CLUSTER_HIGH_AT, CLUSTER_LOW_AT = 20, 26


class FatEditor(TreeEditor):
    """The editor of one FAT volume; ``now`` is a FILETIME."""

    def __init__(self, volume: Source, now: int) -> None:
        self._volume = volume
        self._tree = FatTree(volume)
        self._space = Space(volume, self._tree.table, self._tree.geometry.info_offset)
        self._date, self._time = fat_time(now)

    def write(self, path: str, data: bytes, attributes: Attribute | None = None) -> None:
        """Write the bytes to new clusters, then let the entry name them, then free the old ones."""
        parent, name = self._parent(path)
        old = self._tree.find(path)
        if old is not None and old.entry.is_directory:
            raise RefusedError(f"{normalise(path)} is a directory")
        first = self._space.allocate(data)
        self._volume.barrier()
        if old is None:
            chosen = Attribute.ARCHIVE if attributes is None else attributes & SETTABLE
            self._add(parent, name, self._new_entry(chosen, first, len(data)))
        else:
            kept = old.entry.attributes if attributes is None else attributes & SETTABLE
            self._point(old, kept, first, len(data))
            self._volume.barrier()
            self._space.free(old.cluster)
        self._done()

    def make_directory(self, path: str) -> None:
        """Make the directory and those above it."""
        walked = ""
        for name in split_path(path):
            walked += "\\" + name
            found = self._tree.find(walked)
            if found is None:
                self._make_one(walked)
            elif not found.entry.is_directory:
                raise RefusedError(f"{walked} is a file")

    def _make_one(self, path: str) -> None:
        parent, name = self._parent(path)
        above = parent.cluster if parent else 0  # the root is called 0 here, whatever its cluster is
        own = self._space.allocate(bytes(self._tree.geometry.cluster))
        dots = self._entry(b".".ljust(11), Attribute.DIRECTORY, own, 0) + self._entry(
            b"..".ljust(11), Attribute.DIRECTORY, above, 0
        )
        self._volume.write_at(self._tree.geometry.cluster_offset(own), dots)
        self._volume.barrier()
        self._add(parent, name, self._new_entry(Attribute.DIRECTORY, own, 0))
        self._done()

    def rename(self, path: str, new: str) -> None:
        """Write the new name, then take the old one away."""
        record = self._existing(path)
        parent, name = self._parent(new)
        if is_inside(new, path):
            raise RefusedError(f"{normalise(new)} lies inside {normalise(path)}")
        taken = self._tree.find(new)
        if taken is not None and taken.slots != record.slots:
            raise RefusedError(f"{normalise(new)} is there already")
        entry = self._volume.read_at(record.slots[-1], layout.ENTRY_SIZE)
        if taken is not None:  # another spelling of the same name: the old one must go first, to free its 8.3 name
            self._remove(record)
        self._add(parent, name, entry)
        self._volume.barrier()
        if taken is None:
            self._remove(record)
        if record.entry.is_directory:
            self._point_up(record, parent)
        self._done()

    def _point_up(self, directory: Record, parent: Record | None) -> None:
        """Let ``..`` of a moved directory name its new parent."""
        at = self._tree.geometry.cluster_offset(directory.cluster) + layout.ENTRY_SIZE
        if self._volume.read_at(at, 11) == b"..".ljust(11):
            self._set_cluster(at, parent.cluster if parent else 0)

    def delete(self, path: str) -> None:
        """Take the name away, then free the clusters."""
        record = self._existing(path)
        if record.entry.is_directory and next(self._tree.list(path), None) is not None:
            raise RefusedError(f"{normalise(path)} is not empty")
        self._remove(record)
        self._volume.barrier()
        self._space.free(record.cluster)
        self._done()

    def set_attributes(self, path: str, attributes: Attribute) -> None:
        """Change the attribute byte."""
        record = self._existing(path)
        value = record.entry.attributes & ~SETTABLE | attributes & SETTABLE
        self._volume.write_at(record.slots[-1] + ATTRIBUTES_AT, bytes([value]))
        self._done()

    def _existing(self, path: str) -> Record:
        record = self._tree.find(path)
        if record is None:
            raise MissingError(f"there is no {normalise(path)}")
        return record

    def _parent(self, path: str) -> tuple[Record | None, str]:
        """The directory that a path lies in (None: the root), and its last name."""
        *above, name = split_path(path) or [""]
        parent = self._tree.find("\\".join(above))
        if above and not (parent and parent.entry.is_directory):
            raise MissingError(f"there is no directory {normalise(chr(92).join(above))}")
        return parent, check_name(name)

    def _new_entry(self, attributes: Attribute, cluster: int, size: int) -> bytes:
        return self._entry(bytes(11), attributes, cluster, size)

    def _entry(self, short: bytes, attributes: Attribute, cluster: int, size: int) -> bytes:
        date, time = self._date, self._time
        return SLOT.pack(short, attributes, 0, 0, time, date, date, cluster >> 16, time, date, cluster & 0xFFFF, size)

    def _point(self, record: Record, attributes: Attribute, cluster: int, size: int) -> None:
        """Let an entry name other clusters; its name, its case bits and its creation stay."""
        at = record.slots[-1]
        old = SLOT.unpack(self._volume.read_at(at, layout.ENTRY_SIZE))
        new = (old[0], attributes, *old[2:6], self._date, cluster >> 16, self._time, self._date, cluster & 0xFFFF, size)
        self._volume.write_at(at, SLOT.pack(*new))

    def _set_cluster(self, at: int, cluster: int) -> None:
        self._volume.write_at(at + CLUSTER_HIGH_AT, (cluster >> 16).to_bytes(2, "little"))
        self._volume.write_at(at + CLUSTER_LOW_AT, (cluster & 0xFFFF).to_bytes(2, "little"))

    def _remove(self, record: Record) -> None:
        for slot in record.slots:
            self._volume.write_at(slot, bytes([layout.DELETED]))
        self._tree.forget()

    def _add(self, directory: Record | None, name: str, entry: bytes) -> None:
        """Put an entry into a directory under a name, with the slots of a long name where it needs them."""
        used = [record for record in records(self._tree.slots(directory)) if not record.is_label]
        short = short_name_for(name, {fold(record.short_name) for record in used})
        slots = slots_for(name, short, short + bytes([entry[11], 0]) + entry[13:])
        places, ended = self._room(directory, len(slots) // layout.ENTRY_SIZE)
        for index, place in enumerate(places):
            self._volume.write_at(place, slots[index * layout.ENTRY_SIZE : (index + 1) * layout.ENTRY_SIZE])
        if ended is not None:
            self._volume.write_at(ended, bytes([layout.END_OF_DIRECTORY]))

    def _room(self, directory: Record | None, count: int) -> tuple[list[int], int | None]:
        """``count`` free slots in a row; and, where they lie behind the directory's end, the slot that becomes its end.

        What lies behind the end mark need not be zeros, so the mark moves with the entries.
        """
        while True:
            row: list[int] = []
            ended = False
            for slot in self._tree.slots(directory):
                if len(row) == count:
                    if ended:
                        return row, slot.offset
                    break
                ended = ended or slot.data[0] == layout.END_OF_DIRECTORY
                row = [*row, slot.offset] if ended or slot.data[0] == layout.DELETED else []
            if len(row) == count:
                return row, None
            self._grow(directory)

    def _grow(self, directory: Record | None) -> None:
        geometry = self._tree.geometry
        if directory is None and geometry.bits != 32:
            raise RefusedError("the root directory is full")
        if sum(length for _, length in self._tree.extents(directory)) + geometry.cluster > layout.MAX_DIRECTORY:
            raise RefusedError("the directory is full")
        first = directory.cluster if directory else geometry.root_cluster
        self._space.extend(self._space.last(first))
        self._done()

    def _done(self) -> None:
        self._volume.barrier()
        self._tree.forget()
