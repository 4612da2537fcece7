"""What an element id means: its class and format, and the names bcdedit knows it by.

The upper bits of an id are the same everywhere: bits 28 to 31 the class, 24 to 27 the format, the
rest a number.  An id of the application class means a different thing for each application
(25000004 is ``timeout`` for the boot manager and ``testtofail`` for the memory tester), so names are
looked up by id *and* application type.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from bootmend.bcd.object_types import ANY, APPLICATION, INHERIT, application_of, has_device_elements, kind_of

LIBRARY_CLASS = 1
APPLICATION_CLASS = 2
DEVICE_CLASS = 3
TEMPLATE_CLASS = 4

DEVICE = 1
STRING = 2
OBJECT = 3
OBJECT_LIST = 4
INTEGER = 5
BOOLEAN = 6
INTEGER_LIST = 7
BINARY = 8
FORMAT_NAMES = {
    DEVICE: "device",
    STRING: "string",
    OBJECT: "object",
    OBJECT_LIST: "object list",
    INTEGER: "integer",
    BOOLEAN: "boolean",
    INTEGER_LIST: "integer list",
    BINARY: "binary",
}

HEXADECIMAL = frozenset({0x15000007, 0x1500000D, 0x1500000E, 0x15000012, 0x15000042, 0x2500012E})
"""Integers printed as ``0x..``: truncatememory and avoidlowmemory were seen so; the other addresses follow them."""
IPV4 = frozenset({0x1500001A, 0x250000FD, 0x25000133})
"""Integers printed as dotted addresses: hostip, hypervisorhostip, kernelhostip."""


class ElementType(NamedTuple):
    """An element id as one application understands it.

    ``name`` is what is typed, ``printed`` what bcdedit prints, both ``custom:XXXXXXXX`` where bcdedit has
    no word for it; ``words`` are the values of an enumeration counted from 0, empty for any other element.
    """

    id: int
    name: str
    printed: str
    words: tuple[str, ...] = ()

    @property
    def format(self) -> int:
        """One of :data:`DEVICE` to :data:`BINARY`, or a number that nobody defined."""
        return format_of(self.id)


def class_of(element_id: int) -> int:
    """Return the class bits of an element id."""
    return element_id >> 28


def format_of(element_id: int) -> int:
    """Return the format bits of an element id."""
    return element_id >> 24 & 0xF


@lru_cache(maxsize=1024)
def element_type(element_id: int, application: int = ANY) -> ElementType:
    """Return what ``element_id`` is to an application type; never fails: unknown ids are ``custom:``."""
    from bootmend.bcd.element_table import ELEMENTS

    row = ELEMENTS.get((element_id, application)) or ELEMENTS.get((element_id, ANY))
    if row is None:
        custom = f"custom:{element_id:08x}"
        return ElementType(element_id, custom, custom)
    return ElementType(element_id, row[0], row[1], row[2] or ())


def find_element(name: str, object_type: int) -> int | None:
    """Return the element id that ``name`` means for an object of this type; None if it means nothing there.

    Accepted, in any case: bcdedit's name, ``custom:XXXXXXXX``, and the bare eight hex digits.
    """
    word = name.lower()
    digits = word.removeprefix("custom:")
    if len(digits) == 8 and all(digit in "0123456789abcdef" for digit in digits):
        number = int(digits, 16)
        return number if 1 <= format_of(number) <= BINARY else None
    return next((number for number in _named(word, application_of(object_type)) if _belongs(number, object_type)), None)


def _belongs(element_id: int, object_type: int) -> bool:
    """Say whether elements of this class are found in objects of this type."""
    element_class = class_of(element_id)
    if element_class == APPLICATION_CLASS:
        return application_of(object_type) != ANY and kind_of(object_type) in (APPLICATION, INHERIT)
    return has_device_elements(object_type) if element_class == DEVICE_CLASS else True


def _named(word: str, application: int) -> list[int]:
    """Return the ids with this name: those of the application first, then those that all applications know."""
    from bootmend.bcd.element_table import ELEMENTS

    hits = [key for key, row in ELEMENTS.items() if row[0] == word and key[1] in (application, ANY)]
    return [number for number, _ in sorted(hits, key=lambda key: key[1] != application)]
