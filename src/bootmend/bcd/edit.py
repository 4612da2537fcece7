"""Changing a store: set and delete elements, create and delete objects.

Everything that is not named stays as it is: an element keeps the spelling of its key, a value that
would be written with the same bytes is not written at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import layout
from bootmend.bcd.elements import find_element
from bootmend.bcd.identifiers import BOOTMGR, parse_guid
from bootmend.bcd.store import BcdObject, Element, Store
from bootmend.bcd.values import encode
from bootmend.errors import MissingError, RefusedError, UsageError

if TYPE_CHECKING:
    from bootmend.bcd.values import Value
    from bootmend.registry import HiveEditor

_DWORD = 4


class Edit(NamedTuple):
    """One change that was made: an element of an object before and after, None where it was or is absent.

    A created or deleted object is an edit of its own with ``element`` None; ``before`` and ``after`` are
    then None too and ``created`` tells them apart.
    """

    object_id: str
    element: int | None
    name: str
    before: Element | None
    after: Element | None
    created: bool = False


class StoreEditor(Store):
    """A store that can be changed.  Objects that were got before a change stay as they were then.

    ``edits`` are the changes made so far; ``hive.commit()`` gives the writes that make them real.
    """

    def __init__(self, hive: HiveEditor) -> None:
        super().__init__(hive)
        self.hive: HiveEditor = hive
        self.edits: list[Edit] = []

    def set_element(self, object_id: str, element: str | int, value: Value) -> None:
        """Give an element a value of its format (bytes: exactly these bytes); an element that is not there is made.

        Raises:
            MissingError: no such object, or no such element for its type.
            UsageError: the value does not fit the element.
        """
        target = self._require(object_id)
        number = _number(target, element)
        before = target.elements.get(number)
        registry_type, data = encode(number, value)
        if before is not None and (before.registry_type, before.raw) == (registry_type, data):
            return
        key_name = before.key_name if before is not None else f"{number:08x}"
        path = f"{_path(target)}\\{layout.ELEMENTS}\\{key_name}"
        if before is None:
            self.hive.create_key(path)
        self.hive.set_value(path, layout.ELEMENT_VALUE, registry_type, data)
        self._changed(target)
        after = self._object(target.id).elements[number]
        self.edits.append(Edit(target.id, number, after.name, before, after))

    def delete_element(self, object_id: str, element: str | int) -> None:
        """Remove an element.

        Raises:
            MissingError: no such object, or it does not have the element.
        """
        target = self._require(object_id)
        number = _number(target, element)
        before = target.elements.get(number)
        if before is None:
            raise MissingError(f"{target.id} has no element {element if isinstance(element, str) else f'{element:08x}'}")
        self.hive.delete_key(f"{_path(target)}\\{layout.ELEMENTS}\\{before.key_name}", recursive=True)
        self._changed(target)
        self.edits.append(Edit(target.id, number, before.name, before, None))

    def create_object(self, object_id: str, object_type: int) -> BcdObject:
        """Make an object without elements and return it; one that is there with this type already is returned as it is.

        Raises:
            UsageError: ``object_id`` is no GUID.
            RefusedError: an object with this id and another type exists.
        """
        guid = parse_guid(object_id)
        if guid is None:
            raise UsageError(f"{object_id!r} is not a GUID")
        if guid in self._keys():
            existing = self._object(guid)
            if existing.type != object_type:
                raise RefusedError(f"{guid} exists with type {existing.type:08x}, not {object_type:08x}")
            return existing
        path = f"{layout.OBJECTS}\\{guid}"
        self.hive.create_key(f"{path}\\{layout.DESCRIPTION}")
        self.hive.set_value(f"{path}\\{layout.DESCRIPTION}", layout.TYPE_VALUE, _DWORD, object_type.to_bytes(4, "little"))
        self.hive.create_key(f"{path}\\{layout.ELEMENTS}")
        self._changed()
        created = self._object(guid)
        self.edits.append(Edit(guid, None, created.title, None, None, created=True))
        return created

    def delete_object(self, object_id: str) -> None:
        """Remove an object and all its elements; references to it stay.

        Raises:
            MissingError: no such object.
        """
        target = self._require(object_id)
        title = target.title
        self.hive.delete_key(_path(target), recursive=True)
        self._changed()
        self.edits.append(Edit(target.id, None, title, None, None))

    def _require(self, object_id: str) -> BcdObject:
        """Return the object to change, after it has taken its picture for those who hold it already."""
        target = self.get(object_id)
        if target is None:
            raise MissingError(f"the store has no object {object_id}")
        _ = target.elements
        return target

    def _changed(self, target: BcdObject | None = None) -> None:
        """Forget what was read of one object; of all where the objects themselves, or what names them, changed."""
        if target is None or target.id == BOOTMGR:
            for item in self._objects.values():  # in other hands they stay as they were
                _ = item.elements
            self._objects = {}
            self._default = False
        else:
            self._objects.pop(target.id, None)
        if target is None:
            self._index = None


def _number(target: BcdObject, element: str | int) -> int:
    number = element if isinstance(element, int) else find_element(element, target.type)
    if number is None:
        raise MissingError(f"no element {element} is known for {target.title} {target.id}")
    return number


def _path(target: BcdObject) -> str:
    return f"{layout.OBJECTS}\\{target.key_name}"
