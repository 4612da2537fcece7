"""Finding the keys of a damaged hive: from the root down, each below one parent.

A key belongs below the key that it names as its parent, if that one lists it; else below the first that lists it.  Where a key
lists fewer subkeys than it counts, the cells that nothing refers to and that name it as their parent are its missing ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bootmend.errors import CorruptError
from bootmend.registry.cells import CELLS_START
from bootmend.registry.hive_diff import compare_keys
from bootmend.registry.keys import key_at
from bootmend.registry.layout import LF, LH, LI, LIST_HEAD, NIL, NK_COUNT_AND_LIST, NK_SUBKEYS, RI
from bootmend.registry.mend_report import shown
from bootmend.registry.names import sort_key

if TYPE_CHECKING:
    from bootmend.registry.mend_ground import Ground

_WIDTHS: Final = {LI: 4, RI: 4, LF: 8, LH: 8}
NESTED: Final = 3
"""Lists of lists of lists are read, though not one of them should be."""


class Node:
    """A key that is kept: its cell, its parent, its path, its subkeys so far, and the list cells that are its own.

    ``bad`` entries of its list lead to no key, ``foreign`` ones to a key of another parent.
    """

    __slots__ = ("_names", "bad", "children", "count", "depth", "foreign", "listed", "lists", "name", "offset", "parent", "path")

    def __init__(self, offset: int, name: str, parent: Node | None) -> None:
        self.offset = offset
        self.name = name
        self.parent = parent
        self.depth: int = 1 if parent is None else parent.depth + 1
        self.path: str = "" if parent is None else f"{parent.path}\\{name}" if parent.path else name
        self.children: list[Node] = []
        self.lists: list[int] = []
        self.listed: list[int] = []
        self.count = 0
        self.bad = 0
        self.foreign = 0
        self._names: dict[bytes, Node] = {}

    def find(self, name: str) -> Node | None:
        """The subkey of that name, whatever its case."""
        return self._names.get(sort_key(name))

    def add(self, child: Node) -> None:
        """One more subkey."""
        self.children.append(child)
        self._names[sort_key(child.name)] = child

    def in_order(self) -> list[Node]:
        """The subkeys in the order of Windows."""
        return sorted(self.children, key=lambda child: sort_key(child.name))


class Tree:
    """The keys that are kept, parents before children."""

    def __init__(self, ground: Ground, root: int) -> None:
        self._ground = ground
        self.nodes: list[Node] = []
        self._postponed: list[tuple[Node, int]] = []
        self._by_parent: dict[int, list[int]] | None = None
        ground.take(root)
        self._grow([Node(root, ground.name_of(root), None)])
        while self._attach_postponed() or self._attach_orphans():
            pass
        self._name_losses()

    # -- down the lists ----------------------------------------------------------------------------------
    def _grow(self, pending: list[Node]) -> None:
        for node in pending:
            self.nodes.append(node)
            self._read_lists(node)
            for offset in node.listed:
                child = self._child(node, offset)
                pending += [child] if child is not None else []  # the loop goes on to what is found on the way

    def _read_lists(self, node: Node) -> None:
        ground = self._ground
        node.count, offset = NK_COUNT_AND_LIST.unpack_from(ground.bytes, node.offset + CELLS_START + NK_SUBKEYS)
        if not node.count and offset != NIL:
            node.count = self._count_children(node, offset)
        if node.count:
            node.listed, cells = listed_at(ground, offset)
            for cell in cells:
                if not ground.is_taken(cell):
                    ground.take(cell)
                    node.lists.append(cell)
            if not cells:
                node.bad = min(node.count, ground.cells.limit // 8)

    def _count_children(self, node: Node, offset: int) -> int:
        """How many subkeys a key has that counts none and has a list all the same: all on it, if they name it as their parent."""
        listed, _ = listed_at(self._ground, offset)
        own = all(self._ground.is_key(child) and self._ground.parent_of(child) == node.offset for child in listed)
        return len(listed) if own else 0

    def _child(self, node: Node, offset: int) -> Node | None:
        """The key at an entry of a node's list, if it belongs there."""
        ground = self._ground
        if not ground.is_key(offset):
            node.bad += 1
            return None
        if ground.is_taken(offset):
            node.foreign += 1
            return None
        parent = ground.parent_of(offset)
        if parent != node.offset and self._lists(parent, offset):
            self._postponed.append((node, offset))
            node.foreign += 1
            return None
        return self._attach(node, offset)

    def _lists(self, parent: int, child: int) -> bool:
        """Whether another key lists that child."""
        ground = self._ground
        if not ground.is_key(parent):
            return False
        _, offset = NK_COUNT_AND_LIST.unpack_from(ground.bytes, parent + CELLS_START + NK_SUBKEYS)
        return child in listed_at(ground, offset)[0]

    def _attach(self, node: Node, offset: int) -> Node | None:
        """Make a key a subkey of a node; None where it cannot be one."""
        ground = self._ground
        name = ground.name_of(offset)
        if not ground.has_name(offset):
            ground.report.lose(f"the key {shown(node.path)}\\{name}...: the rest of its name is not there")
            ground.named.add(offset)
            return None
        twin = node.find(name)
        if twin is not None:
            self._drop_twin(twin, offset)
            return None
        child = Node(offset, name, node)
        ground.take(offset)
        node.add(child)
        return child

    def _drop_twin(self, twin: Node, offset: int) -> None:
        """Of two subkeys with one name the first stays: it is the one that is found by its name."""
        ground = self._ground
        ground.named.add(offset)
        if self._alike(twin.offset, offset):
            ground.named.update(below(ground, offset))
            ground.report.repair("subkey-duplicate", offset, f"{shown(twin.path)} was there twice, with the same contents")
            return
        ground.report.repair("subkey-duplicate", offset, f"{shown(twin.path)} was there twice; the first one stays")
        ground.report.lose(f"the second key {shown(twin.path)}, whose contents differ from the first one's")

    def _alike(self, one: int, other: int) -> bool:
        try:
            differences = compare_keys(key_at(self._ground.cells, one), key_at(self._ground.cells, other), security=True)
            return next(differences, None) is None
        except CorruptError:
            return False

    # -- what no list leads to -----------------------------------------------------------------------------
    def _attach_postponed(self) -> bool:
        """Keys whose alleged parent lists them but is not reached itself stay where they were listed."""
        postponed, self._postponed = self._postponed, []
        for node, offset in postponed:
            if not self._ground.is_taken(offset) and (child := self._attach(node, offset)) is not None:
                node.foreign -= 1
                self._grow([child])
        return bool(postponed)

    def _attach_orphans(self) -> bool:
        """Give keys that miss subkeys those that name them as their parent, if there are no more of them than are missing."""
        found = False
        for node in list(self.nodes):
            missing = node.count - len(node.children)
            if missing <= 0 or not (node.bad or node.foreign or len(node.listed) != node.count):
                continue
            orphans = [offset for offset in self._orphans().get(node.offset, ()) if not self._ground.is_taken(offset)]
            if not 0 < len(orphans) <= missing:
                continue
            for offset in orphans:
                if (child := self._attach(node, offset)) is not None:
                    found = True
                    node.bad = max(0, node.bad - 1)
                    self._ground.report.repair("cell-leaked", offset, f"{shown(child.path)} is on its parent's list again")
                    self._grow([child])
        return found

    def _orphans(self) -> dict[int, list[int]]:
        """Keys that nothing refers to, by the parent that they name."""
        if self._by_parent is None:
            self._by_parent = {}
            for offset in self._ground.unowned():
                if self._ground.is_key(offset) and self._ground.has_name(offset) and offset not in self._ground.named:
                    self._by_parent.setdefault(self._ground.parent_of(offset), []).append(offset)
        return self._by_parent

    def _name_losses(self) -> None:
        for node in self.nodes:
            lost = node.bad + min(node.foreign, max(0, node.count - len(node.children) - node.bad))
            if lost:
                number = "a subkey, whose name is" if lost == 1 else f"{lost} subkeys, whose names are"
                self._ground.report.lose(f"{shown(node.path)}: {number} not known")


