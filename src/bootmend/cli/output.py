"""What the commands share about showing: options, streams, errors, questions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from bootmend.errors import BootmendError, RefusedError, UsageError
from bootmend.views.style import Style, style_for

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = ("human", "json", "jsonl", "html", "md")

format_option = click.option("--format", "output_format", type=click.Choice(FORMATS), default="human", show_default=True, help="How to show it.")
colour_option = click.option(
    "--color", "colour", type=click.Choice(("auto", "always", "never")), default="auto", help="Colour in the human format."
)
code_option = click.option("--code", "codes", multiple=True, metavar="CODE", help="A stop code that was seen, such as 0x67.")
vm_option = click.option("--vm", default="", metavar="NAME", help="The name of the virtual machine, for reports and articles.")
rule_option = click.option("--rule", "rules", multiple=True, metavar="RULE", help="Look only for this rule; may be repeated.")
serial_option = click.option("--serial-console", is_flag=True, help="Also switch on the EMS serial console (the boot menu then shows for 5 s).")
unsafe_option = click.option("--unsafe", is_flag=True, help="Consent to repairs that discard something; read the explanation first.")
hibernation_option = click.option(
    "--discard-hibernation", is_flag=True, help="Discard a session that Windows saved; unsaved work in it is lost."
)
offer_option = click.option("--offer", default="", metavar="RULE", help="Plan what check offered for this rule, and nothing else.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def repair_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide what a plan holds."""
    for option in (hibernation_option, rule_option, code_option, offer_option, unsafe_option, serial_option):
        command = option(command)
    return command


def normal_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Stop codes as eight hex digits, whatever form they were given in: a number or a name.

    Raises:
        UsageError: no such code or name is known.
    """
    return tuple(_normal_code(code) for code in codes)


def _normal_code(text: str) -> str:
    try:
        return f"0x{int(text, 16):08X}"
    except ValueError:
        from bootmend.article.codes import lookup

        found = lookup(text)
        if not found:
            raise UsageError(f"{text!r} is neither a stop code nor the name of one") from None
        return found[0].code


def data_style(colour: str) -> Style:
    """How to paint what goes to standard output."""
    return style_for(sys.stdout, colour)


def show_data(text: str) -> None:
    """Write data to standard output."""
    sys.stdout.write(text)
    sys.stdout.flush()


def say(text: str) -> None:
    """Write anything that is not data to standard error."""
    click.echo(text, err=True)


def show_error(error: BootmendError) -> None:
    """One sentence, and what to do."""
    style = style_for(sys.stderr)
    word = "Refused" if isinstance(error, RefusedError) else "Error"
    say(f"{style(word, 'red', 'bold')}: {error}")
    if error.hint:
        say(f"  {error.hint}")
    if isinstance(error, RefusedError):
        said = "nothing was written" in str(error).lower()
        say(f"(exit {error.exit_code})" if said else f"Nothing was written. (exit {error.exit_code})")


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on the terminal; without one, and without ``--yes``, refuse rather than hang.

    Raises:
        RefusedError: there is nobody to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise RefusedError("there is no terminal to ask on", hint="repeat with --yes to consent without being asked")
    return click.confirm(question, default=False, err=True)
