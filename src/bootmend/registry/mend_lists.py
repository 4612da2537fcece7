"""Mending keys themselves and the lists of their subkeys, once it is known which keys there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bootmend.registry.cells import CELLS_START
from bootmend.registry.edit_lists import HASHED_SINCE_MINOR, LONGEST
from bootmend.registry.layout import (
    LF,
    LH,
    LI,
    LIST_HEAD,
    NIL,
    NK_CLASS_LENGTH,
    NK_FLAGS,
    NK_LARGEST_CLASS,
    NK_LARGEST_SUBKEY_NAME,
    NK_NAME,
    NK_NAME_LENGTH,
    NK_PARENT,
    NK_SUBKEY_LIST,
    NK_SUBKEYS,
    RI,
    KeyFlag,
)
from bootmend.registry.mend_report import shown
from bootmend.registry.names import name_hash, name_hint, unit_count

if TYPE_CHECKING:
    from bootmend.registry.mend_ground import Ground
    from bootmend.registry.mend_tree import Node
    from bootmend.registry.space import Space

_NEVER_STORED: Final = int(KeyFlag.VOLATILE | KeyFlag.HIVE_EXIT)
_ENTRY: Final = int(KeyFlag.HIVE_ENTRY)
_COMPRESSED: Final = int(KeyFlag.COMPRESSED_NAME)
_WIDTHS: Final = {LI: 4, LF: 8, LH: 8}
_NAME_BITS: Final = 0xFFFF


def mend_key(ground: Ground, node: Node) -> None:
    """Set right what a key says of itself: its parent, its flags, how its name is stored."""
    cells, start, where = ground.cells, node.offset + CELLS_START, shown(node.path)
    if node.parent is not None and cells.number(start + NK_PARENT) != node.parent.offset:
        cells.put_number(start + NK_PARENT, node.parent.offset)
        ground.report.repair("key-parent", node.offset, f"{where} names {shown(node.parent.path)} as its parent")
    flags = stored = cells.short(start + NK_FLAGS)
    flags &= ~_NEVER_STORED
    flags = flags | _ENTRY if node.parent is None else flags & ~_ENTRY
    if flags != stored:
        cells.put_short(start + NK_FLAGS, flags)
        code = "key-flags" if (flags ^ stored) & _NEVER_STORED else "key-root-flag"
        ground.report.repair(code, node.offset, f"the flags of {where} are {flags:#x}, not {stored:#x}")
    if not flags & _COMPRESSED:
        _mend_wide_name(ground, node, flags)


def _mend_wide_name(ground: Ground, node: Node, flags: int) -> None:
    cells, start = ground.cells, node.offset + CELLS_START
    length = cells.short(start + NK_NAME_LENGTH)
    narrow = bool(node.name) and all(unit < "\u0100" for unit in node.name)
    if not narrow and length % 2 == 0:
        return
    if narrow:
        cells.put(start + NK_NAME, node.name.encode("latin-1"))
        cells.put_short(start + NK_FLAGS, flags | _COMPRESSED)
    cells.put_short(start + NK_NAME_LENGTH, len(node.name) if narrow else length - 1)
    ground.report.repair("key-name-wide", node.offset, f"the name of {shown(node.path)} is stored as Windows would")


def let_go(ground: Ground, node: Node) -> bool:
    """Whether a key's list has to be made anew; its old cells are then given up."""
    if _is_right(ground, node):
        return False
    for cell in node.lists:
        ground.leave(cell)
    return True


def write_list(ground: Ground, space: Space, node: Node) -> None:
    """Make the list of a key's subkeys anew: one leaf, or as many as are needed below an index."""
    cells, start = ground.cells, node.offset + CELLS_START
    children = node.in_order()
    kind = LH if cells.minor >= HASHED_SINCE_MINOR else LF
    if len(children) > LONGEST[kind] and kind == LF:
        kind = LI
    size = LONGEST[kind]
    leaves = [_leaf(space, kind, children[at : at + size], node.offset) for at in range(0, len(children), size)]
    if len(leaves) > 1:
        raw = b"".join(leaf.to_bytes(4, "little") for leaf in leaves)
        leaves = [_list(space, RI, len(leaves), raw, node.offset)]
    cells.put_number(start + NK_SUBKEYS, len(children))
    cells.put_number(start + NK_SUBKEY_LIST, leaves[0] if leaves else NIL)
    number = "no subkey" if not children else "1 subkey" if len(children) == 1 else f"{len(children)} subkeys"
    ground.report.repair("subkey-list", node.offset, f"the list of subkeys of {shown(node.path)} is made anew, with {number}")


