"""``bootmend bcdedit``: Microsoft's own syntax, on a store file or on the store inside a disk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bootmend.cli.options import parent_option
from bootmend.cli.output import say, show_data, show_error
from bootmend.cli.settings import Command
from bootmend.errors import BootmendError, ReadError, UsageError
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
FORMATS = ("bcdedit", "json", "jsonl")


@click.command(
    "bcdedit",
    cls=Command,
    context_settings={"ignore_unknown_options": True, "help_option_names": [], "allow_interspersed_args": False},
    add_help_option=False,
)
@click.option("--format", "output_format", type=click.Choice(FORMATS), default="bcdedit", help="json: the store as a typed tree.")
@click.option("--disk", default=None, metavar="DISK", help="The disk with the store, or with the devices of a store file.")
@click.option("--unsafe", is_flag=True, help="Consent to a change on a disk with BitLocker.")
@parent_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, *, output_format: str, disk: str | None, unsafe: bool, arguments: tuple[str, ...]) -> int:
    """Read and edit boot configuration stores in Microsoft's own syntax.

    /store takes a store file or a disk; of a disk with several stores, --store N takes the one on volume N.
    --disk DISK with /store FILE says on which disk the store file's devices are. Every change is journaled, and
    `bootmend undo` takes it back. Exit codes are bcdedit's own, 0 and 1; 2 for what only a running Windows can do,
    4 for a refusal to write.

    \b
    bootmend bcdedit /store DISK /enum all /v
    bootmend bcdedit /store DISK /set {default} nx OptIn
    bootmend bcdedit /store DISK --format json      the whole store, for programs
    bootmend bcdedit diff A B                       what differs between two stores
    bootmend bcdedit /?                             all commands
    """
    words, output_format = _take_format(arguments, output_format)
    words += [*(["--disk", disk] if disk else []), *(["--unsafe"] if unsafe else [])]
    if words in (["--help"], ["-h"]):
        show_data(context.get_help() + "\n")
        return 0
    try:
        if words[:1] == ["diff"]:
            return _diff(words[1:], output_format)
        return _run(words) if output_format == "bcdedit" else _store_as_json(words, output_format)
    except ReadError as error:
        return show_error(error, exit_code=FAILED)
    except BootmendError as error:
        return show_error(error)


def _take_format(arguments: Sequence[str], output_format: str) -> tuple[list[str], str]:
    """Take a ``--format`` out that stands behind the command."""
    words = list(arguments)
    if "--format" in words:
        index = words.index("--format")
        if words[index + 1 : index + 2] and words[index + 1] in FORMATS:
            output_format = words[index + 1]
            del words[index : index + 2]
    return words, output_format


def _run(arguments: list[str]) -> int:
    from bootmend.engine.bcdedit import run_bcdedit

    result = run_bcdedit(arguments)
    for note in result.notes:
        say(plain(note))
    if result.exit_code:
        sys.stderr.write(plain(result.text))
    else:
        show_data(plain(result.text))
    return result.exit_code


def _store_as_json(arguments: list[str], output_format: str) -> int:
    from bootmend.engine.bcdedit import read_store
    from bootmend.views import dump

    document, notes = read_store(arguments)
    for note in notes:
        say(plain(note))
    show_data(dump(document, output_format))
    return 0


def _diff(arguments: list[str], output_format: str) -> int:
    """Two stores' differences; exit code 1 where there are any."""
    from bootmend.bcd.difference_text import difference_text, differences_to_json
    from bootmend.engine.bcdedit import two_stores

    if len(arguments) != 2:
        raise UsageError("bcdedit diff takes two stores: files, or disks with a store")
    with two_stores(arguments[0], arguments[1]) as (before, after):
        if output_format == "bcdedit":
            text = difference_text(before, after)
            show_data(plain(text))
            return FAILED if text else 0
        from bootmend.views import dump

        document = differences_to_json(before, after)
    show_data(dump(document, output_format))
    return FAILED if document["differences"] else 0
