"""Directories: B+-trees of file names, from the index root down to index blocks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, place
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.attribute import FileName, parse_file_name
from bootmend.filesystem.ntfs.content import MappedContent, map_runs
from bootmend.filesystem.ntfs.record import unguard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.filesystem.ntfs.boot import BootSector
    from bootmend.filesystem.ntfs.collation import Collation
    from bootmend.filesystem.ntfs.mft import Inode
    from bootmend.filesystem.ntfs.runs import Stretch
    from bootmend.source import Source

CACHED_BLOCKS = 64
SMALLEST_ENTRY = layout.INDEX_ENTRY_SIZE + layout.NAME_SIZE


class IndexEntry(NamedTuple):
    """One file name in a directory; ``block`` is the VCN of its index block, None in the index root."""

    record: int
    sequence: int
    file_name: FileName
    block: int | None


class _Node(NamedTuple):
    """The entries of an index root or an index block, from ``start`` to ``end`` of ``data``."""

    data: bytes | bytearray
    start: int
    end: int
    block: int | None


class _Slot(NamedTuple):
    """One entry of a node, not yet parsed: where its key is, and the block with all names before it."""

    offset: int
    key_length: int
    is_last: bool
    child: int | None


class Directory:
    """The index of one directory. Blocks that were read are kept, a few of them."""

    def __init__(self, volume: Source, boot: BootSector, inode: Inode) -> None:
        """Read the index root.

        Raises:
            CorruptError: the directory has no index of file names, or a damaged one.
        """
        self._volume = volume
        self._boot = boot
        self.inode = inode
        self._blocks: dict[int, _Node] = {}
        self._allocation: MappedContent | None = None
        self.number = inode.number
        with place(self._place):
            self._root, self.block_size = self._read_root()
        self._vcn_size = boot.cluster if boot.cluster <= self.block_size else layout.STRIDE

    @property
    def _place(self) -> str:
        return f"index of directory {self.number:#x}"

    def _read_root(self) -> tuple[_Node, int]:
        root = self.inode.first(layout.INDEX_ROOT, layout.FILE_NAMES_INDEX)
        if root is None or not root.resident:
            raise CorruptError("there is no index root")
        data = root.value
        if len(data) < layout.INDEX_ROOT_HEAD_SIZE + layout.NODE.size:
            raise CorruptError("the index root is cut off")
        indexed, collation, block = layout.INDEX_ROOT_HEAD.unpack_from(data)
        if indexed != layout.FILE_NAME or collation != layout.COLLATE_FILE_NAMES:
            raise CorruptError(f"the index is one of attribute {indexed:#x} by rule {collation}, not of file names")
        if not layout.STRIDE <= block <= layout.MAX_RECORD or block & (block - 1):
            raise CorruptError(f"index blocks of {block} bytes cannot be")
        return _node(data, layout.INDEX_ROOT_HEAD_SIZE, None), block

    def find(self, wanted: Collation) -> IndexEntry | None:
        """Descend to the entry of a name; None when there is none.

        Raises:
            CorruptError: an index block on the way is damaged, or the tree is too deep to be one.
        """
        with place(self._place):
            node = self._root
            for _ in range(layout.MAX_DEPTH):
                child: int | None = None
                for slot in _slots(node):
                    order = -1 if slot.is_last else wanted.compare(_name(node.data, slot))
                    if order == 0:
                        return _entry(node, slot)
                    if order < 0:
                        child = slot.child
                        break
                if child is None:
                    return None
                node = self._block(child)
            raise CorruptError(f"the index is more than {layout.MAX_DEPTH} levels deep")

    def first_entries(self, count: int = 16) -> list[IndexEntry]:
        """The first names, at most ``count`` of them."""
        return list(islice(iter(self), count))

    def __iter__(self) -> Iterator[IndexEntry]:
        """Yield all entries in the order of their names.

        Raises:
            CorruptError: a block is damaged, or reached twice.
        """
        seen: set[int] = set()
        stack = [_items(self._root)]
        while stack:
            with place(self._place):
                item = next(stack[-1], None)
                if isinstance(item, int):
                    if item in seen or len(stack) > layout.MAX_DEPTH:
                        raise CorruptError(f"index block {item:#x} is reached twice, or lies too deep")
                    seen.add(item)
                    stack.append(_items(self._block(item)))
            if item is None:
                stack.pop()
            elif isinstance(item, IndexEntry):
                yield item

    def _block(self, vcn: int) -> _Node:
        node = self._blocks.get(vcn)
        if node is None:
            with place(f"index block {vcn:#x}"):
                node = self._read_block(vcn)
            if len(self._blocks) >= CACHED_BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[vcn] = node
        return node

    def _read_block(self, vcn: int) -> _Node:
        content, offset = self._content(), vcn * self._vcn_size
        if offset + self.block_size > content.size:
            raise CorruptError(f"lies beyond the {content.size:#x} bytes of the index")
        data = unguard(content.read(offset, self.block_size), layout.INDEX_MAGIC)
        own = int.from_bytes(data[layout.BLOCK_VCN_AT : layout.BLOCK_VCN_AT + 8], "little")
        if own != vcn:
            raise CorruptError(f"says of itself to be block {own:#x}")
        return _node(data, layout.BLOCK_NODE_AT, vcn)

    def _content(self) -> MappedContent:
        if self._allocation is None:
            extents = self.inode.find(layout.INDEX_ALLOCATION, layout.FILE_NAMES_INDEX)
            if not extents or extents[0].lowest or any(extent.resident for extent in extents):
                raise CorruptError("the index has blocks, but no run list for them")
            head = extents[0]
            self._allocation = MappedContent(
                self._volume, map_runs(self._boot, extents), head.size, head.valid, self._boot.cluster
            )
        return self._allocation

    def block_stretches(self, vcn: int) -> list[Stretch]:
        """Where one index block lies on the volume."""
        return self._content().runs.stretches(vcn * self._vcn_size, self.block_size)

    def all_stretches(self) -> list[Stretch]:
        """Where all index blocks lie on the volume."""
        with place(self._place):
            if self.inode.first(layout.INDEX_ALLOCATION, layout.FILE_NAMES_INDEX) is None:
                return []
            return list(self._content().stretches())


def _node(data: bytes | bytearray, start: int, block: int | None) -> _Node:
    first, end, _, _ = layout.NODE.unpack_from(data, start)
    if first < layout.NODE.size or start + end > len(data) or first > end:
        raise CorruptError(f"its entries ({first:#x} to {end:#x}) do not fit into its {len(data) - start:#x} bytes")
    return _Node(data, start + first, start + end, block)


def _slots(node: _Node) -> Iterator[_Slot]:
    """Step through the entries of a node; the last one has no key."""
    data, offset, end, _ = node
    unpack, head = layout.INDEX_ENTRY.unpack_from, layout.INDEX_ENTRY_SIZE
    while offset + head <= end:
        _, length, key_length, flags = unpack(data, offset)
        tail = 8 if flags & layout.ENTRY_HAS_CHILD else 0
        is_last = bool(flags & layout.ENTRY_IS_LAST)
        if length < head + tail or length % 8 or offset + length > end or not (is_last or head + key_length + tail <= length):
            raise CorruptError(f"the index entry at {offset:#x} does not fit")
        child = int.from_bytes(data[offset + length - 8 : offset + length], "little") if tail else None
        yield _Slot(offset, key_length, is_last, child)
        if is_last:
            return
        offset += length
    raise CorruptError("a node of the index has no last entry")


def _items(node: _Node) -> Iterator[IndexEntry | int]:
    """The entries of a node, and before each the VCN of the block that holds the names before it."""
    for slot in _slots(node):
        if slot.child is not None:
            yield slot.child
        if not slot.is_last:
            yield _entry(node, slot)


def _name(data: bytes | bytearray, slot: _Slot) -> str:
    start = slot.offset + SMALLEST_ENTRY
    end = start + 2 * data[start - 2] if slot.key_length >= layout.NAME_SIZE else start
    if end > slot.offset + layout.INDEX_ENTRY_SIZE + slot.key_length:
        raise CorruptError(f"the name in the index entry at {slot.offset:#x} does not fit")
    return data[start:end].decode("utf-16-le", "surrogatepass")


def _entry(node: _Node, slot: _Slot) -> IndexEntry:
    (reference,) = layout.INDEX_ENTRY.unpack_from(node.data, slot.offset)[:1]
    name = parse_file_name(node.data, slot.offset + layout.INDEX_ENTRY_SIZE, slot.key_length)
    return IndexEntry(reference & layout.REFERENCE_MASK, reference >> 48, name, node.block)