def _leaf(space: Space, kind: bytes, children: list[Node], near: int) -> int:
    raw = b"".join(child.offset.to_bytes(4, "little") + _proof(kind, child.name) for child in children)
    return _list(space, kind, len(children), raw, near)


def _list(space: Space, kind: bytes, count: int, raw: bytes, near: int) -> int:
    offset = space.allocate(LIST_HEAD.size + len(raw), near)
    space.cells.write(offset, LIST_HEAD.pack(kind, count) + raw)
    return offset


def _proof(kind: bytes, name: str) -> bytes:
    return name_hash(name).to_bytes(4, "little") if kind == LH else name_hint(name) if kind == LF else b""


def _is_right(ground: Ground, node: Node) -> bool:
    """Whether the list is as it should be, but perhaps for hashes and hints, which are set right on the way."""
    cells, start = ground.cells, node.offset + CELLS_START
    listed = cells.number(start + NK_SUBKEY_LIST)
    if not node.children:
        return listed == NIL and not cells.number(start + NK_SUBKEYS)
    wanted = node.in_order()
    if (
        cells.number(start + NK_SUBKEYS) != len(wanted)
        or node.listed != [child.offset for child in wanted]
        or listed not in node.lists
    ):
        return False
    leaves = _leaves(ground, listed)
    if {listed, *leaves} != set(node.lists) or len(node.lists) != len(leaves) + (listed not in leaves):
        return False
    return all(_has_kind(ground, leaf) for leaf in leaves) and _mend_proofs(ground, node, leaves, wanted)


def _leaves(ground: Ground, offset: int) -> list[int]:
    start = offset + CELLS_START
    signature, count = LIST_HEAD.unpack_from(ground.bytes, start)
    return list(ground.cells.numbers(offset, count + 1, "subkey list")[1:]) if signature == RI else [offset]


def _has_kind(ground: Ground, leaf: int) -> bool:
    signature, count = LIST_HEAD.unpack_from(ground.bytes, leaf + CELLS_START)
    if signature == RI or not count or LIST_HEAD.size + count * _WIDTHS[signature] > ground.room(leaf):
        return False
    return bool((signature == LH) == (ground.cells.minor >= HASHED_SINCE_MINOR))


def _mend_proofs(ground: Ground, node: Node, leaves: list[int], children: list[Node]) -> bool:
    """Set wrong hashes and hints right where they stand."""
    cells, index, wrong = ground.cells, 0, 0
    for leaf in leaves:
        start = leaf + CELLS_START
        signature, count = LIST_HEAD.unpack_from(ground.bytes, start)
        for number in range(count if signature != LI else 0):
            name = children[index + number].name
            position = start + LIST_HEAD.size + 8 * number + 4
            proof = _proof(signature, name)
            # beyond ASCII, hints of Windows itself differ from ours: they stay
            if cells.bytes[position : position + 4] != proof and (signature == LH or name[:4].isascii()):
                cells.put(position, proof)
                wrong += 1
        index += count
    if wrong:
        what = "hashes" if cells.minor >= HASHED_SINCE_MINOR else "hints"
        ground.report.repair(
            "list-hash" if what == "hashes" else "list-hint",
            node.lists[0],
            f"{wrong} {what} of the subkeys of {shown(node.path)}",
        )
    return True


def raise_largest(ground: Ground, node: Node) -> None:
    """Make the largest lengths below a key at least what they are."""
    cells, start = ground.cells, node.offset + CELLS_START
    name = max((2 * unit_count(child.name) for child in node.children), default=0)
    field = cells.number(start + NK_LARGEST_SUBKEY_NAME)
    if field & _NAME_BITS < name:
        cells.put_number(start + NK_LARGEST_SUBKEY_NAME, field & ~_NAME_BITS | name)
        _say_largest(ground, node, "subkey-name", name, field & _NAME_BITS)
    longest = max((cells.short(child.offset + CELLS_START + NK_CLASS_LENGTH) for child in node.children), default=0)
    stored = cells.number(start + NK_LARGEST_CLASS)
    if stored < longest:
        cells.put_number(start + NK_LARGEST_CLASS, longest)
        _say_largest(ground, node, "class", longest, stored)


def _say_largest(ground: Ground, node: Node, what: str, least: int, stored: int) -> None:
    sentence = f"the largest {what} below {shown(node.path)} is {least} bytes, not {stored}"
    ground.report.repair(f"largest-{what}", node.offset, sentence)
