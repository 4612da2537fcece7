"""The text of ``bcdedit /enum``, element by element.

The form is measured on real outputs (``docs/formats/bcd.md``): a title, dashes, the identifier, then
the elements by ascending id, names padded to column 24, lists continued below, nothing wrapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd import identifiers, object_types
from bootmend.bcd.device_text import device_text
from bootmend.bcd.devices import Device
from bootmend.bcd.elements import (
    HEXADECIMAL,
    INTEGER,
    INTEGER_LIST,
    IPV4,
    OBJECT,
    OBJECT_LIST,
    TEMPLATE_CLASS,
    element_type,
    format_of,
)
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd.devices import PartitionDevice
    from bootmend.bcd.store import BcdObject, Element, Store

    Resolver = Callable[[PartitionDevice], str | None]

COLUMN = 24
_INDENT = " " * COLUMN
NOTHING = "There are no matching objects or the store is empty.\n"
_LOCATE_DEPTH = 4


class Printer:
    """How values of one store are printed.

    ``verbose`` prints ids whole and shows template elements, as ``/v`` does; ``both_ids`` prints an alias
    and the id behind it.  ``resolver`` names a partition, or gives None for one that is not known.
    """

    def __init__(self, store: Store, *, verbose: bool = False, resolver: Resolver | None = None, both_ids: bool = False) -> None:
        self._store = store
        self._verbose = verbose
        self._both = both_ids
        self._resolver: Resolver = resolver or (lambda _device: None)

    def identifier(self, object_id: str) -> str:
        """Return how an object id is printed."""
        alias = None if self._verbose else self._store.alias(object_id)
        if alias is None:
            return printable(object_id)
        return f"{alias} {object_id}" if self._both else alias

    def section(self, item: BcdObject) -> str:
        """Return one object with its title."""
        title = item.title
        return f"{title}\n{'-' * len(title)}\nidentifier              {self.identifier(item.id)}\n{self.element_lines(item)}"

    def element_lines(self, item: BcdObject) -> str:
        """Return the elements of an object, one or more lines each."""
        application = object_types.application_of(item.type)
        return "".join(
            self._element_line(element, item, application)
            for element in item.elements.values()
            if self._verbose or element.id >> 28 != TEMPLATE_CLASS
        )

    def element_line(self, element: Element, owner: BcdObject) -> str:
        """Return the line of one element; further values of a list follow on lines of their own."""
        return self._element_line(element, owner, object_types.application_of(owner.type)).removesuffix("\n")

    def _element_line(self, element: Element, owner: BcdObject, application: int) -> str:
        printed = element_type(element.id, application).printed
        values = self.values(element, owner) or [""]
        line = f"{printed:<23} {values[0]}".rstrip(" ") + "\n"  # a name of 24 characters and more is followed by one space
        return line if len(values) == 1 else line + "".join(f"{_INDENT}{value}\n" for value in values[1:])

    def values(self, element: Element, owner: BcdObject) -> list[str]:
        """Return the printed values of an element: one, or those of a list."""
        return [text if text.isprintable() else printable(text) for text in self._texts(element, owner, _LOCATE_DEPTH)]

    def value(self, element: Element, owner: BcdObject) -> str:
        """Return the printed value of an element on one line."""
        return ", ".join(self.values(element, owner))

    def _texts(self, element: Element, owner: BcdObject, depth: int) -> list[str]:
        value = element.value
        if isinstance(value, str):
            return [self.identifier(value) if format_of(element.id) == OBJECT else value]
        if isinstance(value, Device):
            return [self._device(value, owner, depth)]
        if isinstance(value, bytes):
            return [value.hex(" ")]
        if isinstance(value, bool):
            return ["Yes" if value else "No"]
        if isinstance(value, int):
            return [_integer(element.id, value, object_types.application_of(owner.type))]
        return [self._item(element.id, item) for item in value]

    def _item(self, element_id: int, item: str | int) -> str:
        """Return one value of a list; integers of a list are always hexadecimal."""
        if isinstance(item, str):
            return self.identifier(item) if format_of(element_id) == OBJECT_LIST else item
        return f"{item:#x}" if format_of(element_id) == INTEGER_LIST else str(item)

    def _device(self, device: Device, owner: BcdObject, depth: int) -> str:
        """Return a device; one located by an element prints that element, which may not lead round in a circle."""

        def locate(element_id: int) -> str | None:
            found = owner.elements.get(element_id)
            return None if found is None or depth == 0 else ", ".join(self._texts(found, owner, depth - 1))

        return device_text(device, self._resolver, self.identifier, locate)


def enum_text(
    store: Store, what: str = "ACTIVE", verbose: bool = False, resolver: Resolver | None = None, *, both_ids: bool = False
) -> str:
    """Return what ``bcdedit /enum what`` prints: each section after an empty line.

    ``what`` is ACTIVE, FIRMWARE, BOOTAPP, BOOTMGR, OSLOADER, RESUME, INHERIT, ALL, an id or an alias.

    Raises:
        UsageError: ``what`` is none of these.
    """
    printer = Printer(store, verbose=verbose, resolver=resolver, both_ids=both_ids)
    return "".join("\n" + printer.section(item) for item in select(store, what)) or NOTHING


def select(store: Store, what: str) -> list[BcdObject]:
    """Return the objects that an ``/enum`` argument asks for, in the order they are printed.

    Raises:
        UsageError: ``what`` is no type and no id.
    """
    if what.upper() == "ACTIVE":
        return _active(store)
    chosen = _SELECTIONS.get(what.upper())
    if chosen is not None:
        return [item for item in store.objects() if chosen(item.type)]
    if identifiers.parse_identifier(what) is None:
        raise UsageError(f"{what!r} is no type of entry and no identifier")
    found = store.get(what)
    return [] if found is None else [found]


def _active(store: Store) -> list[BcdObject]:
    """Return the boot manager and the entries of its menu in their order."""
    listed = [store.get(object_id) for object_id in dict.fromkeys(store.display_order)]
    return [item for item in (store.boot_manager, *listed) if item is not None]


def _is_image(image: int) -> Callable[[int], bool]:
    def check(object_type: int) -> bool:
        return object_types.kind_of(object_type) == object_types.APPLICATION and object_types.image_of(object_type) == image

    return check


_SELECTIONS: dict[str, Callable[[int], bool]] = {
    "ALL": lambda _type: True,
    "FIRMWARE": _is_image(object_types.FIRMWARE_IMAGE),
    "BOOTAPP": _is_image(object_types.BOOT_IMAGE),
    "BOOTMGR": lambda object_type: object_type == object_types.BOOT_MANAGER,
    "OSLOADER": lambda object_type: object_type == object_types.OS_LOADER,
    "RESUME": lambda object_type: object_type == object_types.RESUME_LOADER,
    "INHERIT": lambda object_type: object_types.kind_of(object_type) == object_types.INHERIT,
}


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: control characters and lone surrogates become U+FFFD."""
    if text.isprintable():
        return text
    return "".join("\ufffd" if _is_unprintable(character) else character for character in text)


def _is_unprintable(character: str) -> bool:
    return character < " " or "\x7f" <= character < "\xa0" or "\ud800" <= character <= "\udfff"


def _integer(element_id: int, value: int, application: int) -> str:
    words = element_type(element_id, application).words
    if value < len(words) and format_of(element_id) == INTEGER:
        return words[value]
    if element_id in IPV4 and value < 1 << 32:
        return ".".join(str(byte) for byte in value.to_bytes(4, "big"))
    return f"{value:#x}" if element_id in HEXADECIMAL else str(value)
