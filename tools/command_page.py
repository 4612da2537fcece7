"""The commands as a page of the documentation, made of the command line itself.  Run by ``docs/conf.py`` at each build."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING

import click

from bootmend.bcd.commands import parse, run
from bootmend.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = """# Commands and options

Made of the command line itself. Every option can also be given in the environment variable named beside it; what is typed
wins. Data go to standard output, everything else to standard error. What the exit codes mean is in the
[guide](../guide.md#exit-codes).
"""


def write_command_page(path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(command_page(), encoding="utf-8")


def command_page() -> str:
    """All commands, in the order in which ``bootmend --help`` lists them."""
    return "\n".join([HEAD, *(line for name in COMMANDS for line in _section(command_of(name), f"bootmend {name}", 2))]) + "\n"


def command_of(name: str) -> click.Command:
    """The click command of that name."""
    command = import_module(f"bootmend.cli.{name}").command
    assert isinstance(command, click.Command)
    return command


def environment_variable(path: str, option: click.Option) -> str:
    """The variable that click reads for an option: ``BOOTMEND_CHECK_VM``."""
    if isinstance(option.envvar, str):
        return option.envvar
    return f"{path}_{option.name}".upper().replace(" ", "_").replace("-", "_")


def _section(command: click.Command, path: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {path}"
    yield ""
    yield _help(command)
    yield ""
    if path == "bootmend bcdedit":
        yield from _bcdedit()
        return
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from _section(sub, f"{path} {name}", level + 1)
        return
    arguments = [f"{one.make_metavar(click.Context(command))}" for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option)]
    yield "```text"
    yield " ".join([path, "[OPTIONS]" if options else "", *arguments]).replace("  ", " ")
    yield "```"
    yield ""
    if options:
        yield "| option | | environment |"
        yield "|---|---|---|"
        yield from (_row(path, option) for option in options)
        yield ""


def _row(path: str, option: click.Option) -> str:
    names = ", ".join(option.opts)
    if not option.is_flag:
        choices = "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ""
        names += f" {option.metavar or choices or option.type.name.upper()}"
    text = option.help or ""
    if option.show_default and isinstance(option.default, str):
        text += f" Default: `{option.default}`."
    return f"| `{_cell(names)}` | {_cell(text)} | `{environment_variable(path, option)}` |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _help(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\b\n", "")


def _bcdedit() -> Iterator[str]:
    """Its own syntax, as ``/?`` prints it."""
    yield "Microsoft's syntax, and one option of ours: `--store N` chooses, on a disk with several stores, the one on volume N."
    yield ""
    yield "```text"
    yield run(parse(["/?"]), None).text.rstrip("\n")  # type: ignore[arg-type]
    yield "```"
    yield ""
