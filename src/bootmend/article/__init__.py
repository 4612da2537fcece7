"""Self-help articles: read, fill in, render, lint; and the names of stop codes.

    article = parse(path.read_bytes())
    filled = fill(article, {"vmname": "web01", "loader": "{3d2f1a60-...}"})
    print(to_text(filled, width=80))

The format is described in ``docs/formats/article.md``.
"""

from __future__ import annotations

from bootmend.article.fill import Filled, LegendEntry, fill
from bootmend.article.lint import lint, lint_all
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
