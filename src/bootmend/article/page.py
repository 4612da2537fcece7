"""Writes an article as HTML: a fragment, or a page of its own that needs nothing from anywhere.

Everything is escaped; no tag of the article's own comes through, and links lead to http, https or within the page.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from bootmend.article.nodes import (
    Anchor,
    Block,
    Break,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Inline,
    Link,
    Listing,
    Paragraph,
    Quote,
    Strong,
    Table,
    Text,
    Variable,
)
from bootmend.article.render import Drawable, page_of, safe_target

if TYPE_CHECKING:
    from collections.abc import Iterable

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.55 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}"
    "h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2rem}"
    "code,pre{font-family:ui-monospace,Consolas,monospace;font-size:.9em}"
    "pre{border:1px solid #8886;border-radius:6px;padding:.7rem;overflow-x:auto;overflow-wrap:normal}"
    "blockquote{margin:1rem 0;padding:.1rem 1rem;border-left:4px solid #8888}"
    "li{margin:.4rem 0}table{border-collapse:collapse}td,th{border:1px solid #8886;padding:.3rem .6rem;text-align:left}"
    ".done::marker{color:#2da44e;font-weight:bold}"
    "@media print{body{max-width:none}pre{white-space:pre-wrap}}"
)
_DONE = ' class="done"'
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def to_html(drawable: Drawable) -> str:
    """The article as a fragment."""
    return "\n".join(_block(block) for block in page_of(drawable).blocks())


def to_page(drawable: Drawable) -> str:
    """The article as one self-contained page, light or dark as the reader's system is."""
    page = page_of(drawable)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{to_html(page)}\n</main>\n</body>\n</html>\n"
    )


def _blocks(blocks: Iterable[Block]) -> str:
    return "".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Heading(level, children):
            return f"<h{level}>{_inlines(children)}</h{level}>"
        case Paragraph(children):
            return f"<p>{_inlines(children)}</p>"
        case CodeBlock(text):
            return f'<pre tabindex="0"><code>{escape(text)}\n</code></pre>'
        case Quote(blocks):
            return f"<blockquote>{_blocks(blocks)}</blockquote>"
        case Listing():
            return _listing(block)
        case Table(rows):
            return _table(rows)


def _listing(listing: Listing) -> str:
    items = "".join(f"<li{_DONE if item.done else ''}>{_item(item.blocks)}</li>" for item in listing.items)
    start = f' start="{listing.start}"' if listing.start > 1 else ""
    return f"<ol{start}>{items}</ol>" if listing.ordered else f"<ul>{items}</ul>"


def _item(blocks: tuple[Block, ...]) -> str:
    """A lone paragraph needs no tag of its own."""
    if len(blocks) == 1 and isinstance(blocks[0], Paragraph):
        return _inlines(blocks[0].children)
    return _blocks(blocks)


def _table(rows: tuple[tuple[tuple[Inline, ...], ...], ...]) -> str:
    head = "".join(f"<th>{_inlines(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_inlines(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _inlines(children: Iterable[Inline]) -> str:
    return "".join(_inline(child) for child in children)


def _inline(child: Inline) -> str:
    match child:
        case Text(text):
            return escape(text)
        case Code(text):
            return f"<code>{escape(text)}</code>"
        case Strong(children):
            return f"<strong>{_inlines(children)}</strong>"
        case Emphasis(children):
            return f"<em>{_inlines(children)}</em>"
        case Link(children, target):
            return _link(_inlines(children), target)
        case Break():
            return "<br>"
        case Anchor(name):
            return f'<a id="{escape(_id(name))}"></a>' if _id(name) else ""
        case Variable(_, default):
            return escape(default)


def _id(name: str) -> str:
    """A name that can be an id: no blanks, nothing that needs quoting."""
    return re.sub(r"[^\w.:-]", "", name)[:100]


def _link(label: str, target: str) -> str:
    safe = safe_target(target)
    if not safe:
        return label
    rel = "" if safe.startswith("#") else ' rel="noopener noreferrer"'
    return f'<a href="{escape(safe)}"{rel}>{label}</a>'
