"""``bootmend repair``: check, show the plan, ask, write, check again."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import click

from bootmend.cli.options import colour_option, format_option, parent_option, repair_options, vm_option, yes_option
from bootmend.cli.output import about, confirm, data_style, declined, say, show_data
from bootmend.cli.screens import read_screens, screen_options
from bootmend.cli.settings import Command
from bootmend.errors import UsageError


@click.command("repair", cls=Command)
@click.argument("disk")
@parent_option
@repair_options
@screen_options
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
    screenshots: tuple[str, ...],
    serials: tuple[str, ...],
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
    from bootmend.engine.copying import copy_target
    from bootmend.engine.plan import make_plan
    from bootmend.engine.repair import apply_plan
    from bootmend.engine.target import Target, parents_of
    from bootmend.views import Story, render_plan, render_report, render_run
    from bootmend.views.human import question

    started = time.perf_counter()
    screens = read_screens(screenshots, serials)
    request = make_request(
        rules=rules,
        codes=screens.with_codes(codes),
        offer=offer,
        unsafe=unsafe,
        serial_console=serial_console,
        discard_hibernation=discard_hibernation,
    )
    _refuse_bad_copy(disk, output)
    with about(disk), Target(disk) as target:
        plan = make_plan(target, request)
    report = screens.beside(replace(plan.report, vm=vm))
    plan = replace(plan, report=report)
    style = data_style(colour)
    if output_format == "human":
        show_data(render_report(report, "human", style, name=disk, steps=False))
        show_data("\n" + render_plan(plan, "human", style, name=disk, steps=plan.is_empty, alone=False))
    if plan.is_empty:
        if output_format != "human":
            show_data(render_report(report, output_format, style, name=disk, pictures=screens.pictures))
        return report.exit_code
    where = output or disk
    if not confirm(question(plan, where, copy_of=disk if output else ""), yes=yes):
        return declined()
    if output:
        copy_target(disk, output, progress=say)
    with about(where), parents_of(disk):
        outcome = apply_plan(plan, where)
    seconds = time.perf_counter() - started
    story = Story(plan, where, screens.pictures)
    show_data(render_run(outcome, output_format, style, seconds=seconds, untouched=disk if output else "", story=story))
    return outcome.exit_code or (3 if plan.doubts else 0)


def _refuse_bad_copy(disk: str, output: str) -> None:
    """Say what speaks against a copy before the question, not after it."""
    if output and os.path.lexists(output):
        raise UsageError(f"{output} exists", hint="choose another name for the copy")
    if output and os.path.exists(disk) and not os.path.isfile(disk):
        raise UsageError(f"--output copies disk images, and {disk} is none", hint="copy it yourself, and repair the copy")
    if output and not os.path.isdir(os.path.dirname(output) or "."):
        raise UsageError(f"there is no folder {os.path.dirname(output)} to put the copy in")
