"""``bootmend repair``: check, show the plan, ask, write, check again."""

from __future__ import annotations

import time

import click

from bootmend.cli.output import (
    colour_option,
    confirm,
    data_style,
    format_option,
    normal_codes,
    repair_options,
    say,
    show_data,
    vm_option,
    yes_option,
)


@click.command("repair")
@click.argument("disk")
@repair_options
@click.option("--output", default="", metavar="NEW", help="Leave DISK untouched: copy it to NEW and repair the copy.")
@vm_option
@yes_option
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
    vm: str,
    yes: bool,
    output_format: str,
    colour: str,
) -> int:
    """Repair DISK: show what is wrong and every change, ask, write with a journal, and check again from the disk."""
    from bootmend.cli.request import make_request
    from bootmend.engine.plan import make_plan
    from bootmend.engine.repair import apply_plan, copy_target
    from bootmend.engine.target import Target
    from bootmend.views import render_plan, render_report, render_run
    from bootmend.views.style import size_text

    started = time.perf_counter()
    request = make_request(
        rules=rules,
        codes=normal_codes(codes),
        offer=offer,
        unsafe=unsafe,
        serial_console=serial_console,
        discard_hibernation=discard_hibernation,
    )
    human = output_format == "human"
    with Target(disk) as target:
        plan = make_plan(target, request)
    if human:
        style = data_style(colour)
        show_data(render_report(plan.report, "human", style, name=disk, steps=False))
        show_data("\n" + render_plan(plan, "human", style, name=disk))
    if plan.is_empty:
        if not human:
            show_data(render_report(plan.report, output_format, data_style(colour), name=disk))
        return plan.report.exit_code
    where = output or disk
    question = (
        f"Write {size_text(plan.bytes_changed)} to {where}?  A journal is kept; `bootmend undo` restores every byte."
    )
    if not confirm(question, yes=yes):
        say("Nothing was written.")
        return 4
    if output:
        copy_target(disk, output, progress=say)
    outcome = apply_plan(plan, where)
    show_data(render_run(outcome, output_format, data_style(colour), name=where, seconds=time.perf_counter() - started))
    return outcome.exit_code
