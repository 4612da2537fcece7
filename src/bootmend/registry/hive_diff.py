"""What differs between two hives, key by key: keys, classes, values.  Time stamps and offsets are not compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bootmend.errors import CorruptError
from bootmend.registry.hive import DEEPEST
from bootmend.registry.names import sort_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.registry.keys import Key

ADDED: Final = "added"
REMOVED: Final = "removed"
CHANGED: Final = "changed"


class Content(NamedTuple):
    """A value's type and data."""

    kind: int
    data: bytes


class Difference(NamedTuple):
    """One difference.

    ``path`` is the key's.  ``name`` is None where the key itself is meant: added, removed, or with another class or
    security descriptor (``what`` is then ``class`` or ``security``); else it is the value's.  A key that is added or removed
    is followed by all its values and subkeys, each as a difference of its own.
    """

    change: str
    path: str
    name: str | None = None
    before: Content | None = None
    after: Content | None = None
    what: str = ""


def compare_keys(before: Key, after: Key, path: str = "", *, security: bool = False) -> Iterator[Difference]:
    """Yield what differs between two keys and all below them, in the order of their names.

    Names are compared as Windows does, whatever their case; security descriptors only where ``security`` is true.

    Raises:
        CorruptError: a broken key or value.
    """
    pending: list[tuple[str, Key | None, Key | None, int]] = [(path, before, after, 1)]
    while pending:
        path, old, new, depth = pending.pop()
        if depth > DEEPEST:
            raise CorruptError(f"keys are nested deeper than {DEEPEST} levels", at=path)
        yield from _one_key(path, old, new, security=security)
        pending += reversed(_below(path, old, new, depth + 1))


def _one_key(path: str, old: Key | None, new: Key | None, *, security: bool) -> Iterator[Difference]:
    if old is None or new is None:
        yield Difference(ADDED if old is None else REMOVED, path)
    else:
        if old.class_name != new.class_name:
            yield Difference(CHANGED, path, None, _text(old.class_name), _text(new.class_name), "class")
        if security and old.security != new.security:
            yield Difference(CHANGED, path, None, Content(3, old.security), Content(3, new.security), "security")
    yield from _values(path, old, new)


def _text(name: str | None) -> Content | None:
    return None if name is None else Content(1, name.encode("utf-16-le", "surrogatepass") + b"\0\0")


def _values(path: str, old: Key | None, new: Key | None) -> Iterator[Difference]:
    left, right = _contents(old), _contents(new)
    for upper in sorted(left.keys() | right.keys()):
        name = (left.get(upper) or right[upper])[0]
        before = left[upper][1] if upper in left else None
        after = right[upper][1] if upper in right else None
        if before != after:
            change = ADDED if before is None else REMOVED if after is None else CHANGED
            yield Difference(change, path, name, before, after)


def _contents(key: Key | None) -> dict[bytes, tuple[str, Content]]:
    if key is None:
        return {}
    return {sort_key(value.name): (value.name, Content(value.type, value.data)) for value in key.values()}


def _below(path: str, old: Key | None, new: Key | None, depth: int) -> list[tuple[str, Key | None, Key | None, int]]:
    left = {sort_key(key.name): key for key in old.subkeys()} if old else {}
    right = {sort_key(key.name): key for key in new.subkeys()} if new else {}
    start = f"{path}\\" if path else ""
    return [
        (start + (left.get(upper) or right[upper]).name, left.get(upper), right.get(upper), depth)
        for upper in sorted(left.keys() | right.keys())
    ]
