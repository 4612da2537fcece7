"""``bootmend fleet run|status|report``: many disks, each once, whatever happens."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from bootmend.cli.options import (
    code_option,
    colour_option,
    hibernation_option,
    known_rules,
    normal_codes,
    rule_option,
    serial_option,
    unsafe_option,
    yes_option,
)
from bootmend.cli.output import confirm, data_style, say, show_data
from bootmend.cli.settings import Command, Group
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.cloud.local import LocalDisk
    from bootmend.rescue.fleet import Group as DiskGroup
    from bootmend.rescue.fleet import Progress
    from bootmend.rescue.fleet_report import FleetReport

#: without a terminal, so many seconds between two lines that tell how far it is
QUIET_SECONDS = 10.0

_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(("human", "json", "jsonl")),
    default="human",
    show_default=True,
    help="How to show it.",
)


def _check_database(context: click.Context, option: click.Parameter, value: str) -> str:
    typed = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
    if typed and value.partition("@")[0].count(":") > 1 and "@" in value:
        raise UsageError(
            "a password on the command line can be read by everybody on this computer",
            hint="put the password into ~/.pgpass, or the URL into BOOTMEND_FLEET_RUN_DATABASE",
        )
    return value


_database = click.option(
    "--database",
    default="",
    metavar="URL",
    callback=_check_database,
    help="Keep the record in PostgreSQL; by default in a file of the state folder.",
)


@click.group("fleet", cls=Group)
def command() -> None:
    """Examine and repair many disks: each once, on all processors, and safe to interrupt.

    The same command goes on where it was interrupted.
    """


@click.command("run", cls=Command)
@click.argument("disks", nargs=-1, required=True, metavar="DISK|FOLDER|GLOB|INVENTORY.toml...")
@click.option("--jobs", "-j", type=click.IntRange(0, 256), default=0, help="Disks at a time; 0: one per processor.")
@click.option("--diagnose-only", is_flag=True, help="Examine, and write nothing.")
@click.option("--restart", is_flag=True, help="Begin anew where an interrupted run would be gone on with.")
@rule_option
@code_option
@unsafe_option
@serial_option
@hibernation_option
@_database
@yes_option
@_format
@colour_option
def run(
    *,
    disks: tuple[str, ...],
    jobs: int,
    diagnose_only: bool,
    restart: bool,
    rules: tuple[str, ...],
    codes: tuple[str, ...],
    unsafe: bool,
    serial_console: bool,
    discard_hibernation: bool,
    database: str,
    yes: bool,
    output_format: str,
    colour: str,
) -> int:
    """Examine DISKs, ask once for each group of equal repairs, repair them, and sum up.

    Each disk goes through the same plan, journal and checks as with `repair`, and `undo` takes it back. A disk that
    cannot be read or is refused does not stop the others. Exit code: that of the worst disk.
    """
    from bootmend.cloud.local import find_disks
    from bootmend.engine.clock import filetime_now
    from bootmend.rescue.fleet import Asked, run_fleet
    from bootmend.rescue.fleet_report import report_fleet
    from bootmend.rescue.workflow import open_ledger

    found = [disk._replace(codes=normal_codes(disk.codes)) for disk in find_disks(disks)]
    asked = Asked(known_rules(*rules), normal_codes(codes), unsafe, serial_console, discard_hibernation, diagnose_only)
    say(f"{len(found)} disk{'s' * (len(found) != 1)}")
    done = run_fleet(
        found,
        asked,
        consent=_consent(yes=yes),
        made_at=filetime_now(),
        jobs=_jobs(jobs, found),
        database=database,
        restart=restart,
        progress=_progress(),
    )
    with open_ledger(database) as ledger:
        record = ledger.record(done.id)
        assert record is not None
        report = report_fleet(ledger, record, continued=done.continued)
    _show(report, output_format, colour)
    return report.exit_code


def _jobs(jobs: int, disks: list[LocalDisk]) -> int:
    import os

    return max(1, min(jobs or os.cpu_count() or 1, len(disks)))


def _consent(*, yes: bool) -> Callable[[DiskGroup], bool]:
    """Ask once for each group; without a terminal and without ``--yes`` the engine's refusal says what is kept."""

    def ask(group: DiskGroup) -> bool:
        from bootmend.rescue.fleet import refuse_to_ask
        from bootmend.views.fleets import group_question, group_text

        if yes:
            return True
        if not sys.stdin.isatty():
            return refuse_to_ask(group)
        say(group_text(group))
        return confirm(group_question(group), yes=False)

    return ask


def _progress() -> Callable[[Progress], None]:
    loud, last = sys.stderr.isatty(), [time.monotonic()]

    def tell(progress: Progress) -> None:
        words = {"examine": "examined", "repair": "repaired"}
        text = f"{progress.done} of {progress.total} {words[progress.phase]}"
        is_last = progress.done == progress.total
        if loud:
            click.echo(f"\r{text}", nl=is_last, err=True)
        elif is_last or time.monotonic() - last[0] >= QUIET_SECONDS:
            say(text)
            last[0] = time.monotonic()

    return tell


@click.command("status", cls=Command)
@_database
@_format
@colour_option
def status(*, database: str, output_format: str, colour: str) -> int:
    """List the fleets on record, newest first, and who is running them."""
    from bootmend.rescue.fleet_report import list_fleets
    from bootmend.rescue.workflow import open_ledger
    from bootmend.views import dump
    from bootmend.views.fleets import fleets_document, fleets_text

    with open_ledger(database) as ledger:
        records = list_fleets(ledger)
    human = output_format == "human"
    show_data(fleets_text(records, data_style(colour)) if human else dump(fleets_document(records), output_format))
    return 0


@click.command("report", cls=Command)
@click.argument("fleet", required=False, default="")
@_database
@_format
@colour_option
def report(*, fleet: str, database: str, output_format: str, colour: str) -> int:
    """Show every disk of a FLEET (its id, or the beginning of it; by default the newest), also while it runs."""
    from bootmend.rescue.fleet_report import find_fleet, report_fleet
    from bootmend.rescue.workflow import open_ledger

    with open_ledger(database) as ledger:
        found = report_fleet(ledger, find_fleet(ledger, fleet))
    _show(found, output_format, colour, whole=True)
    return found.exit_code


def _show(found: FleetReport, output_format: str, colour: str, *, whole: bool = False) -> None:
    from bootmend.views import dump
    from bootmend.views.fleets import fleet_text

    if output_format == "human":
        show_data(fleet_text(found, data_style(colour), whole=whole))
    else:
        show_data(dump(found.to_json(), output_format))


for _command in (run, status, report):
    command.add_command(_command)
