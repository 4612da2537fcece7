"""``bootmend catalog``: the boot failures that bootmend knows."""

from __future__ import annotations

import click

from bootmend.cli.options import colour_option, format_option, known_rules
from bootmend.cli.output import data_style, show_data
from bootmend.cli.settings import Group


@click.group("catalog", cls=Group)
def command() -> None:
    """List and show the boot failures that bootmend knows."""


@command.command("list")
@format_option
@colour_option
def list_rules(*, output_format: str, colour: str) -> int:
    """List the rules: id, severity, codes, whether they are repaired."""
    from bootmend.catalog import rule_modules
    from bootmend.views import render_catalog

    rules = [module.RULE for module in rule_modules()]
    show_data(render_catalog(rules, output_format, data_style(colour)))
    return 0


@command.command("show")
@click.argument("rule")
@format_option
@colour_option
def show_rule(*, rule: str, output_format: str, colour: str) -> int:
    """Show all that is known of one rule but its article, which is what explain shows."""
    from bootmend.catalog import find_rule
    from bootmend.views import render_catalog

    found = find_rule(known_rules(rule)[0]).RULE
    show_data(render_catalog([found], output_format, data_style(colour), whole=True))
    return 0


@command.command("lint")
@format_option
@colour_option
def lint_rules(*, output_format: str, colour: str) -> int:
    """Look for flaws in the catalogue itself: in rules, in articles, between them. Exits with 1 if there are any."""
    from bootmend.catalog.linting import flaws
    from bootmend.views.flaws import render_flaws

    found = flaws()
    show_data(render_flaws(found, output_format, data_style(colour)))
    return 1 if found else 0