def listed_at(ground: Ground, offset: int, depth: int = 0) -> tuple[list[int], list[int]]:
    """Return the entries of a subkey list as far as they can be read, and the cells that it consists of."""
    room = ground.room(offset) if offset != NIL else -1
    if room < LIST_HEAD.size:
        return [], []
    start = offset + CELLS_START
    signature, count = LIST_HEAD.unpack_from(ground.bytes, start)
    width = _WIDTHS.get(signature)
    if width is None or (signature == RI and depth == NESTED):
        return [], []
    count = min(count, (room - LIST_HEAD.size) // width)
    entries = [ground.cells.number(start + LIST_HEAD.size + width * index) for index in range(count)]
    if signature != RI:
        return entries, [offset]
    found: list[int] = []
    cells = [offset]
    for entry in entries:
        if entry not in cells:
            more, used = listed_at(ground, entry, depth + 1)
            found += more
            cells += used
    return found, cells


def below(ground: Ground, offset: int) -> set[int]:
    """All keys below one, as far as its lists lead to keys that nobody has."""
    found = {offset}
    pending = [offset]
    for each in pending:
        _, where = NK_COUNT_AND_LIST.unpack_from(ground.bytes, each + CELLS_START + NK_SUBKEYS)
        for child in listed_at(ground, where)[0]:
            if child not in found and ground.is_key(child) and not ground.is_taken(child):
                found.add(child)
                pending.append(child)  # likewise
    return found
