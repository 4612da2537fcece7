"""Typed words to element values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd import elements
from bootmend.bcd.commands import messages
from bootmend.bcd.commands.call import is_switch, switch_name
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.device_text import Finder, device_from_text
from bootmend.bcd.object_types import application_of
from bootmend.errors import BootmendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootmend.bcd.commands.call import Call
    from bootmend.bcd.devices import Device
    from bootmend.bcd.store import BcdObject
    from bootmend.bcd.values import Value

TRUE = frozenset({"1", "on", "yes", "true"})
FALSE = frozenset({"0", "off", "no", "false"})
_LIST_SWITCHES = frozenset({"addfirst", "addlast", "remove"})
_IPV4_PARTS = 4


def value_of(call: Call, owner: BcdObject, element_id: int, words: Sequence[str]) -> Value:
    """Return the value that ``words`` write for an element of ``owner``; an empty tuple for a list that has become empty.

    Raises:
        CommandError: they are no value of the element's format.
    """
    match elements.format_of(element_id):
        case elements.OBJECT_LIST:
            return object_list(call, owner.objects(element_id), words)
        case elements.INTEGER_LIST:
            return tuple(integer(word) for word in words)
    if len(words) != 1:
        raise CommandError(messages.BAD_SET)
    return _single(call, owner, element_id, words[0])


def _single(call: Call, owner: BcdObject, element_id: int, word: str) -> Value:
    match elements.format_of(element_id):
        case elements.DEVICE:
            return device(call, word, element_id)
        case elements.STRING:
            return word
        case elements.OBJECT:
            return call.resolve(word)
        case elements.INTEGER:
            return element_integer(word, element_id, application_of(owner.type))
        case elements.BOOLEAN:
            return boolean(word)
    raise CommandError(messages.NOT_SUPPORTED)


def boolean(word: str) -> bool:
    """Return the truth of 1, ON, YES, TRUE, 0, OFF, NO, FALSE in any case."""
    if word.lower() in TRUE:
        return True
    if word.lower() in FALSE:
        return False
    raise CommandError(messages.BAD_BOOLEAN)


def element_integer(word: str, element_id: int, application: int) -> int:
    """Return an integer as the element takes it: a word of its enumeration, a dotted address, or a number."""
    names = [name.lower() for name in elements.element_type(element_id, application).words]
    if word.lower() in names:
        return names.index(word.lower())
    if element_id in elements.IPV4 and "." in word:
        return _address(word)
    number = integer(word)
    if names and number >= len(names):
        raise CommandError(messages.BAD_INTEGER)
    return number


def integer(word: str) -> int:
    """Return an unsigned 64-bit number written in decimal or as ``0x..``."""
    digits, base = (word[2:], 16) if word[:2].lower() == "0x" else (word, 10)
    try:
        number = int(digits, base) if digits.isalnum() and digits.isascii() and len(digits) <= 20 else -1
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise CommandError(messages.BAD_INTEGER)
    return number


def _address(word: str) -> int:
    parts = [integer(part) for part in word.split(".")]
    if len(parts) != _IPV4_PARTS or max(parts) > 0xFF:
        raise CommandError(messages.BAD_INTEGER)
    return int.from_bytes(bytes(parts), "big")


def object_list(call: Call, present: tuple[str, ...], words: Sequence[str]) -> tuple[str, ...]:
    """Return a list after ``ids [/addfirst | /addlast | /remove]``; without a switch the ids replace it."""
    switches = [switch_name(word) for word in words if is_switch(word)]
    ids = tuple(dict.fromkeys(call.resolve(word) for word in words if not is_switch(word)))
    if not ids or len(switches) > 1 or not _LIST_SWITCHES.issuperset(switches):
        raise CommandError(messages.BAD_LIST)
    others = tuple(item for item in present if item not in ids)
    match switches:
        case ["addfirst"]:
            return ids + others
        case ["addlast"]:
            return others + ids
        case ["remove"]:
            return others
    return ids


def device(call: Call, word: str, element_id: int) -> Device:
    """Return the device that a word writes; partitions and virtual disks are found by the surroundings."""
    around = call.surroundings
    nothing: Callable[..., None] = lambda *_words: None  # noqa: E731
    finder = Finder(around.find_partition or nothing, call.resolve, around.find_virtual_disk or nothing)
    try:
        return device_from_text(word, finder, element_id)
    except CommandError:
        raise
    except BootmendError as error:
        call.notes.append(str(error))
        raise CommandError(messages.BAD_DEVICE) from error
