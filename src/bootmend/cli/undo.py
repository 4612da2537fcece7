"""``bootmend undo``: put a disk back as it was before a run."""

from __future__ import annotations

import click

from bootmend.cli.options import colour_option, format_option, yes_option
from bootmend.cli.output import confirm, data_style, declined, show_data
from bootmend.cli.settings import Command


@click.command("undo", cls=Command)
@click.argument("what", metavar="[DISK|RUN]", required=False, default="")
@yes_option
@format_option
@colour_option
def command(*, what: str, yes: bool, output_format: str, colour: str) -> int:
    """Put a disk back, byte for byte, as it was before a run.

    Without an argument the newest run is undone; a DISK means the newest run on it; a RUN is its id.
    An undo is a run itself, and can be undone.
    """
    from bootmend.engine.repair import find_run, undo
    from bootmend.views import render_undo

    run = find_run(what)
    if not confirm(f"Put {run.target} back as it was before run {run.id}?", yes=yes):
        return declined()
    outcome = undo(run)
    show_data(render_undo(outcome, output_format, data_style(colour)))
    return 0
