"""``bootmend azure``: the rescue of an Azure VM."""

from __future__ import annotations

import click

from bootmend.cli.azure_look import check, plan, role
from bootmend.cli.azure_repair import apply, repair, undo
from bootmend.cli.azure_tidy import attach, cleanup, runs, swap
from bootmend.cli.settings import Group


@click.group("azure", cls=Group)
def command() -> None:
    """Find out why an Azure VM does not boot, and repair it: snapshot, repaired copy of the disk, exchange, start, check.

    The original disk is never written to. Whatever interrupts a run, the same command goes on with it. You are signed
    in with `az login`, an environment, or a managed identity.
    """


for _command in (check, plan, repair, apply, undo, runs, cleanup, attach, swap, role):
    command.add_command(_command)
