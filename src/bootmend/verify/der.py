"""The little of DER that a certificate and a CredSSP message need: tags, lengths, children.

Source: ITU-T X.690.  Bytes in, values out; every length is checked against what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGER, OCTET_STRING, OID, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
MOST_CHILDREN = 4096


class Node(NamedTuple):
    """One value: its tag with class and form bits, and its content."""

    tag: int
    content: bytes

    def children(self) -> list[Node]:
        """The values inside a constructed one."""
        return list(nodes(self.content))

    def child(self, tag: int) -> Node:
        """The first value inside with this tag.

        Raises:
            CorruptError: there is none.
        """
        for node in nodes(self.content):
            if node.tag == tag:
                return node
        raise CorruptError(f"DER: no value with tag {tag:#04x} where one must be")

    def find(self, tag: int) -> Node | None:
        """The first value inside with this tag, if any."""
        return next((node for node in nodes(self.content) if node.tag == tag), None)


def nodes(data: bytes) -> Iterator[Node]:
    """The values one after another.

    Raises:
        CorruptError: a length reaches past the end, or takes a form that DER has not.
    """
    position = 0
    for _ in range(MOST_CHILDREN):
        if position >= len(data):
            return
        start, end = content_range(data, position)
        if end > len(data):
            raise CorruptError(f"DER: a value of {end - start} bytes where {len(data) - start} are left")
        yield Node(data[position], data[start:end])
        position = end
    raise CorruptError("DER: too many values in one")


def content_range(data: bytes, position: int = 0) -> tuple[int, int]:
    """Where the content of the value at ``position`` begins and ends; only its header need be there.

    Raises:
        CorruptError: the header is cut short, of the indefinite form, or longer than any length here.
    """
    if position + 2 > len(data):
        raise CorruptError("DER: a value is cut short")
    first = data[position + 1]
    if first < 0x80:
        return position + 2, position + 2 + first
    count = first & 0x7F
    if not 1 <= count <= 4 or position + 2 + count > len(data):
        raise CorruptError("DER: a length that cannot be")
    length = int.from_bytes(data[position + 2 : position + 2 + count], "big")
    return position + 2 + count, position + 2 + count + length


def encode(tag: int, *parts: bytes) -> bytes:
    """A value with that content, in the shortest form."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes(1 + len(content).bit_length() // 8, "big").lstrip(b"\0")
    return bytes([tag, 0x80 | len(length)]) + length + content


def oid_text(content: bytes) -> str:
    """An object identifier in dots."""
    numbers: list[int] = []
    value = 0
    for byte in content[:64]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        return ""
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))
