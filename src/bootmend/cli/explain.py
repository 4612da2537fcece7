"""``bootmend explain``: the article for a stop code, its name or a rule."""

from __future__ import annotations

import sys

import click

from bootmend.cli.options import colour_option, format_option, vm_option
from bootmend.cli.output import about, data_style, say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import UsageError

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
    from bootmend.engine.explain import article_values, rules_for
    from bootmend.views import render_article, render_codes

    rules, codes = rules_for(what)
    names = list(dict.fromkeys(rule.RULE.id for rule in rules))
    if not rules and not codes:
        raise UsageError(f"{what!r} is no stop code, name or rule that is known", hint="see  bootmend catalog list")
    if not rules:
        show_data(render_codes(codes, output_format))
        return 0
    if len(names) > 1 and output_format in ONE_DOCUMENT:
        raise UsageError(f"{what} has {len(names)} articles: name one of {', '.join(names)}")
    for rule in rules:
        with about(disk):
            values = article_values(rule, vm=vm, disk=disk)
        show_data(render_article(rule, values, output_format, data_style(colour), width=_width()))
    if len(names) > 1:
        say(f"{what}: {len(names)} rules know it: {', '.join(names)}")
    return 0


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size((100, 25)).columns, 110) if sys.stdout.isatty() else 100
