"""LZNT1: the compression of NTFS files ([MS-XCA] 2.5).

Data come in chunks that each hold up to 4096 bytes.  A chunk begins with a 16-bit header (bits 0 to
11: its length minus 3; bit 15: compressed).  In a compressed chunk a flag byte tells, for each of the
eight items after it, a literal byte from a 16-bit reference backwards; how many of its bits are the
distance grows with the position in the chunk.
"""

from __future__ import annotations

from bootmend.errors import CorruptError, place

CHUNK = 4096
_COMPRESSED = 0x8000
_LENGTH = 0x0FFF


def decompress(data: bytes, size: int) -> bytes:
    """Return ``size`` bytes: what ``data`` unfolds to, filled up with zeros.

    A chunk that unfolds to less than 4096 bytes is filled up with zeros: each begins at a multiple of 4096.

    Raises:
        CorruptError: a chunk is cut off, or a reference points before its chunk's start.
    """
    parts: list[bytes] = []
    done = position = 0
    while done < size and position + 2 <= len(data):
        header = int.from_bytes(data[position : position + 2], "little")
        if not header:
            break
        end = position + 3 + (header & _LENGTH)
        if end > len(data):
            raise CorruptError(f"the compressed chunk at {position:#x} is cut off")
        chunk = data[position + 2 : end]
        if header & _COMPRESSED:
            with place(f"compressed chunk at {position:#x}"):
                chunk = _unfold(chunk)
        parts.append(chunk[:CHUNK].ljust(CHUNK, b"\0"))
        done, position = done + CHUNK, end
    return b"".join(parts)[:size].ljust(size, b"\0")


def _unfold(chunk: bytes) -> bytes:
    out = bytearray()
    position, end = 0, len(chunk)
    length_bits, threshold = 12, 16  # up to 16 bytes of output, 4 bits hold the distance and 12 the length
    while position < end and len(out) < CHUNK:
        flags = chunk[position]
        position += 1
        if not flags:
            out += chunk[position : position + 8]
            position += 8
            continue
        for bit in range(8):
            if position >= end:
                break
            if not flags >> bit & 1:
                out.append(chunk[position])
                position += 1
                continue
            if position + 2 > end:
                raise CorruptError("a reference is cut off")
            token = chunk[position] | chunk[position + 1] << 8
            position += 2
            written = len(out)
            while written > threshold and length_bits > 4:
                threshold, length_bits = threshold * 2, length_bits - 1
            distance = (token >> length_bits) + 1
            length = (token & (1 << length_bits) - 1) + 3
            if distance > written:
                raise CorruptError(f"a reference points {distance} bytes back after only {written}")
            _copy(out, distance, length)
    return bytes(out[:CHUNK])


def _copy(out: bytearray, distance: int, length: int) -> None:
    """Append ``length`` bytes from ``distance`` back; what is appended may be part of what is copied."""
    start = len(out) - distance
    if distance >= length:
        out += out[start : start + length]
    else:
        pattern = out[start:]
        out += (pattern * (length // distance + 1))[:length]
