"""What is wrong with the catalogue itself: for those who add to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from bootmend.article import lint_all, parse
from bootmend.catalog.index import article_text, rule_modules, rule_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.catalog.index import RuleModule

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CODE = re.compile(r"0x[0-9A-F]{8}")
PARTS = ("detect", "repair", "break_")


class Flaw(NamedTuple):
    """One thing that is wrong with one rule."""

    rule: str
    what: str

    def to_json(self) -> dict[str, str]:
        """The JSON form."""
        return {"rule": self.rule, "what": self.what}


def flaws() -> list[Flaw]:
    """Everything that is wrong, by rule: with the modules, with their articles, and between them."""
    modules = dict(zip(rule_places(), rule_modules(), strict=True))
    found = [Flaw(name, what) for name, module in modules.items() for what in _of_the_module(name, module)]
    articles = [parse(article_text(module), name) for name, module in modules.items()]
    found += [Flaw(article.name, f"article, {remark}") for article, remark in lint_all(articles)]
    return sorted(found)


def _of_the_module(name: str, module: RuleModule) -> Iterator[str]:
    rule = module.RULE
    if rule.id != name or not _ID.fullmatch(rule.id):
        yield f"its file is called {name}, and its id is {rule.id}"
    yield from (
        f"{code} is no code of eight hex digits" for code in (*rule.stop_codes, *rule.status_codes) if not _CODE.fullmatch(code)
    )
    if not rule.references:
        yield "it names no source"
    if not module.__doc__:
        yield "the module does not say what the good state is"
    yield from (f"{part} has no docstring" for part in PARTS if not getattr(module, part).__doc__)
