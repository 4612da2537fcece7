"""``bootmend disk``: the volumes and files inside a disk, without mounting it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.options import colour_option, parent_option, unsafe_option, yes_option
from bootmend.cli.output import about, confirm, declined, say, show_data
from bootmend.cli.settings import Command, Group
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootmend.engine.disk_files import Change, Inner
    from bootmend.filesystem.edit import TreeEditor

FORMATS = ("human", "json", "jsonl")


@click.group("disk", cls=Group)
def command() -> None:
    """Look at the files inside a disk, and change them, without mounting it.

    A PLACE inside the disk is written 2:\\Windows\\System32, with the number that `disk info` shows, or system:\\Boot or
    windows:\\Windows. Every change is shown first and journaled, and `bootmend undo` takes it back.
    """


def _options(*more: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    shown = click.option(
        "--format", "output_format", type=click.Choice(FORMATS), default="human", show_default=True, help="How to show it."
    )

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in (colour_option, parent_option, shown, *more):
            function = option(function)
        return function

    return add


def _dump(document: dict[str, Any], output_format: str) -> None:
    from bootmend.views import dump

    show_data(dump(document, output_format))


@click.command("info", cls=Command)
@click.argument("disk")
@_options()
def info(*, disk: str, output_format: str, colour: str) -> int:  # noqa: ARG001
    """Say what a disk is: its format, its partitions, its volumes and what they are for."""
    from bootmend.engine.target import Target
    from bootmend.views.files import disk_document, disk_text

    with about(disk), Target(disk) as target:
        image = target.image
        document = disk_document(disk, target.machine, image.format if image else "directory", image.remarks if image else ())
    if output_format == "human":
        show_data(disk_text(document))
    else:
        _dump(document, output_format)
    return 0


@click.command("ls", cls=Command)
@click.argument("disk")
@click.argument("place")
@click.option("--recursive", "-r", is_flag=True, help="What lies below, too.")
@_options()
def ls(*, disk: str, place: str, recursive: bool, output_format: str, colour: str) -> int:  # noqa: ARG001
    """List a directory, or one file."""
    from bootmend.engine.disk_files import entries, inner_of
    from bootmend.engine.target import Target
    from bootmend.views.files import entry_document, entry_text, files_document

    inner = inner_of(place)
    with about(disk), Target(disk) as target:
        found = entries(target.machine, inner, recursive=recursive)
        if output_format == "human":
            for path, entry in found:
                show_data(entry_text(path, entry))
        else:
            _dump(files_document(str(inner), [entry_document(path, entry) for path, entry in found]), output_format)
    return 0


@click.command("cat", cls=Command)
@click.argument("disk")
@click.argument("place")
@_options()
def cat(*, disk: str, place: str, output_format: str, colour: str) -> int:  # noqa: ARG001
    """Write a file's bytes to standard output."""
    from bootmend.engine.disk_files import inner_of, pieces
    from bootmend.engine.target import Target

    with about(disk), Target(disk) as target:
        for piece in pieces(target.machine, inner_of(place)):
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    return 0


@click.command("map", cls=Command)
@click.argument("disk")
@click.argument("place")
@_options()
def map_(*, disk: str, place: str, output_format: str, colour: str) -> int:  # noqa: ARG001
    """Say where in the image the bytes of a file lie."""
    from bootmend.engine.disk_files import inner_of, whereabouts
    from bootmend.engine.target import Target
    from bootmend.views.files import map_document, map_text

    inner = inner_of(place)
    with about(disk), Target(disk) as target:
        found = whereabouts(target, inner)
    if output_format == "human":
        show_data(map_text(found))
    else:
        _dump(map_document(str(inner), found), output_format)
    return 0


@click.command("cp", cls=Command)
@click.argument("disk")
@click.argument("source")
@click.argument("destination")
@click.option("--force", is_flag=True, help="Replace a file of this computer that exists.")
@_options(unsafe_option, yes_option)
def cp(
    *, disk: str, source: str, destination: str, force: bool, output_format: str, colour: str, unsafe: bool, yes: bool  # noqa: ARG001
) -> int:  # fmt: skip
    """Copy a file out of the disk, into it, or within it: one of SOURCE and DESTINATION, or both, are a PLACE in the disk."""
    from bootmend.engine.disk_files import copy_out, parse_inner, read_here, read_inner, target_path
    from bootmend.engine.target import Target

    inside, into = parse_inner(source), parse_inner(destination)
    if into is None:
        if inside is None:
            raise UsageError("neither SOURCE nor DESTINATION is a place in the disk, such as 2:\\Windows or system:\\Boot")
        with about(disk), Target(disk) as target:
            size = copy_out(target.machine, inside, destination, force=force)
        say(f"copied {size:,} bytes")
        return 0
    with about(disk):
        data = read_here(source) if inside is None else read_inner(disk, inside)
        name = os.path.basename(source) if inside is None else inside.path.rpartition("\\")[2]
        with Target(disk) as target:
            goal = target_path(target.machine, into, name)
    said = f"{{volume}} {goal.path}: {len(data):,} bytes of {source}"
    return _change(disk, goal, lambda editor: editor.write(goal.path, data), said, output_format, yes=yes, unsafe=unsafe)


