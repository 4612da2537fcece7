"""What differs between two stores, object by object and element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bootmend.bcd.store import BcdObject, Element, Store


class Difference(NamedTuple):
    """An element that differs, or an object that only one store has.

    ``owner_before`` and ``owner_after`` are the object in each store, None where it is missing.  With
    ``element`` None the difference is the object itself: missing on one side, or of another type.
    """

    object_id: str
    owner_before: BcdObject | None
    owner_after: BcdObject | None
    element: int | None = None
    before: Element | None = None
    after: Element | None = None

    @property
    def owner(self) -> BcdObject:
        """The object, as it is after the change if it is there then."""
        found = self.owner_after or self.owner_before
        assert found is not None
        return found

    @property
    def name(self) -> str:
        """The name of the element, or the title of the object."""
        element = self.after or self.before
        return self.owner.title if element is None else element.name


def differences(before: Store, after: Store) -> list[Difference]:
    """Return every difference by type and id of the object, then by element id; spelling of keys does not count."""
    old = {item.id: item for item in before.objects()}
    new = {item.id: item for item in after.objects()}
    owners = sorted((old | new).values(), key=lambda item: (item.type, item.id))
    return [found for owner in owners for found in _compare(owner.id, old.get(owner.id), new.get(owner.id))]


def _compare(object_id: str, old: BcdObject | None, new: BcdObject | None) -> list[Difference]:
    found = []
    if old is None or new is None or old.type != new.type:
        found.append(Difference(object_id, old, new))
    had = old.elements if old is not None else {}
    has = new.elements if new is not None else {}
    for number in sorted(had.keys() | has.keys()):
        before, after = had.get(number), has.get(number)
        if not _same(before, after):
            found.append(Difference(object_id, old, new, number, before, after))
    return found


def _same(before: Element | None, after: Element | None) -> bool:
    if before is None or after is None:
        return before is after
    return (before.registry_type, before.raw) == (after.registry_type, after.raw)
