"""``bootmend hive recover|check``: whole hives, made clean and sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bootmend.cli.hive_shared import WRITING, about_hive, consent_for, dump_document, hive_options, tell
from bootmend.cli.output import confirm, declined, say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from bootmend.engine.hive_place import HivePlace

LEFT = 1


@click.command("recover", cls=Command, short_help="Apply a dirty hive's logs.")
@click.argument("hive")
@click.option("-o", "--output", default="", metavar="NEW", help="Write the result to a new file; the original stays as it is.")
@click.option(
    "--log", "logs", multiple=True, metavar="FILE", help="A log elsewhere than beside it; in the order LOG, LOG1, LOG2."
)
@hive_options(*WRITING)
def recover(
    *, hive: str, output: str, logs: tuple[str, ...],
    inner: str, volume: int | None, output_format: str, colour: str, yes: bool, unsafe: bool,  # noqa: ARG001
) -> int:  # fmt: skip
    """Apply a dirty hive's logs, as Windows would when it loads it, and write the result."""
    from bootmend.engine.hive_edit import recover_hive
    from bootmend.engine.hive_place import find_place
    from bootmend.source import FileSource

    with about_hive(hive):
        where = find_place(hive, path=inner, volume=volume)
        ask = consent_for(where, output_format, yes=yes)
        done = recover_hive(where, ask, output=output, logs=[FileSource(log) for log in logs], unsafe=unsafe)
    return tell(where, done, output_format, "The hive is clean: there is nothing to recover.")


@click.command("check", cls=Command)
@click.argument("hive")
@click.option("--repair", is_flag=True, help="Mend what can be mended without guessing; what is lost is named.")
@click.option(
    "-o", "--output", default="", metavar="NEW", help="Write the mended hive to a new file; the original stays as it is."
)
@click.option("--without-logs", is_flag=True, help="Mend a dirty hive as it lies; what waits in its logs is lost.")
@click.option("--warnings", is_flag=True, help="Show the oddities, too, that Windows lives with.")
@hive_options(*WRITING)
def check(
    *, hive: str, repair: bool, output: str, without_logs: bool, warnings: bool,
    inner: str, volume: int | None, output_format: str, colour: str, yes: bool, unsafe: bool,  # noqa: ARG001
) -> int:  # fmt: skip
    """Check every rule of the hive format. Exit code 0: sound; 1: something is broken, or left so by --repair."""
    from bootmend.engine.hive_place import find_place, open_place
    from bootmend.registry import check as check_hive
    from bootmend.views.hives import check_document, violations_text

    if (output or without_logs) and not repair:
        raise UsageError("-o and --without-logs go with --repair")
    with about_hive(hive):
        where = find_place(hive, path=inner, volume=volume)
        if repair:
            return _mend(where, output, output_format, without_logs=without_logs, yes=yes, unsafe=unsafe)
        with open_place(where) as opened:
            violations = check_hive(opened.source, warnings=warnings)
            name = opened.name
    if output_format == "human":
        show_data(violations_text(violations))
    else:
        dump_document(check_document(name, violations), output_format)
    return LEFT if any(each.severity == "error" for each in violations) else 0


def _mend(where: HivePlace, output: str, output_format: str, *, without_logs: bool, yes: bool, unsafe: bool) -> int:
    from bootmend.engine.hive_edit import Done, mend_hive, replace_whole, write_file
    from bootmend.engine.hive_place import open_place
    from bootmend.views.hives import check_document, mending_text

    with open_place(where) as opened:
        mending = mend_hive(opened, may_grow=bool(output), without_logs=without_logs)
        name = opened.name
    if output_format == "human":
        show_data(mending_text(mending))
    done = Done(())
    if output:
        write_file(output, mending.data)
        say(f"written to {output}; the original is untouched")
    elif mending.repairs:
        what = f" and lose {len(mending.lost)} things named above" if mending.lost else ""
        done = replace_whole(
            where, mending.data, tuple(map(str, mending.repairs)), "hive check --repair",
            lambda _: confirm(f"Mend {where}{what}?", yes=yes), unsafe=unsafe,
        )  # fmt: skip
        if done.declined:
            return declined()
        if done.run_id:
            say(f"run {done.run_id}; to take it back:  bootmend undo {done.run_id}")
    if output_format != "human":
        dump_document(check_document(name, mending.before, mending, done.run_id), output_format)
    return LEFT if mending.left else 0
