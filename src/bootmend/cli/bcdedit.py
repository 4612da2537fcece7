"""``bootmend bcdedit``: Microsoft's own syntax, on a store file or on the store inside a disk."""

from __future__ import annotations

import sys

import click

from bootmend.cli.output import say


@click.command(
    "bcdedit",
    context_settings={"ignore_unknown_options": True, "help_option_names": [], "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(*, arguments: tuple[str, ...]) -> int:
    """Read and edit boot configuration stores in Microsoft's own syntax.

    /store takes a store file or a disk; changes to either are journaled, and `bootmend undo` takes them back.
    """
    from bootmend.engine.bcdedit import run_bcdedit

    result = run_bcdedit(list(arguments))
    for note in result.notes:
        say(note)
    stream = sys.stdout if result.exit_code == 0 else sys.stderr
    stream.write(result.text)
    stream.flush()
    return result.exit_code
