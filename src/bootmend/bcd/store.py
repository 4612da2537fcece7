"""A boot configuration store read from its hive: objects, and the elements they hold.

Nothing is read before it is asked for.  The reader is tolerant: what breaks the rules of a store is
kept as far as it makes sense and named in ``remarks``; what breaks the rules of a hive is an error of
the registry.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from bootmend.bcd import identifiers, layout, object_types
from bootmend.bcd.elements import FORMAT_NAMES, element_type, find_element, format_of
from bootmend.bcd.identifiers import ALIASES, parse_guid, parse_identifier
from bootmend.bcd.values import decode
from bootmend.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.bcd.edit import Edit
    from bootmend.bcd.values import Value
    from bootmend.registry import Hive, Key
    from bootmend.registry import Value as StoredValue

DEFAULT_OBJECT = 0x23000003
DISPLAY_ORDER = 0x24000001
TOOLS_DISPLAY_ORDER = 0x24000010
BOOT_SEQUENCE = 0x24000002
PATH = 0x12000002
DESCRIPTION = 0x12000004
READ_WHOLE = 1 << 20
"""A store this small is read in one go by those who ask for all of its objects."""


class Element(NamedTuple):
    """One element of one object.

    ``name`` is bcdedit's name for it in this kind of object, else ``custom:XXXXXXXX``; ``value`` is typed
    as :mod:`bootmend.bcd.values` says, or bytes with a ``remark`` where the stored value does not fit the
    element; ``raw`` and ``registry_type`` are what is stored, under ``key_name`` as it is spelt there.
    """

    id: int
    name: str
    value: Value
    raw: bytes
    registry_type: int
    key_name: str
    remark: str = ""

    @property
    def format(self) -> str:
        """What kind of value the element has, as a word: "device", "string", "object list", ..."""
        return FORMAT_NAMES.get(format_of(self.id), "unknown")


class BcdObject:
    """One object of a store: an application, a set of elements to inherit, or options of a device.

    ``id`` is ``{lower case guid}``, ``type`` 0 where the store gives none, ``alias`` what bcdedit calls it
    (``{bootmgr}``, ``{default}``), None where it has no name but its id.  An object is a picture of the
    moment when its elements were first looked at.
    """

    def __init__(self, key: Key, object_id: str) -> None:
        folders = {folder.name.lower(): folder for folder in key.subkeys()}
        self.id = object_id
        self.type = _type_in(folders.get(layout.DESCRIPTION.lower()))
        self.alias = ALIASES.get(object_id)
        self.key_name = key.name
        self._folder = folders.get(layout.ELEMENTS.lower())
        self._elements: dict[int, Element] | None = None
        self._remarks: list[str] = []

    @property
    def title(self) -> str:
        """The line that bcdedit prints over the object: "Windows Boot Loader"."""
        return object_types.title_of(self.id, self.type)

    @property
    def elements(self) -> dict[int, Element]:
        """The elements by id, ascending."""
        if self._elements is None:
            self._elements = self._read_elements()
        return self._elements

    @property
    def remarks(self) -> list[str]:
        """What is odd in this object, one sentence each."""
        typeless = [] if self.type else ["no type is stored for it"]
        odd = [f"{element.name}: {element.remark}" for element in self.elements.values() if element.remark]
        return typeless + self._remarks + odd

    def element(self, name: str | int) -> Element | None:
        """Return an element by id or by any name that bcdedit accepts for it; None if the object lacks it."""
        number = name if isinstance(name, int) else find_element(name, self.type)
        return None if number is None else self.elements.get(number)

    def text(self, name: str | int) -> str | None:
        """Return the value of a string or object element; None if it is absent or something else."""
        element = self.element(name)
        return element.value if element is not None and isinstance(element.value, str) else None

    def objects(self, name: str | int) -> tuple[str, ...]:
        """Return the ids of an object list; empty if it is absent or something else."""
        element = self.element(name)
        value = element.value if element is not None else ()
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, tuple) else ()

    def _read_elements(self) -> dict[int, Element]:
        """Read all elements: one loop with everything in it, since listing a store is little else."""
        application = object_types.application_of(self.type)
        found: dict[int, Element] = {}
        previous, ascending = -1, True
        for key in self._folder.subkeys() if self._folder is not None else ():
            name = key.name
            number = element_number(name)
            if number is None or number in found:
                self._remarks.append(f"the key {name!r} among its elements is no element, or one twice")
                continue
            stored = _only_value(key, layout.ELEMENT_VALUE)
            if stored is None:
                self._remarks.append(f"the element {name} has no value")
                continue
            raw, kind = stored.data, stored.type
            value, remark = decode(number, kind, raw)
            found[number] = Element(number, element_type(number, application).name, value, raw, kind, name, remark)
            ascending = ascending and number > previous
            previous = number
        return found if ascending else dict(sorted(found.items()))


class Store:
    """A store over an open hive.

    Raises:
        MissingError: the hive has no ``Objects`` key, so it is no store.
    """

    edits: Sequence[Edit] = ()
    """The changes made so far: none to a store that can only be read."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive
        self._index: dict[str, Key] | None = None
        self._objects: dict[str, BcdObject] = {}
        self._remarks: list[str] = []
        self._default: str | Literal[False] | None = False
        if hive.root.subkey(layout.OBJECTS) is None:
            message = "the hive has no Objects key: it is not a boot configuration store"
            raise MissingError(message, hint="name the BCD file itself: \\Boot\\BCD or \\EFI\\Microsoft\\Boot\\BCD")

    # -- what the store says of itself --------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """``BCD00000000`` (a system store) or what else ``KeyName`` says; None where that is no such name.

        Three stores of Microsoft's own media hold garbage there.
        """
        stored = self._description("KeyName")
        name = stored.decode("utf-16-le", "replace").partition("\0")[0] if stored else ""
        return name if name.isascii() and name.isalnum() else None

    @property
    def system(self) -> bool:
        """Whether the store calls itself the system store."""
        return any(self._description("System") or b"")

    @property
    def remarks(self) -> list[str]:
        """What is odd in the store itself; each object has remarks of its own."""
        self._keys()
        return list(self._remarks)

    def _description(self, name: str) -> bytes | None:
        key = self._hive.root.subkey(layout.DESCRIPTION)
        value = key.value(name) if key is not None else None
        return None if value is None else bytes(value.data)

    def description_values(self) -> list[tuple[str, int, bytes]]:
        """Return what the store says of itself: name, registry type and bytes of each value."""
        key = self._hive.root.subkey(layout.DESCRIPTION)
        return [] if key is None else [(value.name, value.type, bytes(value.data)) for value in key.values()]

    # -- objects ------------------------------------------------------------------------------------

    def objects(self) -> list[BcdObject]:
        """Return all objects, by type and then by id: the order of ``bcdedit /enum all``."""
        if self._hive.source.size <= READ_WHOLE:
            self._hive.load()
        return sorted((self._object(object_id) for object_id in self._keys()), key=lambda item: (item.type, item.id))

    def get(self, name: str) -> BcdObject | None:
        """Return the object with this id or alias, braces optional, any case; None if there is none."""
        object_id = self.resolve(name)
        return self._object(object_id) if object_id in self._keys() else None

    def resolve(self, name: str) -> str | None:
        """Return the id that a GUID or an alias means here, whether or not such an object exists.

        ``{default}`` is :attr:`default_id`.  None for a word that is no id, and for ``{current}``: no
        Windows is running from a store that is read from a disk.
        """
        object_id = parse_identifier(name)
        if object_id == identifiers.DEFAULT:
            return self.default_id
        return None if object_id == identifiers.CURRENT else object_id

    @property
    def boot_manager(self) -> BcdObject | None:
        """The object ``{bootmgr}``."""
        return self._object(identifiers.BOOTMGR) if identifiers.BOOTMGR in self._keys() else None

    @property
    def stated_default(self) -> str | None:
        """What the boot manager's ``default`` element says."""
        manager = self.boot_manager
        return None if manager is None else parse_guid(manager.text(DEFAULT_OBJECT) or "")

    @property
    def default_id(self) -> str | None:
        """The id that boots when nobody chooses: ``default``, else the first of the display order, else None."""
        return self.stated_default or next(iter(self.display_order), None)

    @property
    def display_order(self) -> tuple[str, ...]:
        """The ids of the boot menu, in order; empty where there is none."""
        return self.boot_manager.objects(DISPLAY_ORDER) if self.boot_manager else ()

    def loaders(self) -> list[BcdObject]:
        """Return the Windows boot loaders: those of the boot menu in its order, then the others by id."""
        order = {object_id: place for place, object_id in enumerate(self.display_order)}
        loaders = [item for item in self.objects() if item.type == object_types.OS_LOADER]
        return sorted(loaders, key=lambda item: (order.get(item.id, len(order)), item.id))

    def alias(self, object_id: str) -> str | None:
        """Return ``{default}`` for the stated default, else the well-known name of an id, else None."""
        known = ALIASES.get(object_id)
        if known is not None or object_id != self._known_default():
            return known
        return "{default}"

    def _known_default(self) -> str | None:
        """The stated default, asked for once: each identifier that is printed is compared with it."""
        if self._default is False:
            self._default = self.stated_default
        return self._default

    def _object(self, object_id: str) -> BcdObject:
        found = self._objects.get(object_id)
        if found is None:
            found = self._objects[object_id] = BcdObject(self._keys()[object_id], object_id)
            # The alias of the default object asks the boot manager, which is an object itself.
            found.alias = found.alias or self.alias(object_id)
        return found

    def _keys(self) -> dict[str, Key]:
        """Return the key of each object by id."""
        if self._index is None:
            self._index = {}
            self._remarks = []
            folder = self._hive.root.subkey(layout.OBJECTS)
            for key in folder.subkeys() if folder is not None else ():
                object_id = parse_guid(key.name)
                if object_id is None or object_id in self._index:
                    self._remarks.append(f"the key {key.name!r} among the objects is no object, or one twice")
                else:
                    self._index[object_id] = key
        return self._index


@lru_cache(maxsize=1024)
def element_number(key_name: str) -> int | None:
    """Return the element id that a key name spells, in either case; None if it is not up to 8 hex digits."""
    if not 1 <= len(key_name) <= 8 or not (key_name.isalnum() and key_name.isascii()):
        return None
    try:
        return int(key_name, 16)
    except ValueError:
        return None


def _only_value(key: Key, name: str) -> StoredValue | None:
    """Return the value of an element or of a description: nearly always the only one, so that no search is needed."""
    first = next(key.values(), None)
    return first if first is None or first.name == name else key.value(name)


def _type_in(description: Key | None) -> int:
    """Return the type of an object, 0 where its description does not say."""
    stored = _only_value(description, layout.TYPE_VALUE) if description is not None else None
    data = b"" if stored is None else stored.data
    return int.from_bytes(data, "little") if 1 <= len(data) <= 4 else 0
