"""What the commands of ``bootmend hive`` share: options, names in errors, the way a change is asked for and told."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.options import colour_option, parent_option, unsafe_option, yes_option
from bootmend.cli.output import confirm, declined, say, show_data
from bootmend.errors import BootmendError, MissingError
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bootmend.engine.hive_edit import Consent, Done
    from bootmend.engine.hive_place import HivePlace
    from bootmend.registry import Key, Value

FORMATS = ("human", "json", "jsonl")
DEFAULT_NAMES = ("", "@")


@contextmanager
def about_hive(name: str) -> Iterator[None]:
    """Let every error raised inside name the hive or file that it is about."""
    try:
        yield
    except BootmendError as error:
        if os.path.basename(os.path.normpath(name)) not in str(error):
            error.places.insert(0, name)
        raise


def hive_options(*more: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options that all commands have, and some more."""
    shared = (
        click.option("--path", "inner", default="", metavar="PATH", help="The hive's path inside the disk."),
        click.option("--volume", type=int, default=None, metavar="N", help="The volume of the disk that it is on."),
        click.option(
            "--format", "output_format", type=click.Choice(FORMATS), default="human", show_default=True, help="How to show it."
        ),
        colour_option,
        parent_option,
    )

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in (*reversed(shared), *more):
            function = option(function)
        return function

    return add


WRITING = (unsafe_option, yes_option)


def dump_document(document: dict[str, Any], output_format: str) -> None:
    """Write a JSON document to standard output."""
    from bootmend.views import dump

    show_data(dump(document, output_format))


def value_of(key: Key, name: str) -> Value:
    """Return the value of that name; "@" and "" mean the default value where no value is called so.

    Raises:
        MissingError: there is none.
    """
    value = key.value(name) or (key.value("") if name in DEFAULT_NAMES else None)
    if value is None:
        raise MissingError(f"the key has no value {name!r}", at=key.path or "\\")
    return value


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def consent_for(where: HivePlace, output_format: str, *, yes: bool) -> Consent:
    """Show what would change, then ask."""
    from bootmend.views.hives import changes_text

    def ask(changes: Sequence[str]) -> bool:
        if output_format == "human":
            show_data(changes_text(changes))
        return confirm(f"Write this to {where}?", yes=yes)

    return ask


def tell(where: HivePlace, done: Done, output_format: str, nothing: str = "Nothing had to be changed.") -> int:
    """Say what came of it, and how to take it back."""
    from bootmend.views.hives import change_document

    for note in done.notes:
        say(plain(note))
    if done.declined:
        return declined()
    if not done.changes and not done.run_id:
        say(nothing)
    if done.run_id:
        say(f"run {done.run_id}; to take it back:  bootmend undo {done.run_id}")
    if output_format != "human":
        dump_document(change_document(str(where), done.changes, done.run_id, done.notes), output_format)
    return 0
