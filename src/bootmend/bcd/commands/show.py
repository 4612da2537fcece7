"""Commands that only read: ``/enum``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.commands import messages
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.identifiers import CURRENT, parse_identifier
from bootmend.bcd.text import NOTHING, Printer, enum_text
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from bootmend.bcd.commands.call import Call


def enum(call: Call) -> str:
    """``/enum [type | id]``."""
    if len(call.arguments) > 1:
        raise CommandError(messages.BAD_ENTRY_TYPE)
    what = call.arguments[0] if call.arguments else "ACTIVE"
    if parse_identifier(what) == CURRENT:
        what = call.resolve(what)
    try:
        return enum_text(call.store, what, call.verbose, call.surroundings.name_partition)
    except UsageError as error:
        raise CommandError(messages.BAD_ENTRY_TYPE) from error


def settings(call: Call, object_id: str) -> str:
    """Return the element lines of one object, without a title: what the settings commands print."""
    found = call.store.get(object_id)
    if found is None or not found.elements:
        return NOTHING
    return Printer(call.store, verbose=call.verbose, resolver=call.surroundings.name_partition).element_lines(found)
