"""``bootmend explain``: the article for a stop code, its name or a rule."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bootmend.cli.options import colour_option, format_option, vm_option
from bootmend.cli.output import about, data_style, say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.engine.explain import Explained

ONE_DOCUMENT = ("json", "html")
"""Formats in which two articles one after the other are no valid document."""


@click.command("explain", cls=Command)
@click.argument("what", metavar="CODE|NAME|RULE")
@vm_option
@click.option("--disk", default="", metavar="DISK", help="Fill the article in with this disk's values.")
@format_option
@colour_option
def command(*, what: str, vm: str, disk: str, output_format: str, colour: str) -> int:
    """Explain a stop code (0x67), its name (CONFIG_INITIALIZATION_FAILED) or a rule (imc-config-init-failed)."""
    from bootmend.engine.explain import explain_on, rules_for
    from bootmend.views import render_article, render_codes

    rules, codes = rules_for(what)
    if not rules and not codes:
        raise UsageError(f"{what!r} is no stop code, name or rule that is known", hint="see  bootmend catalog list")
    if not rules:
        show_data(render_codes(codes, output_format))
        return 0
    with about(disk):
        known = [explain_on(rule, vm=vm, disk=disk) for rule in rules]
    chosen = [one for one in known if one.concerns] or known
    if len(chosen) > 1 and output_format in ONE_DOCUMENT:
        raise UsageError(f"{what} has {len(chosen)} articles: name one of {_names(chosen)}")
    for explained in chosen:
        show_data(render_article(explained, output_format, data_style(colour), width=text_width()))
    if len(chosen) < len(known):
        others = [one for one in known if not one.concerns]
        say(f"{what}: {len(known)} rules know it; not on this disk: {_names(others)}")
    elif len(known) > 1:
        say(f"{what}: {len(known)} rules know it: {_names(known)}")
    return 0


def _names(explained: Sequence[Explained]) -> str:
    return ", ".join(one.rule.RULE.id for one in explained)


def text_width() -> int:
    """How wide text may be: as wide as the terminal, within reason."""
    import shutil

    return min(shutil.get_terminal_size((100, 25)).columns, 110) if sys.stdout.isatty() else 100
