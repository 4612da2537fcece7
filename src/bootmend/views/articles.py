"""Articles and codes as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.article import Filled, fill, parse, to_markdown, to_page, to_terminal, to_text
from bootmend.catalog import article_text
from bootmend.views import MACHINE, dump
from bootmend.views.style import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootmend.article.codes import CodeInfo
    from bootmend.catalog import RuleModule
    from bootmend.views.style import Style

NO_RULE = "No rule of the catalogue looks for it on a disk yet; a code alone never names the cause."


def article(rule: RuleModule, values: Mapping[str, str], output_format: str, style: Style, *, width: int) -> str:
    """A rule's article, filled in."""
    filled = fill(parse(article_text(rule), rule.RULE.id), _as_typed(values))
    match output_format:
        case "html":
            return to_page(filled)
        case "md":
            return to_markdown(filled)
        case "json" | "jsonl":
            return dump(_document(rule, values, filled), output_format)
    return to_terminal(filled, width) if style.colour else to_text(filled, width)


def _as_typed(values: Mapping[str, str]) -> dict[str, str]:
    """In articles a disk's path only stands in commands: as it must be typed there."""
    return {name: quoted(value) if name == "disk" else value for name, value in values.items()}


def _document(rule: RuleModule, values: Mapping[str, str], filled: Filled) -> dict[str, Any]:
    """``bootmend.article/1``."""
    return {
        "schema": "bootmend.article/1",
        "version": __version__,
        "rule": rule.RULE.id,
        "title": filled.title,
        "properties": dict(filled.article.properties),
        "values": dict(values),
        "markdown": to_markdown(filled),
        "unfilled": sorted(filled.unknown),
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
