"""``bootmend hive set|delete|import``: changing hives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.hive_shared import DEFAULT_NAMES, WRITING, about_hive, consent_for, hive_options, tell, value_of
from bootmend.cli.settings import Command
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootmend.registry import HiveEditor


def _edit(
    hive: str, inner: str, volume: int | None, key: str, change: Callable[[Any, str], Sequence[str]], what: str,
    output_format: str, *, yes: bool, unsafe: bool,
) -> int:  # fmt: skip
    """Find the hive and the key, change it, say so."""
    from bootmend.engine.hive_edit import edit_hive
    from bootmend.engine.hive_place import find_place
    from bootmend.registry.regfile_paths import resolve_path

    with about_hive(hive):
        where = find_place(hive, path=inner, volume=volume, key=key)
        ask = consent_for(where, output_format, yes=yes)
        done = edit_hive(
            where, lambda editor: change(editor, resolve_path(editor, key)), f"hive {what} {key}".strip(), ask, unsafe=unsafe
        )
    return tell(where, done, output_format)


@click.command("set", cls=Command, short_help="Give a value its data, or make a key.")
@click.argument("hive")
@click.argument("key")
@click.argument("name", required=False)
@click.argument("data", nargs=-1)
@click.option(
    "--type",
    "type_word",
    default="",
    metavar="TYPE",
    help="REG_SZ, dword, ... or a number; by default the value's own, else REG_SZ.",
)
@click.option("--create", is_flag=True, help="Make KEY where it is not there; without NAME, only that.")
@hive_options(*WRITING)
def set_(
    *, hive: str, key: str, name: str | None, data: tuple[str, ...], type_word: str, create: bool,
    inner: str, volume: int | None, output_format: str, colour: str, yes: bool, unsafe: bool,  # noqa: ARG001
) -> int:  # fmt: skip
    """Give the value NAME of KEY its DATA: a text, a number, several strings for REG_MULTI_SZ, else hexadecimal bytes."""
    from bootmend.engine.hive_edit import create_key, set_value
    from bootmend.registry.regfile_values import parse_data, parse_type

    if name is None and not create:
        raise UsageError("say which value: its NAME and DATA; or --create for a key alone")
    kind = parse_type(type_word) if type_word else None

    def change(editor: Any, path: str) -> Sequence[str]:  # noqa: ANN401 (a HiveEditor)
        if name is None:
            return create_key(editor, path)
        found = editor.key(path)
        value_name = "" if name in DEFAULT_NAMES and (found is None or found.value(name) is None) else name
        present = found.value(value_name) if found else None
        known = kind if kind is not None else present.type if present else 1
        return set_value(editor, path, value_name, known, parse_data(known, data), create=create)

    return _edit(hive, inner, volume, key, change, "set", output_format, yes=yes, unsafe=unsafe)


@click.command("delete", cls=Command)
@click.argument("hive")
@click.argument("key")
@click.argument("name", required=False)
@click.option("--recursive", "-r", is_flag=True, help="The key with all its subkeys.")
@hive_options(*WRITING)
def delete(
    *, hive: str, key: str, name: str | None, recursive: bool,
    inner: str, volume: int | None, output_format: str, colour: str, yes: bool, unsafe: bool,  # noqa: ARG001
) -> int:  # fmt: skip
    """Delete the value NAME of KEY, or without NAME the key itself."""
    from bootmend.engine.hive_edit import delete_key, delete_value

    def change(editor: Any, path: str) -> Sequence[str]:  # noqa: ANN401 (a HiveEditor)
        if name is None:
            return delete_key(editor, path, recursive=recursive)
        found = editor.key(path)
        return delete_value(editor, path, name if found is None else value_of(found, name).name)

    return _edit(hive, inner, volume, key, change, "delete", output_format, yes=yes, unsafe=unsafe)


@click.command("import", cls=Command, short_help="Do what a .reg file asks for.")
@click.argument("hive")
@click.argument("file", metavar="FILE.reg")
@click.option("--prefix", default="", metavar="KEY", help="What the hive's root is called in it; by default as in Windows.")
@hive_options(*WRITING)
def import_(
    *, hive: str, file: str, prefix: str,
    inner: str, volume: int | None, output_format: str, colour: str, yes: bool, unsafe: bool,  # noqa: ARG001
) -> int:  # fmt: skip
    """Do what a .reg file asks for: set and delete keys and values. "-" reads standard input."""
    from bootmend.engine.hive_edit import edit_hive, import_changes
    from bootmend.engine.hive_place import find_place
    from bootmend.registry.regfile_parse import decode_reg, parse_reg
    from bootmend.registry.regfile_paths import Paths, below_prefix

    with about_hive(file):
        changes = parse_reg(decode_reg(_file_bytes(file)))
    with about_hive(hive):
        where = find_place(hive, path=inner, volume=volume, key=changes[0].key if changes else "")
        ask = consent_for(where, output_format, yes=yes)

        def change(editor: HiveEditor) -> Sequence[str]:
            paths = Paths(editor)
            return import_changes(editor, changes, lambda key: paths.resolve(below_prefix(key, prefix)))

        done = edit_hive(where, change, f"hive import {file}", ask, unsafe=unsafe)
    return tell(where, done, output_format, "Nothing had to be changed: the hive is as the file wants it.")


def _file_bytes(path: str) -> bytes:
    from bootmend.source import FileSource

    if path == "-":
        return sys.stdin.buffer.read()
    with FileSource(path) as source:
        return source.read_at(0, source.size)
