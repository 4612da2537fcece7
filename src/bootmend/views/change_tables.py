"""Changes as tables that a person reads: what is changed, what it was before, what it is after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.views.human import plan_places
from bootmend.views.markup import Markup, element

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.model import Change

KINDS = {"removed": ("−", "minus"), "added": ("+", "plus"), "changed": ("~", "other")}


def change_tables(changes: Iterable[Change]) -> Iterator[Markup]:
    """A heading for each file, and a table for each object, key or structure in it that is changed."""
    for where, members in plan_places(changes):
        yield element("h3", element("code", where))
        groups: dict[str, list[Change]] = {}
        for change in members:
            groups.setdefault(change.group, []).append(change)
        for group, rows in groups.items():
            yield _table(group, rows)


def _table(group: str, changes: Iterable[Change]) -> Markup:
    head = element("tr", (element("th", words, scope="col") for words in ("Setting", "Before", "After")))
    return element(
        "table",
        element("caption", element("code", group)),
        element("thead", head),
        element("tbody", (_row(change) for change in changes)),
        class_="changes",
    )


def _row(change: Change) -> Markup:
    kind = "removed" if change.after is None else "added" if change.before is None else "changed"
    sign, colour = KINDS[kind]
    mark = element("span", sign, class_=f"sign {colour}", aria_hidden="true")
    name = element("th", mark, element("code", change.name), " ", element("span", kind, class_="soft kind"), scope="row")
    return element("tr", name, _value(change.before, "del"), _value(change.after, "ins"))


def _value(value: str | None, name: str) -> Markup:
    if value is None:
        return element("td", element("span", "not set", class_="soft"))
    return element("td", element(name, element("code", value)))
