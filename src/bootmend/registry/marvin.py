"""Marvin32, the checksum of entries in transaction logs of hives.

The algorithm is Microsoft's (public in .NET as ``System.Marvin``): two 32-bit words are stirred with
each 32-bit word of the data.  The seed is printed in the regf specification as the bytes
``82 EF 4D 88 7A 4E 55 C5``, to be read as one big-endian number, low word last.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

_LOW: Final = 0x7A4E55C5
_HIGH: Final = 0x82EF4D88
_MASK: Final = 0xFFFFFFFF
_WORD: Final = Struct("<I")


def marvin32(data: bytes | bytearray | memoryview) -> int:
    """Return the 64-bit hash of ``data`` with the seed of registry logs.

    Some tenths of a second for each MiB, so hash only what is about to be used.
    """
    low, high, mask = _LOW, _HIGH, _MASK
    whole = len(data) & ~3
    for (word,) in _WORD.iter_unpack(data[:whole]):  # one round for each word, spelled out: this loop is all the cost
        low = (low + word) & mask
        high ^= low
        low = ((low << 20 | low >> 12) + high) & mask
        high = (high << 9 | high >> 23) & mask ^ low
        low = ((low << 27 | low >> 5) + high) & mask
        high = (high << 19 | high >> 13) & mask
    tail = int.from_bytes(data[whole:], "little") | 0x80 << 8 * (len(data) - whole)
    for word in (tail, 0):
        low, high = _stir(low + word & mask, high)
    return high << 32 | low


def _stir(low: int, high: int) -> tuple[int, int]:
    high ^= low
    low = (_rotated(low, 20) + high) & _MASK
    high = _rotated(high, 9) ^ low
    low = (_rotated(low, 27) + high) & _MASK
    return low, _rotated(high, 19)


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK
