"""Changing a directory: its B+-tree of file names.

A name that fits into its leaf is put there, and one that leaves another name behind is taken out:
one node changes.  Everything else (a full node, an emptied one, a name in an inner node) makes the
whole tree anew: the simplest way to a tree without odd corners, and directories are small.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, MissingError, RefusedError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.collation import full_key
from bootmend.filesystem.ntfs.content import MappedContent, map_runs
from bootmend.filesystem.ntfs.edit_record import RecordEditor, aligned, mapped, resident
from bootmend.filesystem.ntfs.record import guard, unguard
from bootmend.filesystem.ntfs.runs import HOLE, Run, RunMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.filesystem.ntfs.mft import Inode
    from bootmend.filesystem.ntfs.space import Space
    from bootmend.filesystem.ntfs.tree import NtfsTree

NAME_AT = layout.NAME_SIZE
ENTRY = Struct("<QHHHxx")
BLOCK_HEAD = Struct("<4sHHQQ")
ARRAY_AT = 0x28
MAX_ENTRIES = 100_000
FILL = 3 / 4
"""How full blocks are made, so that the next name fits."""
HAS_CHILDREN = 1


class Name(NamedTuple):
    """An entry of the index: the file it names, and its $FILE_NAME as bytes; ``child`` is the block with all names before it."""

    reference: int
    key: bytes
    child: int | None = None

    @property
    def text(self) -> str:
        """The name itself."""
        return self.key[NAME_AT : NAME_AT + 2 * self.key[NAME_AT - 2]].decode("utf-16-le", "surrogatepass")

    def packed(self) -> bytes:
        """The entry as it is stored."""
        return _packed(self.reference, self.key, 0, self.child)


def _packed(reference: int, key: bytes, flags: int, child: int | None) -> bytes:
    tail = b"" if child is None else child.to_bytes(8, "little")
    flags |= 0 if child is None else layout.ENTRY_HAS_CHILD
    length = aligned(ENTRY.size + len(key)) + len(tail)
    return (ENTRY.pack(reference, length, len(key), flags) + key).ljust(length - len(tail), b"\0") + tail


class Node(NamedTuple):
    """The names of one node; ``last`` is the block with all names after them; ``block`` is None for the root."""

    block: int | None
    names: list[Name]
    last: int | None

    def packed(self) -> bytes:
        """Its entries, with the one that ends them."""
        return b"".join(name.packed() for name in self.names) + _packed(0, b"", layout.ENTRY_IS_LAST, self.last)

    @property
    def is_leaf(self) -> bool:
        """Whether no block lies below."""
        return self.last is None


class IndexEditor:
    """The names of one directory, changed on the volume at once."""

    def __init__(self, tree: NtfsTree, space: Space, number: int) -> None:
        """Read the index root.

        Raises:
            CorruptError: the directory has no index, or a damaged one.
        """
        self._tree = tree
        self._space = space
        self._upcase = tree.upcase
        self._number = number
        self._inode: Inode = tree.mft.inode(number)
        root = self._inode.first(layout.INDEX_ROOT, layout.FILE_NAMES_INDEX)
        if root is None or not root.resident:
            raise CorruptError("there is no index root", at=f"index of directory {number:#x}")
        self._home = root.home
        self._root_head = root.value[: layout.INDEX_ROOT_HEAD_SIZE]
        self._root_value = root.value
        self._block_size: int = layout.INDEX_ROOT_HEAD.unpack_from(root.value)[2]
        cluster = tree.boot.cluster
        self._vcn_size = cluster if cluster <= self._block_size else layout.STRIDE
        self._allocation = self._open_allocation()

    def _open_allocation(self) -> MappedContent | None:
        extents = self._inode.find(layout.INDEX_ALLOCATION, layout.FILE_NAMES_INDEX)
        if not extents:
            return None
        boot = self._tree.boot
        return MappedContent(self._tree.volume, map_runs(boot, extents), extents[0].size, extents[0].valid, boot.cluster)

    # -- the three changes ------------------------------------------------------------------------

    def insert(self, reference: int, key: bytes) -> None:
        """Add a name.

        Raises:
            RefusedError: the name is there already, or there is no room for a larger index.
        """
        new = Name(reference, key)
        path = self._descend(new.text)
        node, index, found = path[-1]
        if found:
            raise RefusedError(f"there is a file called {new.text!r} already")
        changed = Node(node.block, [*node.names[:index], new, *node.names[index:]], node.last)
        if not self._store(changed):
            self._rebuild([*self._before(new.text), new, *self._after(new.text)])

    def remove(self, text: str) -> None:
        """Take a name away.

        Raises:
            MissingError: it is not there.
        """
        node, index, _ = self._found(text)
        changed = Node(node.block, node.names[:index] + node.names[index + 1 :], node.last)
        if not node.is_leaf or (node.block is not None and not changed.names):
            self._rebuild([*self._before(text), *self._after(text)])
        elif not self._store(changed):
            raise CorruptError("a node that became smaller does not fit any more", at=f"index of directory {self._number:#x}")

    def update(self, text: str, key: bytes) -> None:
        """Replace what the directory says of a file whose name stays.

        Raises:
            MissingError: it is not there.
        """
        node, index, _ = self._found(text)
        old = node.names[index]
        changed = Node(node.block, [*node.names[:index], old._replace(key=key), *node.names[index + 1 :]], node.last)
        if len(key) != len(old.key) or not self._store(changed):
            raise CorruptError("the name has another length in the directory", at=f"index of directory {self._number:#x}")

    def key(self, text: str) -> bytes | None:
        """The $FILE_NAME that the directory holds of a name; None where there is none."""
        node, index, found = self._descend(text)[-1]
        return node.names[index].key if found else None

    # -- reading ----------------------------------------------------------------------------------

    def _found(self, text: str) -> tuple[Node, int, bool]:
        step = self._descend(text)[-1]
        if not step[2]:
            raise MissingError(f"there is no {text}", at=f"index of directory {self._number:#x}")
        return step

    def _descend(self, text: str) -> list[tuple[Node, int, bool]]:
        """The nodes from the root to where a name is, or would be: each with its place there, and whether it is there."""
        wanted, node = full_key(self._upcase, text), self._root()
        path: list[tuple[Node, int, bool]] = []
        while len(path) < layout.MAX_DEPTH:
            keys = [full_key(self._upcase, name.text) for name in node.names]
            index = sum(key < wanted for key in keys)
            found = index < len(keys) and keys[index] == wanted
            path.append((node, index, found))
            if found or node.is_leaf:
                return path
            child = node.names[index].child if index < len(node.names) else node.last
            if child is None:
                raise CorruptError("an inner node has a name without a block", at=f"index of directory {self._number:#x}")
            node = self._block(child)
        raise CorruptError(f"the index is more than {layout.MAX_DEPTH} levels deep", at=f"directory {self._number:#x}")

    def _before(self, text: str) -> list[Name]:
        wanted = full_key(self._upcase, text)
        return [name for name in self._all() if full_key(self._upcase, name.text) < wanted]

    def _after(self, text: str) -> list[Name]:
        wanted = full_key(self._upcase, text)
        return [name for name in self._all() if full_key(self._upcase, name.text) > wanted]

    def _all(self) -> list[Name]:
        """All names in order, without their blocks."""
        names = [name._replace(child=None) for name in self._walk(self._root(), set())]
        if len(names) > MAX_ENTRIES:
            raise RefusedError(f"the directory has more than {MAX_ENTRIES} names")
        return names

    def _walk(self, node: Node, seen: set[int]) -> Iterator[Name]:
        for name in node.names:
            yield from self._below(name.child, seen)
            yield name
        yield from self._below(node.last, seen)

    def _below(self, child: int | None, seen: set[int]) -> Iterator[Name]:
        if child is None:
            return
        if child in seen:
            raise CorruptError(f"index block {child:#x} is reached twice", at=f"index of directory {self._number:#x}")
        seen.add(child)
        yield from self._walk(self._block(child), seen)

    def _root(self) -> Node:
        return _parsed(None, self._root_value, layout.INDEX_ROOT_HEAD_SIZE)

    def _block(self, vcn: int) -> Node:
        if self._allocation is None or (vcn + 1) * self._vcn_size > self._allocation.size:
            raise CorruptError(f"block {vcn:#x} lies beyond the index", at=f"index of directory {self._number:#x}")
        raw = self._allocation.read(vcn * self._vcn_size, self._block_size)
        return _parsed(vcn, unguard(raw, layout.INDEX_MAGIC), layout.BLOCK_NODE_AT)

    # -- writing ----------------------------------------------------------------------------------

    def _store(self, node: Node) -> bool:
        """Write one node; false where it does not fit."""
        if node.block is None:
            return self._store_root(node)
        if len(node.packed()) > self._block_room:
            return False
        assert self._allocation is not None
        offset = node.block * self._vcn_size
        old = unguard(self._allocation.read(offset, self._block_size), layout.INDEX_MAGIC)
        self._allocation.write(offset, guard(self._filled(old, node)))
        return True

    def _store_root(self, node: Node) -> bool:
        editor = RecordEditor.of(self._tree.mft.record(self._home))
        editor.put(layout.INDEX_ROOT, self._root_attribute(node), layout.FILE_NAMES_INDEX)
        if editor.room < 0:
            return False
        self._tree.mft.write_record(self._home, editor.assemble())
        return True

    def _root_attribute(self, node: Node) -> bytes:
        entries = node.packed()
        size = layout.NODE.size + len(entries)
        head = layout.NODE.pack(layout.NODE.size, size, size, 0 if node.is_leaf else HAS_CHILDREN)
        return resident(layout.INDEX_ROOT, self._root_head + head + entries, layout.FILE_NAMES_INDEX)

    @property
    def _first_entry(self) -> int:
        """Where the entries of a block begin."""
        return aligned(ARRAY_AT + 2 * (self._block_size // layout.STRIDE + 1))

    @property
    def _block_room(self) -> int:
        return self._block_size - self._first_entry

    def _filled(self, old: bytearray | None, node: Node) -> bytearray:
        """An index block with the entries of a node, unguarded; the update sequence of ``old`` goes on."""
        assert node.block is not None
        first = self._first_entry
        block = bytearray(self._block_size)
        words = self._block_size // layout.STRIDE + 1
        if old is not None:
            array = int.from_bytes(old[4:6], "little")
            block[ARRAY_AT : ARRAY_AT + 2] = old[array : array + 2]
        block[: BLOCK_HEAD.size] = BLOCK_HEAD.pack(layout.INDEX_MAGIC, ARRAY_AT, words, 0, node.block)
        if old is not None:
            block[8:16] = old[8:16]
        entries = node.packed()
        if len(entries) > self._block_room:
            raise RefusedError(f"names this long do not fit into index blocks of {self._block_size} bytes")
        start = first - layout.BLOCK_NODE_AT
        room = self._block_size - layout.BLOCK_NODE_AT
        flags = 0 if node.is_leaf else HAS_CHILDREN
        layout.NODE.pack_into(block, layout.BLOCK_NODE_AT, start, start + len(entries), room, flags)
        block[first : first + len(entries)] = entries
        return block

    # -- the whole tree anew ----------------------------------------------------------------------

    def _rebuild(self, names: Sequence[Name]) -> None:
        """Make the tree of these names, in order: in the root alone if they fit, else in blocks."""
        if self._fits_root(names):
            return
        nodes, root = self._tree_of(names)
        self._provide(len(nodes), root)
        assert self._allocation is not None
        for node in nodes:
            assert node.block is not None
            self._allocation.write(node.block * self._vcn_size, guard(self._filled(None, node)))

    def _fits_root(self, names: Sequence[Name]) -> bool:
        """Keep the names in the file record, and give the blocks back, where there is room."""
        editor = RecordEditor.of(self._tree.mft.record(self._home))
        for kind in (layout.INDEX_ALLOCATION, layout.BITMAP):
            raw = editor.get(kind, layout.FILE_NAMES_INDEX)
            if raw is not None:
                editor.drop(raw)
            elif self._inode.first(kind, layout.FILE_NAMES_INDEX) is not None:
                return False  # it lies in another record
        bitmap = self._inode.first(layout.BITMAP, layout.FILE_NAMES_INDEX)
        editor.put(layout.INDEX_ROOT, self._root_attribute(Node(None, list(names), None)), layout.FILE_NAMES_INDEX)
        if editor.room < 0 or (bitmap is not None and not bitmap.resident):
            return False
        self._tree.mft.write_record(self._home, editor.assemble())
        if self._allocation is not None:
            self._space.give_back(self._allocation.runs)
        return True

    def _tree_of(self, names: Sequence[Name]) -> tuple[list[Node], Node]:
        """The blocks, and the root, of a tree of names."""
        step = self._block_size // self._vcn_size
        nodes: list[Node] = []
        level, last = list(names), None
        while True:
            level, last = self._level_of(level, last, nodes, step)
            root = Node(None, level, last)
            if self._root_fits(root):
                return nodes, root
            if not level:
                raise RefusedError("the file record of the directory has no room for the root of a larger index")

    def _level_of(self, names: list[Name], last: int | None, nodes: list[Node], step: int) -> tuple[list[Name], int]:
        """Put names into nodes of one level; returns the names that part them, and the block after the last of those."""
        room = int(self._block_room * FILL)
        parting: list[Name] = []
        held: list[Name] = []
        used = 0
        for position, name in enumerate(names):
            size = len(name.packed())
            if held and used + size > room and position < len(names) - 1:
                block = len(nodes) * step
                nodes.append(Node(block, held, name.child))
                parting.append(name._replace(child=block))
                held, used = [], 0
            else:
                held.append(name)
                used += size
        block = len(nodes) * step
        nodes.append(Node(block, held, last))
        return parting, block

    def _root_fits(self, root: Node) -> bool:
        editor = RecordEditor.of(self._tree.mft.record(self._home))
        editor.put(layout.INDEX_ROOT, self._root_attribute(root), layout.FILE_NAMES_INDEX)
        return editor.room >= self._growth

    @property
    def _growth(self) -> int:
        """Room that the record needs for the run list and the bitmap of more blocks."""
        return 160 if self._allocation is None else 24

    def _provide(self, blocks: int, root: Node) -> None:
        """Write the root, with as many blocks behind it as are needed, and mark those as used."""
        editor = RecordEditor.of(self._tree.mft.record(self._home))
        editor.put(layout.INDEX_ROOT, self._root_attribute(root), layout.FILE_NAMES_INDEX)
        self._provide_clusters(editor, blocks)
        self._provide_bitmap(editor, blocks)
        self._tree.mft.write_record(self._home, editor.assemble())

    def _provide_clusters(self, editor: RecordEditor, blocks: int) -> None:
        cluster, needed = self._tree.boot.cluster, blocks * self._block_size
        runs = list(self._allocation.runs) if self._allocation else []
        have = sum(run.clusters for run in runs) * cluster
        if any(run.lcn == HOLE for run in runs):
            raise RefusedError("the index of the directory has holes")
        size = self._allocation.size if self._allocation else 0
        if needed <= size:
            return
        if self._allocation and editor.get(layout.INDEX_ALLOCATION, layout.FILE_NAMES_INDEX) is None:
            raise RefusedError("the directory's index has its run list in a file record of its own, and would have to grow")
        if needed > have:
            first = have // cluster
            added = self._space.take(-(-(needed - have) // cluster))
            runs += [Run(first + run.vcn, run.lcn, run.clusters) for run in added]
        raw = mapped(layout.INDEX_ALLOCATION, runs, needed, cluster, layout.FILE_NAMES_INDEX)
        editor.put(layout.INDEX_ALLOCATION, raw, layout.FILE_NAMES_INDEX)
        content_runs = map_of(runs, cluster)
        self._allocation = MappedContent(self._tree.volume, content_runs, needed, needed, cluster)

    def _provide_bitmap(self, editor: RecordEditor, blocks: int) -> None:
        assert self._allocation is not None
        count = max(blocks, self._allocation.size // self._block_size)
        bits = ((1 << blocks) - 1).to_bytes(aligned(-(-count // 8)), "little")
        old = self._inode.first(layout.BITMAP, layout.FILE_NAMES_INDEX)
        if old is not None and not old.resident:
            raise RefusedError("the directory has so many blocks that their bitmap lies outside its file record")
        if old is not None and editor.get(layout.BITMAP, layout.FILE_NAMES_INDEX) is None:
            raise RefusedError("the directory's bitmap lies in a file record of its own")
        if old is not None:
            bits = bits.ljust(len(old.value), b"\0")
        editor.put(layout.BITMAP, resident(layout.BITMAP, bits, layout.FILE_NAMES_INDEX), layout.FILE_NAMES_INDEX)


def map_of(runs: Sequence[Run], cluster: int) -> RunMap:
    """The run map of runs that follow one another."""
    result = RunMap(cluster)
    result.add(list(runs))
    return result


def _parsed(block: int | None, data: bytes | bytearray, at: int) -> Node:
    """The entries of a node whose head is at ``at``."""
    first, end, _, _ = layout.NODE.unpack_from(data, at)
    names: list[Name] = []
    offset = at + first
    while offset + ENTRY.size <= min(at + end, len(data)):
        reference, length, key_length, flags = ENTRY.unpack_from(data, offset)
        tail = 8 if flags & layout.ENTRY_HAS_CHILD else 0
        if length < ENTRY.size + tail or ENTRY.size + key_length + tail > length or offset + length > len(data):
            break
        child = int.from_bytes(data[offset + length - 8 : offset + length], "little") if tail else None
        if flags & layout.ENTRY_IS_LAST:
            return Node(block, names, child)
        key = bytes(data[offset + ENTRY.size : offset + ENTRY.size + key_length])
        if key_length < NAME_AT or NAME_AT + 2 * key[NAME_AT - 2] > key_length:
            break
        names.append(Name(reference, key, child))
        offset += length
    raise CorruptError("a node of the index has an entry that does not fit", at="root" if block is None else f"block {block:#x}")
