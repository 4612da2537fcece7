"""Commands on one element: ``/set``, ``/deletevalue`` and the on-off switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.commands import messages
from bootmend.bcd.commands.call import is_alias, is_identifier
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.commands.words import boolean, value_of
from bootmend.bcd.elements import find_element

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootmend.bcd.commands.call import Call
    from bootmend.bcd.store import BcdObject

_SET_WORDS = 2


def set_element(call: Call) -> str:
    """``/set [id] name value``: a value is one word, or several for a list."""
    name, words = _split_identifier(call.arguments, _SET_WORDS)
    if len(words) < _SET_WORDS:
        raise CommandError(messages.BAD_SET)
    owner = call.target(name)
    change_element(call, owner, _element(owner, words[0]), words[1:])
    return messages.SUCCESS


def change_element(call: Call, owner: BcdObject, element_id: int, words: Sequence[str]) -> None:
    """Set one element to what ``words`` write; a list that has become empty is deleted."""
    value = value_of(call, owner, element_id, words)
    if value != ():
        call.editor.set_element(owner.id, element_id, value)
    elif element_id in owner.elements:
        call.editor.delete_element(owner.id, element_id)


def delete_value(call: Call) -> str:
    """``/deletevalue [id] name``."""
    name, words = _split_identifier(call.arguments, 1)
    if len(words) != 1:
        raise CommandError(messages.BAD_ARGUMENTS)
    owner = call.target(name)
    element_id = _element(owner, words[0])
    if element_id not in owner.elements:
        raise CommandError(messages.NOT_DELETED)
    call.editor.delete_element(owner.id, element_id)
    return messages.SUCCESS


def switch(element: str) -> Callable[[Call], str]:
    """Return the command ``[id] on|off`` for a boolean element."""

    def command(call: Call) -> str:
        name, words = _split_identifier(call.arguments, 1)
        if len(words) != 1:
            raise CommandError(messages.BAD_ARGUMENTS)
        owner = call.target(name)
        call.editor.set_element(owner.id, _element(owner, element), boolean(words[0]))
        return messages.SUCCESS

    return command


def _split_identifier(words: tuple[str, ...], least: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the leading identifier, None if there is none, and the other words.

    Without braces an alias may also be the name of an element (``default``): it is an identifier when
    ``least`` words are left after it.
    """
    if words and (is_identifier(words[0]) or (len(words) > least and is_alias(words[0]))):
        return words[0], words[1:]
    return None, words


def _element(owner: BcdObject, name: str) -> int:
    number = find_element(name, owner.type)
    if number is None:
        raise CommandError(messages.NOT_RECOGNIZED)
    return number
