"""The differences of two stores, as text for people and as a tree for machines (``bootmend.bcd-diff/1``)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from bootmend.bcd.comparison import Difference, differences
from bootmend.bcd.json_tree import element_to_json
from bootmend.bcd.text import Printer

if TYPE_CHECKING:
    from bootmend.bcd.store import BcdObject, Element, Store
    from bootmend.bcd.text import Resolver

SCHEMA = "bootmend.bcd-diff/1"


class Side:
    """One of two stores: what it is called, and how its values are printed."""

    def __init__(self, name: str, store: Store, resolver: Resolver | None = None) -> None:
        self.name = name
        self.store = store
        self.printer = Printer(store, verbose=True, resolver=resolver)

    def text(self, element: Element, owner: BcdObject | None) -> str:
        """An element on one line; a partition that is not known is named by what identifies it."""
        assert owner is not None
        return self.printer.value(element, owner)


def difference_text(before: Side, after: Side) -> str:
    """Return the differences object by object: ``+`` only in the second, ``-`` only in the first, ``~`` another value.

    Empty where there are none.
    """
    lines = [f"--- {before.name}", f"+++ {after.name}"]
    found = differences(before.store, after.store)
    for object_id, group in groupby(found, key=lambda each: each.object_id):
        each_one = list(group)
        lines += ["", _heading(each_one[0], object_id), *(line for each in each_one for line in _lines(each, before, after))]
    return "\n".join(lines) + "\n" if found else ""


def _heading(difference: Difference, object_id: str) -> str:
    owner = difference.owner
    mark = {"added": "+", "removed": "-"}.get(_change(difference) if difference.element is None else "", " ")
    alias = f" {owner.alias}" if owner.alias else ""
    return f"{mark} {owner.title}{alias} {object_id}"


def _lines(difference: Difference, before: Side, after: Side) -> list[str]:
    if difference.element is None:
        return [] if _change(difference) != "changed" else [_type_line(difference)]
    old = None if difference.before is None else before.text(difference.before, difference.owner_before)
    new = None if difference.after is None else after.text(difference.after, difference.owner_after)
    if old is None or new is None:
        return [f"  {'-' if new is None else '+'} {difference.name.ljust(23)} {old if new is None else new}"]
    if old == new:  # other bytes that print alike, such as two partitions that nothing here knows
        assert difference.before is not None
        assert difference.after is not None
        old, new = f"{old} ({difference.before.raw.hex()})", f"{new} ({difference.after.raw.hex()})"
    return [f"  ~ {difference.name.ljust(23)} {old} -> {new}"]


def _type_line(difference: Difference) -> str:
    assert difference.owner_before is not None
    assert difference.owner_after is not None
    return f"  ~ {'type'.ljust(23)} {difference.owner_before.type:08x} -> {difference.owner_after.type:08x}"


def differences_to_json(before: Side, after: Side) -> dict[str, object]:
    """Return the same as a tree: each difference with its object, and the element on either side."""
    found = differences(before.store, after.store)
    return {
        "schema": SCHEMA,
        "before": before.name,
        "after": after.name,
        "differences": [_to_json(each, before, after) for each in found],
    }


def _to_json(difference: Difference, before: Side, after: Side) -> dict[str, object]:
    owner = difference.owner
    return {
        "object": {"id": difference.object_id, "alias": owner.alias, "type": f"{owner.type:#010x}", "title": owner.title},
        "change": _change(difference),
        "element": None if difference.element is None else f"{difference.element:#010x}",
        "name": difference.name,
        "before": _element(difference.before, difference.owner_before, before),
        "after": _element(difference.after, difference.owner_after, after),
    }


def _element(element: Element | None, owner: BcdObject | None, side: Side) -> dict[str, object] | None:
    return None if element is None or owner is None else element_to_json(element, owner, side.printer)


def _change(difference: Difference) -> str:
    if difference.element is None:
        old: object = difference.owner_before
        new: object = difference.owner_after
    else:
        old, new = difference.before, difference.after
    return "added" if old is None else "removed" if new is None else "changed"
