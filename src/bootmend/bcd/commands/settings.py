"""Commands on the settings objects: ``/emssettings``, ``/dbgsettings``, ``/hypervisorsettings``.

Without arguments they print the elements of their object.  With arguments they make the object where
it is missing, with its right type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import identifiers
from bootmend.bcd.commands import messages
from bootmend.bcd.commands.call import switch_name
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.commands.show import settings
from bootmend.bcd.commands.words import element_integer
from bootmend.bcd.elements import INTEGER, format_of
from bootmend.bcd.object_types import WELL_KNOWN_TYPES, application_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.bcd.commands.call import Call
    from bootmend.bcd.values import Value

_EMS_PORT = 0x15000022
_EMS_BAUD_RATE = 0x15000023
_DEFAULT_BAUD_RATE = 9600


def ems_settings(call: Call) -> str:
    """``/emssettings [BIOS | EMSPORT:port [EMSBAUDRATE:rate]]``; the rate is 9600 unless it is given."""
    if not call.arguments:
        return settings(call, identifiers.EMS_SETTINGS)
    if [word.upper() for word in call.arguments] == ["BIOS"]:
        _remove(call, identifiers.EMS_SETTINGS, (_EMS_PORT, _EMS_BAUD_RATE))
        return messages.SUCCESS
    options = _options(call.arguments, {"emsport": _EMS_PORT, "emsbaudrate": _EMS_BAUD_RATE})
    if "emsport" not in options:
        raise CommandError(messages.BAD_ARGUMENTS)
    port = element_integer(options["emsport"], _EMS_PORT, 0)
    rate = element_integer(options.get("emsbaudrate", str(_DEFAULT_BAUD_RATE)), _EMS_BAUD_RATE, 0)
    _write(call, identifiers.EMS_SETTINGS, {_EMS_PORT: port, _EMS_BAUD_RATE: rate})
    return messages.SUCCESS


class _Debugger(NamedTuple):
    """One debugger's settings object: where the type stands, and the elements of each type by option."""

    object_id: str
    type_element: int
    types: dict[str, dict[str, int]]
    required: dict[str, frozenset[str]]
    dhcp: int
    key: int
    flags: dict[str, int]


_KERNEL = _Debugger(
    object_id=identifiers.DEBUGGER_SETTINGS,
    type_element=0x15000011,
    types={
        "serial": {"debugport": 0x15000013, "baudrate": 0x15000014},
        "1394": {"channel": 0x15000015, "busparams": 0x12000019},
        "usb": {"targetname": 0x12000016, "busparams": 0x12000019},
        "net": {"hostip": 0x1500001A, "port": 0x1500001B, "key": 0x1200001D, "busparams": 0x12000019},
        "local": {},
    },
    required={"net": frozenset({"hostip", "port"})},
    dhcp=0x1600001C,
    key=0x1200001D,
    flags={"start": 0x15000018, "noumex": 0x16000017},
)
_HYPERVISOR = _Debugger(
    object_id=identifiers.HYPERVISOR_SETTINGS,
    type_element=0x250000F3,
    types={
        "serial": {"debugport": 0x250000F4, "baudrate": 0x250000F5},
        "1394": {"channel": 0x250000F6, "busparams": 0x220000F9},
        "net": {"hostip": 0x250000FD, "port": 0x250000FE, "key": 0x22000110, "busparams": 0x220000F9},
        "none": {},
    },
    required={"net": frozenset({"hostip", "port"})},
    dhcp=0x26000114,
    key=0x22000110,
    flags={},
)


def debugger_settings(call: Call) -> str:
    """``/dbgsettings [type option:value ... [nodhcp] [newkey] [/start policy] [/noumex]]``."""
    return _debugger(call, _KERNEL)


def hypervisor_settings(call: Call) -> str:
    """``/hypervisorsettings [type option:value ... [nodhcp] [newkey]]``."""
    return _debugger(call, _HYPERVISOR)


def _debugger(call: Call, debugger: _Debugger) -> str:
    if not call.arguments:
        return settings(call, debugger.object_id)
    kind = call.arguments[0].lower()
    known = debugger.types.get(kind)
    if known is None:
        raise CommandError(messages.BAD_ARGUMENTS)
    application = application_of(WELL_KNOWN_TYPES[debugger.object_id])
    words, changes = _flags(call.arguments[1:], debugger)
    bare = {word.lower() for word in words if ":" not in word}
    options = _options([word for word in words if ":" in word], known)
    if not debugger.required.get(kind, frozenset()).issubset(options) or not bare.issubset(_BARE.get(kind, ())):
        raise CommandError(messages.BAD_ARGUMENTS)
    changes[debugger.type_element] = element_integer(kind, debugger.type_element, application)
    for option, word in options.items():
        number = known[option]
        changes[number] = element_integer(word, number, application) if format_of(number) == INTEGER else word
    said = _network(call, debugger, bare, changes) if kind == "net" else ""
    _write(call, debugger.object_id, changes)
    return said + messages.SUCCESS


_BARE = {"net": frozenset({"nodhcp", "newkey"})}


def _network(call: Call, debugger: _Debugger, bare: set[str], changes: dict[int, Value]) -> str:
    """Add what network debugging needs beside its options; return what is printed of a new key."""
    changes[debugger.dhcp] = "nodhcp" not in bare
    present = call.store.get(debugger.object_id)
    has_key = present is not None and debugger.key in present.elements
    if debugger.key in changes or (has_key and "newkey" not in bare):
        return ""
    if call.surroundings.new_key is None:
        raise CommandError(messages.BAD_ARGUMENTS)
    key = call.surroundings.new_key()
    changes[debugger.key] = key
    return f"Key={key}\n"


def _flags(words: Sequence[str], debugger: _Debugger) -> tuple[list[str], dict[int, Value]]:
    """Return the words that are no switches, and what ``/start policy`` and ``/noumex`` set."""
    rest: list[str] = []
    changes: dict[int, Value] = {}
    waiting = iter(words)
    for word in waiting:
        name = switch_name(word)
        number = debugger.flags.get(name)
        if not name:
            rest.append(word)
        elif number is None:
            raise CommandError(messages.bad_switch(word))
        elif format_of(number) == INTEGER:
            changes[number] = element_integer(next(waiting, ""), number, 0)
        else:
            changes[number] = True
    return rest, changes


def _options(words: Sequence[str], known: dict[str, int]) -> dict[str, str]:
    """Return ``NAME:value`` words by lower-case name."""
    options: dict[str, str] = {}
    for word in words:
        name, colon, value = word.partition(":")
        if not colon or not value or name.lower() not in known or name.lower() in options:
            raise CommandError(messages.BAD_ARGUMENTS)
        options[name.lower()] = value
    return options


def _write(call: Call, object_id: str, changes: dict[int, Value]) -> None:
    """Set elements by ascending id; nothing is written before all of them are known to be valid."""
    call.editor.create_object(object_id, _type_of(call, object_id))
    for number in sorted(changes):
        call.editor.set_element(object_id, number, changes[number])


def _type_of(call: Call, object_id: str) -> int:
    present = call.store.get(object_id)
    return WELL_KNOWN_TYPES[object_id] if present is None else present.type


def _remove(call: Call, object_id: str, numbers: Sequence[int]) -> None:
    present = call.store.get(object_id)
    for number in numbers:
        if present is not None and number in present.elements:
            call.editor.delete_element(object_id, number)
