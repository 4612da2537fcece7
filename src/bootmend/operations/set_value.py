"""Set a value in a registry hive."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change
from bootmend.registry import ValueType

if TYPE_CHECKING:
    from bootmend.machine import Workspace
    from bootmend.registry import Value


class SetValue(NamedTuple):
    """Set ``name`` below ``key`` of the hive file ``path`` on ``volume``; the key is made where missing."""

    volume: int
    path: str
    key: str
    name: str
    type: int
    data: bytes
    kind: str = "set-value"

    @classmethod
    def dword(cls, volume: int, path: str, key: str, name: str, number: int) -> SetValue:
        """A REG_DWORD."""
        return cls(volume, path, key, name, ValueType.DWORD, pack("<I", number))

    def do(self, workspace: Workspace) -> list[Change]:
        """Set it; nothing to do where it has that type and data already."""
        hive = workspace.hive(self.volume, self.path)
        key = hive.key(self.key)
        old = key.value(self.name) if key else None
        if old is not None and (old.type, old.data) == (self.type, self.data):
            return []
        before = None if old is None else value_text(old)
        if key is None:
            hive.create_key(self.key)
        hive.set_value(self.key, self.name, self.type, self.data)
        key = hive.key(self.key)
        new = key.value(self.name) if key else None
        assert new is not None
        where = workspace.machine.volume(self.volume).where(self.path)
        return [Change(where, self.key, self.name, before, value_text(new))]


def value_text(value: Value) -> str:
    """A registry value as a person reads it."""
    if value.type in (ValueType.SZ, ValueType.EXPAND_SZ):
        return value.text()
    if value.type in (ValueType.DWORD, ValueType.QWORD) and len(value.data) in (4, 8):
        return f"{value.integer()} ({'REG_DWORD' if value.type == ValueType.DWORD else 'REG_QWORD'})"
    if value.type == ValueType.MULTI_SZ:
        return " ".join(value.strings())
    data = value.data
    return data[:16].hex(" ") + (f" ... ({len(data)} bytes)" if len(data) > 16 else "")
