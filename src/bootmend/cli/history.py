"""``bootmend history``: the runs on this computer, or on one disk."""

from __future__ import annotations

import click

from bootmend.cli.options import colour_option, format_option
from bootmend.cli.output import data_style, show_data
from bootmend.cli.settings import Command


@click.command("history", cls=Command)
@click.argument("disk", required=False, default="")
@format_option
@colour_option
def command(*, disk: str, output_format: str, colour: str) -> int:
    """List the runs on this computer, newest first; with DISK only those on it."""
    from bootmend.engine.repair import history
    from bootmend.views import render_history

    show_data(render_history(history(disk), output_format, data_style(colour), disk=disk))
    return 0
