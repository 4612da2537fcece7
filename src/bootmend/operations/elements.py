"""How BCD objects and elements are shown in a change: as ``bcdedit /v`` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import element_text

if TYPE_CHECKING:
    from bootmend.bcd import BcdObject, Store
    from bootmend.machine import Workspace


def shown(workspace: Workspace, store: Store, obj: BcdObject, element: int | str) -> str | None:
    """The element's text, None where the object does not have it; several values on one line."""
    return element_text(workspace.machine, store, obj, element)


def group(obj: BcdObject) -> str:
    """What a change belongs to: the alias and the whole id."""
    return f"{obj.alias} {obj.id}" if obj.alias else obj.id
