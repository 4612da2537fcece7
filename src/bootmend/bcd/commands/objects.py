"""Commands on whole objects: ``/create``, ``/copy``, ``/delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import object_types
from bootmend.bcd.commands import messages
from bootmend.bcd.commands.call import is_switch, switch_name
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.elements import OBJECT, OBJECT_LIST, format_of
from bootmend.bcd.identifiers import ALIASES, BOOTMGR
from bootmend.bcd.store import DESCRIPTION, DISPLAY_ORDER

if TYPE_CHECKING:
    from bootmend.bcd.commands.call import Call

_APPLICATIONS = {
    "bootapp": object_types.BOOT_APPLICATION,
    "bootsector": object_types.BOOT_SECTOR,
    "osloader": object_types.OS_LOADER,
    "resume": object_types.RESUME_LOADER,
    "startup": object_types.STARTUP,
}
_INHERITS = {
    "": object_types.INHERIT_ANY,
    "fwbootmgr": 0x20200001,
    "bootmgr": 0x20200002,
    "osloader": object_types.INHERIT_OS_LOADER,
    "resume": object_types.INHERIT_RESUME,
    "memdiag": 0x20200005,
    "ntldr": 0x20200006,
    "setupldr": 0x20200007,
    "bootsector": 0x20200008,
    "startup": 0x20200009,
    "bootapp": 0x2020000A,
    "device": object_types.INHERIT_DEVICE,
}


class _Words(NamedTuple):
    """The words of a command: those before the first switch, and what follows each switch."""

    plain: tuple[str, ...]
    switches: dict[str, tuple[str, ...]]


def create(call: Call) -> str:
    """``/create [id] [/d text] [/application type | /inherit [type] | /device]``."""
    words = _split(call.arguments, {"d", "application", "inherit", "device"})
    if len(words.plain) > 1:
        raise CommandError(messages.BAD_ARGUMENTS)
    object_id = call.resolve(words.plain[0]) if words.plain else _new_id(call)
    object_type = _requested_type(words.switches, object_id)
    if call.store.get(object_id) is not None:
        raise CommandError(messages.ALREADY_THERE)
    call.editor.create_object(object_id, object_type)
    if "d" in words.switches:
        call.editor.set_element(object_id, DESCRIPTION, _only(words.switches["d"]))
    return messages.created(ALIASES.get(object_id, object_id))


def copy(call: Call) -> str:
    """``/copy id /d text``: all elements under a new id; it joins the boot menu if the original is in it."""
    words = _split(call.arguments, {"d"})
    original = call.target(_only(words.plain))
    description = _only(words.switches.get("d", ()))
    object_id = _new_id(call)
    call.editor.create_object(object_id, original.type)
    for element in original.elements.values():
        if element.id != DESCRIPTION:
            call.editor.set_element(object_id, element.id, element.raw)
    call.editor.set_element(object_id, DESCRIPTION, description)
    order = call.store.display_order
    if original.id in order:
        call.editor.set_element(BOOTMGR, DISPLAY_ORDER, (*order, object_id))
    return messages.copied(object_id)


def delete(call: Call) -> str:
    """``/delete id [/f] [/cleanup | /nocleanup]``: a well-known entry only with ``/f``."""
    words = _split(call.arguments, {"f", "cleanup", "nocleanup"})
    if {"cleanup", "nocleanup"} <= words.switches.keys() or any(words.switches.values()):
        raise CommandError(messages.BAD_ARGUMENTS)
    target = call.target(_only(words.plain))
    if target.id in ALIASES and "f" not in words.switches:
        raise CommandError(messages.WELL_KNOWN_NEEDS_FORCE)
    call.editor.delete_object(target.id)
    if "nocleanup" not in words.switches:
        _remove_references(call, target.id)
    return messages.SUCCESS


def _remove_references(call: Call, object_id: str) -> None:
    """Take an id out of every object and object list of the store; a list that becomes empty goes as well."""
    for owner in call.store.objects():
        for element_id in [element.id for element in owner.elements.values() if _refers(element.value, object_id)]:
            rest = tuple(item for item in owner.objects(element_id) if item != object_id)
            if format_of(element_id) == OBJECT_LIST and rest:
                call.editor.set_element(owner.id, element_id, rest)
            elif format_of(element_id) in (OBJECT, OBJECT_LIST):
                call.editor.delete_element(owner.id, element_id)


def _refers(value: object, object_id: str) -> bool:
    return object_id in value if type(value) is tuple else value == object_id


def _requested_type(switches: dict[str, tuple[str, ...]], object_id: str) -> int:
    """Return the type that the switches ask for; a well-known id needs none."""
    kinds = [name for name in ("application", "inherit", "device") if name in switches]
    if not kinds and object_id in object_types.WELL_KNOWN_TYPES:
        return object_types.WELL_KNOWN_TYPES[object_id]
    if len(kinds) != 1:
        raise CommandError(messages.BAD_ENTRY_TYPE)
    word = " ".join(switches[kinds[0]]).lower()
    choices = {"application": _APPLICATIONS, "inherit": _INHERITS, "device": {"": object_types.DEVICE_OPTIONS}}
    found = choices[kinds[0]].get(word)
    if found is None:
        raise CommandError(messages.BAD_ENTRY_TYPE)
    return found


def _split(words: tuple[str, ...], known: set[str]) -> _Words:
    plain: list[str] = []
    switches: dict[str, list[str]] = {}
    into = plain
    for word in words:
        name = switch_name(word)
        # What follows /d is a text, whatever it looks like.
        if is_switch(word) and not (into is switches.get("d") and not into):
            if name not in known or name in switches:
                raise CommandError(messages.bad_switch(word))
            into = switches[name] = []
        else:
            into.append(word)
    return _Words(tuple(plain), {name: tuple(rest) for name, rest in switches.items()})


def _only(words: tuple[str, ...]) -> str:
    if len(words) != 1:
        raise CommandError(messages.BAD_ARGUMENTS)
    return words[0]


def _new_id(call: Call) -> str:
    if call.surroundings.new_id is None:
        raise CommandError(messages.BAD_ARGUMENTS)
    return call.surroundings.new_id()
