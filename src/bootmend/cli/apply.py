"""``bootmend apply``: apply a plan that was kept."""

from __future__ import annotations

import time

import click

from bootmend.cli.options import colour_option, format_option, parent_option, yes_option
from bootmend.cli.output import about, confirm, data_style, declined, show_data
from bootmend.cli.settings import Command


@click.command("apply", cls=Command)
@click.argument("plan_file", metavar="PLAN")
@parent_option
@yes_option
@format_option
@colour_option
def command(*, plan_file: str, yes: bool, output_format: str, colour: str) -> int:
    """Apply the plan file PLAN to the disk it was made for.

    The plan is derived anew from the disk as it is now; if it is not the same to the byte, nothing is written.
    """
    from bootmend.engine.plan import make_plan
    from bootmend.engine.plan_file import read_plan
    from bootmend.engine.repair import apply_plan
    from bootmend.engine.target import Target
    from bootmend.views import render_plan, render_run
    from bootmend.views.human import question

    started = time.perf_counter()
    kept = read_plan(plan_file)
    with about(kept.path), Target(kept.path) as target:
        kept.check_identity(target)
        plan = make_plan(target, kept.request)
        kept.check_patches(plan)
    if output_format == "human" or plan.is_empty:
        show_data(render_plan(plan, output_format, data_style(colour), name=kept.path, steps=False))
    if plan.is_empty:
        return plan.report.exit_code
    if not confirm(question(plan, kept.path), yes=yes):
        return declined()
    with about(kept.path):
        outcome = apply_plan(plan, kept.path)
    show_data(render_run(outcome, output_format, data_style(colour), seconds=time.perf_counter() - started))
    return outcome.exit_code or (3 if plan.report.inconclusive else 0)
