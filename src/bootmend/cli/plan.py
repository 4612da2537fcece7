"""``bootmend plan``: show the exact changes that a repair would make."""

from __future__ import annotations

import click

from bootmend.cli.output import colour_option, data_style, format_option, normal_codes, repair_options, say, show_data


@click.command("plan")
@click.argument("disk")
@repair_options
@click.option("-o", "--output", default="", metavar="FILE", help="Keep the plan, for bootmend apply.")
@format_option
@colour_option
def command(
    *,
    disk: str,
    rules: tuple[str, ...],
    codes: tuple[str, ...],
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
    from bootmend.engine.target import Target
    from bootmend.views import render_plan

    request = make_request(
        rules=rules,
        codes=normal_codes(codes),
        offer=offer,
        unsafe=unsafe,
        serial_console=serial_console,
        discard_hibernation=discard_hibernation,
    )
    with Target(disk) as target:
        plan = make_plan(target, request)
        show_data(render_plan(plan, output_format, data_style(colour), name=disk))
        if output:
            write_plan(plan, output)
            say(f"kept as {output}; apply it with  bootmend apply {output}")
    return 1 if plan.chosen or plan.left else 0
