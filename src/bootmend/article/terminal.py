"""Draws an article for a person at a terminal, with rich; imported only when there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.article.markdown import to_markdown

if TYPE_CHECKING:
    from rich.markdown import Markdown

    from bootmend.article.render import Drawable


def to_terminal(drawable: Drawable) -> Markdown:
    """What a rich console prints: addresses are shown, so that they can be read off a screen."""
    from rich.markdown import Markdown

    return Markdown(to_markdown(drawable), code_theme="ansi_dark", hyperlinks=False)
