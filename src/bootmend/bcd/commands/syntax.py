"""bcdedit's command line, taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd.commands import messages
from bootmend.bcd.commands.call import is_switch, switch_name
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.commands.table import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAKE_TEXT = frozenset({"set", "create", "copy"})
"""Commands whose arguments may be any text: nothing among them is taken for a switch of the command line."""


class Command(NamedTuple):
    """A command line: the command, its arguments, the file that ``/store`` names, and ``/v``."""

    name: str
    arguments: tuple[str, ...] = ()
    store: str | None = None
    verbose: bool = False

    @property
    def writes(self) -> bool:
        """Whether it changes the store; settings without arguments are only printed."""
        return COMMANDS[self.name].writes and bool(self.arguments)


def parse(argv: Sequence[str]) -> Command:
    """Return the command of a line without its first word: ``["/store", "F", "/enum", "all", "/v"]``.

    Switches begin with a slash or a dash, in any case; ``/store file`` and ``/v`` may stand before or after
    the command.  No command at all is ``/enum``.

    Raises:
        CommandError: the line is none; its ``text`` is what bcdedit says to that.
    """
    name, store, verbose = "", None, False
    arguments: list[str] = []
    words = iter(argv)
    for word in words:
        switch = switch_name(word)
        if name in _TAKE_TEXT:
            arguments.append(word)
        elif switch == "store":
            store = next(words, None) or _fail(messages.BAD_ARGUMENTS)
        elif switch == "v":
            verbose = True
        elif name:
            arguments.append(word)
        elif switch in COMMANDS:
            name = switch
        else:
            _fail(messages.bad_switch(word) if is_switch(word) else messages.UNKNOWN_COMMAND)
    if [switch_name(word) for word in arguments] == ["?"]:
        return Command("?")
    return Command(name or "enum", tuple(arguments), store, verbose)


def _fail(text: str) -> str:
    raise CommandError(text)
