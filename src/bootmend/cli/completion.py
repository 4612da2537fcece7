"""``bootmend completion``: the completion script for a shell."""

from __future__ import annotations

import click

from bootmend.cli.output import show_data
from bootmend.cli.settings import Command
from bootmend.errors import UsageError


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(*, shell: str) -> int:
    """Print the completion script for SHELL; put it where your shell reads such scripts."""
    from click.shell_completion import get_completion_class

    from bootmend.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"the installed click makes no completion for {shell}")
    show_data(kind(cli, {}, "bootmend", "_BOOTMEND_COMPLETE").source())
    return 0
