"""``bootmend explain``: the article for a stop code, its name or a rule."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bootmend.cli.output import colour_option, data_style, format_option, say, show_data, vm_option
from bootmend.errors import MissingError

if TYPE_CHECKING:
    from bootmend.catalog import RuleModule


@click.command("explain")
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
    if not rules and not codes:
        raise MissingError(f"{what!r} is no stop code, name or rule that is known; see  bootmend catalog list")
    if not rules:
        show_data(render_codes(codes, output_format))
        return 0
    for rule in _distinct(rules):
        values = article_values(rule, vm=vm, disk=disk)
        show_data(render_article(rule, values, output_format, data_style(colour), width=_width()))
    if len(rules) > 1:
        say(f"{what}: {len(rules)} rules know it: {', '.join(rule.RULE.id for rule in rules)}")
    return 0


def _distinct(rules: list[RuleModule]) -> list[RuleModule]:
    return list({rule.RULE.id: rule for rule in rules}.values())


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size((100, 25)).columns, 110) if sys.stdout.isatty() else 100
