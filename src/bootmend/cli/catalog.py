"""``bootmend catalog``: the boot failures that bootmend knows."""

from __future__ import annotations

import click

from bootmend.cli.output import colour_option, data_style, format_option, show_data


@click.group("catalog")
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
    """Show one rule."""
    from bootmend.catalog import find_rule
    from bootmend.views import render_catalog

    show_data(render_catalog([find_rule(rule).RULE], output_format, data_style(colour)))
    return 0
