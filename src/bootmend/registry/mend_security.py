"""Mending security records: who refers to which, how often, and the ring that they form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.registry.cells import CELLS_START
from bootmend.registry.check_security import descriptor_fault
from bootmend.registry.layout import NIL, NK_SECURITY, SK, SK_HEAD, SK_NEXT, SK_PREVIOUS, SK_REFERENCES, SK_SIZE
from bootmend.registry.mend_report import shown

if TYPE_CHECKING:
    from bootmend.registry.mend_ground import Ground
    from bootmend.registry.mend_tree import Node


def mend_security(ground: Ground, nodes: list[Node]) -> None:
    """Give every key a sound security record, its parent's where its own is lost; set counts and the ring right.

    ``nodes`` have parents before children.  Where not even the root has one, nothing can be done: the checker will say so.
    """
    users: dict[int, int] = {}
    unsound: set[int] = set()
    for node in nodes:
        position = node.offset + CELLS_START + NK_SECURITY
        offset = ground.cells.number(position)
        if offset not in users and (offset in unsound or not _is_sound(ground, offset)):
            unsound.add(offset)
            if node.parent is None:
                if ground.room(offset) >= 0 and not ground.is_taken(offset):
                    ground.take(offset)  # it stays what it is: freeing what the root refers to would make it worse
                continue
            offset = ground.cells.number(node.parent.offset + CELLS_START + NK_SECURITY)
            ground.cells.put_number(position, offset)
            ground.report.lose(f"{shown(node.path)}: its security descriptor, which is not there; it has its parent's now")
        if offset in unsound:
            continue
        if offset not in users:
            ground.take(offset)
        users[offset] = users.get(offset, 0) + 1
    _count(ground, users)
    _close_ring(ground, users)


def _is_sound(ground: Ground, offset: int) -> bool:
    if offset == NIL or ground.room(offset) < SK_SIZE or ground.is_taken(offset):
        return False
    start = offset + CELLS_START
    signature, *_, length = SK_HEAD.unpack_from(ground.bytes, start)
    if signature != SK or SK_SIZE + length > ground.room(offset):
        return False
    return not descriptor_fault(bytes(ground.bytes[start + SK_SIZE : start + SK_SIZE + length]))


def _count(ground: Ground, users: dict[int, int]) -> None:
    for offset, count in users.items():
        position = offset + CELLS_START + SK_REFERENCES
        stored = ground.cells.number(position)
        if stored != count:
            ground.cells.put_number(position, count)
            ground.report.repair(
                "security-references", offset, f"{count} keys refer to this security record, and it counted {stored}"
            )


def _close_ring(ground: Ground, users: dict[int, int]) -> None:
    """Join the records to a ring in the order in which they follow one another; those that are in none come last."""
    if not users:
        return
    ring: dict[int, None] = {}
    for offset in sorted(users):
        while offset in users and offset not in ring:
            ring[offset] = None
            offset = ground.cells.number(offset + CELLS_START + SK_NEXT)
    order = list(ring)
    changed = 0
    for index, offset in enumerate(order):
        for field, other in ((SK_NEXT, order[(index + 1) % len(order)]), (SK_PREVIOUS, order[index - 1])):
            if ground.cells.number(offset + CELLS_START + field) != other:
                ground.cells.put_number(offset + CELLS_START + field, other)
                changed += 1
    if changed:
        ground.report.repair("security-ring", order[0], _ring(len(order)))


def _ring(count: int) -> str:
    return (
        "the only security record is its own neighbour again" if count == 1 else f"the {count} security records form a ring again"
    )
