"""HTML that is built, never pasted: every text that is put in is escaped, whatever disk or screen it comes from."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, TypeAlias

from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

VOID = frozenset({"br", "hr", "img", "meta"})


class Markup(str):
    """HTML that may stand as it is: made by :func:`element`, or written out in our own code."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[str] | None"
"""What an element may hold: text, which is escaped; :class:`Markup`; several of both; nothing."""


def shown(text: str) -> Markup:
    """Text as HTML that shows exactly it, without what would turn its direction or drive a terminal."""
    return text if isinstance(text, Markup) else Markup(escape(plain(text)))


def joined(children: Iterable[Child], between: str = "") -> Markup:
    """All of them, one behind the other."""
    return Markup(between.join(_child(child) for child in children if child is not None))


def _child(child: str | Iterable[str]) -> str:
    return shown(child) if isinstance(child, str) else joined(child)


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """``<name attributes>children</name>``.

    In the names of attributes an underscore stands for a hyphen, and one at the end for nothing (``class_``); an attribute
    that is None or False is left out, True has no value.
    """
    opening = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(opening) if name in VOID else Markup(f"{opening}{joined(children)}</{name}>")


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(plain(str(value)))}"'
