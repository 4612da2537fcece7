"""Articles and codes as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.article import Filled, fill, parse, to_markdown, to_page, to_terminal, to_text
from bootmend.article.nodes import Listing, Paragraph, inlines_of, plain
from bootmend.article.steps import TICK, tick
from bootmend.catalog import article_text
from bootmend.views import MACHINE, dump
from bootmend.views.beside import with_ours
from bootmend.views.style import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bootmend.article import Article
    from bootmend.article.codes import CodeInfo
    from bootmend.article.nodes import Item
    from bootmend.article.steps import Deed
    from bootmend.engine.explain import Explained
    from bootmend.views.style import Style

NO_RULE = "No rule of the catalogue looks for it on a disk yet; a code alone never names the cause."


def filled(explained: Explained) -> Filled:
    """A rule's article for a machine: gaps filled, our commands beside Microsoft's, and the steps that were done ticked.

    Render it with :func:`bootmend.article.to_html` (a fragment), ``to_page``, ``to_text`` or ``to_markdown``.  Its
    ``article.summary`` is the one line above the fold.
    """
    article = parse(article_text(explained.rule), explained.rule.RULE.id)
    return filled_article(article, explained.values, explained.deeds)


def filled_article(article: Article, values: Mapping[str, str], deeds: Iterable[Deed] = ()) -> Filled:
    """Any article for a machine, as :func:`filled` does with a rule's own."""
    return tick(with_ours(fill(article, _as_typed(values)), values), deeds)


def article(explained: Explained, output_format: str, style: Style, *, width: int) -> str:
    """A rule's article, filled in."""
    page = filled(explained)
    if output_format in MACHINE:
        return dump(_document(explained, page), output_format)
    return shown(page, output_format, style, width=width)


def shown(page: Filled, output_format: str, style: Style, *, width: int) -> str:
    """An article as ``html``, ``md``, or text that is coloured where the style is."""
    match output_format:
        case "html":
            return to_page(page)
        case "md":
            return to_markdown(page)
    return to_terminal(page, width) if style.colour else to_text(page, width)


def _as_typed(values: Mapping[str, str]) -> dict[str, str]:
    """In articles a disk's path only stands in commands: as it must be typed there."""
    return {name: quoted(value) if name == "disk" else value for name, value in values.items()}


def _document(explained: Explained, page: Filled) -> dict[str, Any]:
    """``bootmend.article/1``."""
    return {
        "schema": "bootmend.article/1",
        "version": __version__,
        "rule": explained.rule.RULE.id,
        "title": page.title,
        "summary": page.article.summary,
        "properties": dict(page.article.properties),
        "values": dict(explained.values),
        "steps": [_step(number, item) for number, item in enumerate(page.article.steps, 1)],
        "markdown": to_markdown(page),
        "unfilled": sorted(page.unknown),
    }


def _step(number: int, item: Item) -> dict[str, Any]:
    """A step and those within it, with what ticks it."""
    words = next((plain(inlines_of(block)) for block in item.blocks if isinstance(block, Paragraph)), "")
    inner = [one for block in item.blocks if isinstance(block, Listing) for one in block.items]
    return {
        "number": number,
        "text": words.split(TICK)[0].strip(),
        "operations": list(item.operations),
        "done": item.done,
        "steps": [_step(index, one) for index, one in enumerate(inner, 1)],
    }


def codes(found: Sequence[CodeInfo], output_format: str) -> str:
    """What is known of codes that no rule explains."""
    if output_format in MACHINE:
        rows = [{"code": one.code, "name": one.name, "aliases": list(one.aliases)} for one in found]
        return dump({"schema": "bootmend.codes/1", "version": __version__, "codes": rows}, output_format)
    if output_format != "human":
        from bootmend.views import pages

        return pages.codes_page(found, output_format, NO_RULE)
    lines = [f"{one.code}  {one.name}" + (f" ({', '.join(one.aliases)})" if one.aliases else "") for one in found]
    return "\n".join([*lines, NO_RULE]) + "\n"
