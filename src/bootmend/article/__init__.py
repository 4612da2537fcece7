"""Self-help articles: read, fill in, render, lint; and the names of stop codes.

    article = parse(path.read_bytes())
    filled = fill(article, {"vmname": "web01", "loader": "{3d2f1a60-...}"})
    print(to_text(filled, width=80))

The format is described in ``docs/formats/article.md``.  What is not used is not loaded: a command that only wants the name
of a code pays for nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootmend.article.filling import Filled, LegendEntry, fill
    from bootmend.article.linting import lint, lint_all
    from bootmend.article.markdown import to_markdown
    from bootmend.article.nodes import Article, Remark, Section
    from bootmend.article.page import to_html, to_page
    from bootmend.article.parser import parse
    from bootmend.article.plain_text import to_terminal, to_text

__all__ = [
    "Article",
    "Filled",
    "LegendEntry",
    "Remark",
    "Section",
    "fill",
    "lint",
    "lint_all",
    "parse",
    "to_html",
    "to_markdown",
    "to_page",
    "to_terminal",
    "to_text",
]

_HOMES = {
    "filling": ("Filled", "LegendEntry", "fill"),
    "linting": ("lint", "lint_all"),
    "markdown": ("to_markdown",),
    "nodes": ("Article", "Remark", "Section"),
    "page": ("to_html", "to_page"),
    "parser": ("parse",),
    "plain_text": ("to_terminal", "to_text"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bootmend.article.{home}"), name)
    raise AttributeError(f"module 'bootmend.article' has no attribute {name!r}")
