"""The entry point: finds the command, and turns errors into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from bootmend import __version__
from bootmend.errors import BootmendError, UsageError

#: command -> the one line that ``bootmend --help`` shows; the module of the same name is imported when it runs
COMMANDS = {
    "check": "Say why a disk does not boot. Never writes.",
    "plan": "Show the exact changes that a repair would make.",
    "apply": "Apply a plan that was kept with plan -o.",
    "repair": "Check, show the plan, ask, write, check again.",
    "undo": "Put a disk back, byte for byte, as it was before a run.",
    "history": "List the runs on this computer, or on one disk.",
    "screenshot": "Read what a boot screen or a serial log shows.",
    "explain": "Explain a stop code, its name or a rule.",
    "article": "Choose, lint, fill in and begin self-help articles.",
    "bcdedit": "Read and edit boot configuration stores in Microsoft's own syntax.",
    "collect": "Put what tells why a disk does not boot into one file to send.",
    "hive": "Read, edit, compare, recover and mend registry hives.",
    "disk": "Look at and change the files inside a disk, without mounting it.",
    "bcdboot": "Make a fresh boot configuration store for a Windows on a disk.",
    "sample": "Write a broken sample disk to try things on.",
    "catalog": "List the boot failures that bootmend knows.",
    "azure": "Repair an Azure VM: snapshot, repaired copy of its disk, exchange, start, check.",
    "fleet": "Examine and repair many disks; safe to interrupt.",
    "verify": "Look whether a machine answers: Remote Desktop, serial console, a boot test.",
    "completion": "Print the completion script for your shell.",
}
#: another name of a command; the settings are the command's own
ALIASES = {"screen": "screenshot"}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's own signature)
        """The commands in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; the command has the same name."""
        from bootmend.cli.settings import apply_settings

        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"bootmend.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        apply_settings(ctx, cmd_name, command, tuple(COMMANDS))
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command by its own name, also where it was called by another: settings and help go by that."""
        name, command, rest = super().resolve_command(ctx, args)
        return (name if command is None else command.name), command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (likewise)
        """Write the list without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; one of our errors becomes a sentence and its exit code."""
        from bootmend.cli.output import COLOUR, show_error

        try:
            return super().invoke(ctx)
        except BootmendError as error:
            return show_error(error, colour=ctx.meta.get(COLOUR, "auto"))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
    _prepare_streams()
    try:
        result = cli.main(args=argv, prog_name="bootmend", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except BootmendError as error:  # from a file of settings, while the shell asked for completions
        from bootmend.cli.output import show_error

        return show_error(error)
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    """Say what is left half done, if anything: the engine takes back what it was writing when Ctrl-C came."""
    from bootmend.cli.output import say
    from bootmend.engine.runs import list_runs

    say("interrupted")
    for run in list_runs():
        if run.is_unfinished:
            say(f"run {run.id} on {run.target} is not finished; bring it to an end with  bootmend undo {run.id}")
    return INTERRUPTED


def _prepare_streams() -> None:
    """Output is UTF-8 wherever the stream can be told so; a stream that was closed leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (open as long as the program runs)
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
