"""``bootmend apply``: apply a plan that was kept."""

from __future__ import annotations

import time

import click

from bootmend.cli.output import colour_option, confirm, data_style, format_option, say, show_data, yes_option


@click.command("apply")
@click.argument("plan_file", metavar="PLAN")
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
    from bootmend.views.style import size_text

    started = time.perf_counter()
    kept = read_plan(plan_file)
    with Target(kept.path) as target:
        kept.check_identity(target)
        plan = make_plan(target, kept.request)
        kept.check_patches(plan)
    if output_format == "human":
        show_data(render_plan(plan, "human", data_style(colour), name=kept.path))
    if plan.is_empty:
        return plan.report.exit_code
    if not confirm(f"Write {size_text(plan.bytes_changed)} to {kept.path}?", yes=yes):
        say("Nothing was written.")
        return 4
    outcome = apply_plan(plan, kept.path)
    show_data(render_run(outcome, output_format, data_style(colour), name=kept.path, seconds=time.perf_counter() - started))
    return outcome.exit_code
