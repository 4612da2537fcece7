"""The options that several commands share, and what their values mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.output import COLOUR
from bootmend.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = ("human", "json", "jsonl", "html", "md")


def _remember_colour(context: click.Context, _option: click.Parameter, value: str) -> str:
    context.meta[COLOUR] = value
    return value


format_option = click.option(
    "--format", "output_format", type=click.Choice(FORMATS), default="human", show_default=True, help="How to show it."
)
colour_option = click.option(
    "--color",
    "colour",
    type=click.Choice(("auto", "always", "never")),
    default="auto",
    callback=_remember_colour,
    help="Colour in the human format.",
)
code_option = click.option(
    "--code", "codes", multiple=True, metavar="CODE", help="A stop code that was seen, such as 0x67; may be repeated."
)
vm_option = click.option("--vm", default="", metavar="NAME", help="The name of the virtual machine, for reports and articles.")
rule_option = click.option("--rule", "rules", multiple=True, metavar="RULE", help="Look only for this rule; may be repeated.")
serial_option = click.option(
    "--serial-console", is_flag=True, help="Also switch on the EMS serial console (the boot menu then shows for 5 s)."
)
unsafe_option = click.option(
    "--unsafe", is_flag=True, help="Consent to repairs that discard something; read the explanation first."
)
hibernation_option = click.option(
    "--discard-hibernation", is_flag=True, help="Discard a session that Windows saved; unsaved work in it is lost."
)
offer_option = click.option(
    "--offer", default="", metavar="RULE", help="Plan what check offered for this rule, and nothing else."
)


def _remember_parents(context: click.Context, _option: click.Parameter, paths: tuple[str, ...]) -> None:
    if paths:
        from bootmend.engine.neighbours import given_parents

        context.with_resource(given_parents(*paths))


parent_option = click.option(
    "--parent",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    callback=_remember_parents,
    expose_value=False,
    help="A file that the disk image builds on and that is not in its folder; may be repeated, the nearest first.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def repair_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide what a plan holds."""
    for option in (hibernation_option, rule_option, code_option, offer_option, unsafe_option, serial_option):
        command = option(command)
    return command


def known_rules(*names: str) -> tuple[str, ...]:
    """The names, if each is a rule's.

    Raises:
        UsageError: one is not.
    """
    from bootmend.catalog import find_rule

    try:
        return tuple(find_rule(name).RULE.id for name in names)
    except MissingError as error:
        raise UsageError(error.message, hint=error.hint) from error


def normal_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Stop codes as eight hex digits, whatever form they were given in: a number or a name.

    Raises:
        UsageError: no such code or name is known.
    """
    return tuple(dict.fromkeys(_normal_code(code) for code in codes))


def _normal_code(text: str) -> str:
    try:
        number = int(text.strip().rstrip("hH"), 16)
    except ValueError:
        from bootmend.article.codes import lookup

        found = lookup(text)
        if not found:
            raise UsageError(f"{text!r} is neither a stop code nor the name of one", hint="write it like 0x67") from None
        return found[0].code
    if not 0 <= number < 1 << 32:
        raise UsageError(f"{text!r} is no stop code: those have at most eight hex digits")
    return f"0x{number:08X}"
