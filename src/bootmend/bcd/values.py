"""Element values: registry bytes to typed values and back.

======================= ================== =====================================================
format                  registry type      value
======================= ================== =====================================================
device                  BINARY             :class:`~bootmend.bcd.devices.Device`
string                  SZ                 str
object                  SZ                 str, ``{lower case guid}``
object list             MULTI_SZ           tuple of such
integer                 BINARY, 1-8 bytes  int; written as 8 bytes
boolean                 BINARY, 1 byte     bool
integer list            BINARY, n * 8      tuple of int
binary, and unknown     BINARY             bytes
======================= ================== =====================================================

Source: measurements on 40 stores (``docs/formats/bcd.md``); integers of 1 and 3 bytes do occur.
"""

from __future__ import annotations

from codecs import utf_16_le_decode
from struct import Struct
from typing import TYPE_CHECKING

from bootmend.bcd import elements
from bootmend.bcd.devices import Device, parse_device
from bootmend.bcd.identifiers import parse_guid
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

SZ = 1
BINARY = 3
MULTI_SZ = 7
REGISTRY_TYPES = {elements.STRING: SZ, elements.OBJECT: SZ, elements.OBJECT_LIST: MULTI_SZ}
"""Format to the registry type it is stored as; all others are BINARY."""

Value = Device | str | int | bool | tuple[str, ...] | tuple[int, ...] | bytes
Typed = Device | str | int | bool | tuple[str, ...] | tuple[int, ...]

_U64 = Struct("<Q")
_INTEGER_LIMIT = 1 << 64


def decode(element_id: int, registry_type: int, raw: bytes) -> tuple[Value, str]:
    """Return the typed value and a remark, "" when all is well.

    A value that does not fit its element comes back as the bytes themselves with a remark that says why.
    """
    value_format = element_id >> 24 & 0xF
    expected, reader = _READERS.get(value_format, _NO_READER)
    if registry_type != expected:
        return raw, f"registry type {registry_type} where {expected} belongs"
    if reader is None:
        return raw, ""
    value = reader(raw)
    return (raw, f"{len(raw)} bytes are no {elements.FORMAT_NAMES[value_format]}") if value is None else (value, "")


def encode(element_id: int, value: Value) -> tuple[int, bytes]:
    """Return the registry type and the bytes of a typed value.

    Raises:
        UsageError: the value is not of the element's format.
    """
    value_format = elements.format_of(element_id)
    registry_type = REGISTRY_TYPES.get(value_format, BINARY)
    if isinstance(value, bytes):
        return registry_type, value
    writer = _WRITERS.get(value_format)
    data = None if writer is None else writer(value)
    if data is None:
        name = elements.FORMAT_NAMES.get(value_format, "known")
        raise UsageError(f"{value!r} is not a value of the {name} format", at=f"element {element_id:08x}")
    return registry_type, data


def _text(raw: bytes) -> str:
    """Return UTF-16 text up to its NUL; an odd last byte and lone surrogates become replacement characters."""
    return utf_16_le_decode(raw, "replace", True)[0].partition("\0")[0]


def _object(raw: bytes) -> str:
    text = _text(raw)
    return parse_guid(text) or text


def _object_list(raw: bytes) -> tuple[str, ...]:
    """Return the strings before the empty one that ends the list."""
    found: list[str] = []
    for text in raw.decode("utf-16-le", "replace").split("\0"):
        if not text:
            break
        found.append(parse_guid(text) or text)
    return tuple(found)


def _integer(raw: bytes) -> int | None:
    """Return a little-endian number; Windows writes 8 bytes, other tools as few as they need."""
    return int.from_bytes(raw, "little") if 1 <= len(raw) <= _U64.size else None


def _boolean(raw: bytes) -> bool | None:
    return any(raw) if 1 <= len(raw) <= _U64.size else None


def _integer_list(raw: bytes) -> tuple[int, ...] | None:
    if len(raw) % _U64.size:
        return None
    return tuple(number for (number,) in _U64.iter_unpack(raw))


_BY_FORMAT: dict[int, Callable[[bytes], Value | None]] = {
    elements.DEVICE: parse_device,
    elements.STRING: _text,
    elements.OBJECT: _object,
    elements.OBJECT_LIST: _object_list,
    elements.INTEGER: _integer,
    elements.BOOLEAN: _boolean,
    elements.INTEGER_LIST: _integer_list,
}
_READERS = {number: (REGISTRY_TYPES.get(number, BINARY), reader) for number, reader in _BY_FORMAT.items()}
_NO_READER = (BINARY, None)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _write_device(value: object) -> bytes | None:
    return value.serialise() if isinstance(value, Device) else None


def _write_string(value: object) -> bytes | None:
    return _utf16(f"{value}\0") if isinstance(value, str) and "\0" not in value else None


def _write_object(value: object) -> bytes | None:
    guid = parse_guid(value) if isinstance(value, str) else None
    return None if guid is None else _utf16(f"{guid}\0")


def _write_object_list(value: object) -> bytes | None:
    if not isinstance(value, (tuple, list)):
        return None
    guids = [parse_guid(item) if isinstance(item, str) else None for item in value]
    if None in guids:
        return None
    return _utf16("".join(f"{guid}\0" for guid in guids) + "\0")


def _write_integer(value: object) -> bytes | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _INTEGER_LIMIT
    return _U64.pack(value) if fits else None


def _write_boolean(value: object) -> bytes | None:
    return bytes([value]) if isinstance(value, bool) else None


def _write_integer_list(value: object) -> bytes | None:
    if not isinstance(value, (tuple, list)):
        return None
    numbers = [_write_integer(item) for item in value]
    return None if None in numbers else b"".join(number for number in numbers if number is not None)


_WRITERS: dict[int, Callable[[object], bytes | None]] = {
    elements.DEVICE: _write_device,
    elements.STRING: _write_string,
    elements.OBJECT: _write_object,
    elements.OBJECT_LIST: _write_object_list,
    elements.INTEGER: _write_integer,
    elements.BOOLEAN: _write_boolean,
    elements.INTEGER_LIST: _write_integer_list,
}
