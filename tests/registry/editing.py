"""What tests of the editor share: a hive as nested dictionaries, and editing one to the end."""

from __future__ import annotations

import struct

from bootmend.registry import Commit, Hive, HiveEditor, check_buffer
from bootmend.source import MemorySource

NOW = 0x01DC5F0000000000
Tree = dict[str, dict[str, tuple[int, bytes]]]
"""Values by name, by path of their key."""


def editor(data: bytes | bytearray, room: int | None = None) -> HiveEditor:
    return HiveEditor(MemorySource(bytes(data)), now=NOW, room=room)


def tree(data: bytes | bytearray) -> Tree:
    hive = Hive(MemorySource(bytes(data)))
    return {path: {value.name: (value.type, value.data) for value in key.values()} for path, key in hive.walk()}


def written(data: bytes | bytearray, commit: Commit) -> bytes:
    """The file after a commit, which must have brought no violation."""
    file = MemorySource(bytes(data) + bytes(max(0, commit.size - len(data))), writable=True)
    commit.write(file)
    assert check_buffer(bytes(file.data)) == []
    return bytes(file.data)


def cells_of(data: bytes) -> dict[int, bytes]:
    """All allocated cells by offset, found by stepping through the bins as the specification says."""
    bins_size = struct.unpack_from("<I", data, 40)[0]
    cells, start = {}, 0
    while start < bins_size:
        size = struct.unpack_from("<I", data, 4096 + start + 8)[0]
        offset = start + 32
        while offset < start + size:
            length = struct.unpack_from("<i", data, 4096 + offset)[0]
            if length < 0:
                cells[offset] = data[4096 + offset : 4096 + offset - length]
            offset += abs(length)
        start += size
    return cells


def key_fields(data: bytes, cell: int) -> dict[str, int]:
    """The fields of a key node, read by the specification alone."""
    names = (
        "flags written access parent subkeys volatile list volatile_list values value_list security class "
        "largest_subkey largest_class largest_value_name largest_value_data work name_length class_length"
    )
    return dict(zip(names.split(), struct.unpack_from("<HQ15I2H", data, 4096 + cell + 6), strict=True))
