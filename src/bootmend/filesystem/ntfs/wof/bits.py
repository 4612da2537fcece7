"""Bits and prefix codes as XPRESS and LZX store them: 16-bit little-endian words, highest bit first."""

from __future__ import annotations

from bootmend.errors import CorruptError

LONGEST_CODE = 16
_KEPT = (1 << 40) - 1


class Bits:
    """Reads bits and bytes from one compressed chunk; past its end there are zeros, for one word."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self._word = 0
        self._count = 0

    def ensure(self, count: int) -> None:
        """Have at least ``count`` bits (up to 17) at hand."""
        while self._count < count:
            if self.position > len(self.data) + 2:
                raise CorruptError("a compressed chunk ends too early")
            word = int.from_bytes(self.data[self.position : self.position + 2], "little")
            self._word = (self._word << 16 | word) & _KEPT
            self.position += 2
            self._count += 16

    def peek(self, count: int) -> int:
        """The next bits, without taking them."""
        self.ensure(count)
        return self._word >> self._count - count & (1 << count) - 1

    def skip(self, count: int) -> None:
        """Take bits that were peeked at."""
        self._count -= count

    def take(self, count: int) -> int:
        """Take up to 17 bits as a number."""
        if not count:
            return 0
        value = self.peek(count)
        self._count -= count
        return value

    def bytes(self, count: int) -> bytes:
        """Take whole bytes that lie behind the words read so far."""
        found = self.data[self.position : self.position + count]
        if len(found) < count:
            raise CorruptError("a compressed chunk ends too early")
        self.position += count
        return found

    def align(self) -> None:
        """Go on at the next word; where one is just used up a whole one is skipped, as LZX pads its uncompressed blocks."""
        self.position += 0 if self._count % 16 else 2
        self.position -= 2 * (self._count // 16)
        self._count = 0
        self._word = 0


class Code:
    """A canonical prefix code, as a table over the longest code it has."""

    def __init__(self, lengths: list[int] | bytes) -> None:
        """Make the table for the code lengths of all symbols, 0 for those that do not occur.

        Raises:
            CorruptError: the lengths make no complete code.
        """
        self.longest = max(lengths, default=0)
        if self.longest > LONGEST_CODE:
            raise CorruptError(f"a code of {self.longest} bits cannot be")
        table: list[int] = []
        for length in range(1, self.longest + 1):
            span = 1 << self.longest - length
            for symbol in [symbol for symbol, own in enumerate(lengths) if own == length]:
                table += [symbol << 5 | length] * span
            if len(table) > 1 << self.longest:
                raise CorruptError("the lengths of a prefix code are too short")
        if self.longest and len(table) < 1 << self.longest:
            raise CorruptError("the lengths of a prefix code leave gaps")
        self.table = table

    def read(self, bits: Bits) -> int:
        """Take one symbol.

        Raises:
            CorruptError: the code is empty.
        """
        if not self.longest:
            raise CorruptError("a symbol is asked of an empty code")
        entry = self.table[bits.peek(self.longest)]
        bits.skip(entry & 31)
        return entry >> 5


def copy_match(out: bytearray, distance: int, length: int, limit: int) -> None:
    """Append ``length`` bytes from ``distance`` back; what is appended may be part of what is copied.

    Raises:
        CorruptError: it reaches before the chunk's start or past ``limit``.
    """
    if distance > len(out) or not distance or len(out) + length > limit:
        raise CorruptError(f"a reference of {length} bytes, {distance} back, does not fit at byte {len(out)}")
    start = len(out) - distance
    if distance >= length:
        out += out[start : start + length]
    else:
        pattern = out[start:]
        out += (pattern * (length // distance + 1))[:length]