@click.command("mkdir", cls=Command)
@click.argument("disk")
@click.argument("place")
@_options(unsafe_option, yes_option)
def mkdir(*, disk: str, place: str, output_format: str, colour: str, unsafe: bool, yes: bool) -> int:  # noqa: ARG001
    """Make a directory, and those above it."""
    from bootmend.engine.disk_files import inner_of

    inner = inner_of(place)
    said = f"{{volume}} {inner.path}: new directory"
    return _change(disk, inner, lambda editor: editor.make_directory(inner.path), said, output_format, yes=yes, unsafe=unsafe)


@click.command("mv", cls=Command)
@click.argument("disk")
@click.argument("place")
@click.argument("new")
@_options(unsafe_option, yes_option)
def mv(*, disk: str, place: str, new: str, output_format: str, colour: str, unsafe: bool, yes: bool) -> int:  # noqa: ARG001
    """Give a file or directory another path on the same volume."""
    from bootmend.engine.disk_files import inner_of, target_path, volume_of
    from bootmend.engine.target import Target

    old, inner = inner_of(place), inner_of(new)
    with about(disk), Target(disk) as target:
        if volume_of(target.machine, old).number != volume_of(target.machine, inner).number:
            raise UsageError("a file moves within its volume only: copy it with cp, then delete it with rm")
        goal = (
            target_path(target.machine, inner, old.path.rpartition("\\")[2]) if old.path.upper() != inner.path.upper() else inner
        )
    said = f"{{volume}} {old.path}: renamed to {goal.path}"
    return _change(disk, goal, lambda editor: editor.rename(old.path, goal.path), said, output_format, yes=yes, unsafe=unsafe)


@click.command("rm", cls=Command)
@click.argument("disk")
@click.argument("place")
@_options(unsafe_option, yes_option)
def rm(*, disk: str, place: str, output_format: str, colour: str, unsafe: bool, yes: bool) -> int:  # noqa: ARG001
    """Delete a file or an empty directory."""
    from bootmend.engine.disk_files import inner_of

    inner = inner_of(place)
    said = f"{{volume}} {inner.path}: deleted"
    return _change(
        disk, inner, lambda editor: editor.delete(inner.path), said, output_format, yes=yes, unsafe=unsafe, leaves=False
    )


@click.command("attrib", cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("disk")
@click.argument("place")
@click.argument("words", metavar="+r|-r|+h|-h|+s|-s|+a|-a", nargs=-1, required=True)
@_options(unsafe_option, yes_option)
def attrib(
    *, disk: str, place: str, words: tuple[str, ...], output_format: str, colour: str, unsafe: bool, yes: bool  # noqa: ARG001
) -> int:  # fmt: skip
    """Set or clear the attributes read-only, hidden, system and archive of a file."""
    from bootmend.engine.disk_files import entries, inner_of, parse_attributes
    from bootmend.engine.target import Target

    inner = inner_of(place)
    with about(disk), Target(disk) as target:
        old = dict(entries(target.machine, inner)).get(inner.path)
        if old is None:
            raise UsageError(f"{place} is a directory: its attributes stay")
        wanted = parse_attributes(words, old.attributes)
    said = f"{{volume}} {inner.path}: attributes {' '.join(words)}"
    return _change(
        disk, inner, lambda editor: editor.set_attributes(inner.path, wanted), said, output_format, yes=yes, unsafe=unsafe
    )


def _change(
    disk: str, inner: Inner, change: Callable[[TreeEditor], None], said: str, output_format: str,
    *, yes: bool, unsafe: bool, leaves: bool = True,
) -> int:  # fmt: skip
    from bootmend.engine.disk_files import change_disk

    def ask(changes: Sequence[str]) -> bool:
        if output_format == "human":
            show_data("".join(f"{line}\n" for line in changes))
        return confirm(f"Write this to {disk}?", yes=yes)

    with about(disk):
        done = change_disk(disk, inner, change, said, ask, unsafe=unsafe, leaves=leaves)
    return _tell(disk, done, output_format)


def _tell(disk: str, done: Change, output_format: str) -> int:
    if done.declined:
        return declined()
    if done.run_id:
        say(f"run {done.run_id}; to take it back:  bootmend undo {done.run_id}")
    else:
        say("Nothing had to be changed.")
    if output_format != "human":
        from bootmend.views.files import change_document

        _dump(change_document(disk, done), output_format)
    return 0


for _command in (info, ls, cat, cp, mv, rm, mkdir, attrib, map_):
    command.add_command(_command)
