"""States of a store, one after the other, and what recovery makes of them."""

from __future__ import annotations

import struct

from bootmend.registry.recover import Recovery, recover
from bootmend.source import MemorySource
from tests.registry.raw_hive import Bytes, K, RawHive

STATES = 4


def states(count: int = STATES, *, minor: int = 3) -> list[bytes]:
    """A store and what it becomes: each state has one more object than the last, and may be longer."""
    result = []
    for number in range(count):
        objects = [K(f"{{{index:08x}}}", [("Element", 3, bytes([index]) * 700)]) for index in range(4 + 5 * number)]
        result.append(bytes(RawHive(K("NewStoreRoot", children=[K("Objects", children=objects)]), minor=minor, sequence=9).data))
    return result


def recovered(hive: Bytes, *logs: bytes) -> Recovery:
    return recover(MemorySource(hive), [MemorySource(log) for log in logs])


def body(data: bytes) -> bytes:
    """The hive bins of a file."""
    return data[4096 : 4096 + struct.unpack_from("<I", data, 40)[0]]


def numbers(data: bytes) -> tuple[int, int]:
    first, second = struct.unpack_from("<II", data, 4)
    return first, second
