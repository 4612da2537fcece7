r"""bcdedit's commands, pure: a command line becomes a :class:`Command`, a command and a store a :class:`Result`.

::

    command = parse(["/store", "X:\Boot\BCD", "/deletevalue", "{default}", "imchivename"])
    result = run(command, StoreEditor(editor))     # command.writes said that an editor is needed
    print(result.text); sys.exit(result.exit_code)

To add a command, write a function from :class:`~bootmend.bcd.commands.call.Call` to text and name it
in :mod:`bootmend.bcd.commands.table`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.commands.call import Call, Result, Surroundings
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.commands.syntax import Command, parse
from bootmend.bcd.commands.table import COMMANDS

if TYPE_CHECKING:
    from bootmend.bcd.store import Store

__all__ = ["COMMANDS", "Command", "CommandError", "Result", "Surroundings", "parse", "run"]


def run(command: Command, store: Store | None, surroundings: Surroundings | None = None) -> Result:
    """Run a command on an open store and return what bcdedit would print and its exit code.

    ``store`` may be None for the few commands that need none.

    A command that fails has changed nothing.  Nothing is committed here.

    Raises:
        UsageError: the command needs a store and there is none, or it writes and ``store`` is no
            :class:`~bootmend.bcd.edit.StoreEditor`.
        CorruptError: the store is damaged where the command looks.
        RefusedError: the hive cannot take the change.
    """
    already = 0 if store is None else len(store.edits)
    call = Call(store, command.arguments, command.verbose, surroundings or Surroundings(), [])
    try:
        text, status = COMMANDS[command.name].run(call), 0
    except CommandError as error:
        text, status = error.text, error.status
    edits = () if store is None else tuple(store.edits[already:])
    return Result(text, status, edits, tuple(call.notes))
