"""Names of keys and values: how they are stored, compared, sorted and hashed.

A name is kept in one byte a character when every UTF-16 unit is below 256 ("compressed"), else in
UTF-16.  Windows compares names by their upper-cased units, one by one; so do the sorted subkey
lists, the hashes of ``lh`` lists and we.
"""

from __future__ import annotations

from struct import unpack

from bootmend.registry.layout import NIL
from bootmend.registry.upcase import upcase

HASH_FACTOR = 37


def decode_name(stored: bytes | bytearray, *, compressed: bool) -> str:
    """Return the text of a stored name; an odd last byte of UTF-16 is dropped, lone surrogates stay."""
    if compressed:
        return stored.decode("latin-1")
    return stored[: len(stored) & ~1].decode("utf-16-le", "surrogatepass")


def encode_name(name: str) -> tuple[bytes, bool]:
    """Return the bytes to store and whether they are compressed, as Windows would choose."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le", "surrogatepass"), False


def unit_count(name: str) -> int:
    """The number of UTF-16 units of a name."""
    return len(name) if name.isascii() else len(name.encode("utf-16-le", "surrogatepass")) // 2


def sort_key(name: str) -> bytes:
    """Bytes that sort as Windows sorts names: by upper-cased units."""
    return upcase(name).encode("utf-16-be", "surrogatepass")


def name_hash(name: str) -> int:
    """The hash of ``lh`` lists: ``37 * hash + upper-cased unit``, modulo 2**32."""
    stored = upcase(name).encode("utf-16-le", "surrogatepass")
    result = 0
    for unit in unpack(f"<{len(stored) // 2}H", stored):
        result = (result * HASH_FACTOR + unit) & NIL
    return result


def name_hint(name: str) -> bytes:
    """The hint of ``lf`` lists: the first four characters, one byte each.

    Where one of the four does not fit a byte, the first byte is 0 and the hint ends before it.
    """
    head = name[:4]
    narrow = head.encode("latin-1", "ignore") if all(char < "\u0100" for char in head) else _broken_hint(head)
    return narrow.ljust(4, b"\0")


def _broken_hint(head: str) -> bytes:
    wide = next(index for index, char in enumerate(head) if char > "\u00ff")
    return b"\0" + head[1:wide].encode("latin-1")
