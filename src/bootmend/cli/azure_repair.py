"""``bootmend azure repair|apply|undo``: runs that survive being interrupted."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.azure_shared import (
    MACHINE_FORMATS,
    Teller,
    format_option,
    look_articles,
    look_text,
    named_vm,
    place_options,
    provider_for,
    refuse_unless_consent_is_possible,
    request_json,
    vm_options,
    who,
)
from bootmend.cli.options import repair_options, yes_option
from bootmend.cli.output import confirm, data_style, say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import CloudError, NothingToUndoError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.cloud.azure.names import ResourceId
    from bootmend.cloud.azure.provider import AzureProvider
    from bootmend.rescue.workflow import Engine, Flow, Record

WORST = {"failing": 8, "answers": 0, "booted": 0, "unchecked": 0}
CODES = {"healthy": 0, "refused": 4, "planned": 1, "declined": 4, "changed": 4, "reverted": 8, "undone": 0, "nothing": 9}

wait_option = click.option(
    "--wait", type=click.FloatRange(0, 240), default=10.0, show_default=True, help="Minutes to watch whether the VM boots."
)
settle_option = click.option(
    "--settle", type=click.FloatRange(0, 60), default=1.0, show_default=True, help="Minutes before a screen counts."
)
back_option = click.option("--swap-back", is_flag=True, help="Consent to put the original disk back when the VM still fails.")
report_option = click.option(
    "--report", default="", metavar="FILE", help="Write a report in Markdown, with the articles filled in."
)
database_option = click.option(
    "--database", default="", metavar="URL", help="Keep the record in PostgreSQL; by default in a file of the state folder."
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a run that changes a VM."""
    for option in (format_option, database_option, report_option, back_option, settle_option, wait_option, yes_option):
        command = option(command)
    return command


@click.command("repair", cls=Command)
@vm_options
@repair_options
@run_options
@click.option("--enable-diagnostics", is_flag=True, help="Switch boot diagnostics on, where they are off; they stay on.")
@click.option("--dry-run", is_flag=True, help="Stop before consent: look, plan, and change nothing.")
@click.option("--attempts", type=click.IntRange(1, 5), default=1, show_default=True, help="Repairs, while the VM still fails.")
def repair(
    *,
    group: str,
    name: str,
    subscription: str,
    attempts: int,
    dry_run: bool,
    enable_diagnostics: bool,
    **options: Any,  # noqa: ANN401 (those of run_options)
) -> int:
    """Repair a VM: look, show the plan, ask, stop it, build a repaired copy of its OS disk, exchange, start, check.

    The same command goes on with a run that was interrupted.
    """
    from bootmend.cli.request import make_request

    names = ("rules", "codes", "offer", "unsafe", "serial_console", "discard_hibernation")
    request = make_request(**{each: options.pop(each) for each in names})
    where = named_vm(group, name, subscription)
    inputs = {"vm": str(where), "dry_run": dry_run, "request": request_json(request), "diagnostics": enable_diagnostics}
    return _run(where, inputs, attempts=attempts, **options)


@click.command("apply", cls=Command)
@click.argument("file")
@place_options
@run_options
def apply(*, file: str, subscription: str, **options: Any) -> int:  # noqa: ANN401 (those of run_options)
    """Apply a plan that was kept with azure plan -o, when the disk still needs exactly that."""
    from bootmend.cloud.azure.names import parse_id

    kept = _read_plan(file)
    where = parse_id(str(kept["vm"]))
    if subscription and subscription != where.subscription:
        raise UsageError(f"{file} is a plan for a VM of another subscription")
    inputs = {"vm": str(where), "dry_run": False, "request": kept["request"], "patches": kept["plan"]["patches"]}
    return _run(where, inputs, attempts=1, **options)


def _read_plan(file: str) -> dict[str, Any]:
    try:
        with open(file, encoding="utf-8") as handle:
            kept = json.load(handle)
        is_plan = _is_plan(kept)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        is_plan = False
    if not is_plan:
        raise UsageError(f"{file} is no plan for a VM", hint="make one with  bootmend azure plan -n VM -o FILE")
    return dict(kept)


def _is_plan(kept: Any) -> bool:  # noqa: ANN401 (whatever a file holds)
    from bootmend.cli.azure_look import PLAN_SCHEMA
    from bootmend.rescue.vm_run import request_of

    request_of(kept["request"])
    return kept["schema"] == PLAN_SCHEMA and isinstance(kept["vm"], str) and isinstance(kept["plan"]["patches"], list)


def _run(
    where: ResourceId,
    inputs: dict[str, Any],
    *,
    attempts: int,
    cloud: str,
    poll: float,
    yes: bool,
    wait: float,
    settle: float,
    swap_back: bool,
    report: str,
    database: str,
    output_format: str,
    colour: str,
) -> int:
    from bootmend.rescue.vm_run import Desk, Rescue
    from bootmend.rescue.vm_watch import Patience
    from bootmend.rescue.workflow import open_engine

    if not inputs["dry_run"]:
        refuse_unless_consent_is_possible(yes=yes)
    provider = provider_for(where.subscription, cloud, poll)
    patience = Patience(longest=wait * 60, between=min(20.0, poll * 4), settle=settle * 60)
    left = [attempts]

    def back(result: dict[str, Any]) -> bool:
        if left[0] > 1:
            return False
        question = f"{result['vm']} still shows: {result['screen']}. Put the original disk back?"
        return swap_back or (sys.stdin.isatty() and confirm(question, yes=False))

    def rescue(flow: Flow) -> dict[str, Any]:
        desk = Desk(lambda stake: _consent(stake, yes=yes, human=output_format == "human"), back, look_text, look_articles, who())
        return Rescue(flow, provider, desk, patience).run()

    with open_engine(where.subject, {"repair": rescue}, database=database, watcher=Teller()) as engine:
        while True:
            result = _once(engine, inputs)
            left[0] -= 1
            if result.get("verdict") != "failing" or result["outcome"] != "repaired" or not left[0]:
                break
            say("it still fails: another look, another plan")
    return _show(provider, where, result, report=report, output_format=output_format, colour=colour)


