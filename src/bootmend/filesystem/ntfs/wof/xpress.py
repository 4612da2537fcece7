"""XPRESS with Huffman codes ([MS-XCA] 2.1 and 2.2), as WOF uses it: chunks of 4 to 16 KiB, each with a code of its own."""

from __future__ import annotations

from bootmend.errors import CorruptError
from bootmend.filesystem.ntfs.wof.bits import Bits, Code, copy_match

TABLE = 256
"""512 code lengths of four bits."""
LITERALS = 256
SHORTEST = 3


def unpack(data: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that a chunk holds.

    Raises:
        CorruptError: it is damaged.
    """
    if len(data) < TABLE:
        raise CorruptError(f"a compressed chunk of {len(data)} bytes has no room for its code")
    code = Code(bytes(length for byte in data[:TABLE] for length in (byte & 15, byte >> 4)))
    bits = Bits(data)
    bits.position = TABLE
    out = bytearray()
    while len(out) < size:
        symbol = code.read(bits)
        if symbol < LITERALS:
            out.append(symbol)
            continue
        bits.ensure(16)  # the decoder of Windows reads ahead by a word before it reads bytes
        length = symbol & 15
        if length == 15:
            length = _long_length(bits)
        distance_bits = symbol - LITERALS >> 4
        distance = (1 << distance_bits) + bits.take(distance_bits)
        copy_match(out, distance, length + SHORTEST, size)
    return bytes(out)


def _long_length(bits: Bits) -> int:
    length = bits.bytes(1)[0]
    if length < 0xFF:
        return length + 15
    length = int.from_bytes(bits.bytes(2), "little")
    return length or int.from_bytes(bits.bytes(4), "little")
