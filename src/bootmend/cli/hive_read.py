"""``bootmend hive info|ls|get|find|export|diff``: reading hives."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.hive_shared import about_hive, dump_document, hive_options, value_of, write_bytes
from bootmend.cli.output import say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import MissingError, UsageError
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.registry import Hive, Key, Value

DIFFERENT = 1
FOUND_NOTHING = 1


class Reading:
    """A hive open for reading, and the key that was asked for."""

    def __init__(self, name: str, hive: Hive, key: Key) -> None:
        self.name = name
        self.hive = hive
        self.key = key


def _read(hive: str, inner: str, volume: int | None, key: str, use: Callable[[Reading], int]) -> int:
    """Open a hive, find a key in it, and do something with it."""
    from bootmend.engine.hive_place import find_place, open_place, read_hive
    from bootmend.registry.regfile_paths import resolve_path

    with about_hive(hive), open_place(find_place(hive, path=inner, volume=volume, key=key)) as opened:
        found, notes = read_hive(opened)
        for note in notes:
            say(f"note: {plain(note)}")
        path = resolve_path(found, key)
        node = found.key(path)
        if node is None:
            raise MissingError(f"the hive has no key {path}")
        return use(Reading(opened.name, found, node))


@click.command("info", cls=Command)
@click.argument("hive")
@hive_options()
def info(*, hive: str, inner: str, volume: int | None, output_format: str, colour: str) -> int:  # noqa: ARG001
    """Say what a hive is: kind, version, state, size, contents."""
    from bootmend.engine.hive_place import find_place, open_place
    from bootmend.errors import ReadError
    from bootmend.registry import Hive
    from bootmend.registry.regfile_paths import kind_of, mount_of
    from bootmend.views.hives import info_document, info_text

    with about_hive(hive), open_place(find_place(hive, path=inner, volume=volume)) as opened:
        found = Hive(opened.source, dirty="accept")
        try:
            keys = [key.value_count for _, key in found.walk()]
            counts = (len(keys), sum(keys))
        except ReadError as error:
            counts = None
            say(f"note: {plain(str(error))}")
        document = info_document(opened.name, kind_of(found), mount_of(found), opened.source.size, found.base, counts)
    if output_format == "human":
        show_data(info_text(document))
    else:
        dump_document(document, output_format)
    return 0


@click.command("ls", cls=Command)
@click.argument("hive")
@click.argument("key", required=False, default="")
@click.option("--recursive", "-r", is_flag=True, help="All keys below it, too.")
@hive_options()
def ls(*, hive: str, key: str, recursive: bool, inner: str, volume: int | None, output_format: str, colour: str) -> int:  # noqa: ARG001
    """List the subkeys and values of KEY, by default of the root."""
    from bootmend.registry.regfile import walk_below
    from bootmend.views.hives import key_document, key_text, keys_document

    def show(reading: Reading) -> int:
        keys = walk_below(reading.hive, reading.key, reading.key.path) if recursive else [(reading.key.path, reading.key)]
        if output_format == "human":
            show_data("\n".join(key_text(path, each) for path, each in keys))
        else:
            dump_document(keys_document(reading.name, [key_document(path, each) for path, each in keys]), output_format)
        return 0

    return _read(hive, inner, volume, key, show)


@click.command("get", cls=Command, short_help="Show the data of one value.")
@click.argument("hive")
@click.argument("key")
@click.argument("name")
@click.option("--raw", is_flag=True, help="Write the bytes of the data as they are.")
@hive_options()
def get(*, hive: str, key: str, name: str, raw: bool, inner: str, volume: int | None, output_format: str, colour: str) -> int:  # noqa: ARG001
    """Show the data of the value NAME of KEY; "@" or "" is the default value."""
    from bootmend.registry.regfile_values import show_data as data_text
    from bootmend.views.hives import key_document, keys_document, value_document

    def show(reading: Reading) -> int:
        value = value_of(reading.key, name)
        if raw:
            write_bytes(value.data)
        elif output_format == "human":
            show_data(plain(data_text(value)) + "\n")
        else:
            document = key_document(reading.key.path, reading.key) | {"values": [value_document(value)]}
            dump_document(keys_document(reading.name, [document]), output_format)
        return 0

    return _read(hive, inner, volume, key, show)


@click.command("find", cls=Command, short_help="Find a text in names and data.")
@click.argument("hive")
@click.argument("text")
@click.argument("key", required=False, default="")
@click.option(
    "--in", "places", type=click.Choice(("keys", "names", "data")), multiple=True, help="Where to look; may be repeated."
)
@click.option("--regex", is_flag=True, help="TEXT is a regular expression.")
@hive_options()
def find(
    *,
    hive: str,
    text: str,
    key: str,
    places: tuple[str, ...],
    regex: bool,
    inner: str,
    volume: int | None,
    output_format: str,
    colour: str,  # noqa: ARG001
) -> int:
    """Find TEXT, whatever its case, in the names of keys and values and in data, below KEY. Exit code 1: nowhere."""
    from bootmend.registry.regfile import walk_below
    from bootmend.registry.regfile_values import show_data as data_text
    from bootmend.views.hives import hit_text, key_document, keys_document, value_document

    try:
        match = re.compile(text if regex else re.escape(text), re.IGNORECASE).search
    except re.error as error:
        raise UsageError(f"{text!r} is no regular expression: {error}") from error
    wanted = set(places or ("keys", "names", "data"))

    def hits(path: str, each: Key) -> tuple[bool, list[Value]]:
        values = [
            value
            for value in each.values()
            if ("names" in wanted and match(value.name)) or ("data" in wanted and match(data_text(value)))
        ]
        return "keys" in wanted and match(path.rpartition("\\")[2]) is not None, values

    def show(reading: Reading) -> int:
        documents = []
        for path, each in walk_below(reading.hive, reading.key, reading.key.path):
            named, values = hits(path, each)
            if not named and not values:
                continue
            if output_format == "human":
                show_data("".join(hit_text(path, value) for value in ([None] if named else []) + values))
            documents.append(key_document(path, each) | {"values": list(map(value_document, values))})
        if output_format != "human":
            dump_document(keys_document(reading.name, documents), output_format)
        return 0 if documents else FOUND_NOTHING

    return _read(hive, inner, volume, key, show)


@click.command("export", cls=Command, short_help="Write a key and all below it as a .reg file.")
@click.argument("hive")
@click.argument("key", required=False, default="")
@click.option("-o", "--output", default="", metavar="FILE", help="Write to a new file instead of standard output.")
@click.option("--prefix", default="", metavar="KEY", help="What the hive's root is called in it; by default as in Windows.")
@click.option("--encoding", type=click.Choice(("utf-16", "utf-8")), default=None, help="utf-16, but for a terminal.")
@hive_options()
def export(
    *,
    hive: str,
    key: str,
    output: str,
    prefix: str,
    encoding: str | None,
    inner: str,
    volume: int | None,
    output_format: str,
    colour: str,  # noqa: ARG001
) -> int:
    """Write KEY and all below it as a .reg file (UTF-16, version 5.00), or as JSON."""
    from bootmend.engine.hive_edit import write_file
    from bootmend.registry.regfile import export_reg, walk_below
    from bootmend.registry.regfile_paths import mount_of
    from bootmend.views import dump
    from bootmend.views.hives import key_document, keys_document

    def show(reading: Reading) -> int:
        root = prefix.strip("\\") or mount_of(reading.hive)
        path = "\\".join(filter(None, [root, reading.key.path]))
        if output_format != "human":
            below = walk_below(reading.hive, reading.key, reading.key.path)
            data = dump(keys_document(reading.name, [key_document(*each) for each in below]), output_format).encode()
        else:
            code = encoding or ("utf-8" if not output and sys.stdout.isatty() else "utf-16")
            data = _encode(export_reg(reading.hive, reading.key, path), code)
        if output:
            write_file(output, data)
        else:
            write_bytes(data)
        return 0

    return _read(hive, inner, volume, key, show)


def _encode(parts: Any, code: str) -> bytes:  # noqa: ANN401 (any iterable of texts)
    if code == "utf-8":
        return "".join(parts).encode("utf-8", "surrogatepass")
    return b"\xff\xfe" + b"".join(part.encode("utf-16-le", "surrogatepass") for part in parts)


@click.command("diff", cls=Command, short_help="Show what differs between two hives.")
@click.argument("before")
@click.argument("after")
@click.argument("key", required=False, default="")
@click.option("--security", is_flag=True, help="Compare security descriptors, too.")
@hive_options()
def diff(
    *,
    before: str,
    after: str,
    key: str,
    security: bool,
    inner: str,
    volume: int | None,
    output_format: str,
    colour: str,  # noqa: ARG001
) -> int:
    """Show what differs between two hives, key by key: keys, classes, values. Exit code 1: they differ."""
    from bootmend.registry.hive_diff import compare_keys
    from bootmend.views.hives import diff_document, diff_text

    def with_first(one: Reading) -> int:
        def with_second(two: Reading) -> int:
            differences = list(compare_keys(one.key, two.key, one.key.path, security=security))
            if output_format == "human":
                show_data(diff_text(differences))
            else:
                dump_document(diff_document(one.name, two.name, differences), output_format)
            return DIFFERENT if differences else 0

        return _read(after, inner, volume, key, with_second)

    return _read(before, inner, volume, key, with_first)
