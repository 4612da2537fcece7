"""Making, replacing, renaming and deleting files on an NTFS volume.

No journal of NTFS is written: the volume's log must be finished, and stays as it is; ours keeps the
bytes of before.  What would need a second file record for a file, or a descent into compressed,
encrypted or reparsed data, is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.errors import MissingError, ReadError, RefusedError, place
from bootmend.filesystem.edit import SETTABLE, TreeEditor, check_name, is_inside
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.attribute import parse_file_name
from bootmend.filesystem.ntfs.edit_index import IndexEditor
from bootmend.filesystem.ntfs.edit_mft import Records
from bootmend.filesystem.ntfs.edit_record import RecordEditor, aligned, mapped, resident, value_of
from bootmend.filesystem.ntfs.space import Space
from bootmend.filesystem.ntfs.tree import Found, NtfsTree
from bootmend.filesystem.tree import Attribute, normalise, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.filesystem.ntfs.mft import Inode
    from bootmend.source import Source

ALONE, WIN32, WIN32_AND_DOS = 0, 1, 3
"""Namespaces: a name without a short partner, the long one of a pair, a name that is both. A long one without
its partner is none that Windows makes: ntfs-3g does not even delete it (measured)."""
DOS_NAME = re.compile(r"[A-Z0-9$%'\-_@~`!(){}^#&]{1,8}(\.[A-Z0-9$%'\-_@~`!(){}^#&]{1,3})?")
STANDARD_SIZE = 72
SECURITY_ID_AT = 0x34
MODIFIED_AT, ATTRIBUTES_AT = 8, 32
"""In the standard information: three times follow from the first on; then the attributes."""
KEY_TIMES_AT, KEY_SIZES_AT, KEY_ATTRIBUTES_AT, KEY_LENGTH_AT = 8, 40, 56, 64
INDEX_OF_NAMES = 0x30
UNFIT = Attribute.COMPRESSED | Attribute.SPARSE | Attribute.ENCRYPTED | Attribute.REPARSE_POINT


class NtfsEditor(TreeEditor):
    """The editor of one NTFS volume; ``now`` is a FILETIME. One that has raised an error is to be thrown away.

    Raises:
        RefusedError: the volume's log is unfinished, or it is marked to be checked.
    """

    def __init__(self, volume: Source, now: int) -> None:
        self._volume = volume
        self._now = now.to_bytes(8, "little")
        self._tree = NtfsTree(volume)
        self._refuse_unfinished()
        self._space = Space(self._tree)
        self._records = Records(self._tree, self._space)

    def _refuse_unfinished(self) -> None:
        hint = "let Windows or chkdsk finish it first: attach the disk to a running Windows"
        if self._tree.log.unfinished:
            raise RefusedError(
                "Windows was stopped with work left in the volume's log: files cannot be made or deleted", hint=hint
            )
        if self._tree.dirty:
            raise RefusedError("the volume is marked to be checked by chkdsk: files cannot be made or deleted", hint=hint)

    # -- the changes ------------------------------------------------------------------------------

    def write(self, path: str, data: bytes, attributes: Attribute | None = None) -> None:
        """Write the bytes to free clusters, then let the file name them, then free those it had."""
        with place(normalise(path)):
            found = self._find(path)
            if found is None:
                chosen = Attribute.ARCHIVE if attributes is None else attributes & SETTABLE
                self._create(path, chosen, data)
            else:
                self._replace(found, data)
        if found is not None and attributes is not None:
            self.set_attributes(path, attributes)
        self._done()

    def make_directory(self, path: str) -> None:
        """Make the directory and those above it."""
        walked = ""
        for name in split_path(path):
            walked += "\\" + name
            found = self._find(walked)
            if found is not None and not found.inode.is_directory:
                raise RefusedError(f"{walked} is a file")
            if found is None:
                with place(walked):
                    self._create(walked, Attribute(0), None)
                self._done()

    def rename(self, path: str, new: str) -> None:
        """Give the file its new name, then take the old ones away."""
        with place(normalise(path)):
            found = self._existing(path)
            if is_inside(new, path):
                raise RefusedError(f"{normalise(new)} lies inside it")
            parent, name = self._parent(new)
            taken = self._find(new)
            if taken is not None and taken.inode.number != found.inode.number:
                raise RefusedError(f"{normalise(new)} is there already")
            self._refuse_unfit(found.inode)
            self._rename(found, parent, name)
        self._done()

    def delete(self, path: str) -> None:
        """Take the names away, then free the clusters and the file record."""
        with place(normalise(path)):
            found = self._existing(path)
            if found.inode.is_directory and next(iter(self._tree.list(path)), None) is not None:
                raise RefusedError("the directory is not empty")
            self._refuse_unfit(found.inode)
            self._delete(found)
        self._done()

    def set_attributes(self, path: str, attributes: Attribute) -> None:
        """Change them in the file record, and in the directory."""
        with place(normalise(path)):
            found = self._existing(path)
            editor = RecordEditor.of(found.inode.base)
            old = int.from_bytes(self._standard(editor)[ATTRIBUTES_AT : ATTRIBUTES_AT + 4], "little")
            value = (old & ~SETTABLE | attributes & SETTABLE).to_bytes(4, "little")
            editor.patch(layout.STANDARD_INFORMATION, ATTRIBUTES_AT, value)
            self._tree.mft.write_record(found.inode.number, editor.assemble())
            kind = layout.NAME_IS_DIRECTORY if found.inode.is_directory else 0
            shown = (int.from_bytes(value, "little") | kind).to_bytes(4, "little")
            self._renew_keys(found.inode, KEY_ATTRIBUTES_AT, shown)
        self._done()

    # -- making and replacing ---------------------------------------------------------------------

    def _create(self, path: str, attributes: Attribute, data: bytes | None) -> None:
        """A new file, or with ``data`` None a new directory."""
        parent, name = self._parent(path)
        number, sequence, record = self._records.take(layout.RECORD_IS_DIRECTORY if data is None else 0)
        editor = RecordEditor(record, ())
        editor.links = 1
        editor.put(layout.STANDARD_INFORMATION, resident(layout.STANDARD_INFORMATION, self._new_standard(parent, attributes)))
        self._copy_descriptor(editor, parent)
        kind = layout.NAME_IS_DIRECTORY if data is None else 0
        key = self._new_key(parent, name, int(attributes) | kind)
        editor.put(layout.FILE_NAME, resident(layout.FILE_NAME, key, indexed=True))
        if data is None:
            self._add_index(editor, parent)
            sizes = bytes(16)
        else:
            sizes = self._put_data(editor, data)
        key = key[:KEY_SIZES_AT] + sizes + key[KEY_SIZES_AT + 16 :]
        self._volume.barrier()
        self._tree.mft.write_record(number, editor.assemble())
        self._volume.barrier()
        self._index(parent.number).insert(number | sequence << 48, key)

    def _new_standard(self, parent: Inode, attributes: Attribute) -> bytes:
        """Times and attributes; and the security descriptor of a neighbour, which has inherited what a new file inherits."""
        times = self._now * 4
        rest = bytes(SECURITY_ID_AT - ATTRIBUTES_AT - 4) + self._security_id(parent) + bytes(16)
        return times + int(attributes).to_bytes(4, "little") + rest

    def _security_id(self, parent: Inode) -> bytes:
        for inode in (*self._neighbours(parent), parent):
            standard = inode.first(layout.STANDARD_INFORMATION)
            if standard is not None and standard.resident and standard.size >= STANDARD_SIZE:
                return standard.value[SECURITY_ID_AT : SECURITY_ID_AT + 4]
        return bytes(4)

    def _neighbours(self, parent: Inode) -> Iterator[Inode]:
        """The first file of the directory, if it has one that can be read."""
        for entry in self._tree.directory(parent).first_entries():
            try:
                inode = self._tree.mft.inode(entry.record, entry.sequence)
            except ReadError:
                continue
            if entry.record >= layout.FIRST_FREE_RECORD and not inode.is_directory:
                yield inode
                return

    def _copy_descriptor(self, editor: RecordEditor, parent: Inode) -> None:
        """A volume without shared descriptors (NTFS 1.2; mkntfs' root) has them in the files: the directory's is taken over."""
        own = parent.first(layout.SECURITY_DESCRIPTOR)
        if own is not None and own.resident and own.size + 400 < editor.room:
            editor.put(layout.SECURITY_DESCRIPTOR, resident(layout.SECURITY_DESCRIPTOR, own.value))

    def _new_key(self, parent: Inode, name: str, attributes: int) -> bytes:
        reference = parent.number | parent.base.sequence << 48
        space = WIN32_AND_DOS if DOS_NAME.fullmatch(name.upper()) else ALONE
        units = name.encode("utf-16-le")
        head = reference.to_bytes(8, "little") + self._now * 4 + bytes(16) + attributes.to_bytes(4, "little") + bytes(4)
        return head + bytes([len(units) // 2, space]) + units

    def _add_index(self, editor: RecordEditor, parent: Inode) -> None:
        """An empty index of names, with blocks as large as those of the parent."""
        root = parent.first(layout.INDEX_ROOT, layout.FILE_NAMES_INDEX)
        if root is None:
            raise RefusedError("its directory has no index of names")
        end = layout.INDEX_ENTRY.pack(0, layout.INDEX_ENTRY_SIZE, 0, layout.ENTRY_IS_LAST).ljust(layout.INDEX_ENTRY_SIZE, b"\0")
        size = layout.NODE.size + len(end)
        value = root.value[: layout.INDEX_ROOT_HEAD_SIZE] + layout.NODE.pack(layout.NODE.size, size, size, 0) + end
        editor.put(layout.INDEX_ROOT, resident(layout.INDEX_ROOT, value, layout.FILE_NAMES_INDEX), layout.FILE_NAMES_INDEX)

    def _put_data(self, editor: RecordEditor, data: bytes) -> bytes:
        """Give a record its bytes, in the record where they fit; returns both sizes as a directory holds them."""
        inside = resident(layout.DATA, data)
        old = editor.get(layout.DATA)
        if len(inside) <= editor.room + (len(old) if old else 0):
            editor.put(layout.DATA, inside)
            return _sizes(aligned(len(data)), len(data))
        return self._put_clusters(editor, data)

    def _put_clusters(self, editor: RecordEditor, data: bytes) -> bytes:
        runs, cluster = self._space.allocate(data), self._tree.boot.cluster
        editor.put(layout.DATA, mapped(layout.DATA, runs, len(data), cluster))
        return _sizes(sum(run.clusters for run in runs) * cluster, len(data))

    def _replace(self, found: Found, data: bytes) -> None:
        inode = found.inode
        if inode.is_directory:
            raise RefusedError("this is a directory")
        self._refuse_unfit(inode)
        old = inode.find(layout.DATA)
        if not old:
            raise RefusedError("the file has no data attribute")
        freed = [] if old[0].resident else old[0].runs(self._tree.boot.clusters)
        editor = RecordEditor.of(inode.base)
        sizes = self._put_data(editor, data)
        editor.patch(layout.STANDARD_INFORMATION, MODIFIED_AT, self._now * 3)
        self._volume.barrier()
        self._tree.mft.write_record(inode.number, editor.assemble())
        self._volume.barrier()
        self._space.give_back(freed)
        self._renew_keys(inode, KEY_SIZES_AT, sizes)
        self._renew_keys(inode, KEY_TIMES_AT + MODIFIED_AT, self._now * 3)

    def _renew_keys(self, inode: Inode, at: int, data: bytes) -> None:
        """What the directories say of a file, under all its names."""
        for attribute in inode.find(layout.FILE_NAME):
            name = parse_file_name(attribute.value, 0, attribute.size)
            index = self._index(name.parent & layout.REFERENCE_MASK)
            key = index.key(name.name)
            if key is not None:
                index.update(name.name, key[:at] + data + key[at + len(data) :])

    # -- renaming and deleting --------------------------------------------------------------------

    def _rename(self, found: Found, parent: Inode, name: str) -> None:
        inode = found.inode
        editor = RecordEditor.of(inode.base)
        old = self._names_of(editor, found)
        shown = self._index(found.directory.number).key(old[0][0])
        if shown is None:
            raise MissingError("the directory does not hold its name")
        for text, raw in old:
            self._index(found.directory.number).remove(text)
            editor.drop(raw)
        fresh = self._new_key(parent, name, 0)
        key = fresh[:KEY_TIMES_AT] + shown[KEY_TIMES_AT:KEY_LENGTH_AT] + fresh[KEY_LENGTH_AT:]
        editor.add(layout.FILE_NAME, resident(layout.FILE_NAME, key, indexed=True))
        editor.links += 1 - len(old)
        sizes = self._make_room(editor)
        key = key[:KEY_SIZES_AT] + (sizes or key[KEY_SIZES_AT : KEY_SIZES_AT + 16]) + key[KEY_SIZES_AT + 16 :]
        self._tree.mft.write_record(inode.number, editor.assemble())
        self._index(parent.number).insert(inode.number | inode.base.sequence << 48, key)

    def _make_room(self, editor: RecordEditor) -> bytes:
        """Move bytes that lie in the record to clusters if it is too full; returns the new sizes, empty if they stay."""
        raw = editor.get(layout.DATA)
        if editor.room >= 0 or raw is None or raw[8]:
            return b""
        return self._put_clusters(editor, value_of(raw))

    def _names_of(self, editor: RecordEditor, found: Found) -> list[tuple[str, bytes]]:
        """The name that was found and its short one, or its long one: texts and raw attributes."""
        own = found.entry.file_name
        names = [(parse_file_name(value_of(raw), 0, len(value_of(raw))), raw) for raw in editor.all(layout.FILE_NAME)]
        here = [(name, raw) for name, raw in names if name.parent & layout.REFERENCE_MASK == found.directory.number]
        pair = [(name, raw) for name, raw in here if name.name == own.name and name.namespace == own.namespace]
        if own.namespace in (WIN32, layout.DOS_NAMESPACE):
            other = layout.DOS_NAMESPACE if own.namespace == WIN32 else WIN32
            pair += [(name, raw) for name, raw in here if name.namespace == other][:1]
        if not pair:
            raise RefusedError("its file record does not hold the name that the directory does")
        return [(name.name, raw) for name, raw in pair]

    def _delete(self, found: Found) -> None:
        inode = found.inode
        editor = RecordEditor.of(inode.base)
        names = self._names_of(editor, found)
        for text, _ in names:
            self._index(found.directory.number).remove(text)
        self._volume.barrier()
        if len(editor.all(layout.FILE_NAME)) > len(names):  # it has names elsewhere: a hard link goes, the file stays
            for _, raw in names:
                editor.drop(raw)
            editor.links -= len(names)
            self._tree.mft.write_record(inode.number, editor.assemble())
            return
        for attribute in inode.base.attributes:
            if not attribute.resident:
                self._space.give_back(attribute.runs(self._tree.boot.clusters))
        self._records.give_back(inode.base)

    # -- what all share ---------------------------------------------------------------------------

    def _find(self, path: str) -> Found | None:
        return self._tree.find(split_path(path))

    def _existing(self, path: str) -> Found:
        found = self._find(path)
        if found is None:
            raise MissingError("there is no such file")
        if found.inode.number < layout.FIRST_FREE_RECORD:
            raise RefusedError("this is a file of the file system itself")
        return found

    def _parent(self, path: str) -> tuple[Inode, str]:
        """The directory that a path lies in, and its last name."""
        *above, name = split_path(path) or [""]
        check_name(name)
        if not above:
            return self._tree.mft.inode(layout.ROOT), name
        found = self._tree.find(above)
        if found is None or not found.inode.is_directory:
            raise MissingError(f"there is no directory {normalise(chr(92).join(above))}")
        return found.inode, name

    def _index(self, number: int) -> IndexEditor:
        return IndexEditor(self._tree, self._space, number)

    @staticmethod
    def _standard(editor: RecordEditor) -> bytes:
        raw = editor.get(layout.STANDARD_INFORMATION)
        if raw is None:
            raise RefusedError("it has no standard information")
        return value_of(raw)

    def _refuse_unfit(self, inode: Inode) -> None:
        """What a plain change of one file record would not do justice to."""
        if inode.list_attribute is not None:
            raise RefusedError("the file has several file records: it cannot be replaced, renamed or deleted here")
        if inode.first(layout.OBJECT_ID) is not None:
            raise RefusedError("the file has an object id, which an index of the volume names")
        flags = Attribute(
            int.from_bytes(self._standard(RecordEditor.of(inode.base))[ATTRIBUTES_AT : ATTRIBUTES_AT + 4], "little") & UNFIT
        )
        if flags and not inode.is_directory:
            raise RefusedError(f"the file is {' and '.join(str(flag.name).lower().replace('_', ' ') for flag in flags)}")

    def _done(self) -> None:
        self._volume.barrier()
        self._tree.reopen()


def _sizes(allocated: int, size: int) -> bytes:
    """Both sizes as a directory holds them."""
    return allocated.to_bytes(8, "little") + size.to_bytes(8, "little")
