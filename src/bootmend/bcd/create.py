"""A new store: the hive that ``bcdedit /createstore`` makes."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from bootmend.bcd import layout
from bootmend.bcd.edit import StoreEditor
from bootmend.registry import HiveEditor
from bootmend.registry.create import apply_commit, new_hive
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd.store import Store

ROOT = "NewStoreRoot"
SYSTEM_NAME = "BCD00000000"
"""where Windows mounts the system store; any other store is ``BCD00000001``"""
OTHER_NAME = "BCD00000001"
LARGEST = 1 << 24
"""no store that is made here grows beyond this many bytes"""

_SZ, _DWORD = 1, 4
_ADMINISTRATORS = bytes.fromhex("01020000000000052000000020020000")
_SYSTEM = bytes.fromhex("010100000000000512000000")
_ALL = 0x000F003F
_READ_AND_OWN = 0x00060019
_ACE = Struct("<BBHI")
_ACL = Struct("<BBHHH")
_DESCRIPTOR = Struct("<BBHIIII")
_SELF_RELATIVE_WITH_DACL = 0x8004


def empty_store(now: int, *, system: bool = False) -> bytes:
    """Return a store without objects, 8,192 bytes; ``system`` marks it as the one a machine boots from.

    The names, keys and access rights are those measured on two stores made by ``bcdedit /createstore``.
    """
    below = _security(_READ_AND_OWN)
    keys = ((layout.DESCRIPTION, below), (layout.OBJECTS, below))
    hive = new_hive(ROOT, now=now, security=_security(_ALL), subkeys=keys)
    return edit_store(hive, now, lambda store: mark(store.hive, system=system))


def edit_store(store: bytes, now: int, change: Callable[[StoreEditor], object], room: int = LARGEST) -> bytes:
    """Return the bytes of a store after ``change`` has edited it; the file grows where it must.

    Raises:
        RefusedError: it would have more than ``room`` bytes.
    """
    editor = StoreEditor(HiveEditor(MemorySource(store), now=now, room=room))
    change(editor)
    return apply_commit(store, editor.hive.commit())


def compacted(store: Store, now: int) -> bytes:
    """Return a store with the same objects and elements and no more free space than a new hive has."""

    def fill(copy: StoreEditor) -> None:
        for item in store.objects():
            path = copy.create_object(item.id, item.type).key_name
            for element in item.elements.values():
                target = f"{layout.OBJECTS}\\{path}\\{layout.ELEMENTS}\\{element.key_name}"
                copy.hive.create_key(target)
                copy.hive.set_value(target, layout.ELEMENT_VALUE, element.registry_type, element.raw)
        for name, kind, data in store.description_values():
            copy.hive.set_value(layout.DESCRIPTION, name, kind, data)

    return edit_store(empty_store(now), now, fill)


def mark(hive: HiveEditor, *, system: bool) -> None:
    """Let a store say whether it is the system store."""
    name = SYSTEM_NAME if system else OTHER_NAME
    hive.create_key(layout.DESCRIPTION)
    hive.set_value(layout.DESCRIPTION, "KeyName", _SZ, f"{name}\0".encode("utf-16-le"))
    if system:
        for flag in ("System", "TreatAsSystem"):
            hive.set_value(layout.DESCRIPTION, flag, _DWORD, (1).to_bytes(4, "little"))


def _security(administrators: int) -> bytes:
    """A self-relative descriptor: administrators own it and have these rights, the system has all."""
    aces = _ace(administrators, _ADMINISTRATORS) + _ace(_ALL, _SYSTEM)
    acl = _ACL.pack(2, 0, _ACL.size + len(aces), 2, 0) + aces
    owner = _DESCRIPTOR.size + len(acl)
    group = owner + len(_ADMINISTRATORS)
    head = _DESCRIPTOR.pack(1, 0, _SELF_RELATIVE_WITH_DACL, owner, group, 0, _DESCRIPTOR.size)
    return head + acl + _ADMINISTRATORS + _SYSTEM


def _ace(rights: int, sid: bytes) -> bytes:
    return _ACE.pack(0, 0, _ACE.size + len(sid), rights) + sid
