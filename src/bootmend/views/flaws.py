"""The flaws of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend import __version__
from bootmend.views import MACHINE, dump
from bootmend.views.blocks import Heading, Table, Text, to_html, to_markdown
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.catalog.linting import Flaw
    from bootmend.views.blocks import Block
    from bootmend.views.style import Style

NONE = "The catalogue has no flaw."
TITLE = "Flaws of the catalogue"


def render_flaws(flaws: Sequence[Flaw], output_format: str, style: Style) -> str:
    """The flaws in a format; none is said, too."""
    if output_format in MACHINE:
        document = {"schema": "bootmend.catalog-lint/1", "version": __version__, "flaws": [flaw.to_json() for flaw in flaws]}
        return dump(document, output_format)
    if output_format == "human":
        lines = [f"{style(plain(flaw.rule), 'bold')}: {plain(flaw.what)}" for flaw in flaws] or [NONE]
        return "\n".join(lines) + "\n"
    table: Block = Table(("Rule", "Flaw"), tuple((flaw.rule, flaw.what) for flaw in flaws)) if flaws else Text(NONE)
    blocks = [Heading(TITLE, 1), table]
    return to_html(blocks, TITLE) if output_format == "html" else to_markdown(blocks)
