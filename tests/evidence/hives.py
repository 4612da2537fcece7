"""Hives with a few values in them."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from bootmend.registry import Hive
from bootmend.registry.create import apply_commit, new_hive
from bootmend.registry.editor import HiveEditor
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 133_497_900_000_000_000
SYSTEM_SID = bytes.fromhex("010100000000000512000000")
SECURITY = b"\x01\x00\x00\x80" + pack("<IIII", 20, 32, 0, 0) + SYSTEM_SID * 2
SZ, BINARY, DWORD, MULTI_SZ = 1, 3, 4, 7
Value = tuple[str, str, int, bytes]
"""key, name, type, data; a value without a name and data only makes its key"""


def text(*texts: str) -> bytes:
    """Texts as SZ and MULTI_SZ keep them."""
    return b"".join(one.encode("utf-16-le") + b"\0\0" for one in texts)


def hive_bytes(values: Iterable[Value]) -> bytes:
    """A hive file with these values."""
    data = new_hive("ROOT", now=NOW, security=SECURITY)
    editor = HiveEditor(MemorySource(data), now=NOW, room=1 << 20)
    for key, name, kind, value in values:
        editor.create_key(key)
        if name:
            editor.set_value(key, name, kind, value)
    return apply_commit(data, editor.commit())


def hive(*values: Value) -> Hive:
    """The same, opened."""
    return Hive(MemorySource(hive_bytes(values)))
