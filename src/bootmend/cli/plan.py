"""``bootmend plan``: show the exact changes that a repair would make."""

from __future__ import annotations

from dataclasses import replace

import click

from bootmend.cli.options import colour_option, format_option, parent_option, repair_options
from bootmend.cli.output import about, data_style, say, show_data
from bootmend.cli.screens import read_screens, screen_options
from bootmend.cli.settings import Command


@click.command("plan", cls=Command)
@click.argument("disk")
@parent_option
@repair_options
@screen_options
@click.option("-o", "--output", default="", metavar="FILE", help="Keep the plan, for bootmend apply.")
@format_option
@colour_option
def command(
    *,
    disk: str,
    rules: tuple[str, ...],
    codes: tuple[str, ...],
    screenshots: tuple[str, ...],
    serials: tuple[str, ...],
    offer: str,
    unsafe: bool,
    serial_console: bool,
    discard_hibernation: bool,
    output: str,
    output_format: str,
    colour: str,
) -> int:
    """Show the exact changes that a repair of DISK would make. Writes nothing but the plan file."""
    from bootmend.cli.request import make_request
    from bootmend.engine.plan import make_plan
    from bootmend.engine.plan_file import write_plan
    from bootmend.engine.remote import open_target
    from bootmend.source.url import redact
    from bootmend.views import render_plan
    from bootmend.views.style import quoted

    screens = read_screens(screenshots, serials)
    request = make_request(
        rules=rules,
        codes=screens.with_codes(codes),
        offer=offer,
        unsafe=unsafe,
        serial_console=serial_console,
        discard_hibernation=discard_hibernation,
    )
    with about(redact(disk)), open_target(disk) as target:
        plan = make_plan(target, request)
        if output:
            write_plan(plan, output)
    plan = replace(plan, report=screens.beside(plan.report))
    style = data_style(colour)
    show_data(render_plan(plan, output_format, style, name=redact(disk), kept=output, pictures=screens.pictures))
    if output and output_format != "human":
        say(f"kept as {output}; apply it with  bootmend apply {quoted(output)}")
    return plan.report.exit_code
