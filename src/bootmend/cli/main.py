"""The entry point: finds the command, and turns errors into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from bootmend import __version__
from bootmend.errors import BootmendError

#: command -> the one line that ``bootmend --help`` shows; the module of the same name is imported when it runs
COMMANDS = {
    "check": "Say why a disk does not boot. Never writes.",
    "plan": "Show the exact changes that a repair would make.",
    "apply": "Apply a plan that was kept with plan -o.",
    "repair": "Check, show the plan, ask, write, check again.",
    "undo": "Put a disk back, byte for byte, as it was before a run.",
    "history": "List the runs on this computer, or on one disk.",
    "explain": "Explain a stop code, its name or a rule.",
    "bcdedit": "Read and edit boot configuration stores in Microsoft's own syntax.",
    "sample": "Write a broken sample disk to try things on.",
    "catalog": "List the boot failures that bootmend knows.",
    "completion": "Print the completion script for your shell.",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command's module; the command has the same name."""
        if name not in COMMANDS:
            return None
        module = import_module(f"bootmend.cli.{name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "BOOTMEND"})
@click.version_option(__version__, prog_name="bootmend")
def cli() -> None:
    """Repair Windows machines that will not boot, from their disks, without Windows.

    \b
    Start with:  bootmend check DISK     says what is wrong, never writes
                 bootmend repair DISK    shows the changes, asks, writes, can be undone
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the documented code."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """Run the command line and return its exit code."""
    _use_utf8()
    try:
        result = cli.main(args=argv, prog_name="bootmend", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing more was done", err=True)
        return 130
    except BootmendError as error:
        from bootmend.cli.output import show_error

        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _use_utf8() -> None:
    """Output is UTF-8 wherever the stream can be told so."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
