"""LZX as WOF and WIM files use it: chunks of 32 KiB, each on its own, with a window just as large.

Sources: [MS-PATCH] 2 (LZX) for blocks, codes and matches; the differences of the WIM variant (default block size in
one bit, no translation size, every chunk translated) are measured against wimlib.
"""

from __future__ import annotations

from bootmend.errors import CorruptError
from bootmend.filesystem.ntfs.wof.bits import Bits, Code, copy_match

LITERALS, SLOTS, LENGTHS, PRETREE = 256, 30, 249, 20
MAIN = LITERALS + 8 * SLOTS
VERBATIM, ALIGNED, UNCOMPRESSED = 1, 2, 3
DEFAULT_BLOCK = 32768
SHORTEST = 2
TRANSLATION_SIZE = 12_000_000
TRANSLATION_TAIL = 10
"""The last bytes of a chunk are never translated."""
_EXTRA = [0, 0, 0, 0, *(slot // 2 - 1 for slot in range(4, SLOTS))]
_BASES = [sum(1 << extra for extra in _EXTRA[:slot]) for slot in range(SLOTS)]


def unpack(data: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that a chunk holds.

    Raises:
        CorruptError: it is damaged.
    """
    decoder = _Decoder(data, size)
    while len(decoder.out) < size:
        decoder.block()
    return _translated(decoder.out)


class _Decoder:
    """One chunk: what was unpacked so far, the last three distances, the code lengths that the next block builds on."""

    def __init__(self, data: bytes, size: int) -> None:
        self.bits = Bits(data)
        self.size = size
        self.out = bytearray()
        self._recent = [1, 1, 1]
        self._main = [0] * MAIN
        self._lengths = [0] * LENGTHS

    def block(self) -> None:
        """Unpack one block."""
        kind = self.bits.take(3)
        length = DEFAULT_BLOCK if self.bits.take(1) else self.bits.take(16)
        end = len(self.out) + length
        if not length or (end > self.size and not (length == DEFAULT_BLOCK and not self.out)):
            raise CorruptError(f"a block of {length} bytes does not fit into the chunk")
        end = min(end, self.size)
        if kind == UNCOMPRESSED:
            self._plain(end)
        elif kind in (VERBATIM, ALIGNED):
            aligned = Code([self.bits.take(3) for _ in range(8)]) if kind == ALIGNED else None
            self._read_lengths(self._main, 0, LITERALS)
            self._read_lengths(self._main, LITERALS, MAIN)
            self._read_lengths(self._lengths, 0, LENGTHS)
            self._packed(end, Code(self._main), Code(self._lengths), aligned)
        else:
            raise CorruptError(f"a block of the unknown kind {kind}")

    def _plain(self, end: int) -> None:
        self.bits.align()
        head = self.bits.bytes(12)
        self._recent = [int.from_bytes(head[at : at + 4], "little") for at in (0, 4, 8)]
        length = end - len(self.out)
        self.out += self.bits.bytes(length)
        if length % 2:
            self.bits.bytes(1)

    def _read_lengths(self, lengths: list[int], start: int, end: int) -> None:
        """Read code lengths as differences to those of the block before, modulo 17, with runs."""
        bits = self.bits
        code = Code([bits.take(4) for _ in range(PRETREE)])
        position = start
        while position < end:
            symbol = code.read(bits)
            if symbol < 17:
                lengths[position] = (lengths[position] - symbol) % 17
                position += 1
                continue
            if symbol == 17:
                count, value = bits.take(4) + 4, 0
            elif symbol == 18:
                count, value = bits.take(5) + 20, 0
            else:
                count = bits.take(1) + 4
                value = (lengths[position] - code.read(bits)) % 17
            for at in range(position, min(position + count, end)):
                lengths[at] = value
            position += count

    def _packed(self, end: int, main: Code, lengths: Code, aligned: Code | None) -> None:
        bits, out = self.bits, self.out
        while len(out) < end:
            symbol = main.read(bits)
            if symbol < LITERALS:
                out.append(symbol)
                continue
            length, slot = symbol - LITERALS & 7, symbol - LITERALS >> 3
            if length == 7:
                length += lengths.read(bits)
            copy_match(out, self._distance(slot, aligned), length + SHORTEST, end)

    def _distance(self, slot: int, aligned: Code | None) -> int:
        recent = self._recent
        if slot < 3:
            distance = recent[slot]
            recent[slot], recent[0] = recent[0], distance
            return distance
        extra = _EXTRA[slot]
        if aligned is not None and extra >= 3:
            more = self.bits.take(extra - 3) << 3 | aligned.read(self.bits)
        else:
            more = self.bits.take(extra)
        distance = _BASES[slot] + more - 2
        self._recent = [distance, recent[0], recent[1]]
        return distance


def _translated(out: bytearray) -> bytes:
    """Undo the translation of x86 call targets: each E8 is followed by an absolute address that was a relative one."""
    position, end = out.find(0xE8), len(out) - TRANSLATION_TAIL
    while 0 <= position < end:
        target = int.from_bytes(out[position + 1 : position + 5], "little", signed=True)
        if -position <= target < TRANSLATION_SIZE:
            relative = target - position if target >= 0 else target + TRANSLATION_SIZE
            out[position + 1 : position + 5] = relative.to_bytes(4, "little", signed=True)
        position = out.find(0xE8, position + 5)
    return bytes(out)