def _once(engine: Engine, inputs: dict[str, Any]) -> dict[str, Any]:
    from bootmend.cloud.azure.names import run_name

    unfinished = engine.unfinished("repair")
    if unfinished is not None:
        when = f"{unfinished.started[:16].replace('T', ' ')} UTC"
        say(f"going on with run {run_name(unfinished.id)} of {when}, as it was asked for then")
    try:
        return dict(engine.run("repair", inputs).result)
    except CloudError as error:
        error.hint = error.hint or "the run is not over: the same command goes on with it"
        raise


def _consent(stake: dict[str, Any], *, yes: bool, human: bool) -> bool:
    from bootmend.views.rescues import consent_text

    text = consent_text(stake)
    if human:
        show_data(text + "\n")
    else:
        say(text)
    return confirm(f"Repair {stake['vm']}?", yes=yes)


def _show(
    provider: AzureProvider, where: ResourceId, result: dict[str, Any], *, report: str, output_format: str, colour: str
) -> int:
    from bootmend.views.rescues import outcome_json, outcome_page, outcome_text, owned_lines

    owned = [one for one in provider.owned(where.group) if one.run == result["run"]]
    if report:
        _write_report(report, outcome_page(result))
    if output_format == "md":
        show_data(outcome_page(result))
    elif output_format != "human":
        show_data(outcome_json(result, output_format, owned))
    else:
        if result["outcome"] in {"healthy", "findings", "planned", "changed"}:
            show_data(result["found"]["text"] + "\n")
        show_data(outcome_text(result, data_style(colour)))
        if owned:
            show_data("\n".join(["made by this run, and billed:", *owned_lines(owned)]) + "\n")
    return exit_code(result)


def exit_code(result: dict[str, Any]) -> int:
    """The documented exit code of what a run came to."""
    outcome = result["outcome"]
    if outcome == "failed":
        return int(result["error"]["exit_code"])
    if outcome == "findings":
        return int(result["found"]["plan"]["exit_code"])
    if outcome == "repaired":
        return WORST[result["verdict"]] or (1 if result["found"]["plan"]["left"] else 0)
    return CODES[outcome]


def _write_report(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"the report cannot be written to {path}: {error.strerror}") from error


@click.command("undo", cls=Command)
@click.argument("run")
@place_options
@yes_option
@database_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(MACHINE_FORMATS[:3]),
    default="human",
    show_default=True,
    help="How to show it.",
)
def undo(
    *, run: str, subscription: str, cloud: str, poll: float, yes: bool, database: str, output_format: str, colour: str
) -> int:
    """Put the original OS disk back into the VM of RUN. What was written since then stays on the repaired disk."""
    from bootmend.cloud.azure.names import parse_id
    from bootmend.rescue.vm_back import undo as undo_flow
    from bootmend.rescue.workflow import open_engine
    from bootmend.views.rescues import outcome_json, outcome_text

    record, disk = _find(run, database)
    where = parse_id(record.inputs["vm"])
    if subscription and subscription != where.subscription:
        raise UsageError(f"run {run} is of another subscription")
    provider = provider_for(where.subscription, cloud, poll)
    if provider.disk(disk) is None:
        raise RefusedError(f"the original disk {parse_id(disk).name} is not there any more")
    name = disk.rpartition("/")[2]
    question = f"Stop {where.name}, and give it {name} again? What was written since the repair stays on the other disk."
    if not confirm(question, yes=yes):
        say("Nothing was changed.")
        return RefusedError.exit_code
    inputs = {"vm": str(where), "disk": disk, "undoes": run, "start": True}
    with open_engine(
        where.subject, {"undo": lambda flow: undo_flow(flow, provider, who())}, database=database, watcher=Teller()
    ) as engine:
        if record.state != "finished":
            engine.cancel(record.id)
        result = dict(engine.run("undo", inputs).result)
    show_data(outcome_text(result, data_style(colour)) if output_format == "human" else outcome_json(result, output_format))
    return exit_code(result)


def _find(run: str, database: str) -> tuple[Record, str]:
    """The record of a repair, and the disk that its VM had before."""
    from bootmend.cloud.azure.names import run_name
    from bootmend.rescue.workflow import open_ledger

    with open_ledger(database) as ledger:
        for record in ledger.records("azure/"):
            if run_name(record.id) == run and record.workflow == "repair":
                steps = {step.name: step.result for step in ledger.steps(record.id)}
                start = steps.get("preflight", {}).get("value")
                if start:
                    return record, str(start["disk"]["id"])
    raise NothingToUndoError(f"there is no run {run} that changed a VM", hint="bootmend azure runs  lists them")
