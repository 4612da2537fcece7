"""Values: where their data are, and what they mean."""

from __future__ import annotations

import struct

import pytest

from bootmend.errors import CorruptError
from bootmend.registry import Hive, Value, ValueType
from bootmend.source import MemorySource

from .raw_hive import NIL, K, RawHive, store

SEGMENT = 16344


def value_of(kind: int, data: bytes, *, minor: int = 5, name: str = "v") -> Value:
    raw = RawHive(K("root", [(name, kind, data)]), minor=minor)
    value = Hive(MemorySource(bytes(raw.data))).root.value(name)
    assert value is not None
    return value


def broken(offset: int, form: str, *numbers: int | bytes, data: bytes = b"12345678", minor: int = 5) -> Value:
    """A value with one field changed, ``offset`` bytes into the data of its cell."""
    raw = RawHive(K("root", [("v", 3, data)]), minor=minor)
    struct.pack_into(form, raw.data, 4096 + raw.where[":v"] + 4 + offset, *numbers)
    return next(Hive(MemorySource(bytes(raw.data))).root.values())


@pytest.mark.parametrize(
    "length", [0, 1, 2, 3, 4, 5, 8, 4092, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1, 100_000]
)
@pytest.mark.parametrize("minor", [3, 4, 5, 6])
def test_data_of_every_length(length: int, minor: int) -> None:
    data = (bytes(range(251)) * (length // 251 + 1))[:length]
    value = value_of(3, data, minor=minor)
    assert value.data == data
    assert value.size == length


def test_segments_are_counted_not_measured() -> None:
    """A last segment in a cell that fits tightly makes hivex lose bytes, and a larger one makes others read too many."""
    data = bytes(range(250)) * 70
    raw = RawHive(K("root", [("v", 3, data)]), minor=5)
    start = 4096 + raw.where[":v"] + 4
    record = 4096 + struct.unpack_from("<I", raw.data, start + 8)[0] + 4
    pointers = 4096 + struct.unpack_from("<I", raw.data, record + 4)[0] + 4
    last = 4096 + struct.unpack_from("<I", raw.data, pointers + 4)[0]
    size = -struct.unpack_from("<i", raw.data, last)[0]
    tight = (len(data) - SEGMENT + 4 + 7) // 8 * 8
    struct.pack_into("<i", raw.data, last, -tight)
    struct.pack_into("<i", raw.data, last + tight, size - tight)
    value = next(Hive(MemorySource(bytes(raw.data))).root.values())
    assert value.data == data


@pytest.mark.parametrize("name", ["", "plain", "\xe4\xf6", "\u0416", "x" * 300])
def test_names(name: str) -> None:
    assert value_of(1, b"", name=name).name == name


def test_values_are_found_whatever_their_case() -> None:
    key = Hive(MemorySource(bytes(store().data))).key("Description")
    assert key is not None
    for asked, name in [("KEYNAME", "KeyName"), ("\u0436\u0418\u0417\u041d\u042c", "\u0416\u0438\u0437\u043d\u044c"), ("", "")]:
        value = key.value(asked)
        assert value is not None
        assert value.name == name
    assert key.value("none") is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("abc\0".encode("utf-16-le"), "abc"),
        ("abc".encode("utf-16-le"), "abc"),
        ("abc\0rest\0".encode("utf-16-le"), "abc"),
        ("abc".encode("utf-16-le") + b"x", "abc"),
        (b"a\0\x00\xd8", "a\ufffd"),
        (b"", ""),
        (b"x", ""),
    ],
)
def test_text(data: bytes, text: str) -> None:
    assert value_of(ValueType.SZ, data).text() == text


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        ("a\0bc\0\0".encode("utf-16-le"), ("a", "bc")),
        ("a\0bc\0".encode("utf-16-le"), ("a", "bc")),
        ("a\0bc".encode("utf-16-le"), ("a", "bc")),
        ("\0".encode("utf-16-le"), ()),
        (b"", ()),
        ("a\0\0later\0\0".encode("utf-16-le"), ("a",)),
    ],
)
def test_strings(data: bytes, texts: tuple[str, ...]) -> None:
    assert value_of(ValueType.MULTI_SZ, data).strings() == texts


@pytest.mark.parametrize(
    ("kind", "data", "number"),
    [
        (ValueType.DWORD, b"\1\2\3\4", 0x04030201),
        (ValueType.DWORD_BIG_ENDIAN, b"\1\2\3\4", 0x01020304),
        (ValueType.QWORD, b"\xff" * 8, (1 << 64) - 1),
        (ValueType.BINARY, b"\x00\xc2\x01", 115200),
        (ValueType.BINARY, b"\1", 1),
    ],
)
def test_integer(kind: int, data: bytes, number: int) -> None:
    assert value_of(kind, data).integer() == number


@pytest.mark.parametrize("data", [b"", bytes(9)])
def test_no_integer(data: bytes) -> None:
    with pytest.raises(CorruptError, match="no number"):
        value_of(ValueType.BINARY, data).integer()


def test_a_type_of_any_number() -> None:
    assert value_of(0xFFFF0012, b"x").type == 0xFFFF0012


@pytest.mark.parametrize(
    ("offset", "form", "numbers", "text"),
    [
        (0, "<2s", (b"zz",), "not a value"),
        (2, "<H", (9999,), "name does not fit"),
        (-4, "<i", (32,), "free"),
    ],
)
def test_a_broken_record(offset: int, form: str, numbers: tuple[int | bytes, ...], text: str) -> None:
    with pytest.raises(CorruptError, match=text):
        broken(offset, form, *numbers)


@pytest.mark.parametrize(
    ("offset", "form", "numbers", "text"),
    [
        (4, "<I", (0x80000005,), "inline"),
        (4, "<I", (0x7FFFFFFF,), "nowhere"),
        (4, "<I", (100,), "do not fit"),
        (4, "<I", (SEGMENT + 1,), "nowhere|big data"),
        (8, "<I", (NIL,), "nowhere"),
        (8, "<I", (12,), "nowhere"),
        (8, "<I", (0x7FFFFFF8,), "nowhere"),
    ],
)
def test_broken_data(offset: int, form: str, numbers: tuple[int, ...], text: str) -> None:
    with pytest.raises(CorruptError, match=text):
        _ = broken(offset, form, *numbers).data


def test_large_data_without_their_record() -> None:
    value = broken(4, "<I", SEGMENT + 1, data=b"x" * SEGMENT)
    with pytest.raises(CorruptError, match="big data"):
        _ = value.data


def test_more_values_than_the_hive_holds() -> None:
    raw = store()
    struct.pack_into("<I", raw.data, 4096 + raw.where["Description"] + 4 + 36, 0x7FFFFFFF)
    key = Hive(MemorySource(bytes(raw.data))).key("Description")
    assert key is not None
    with pytest.raises(CorruptError, match="do not fit"):
        list(key.values())
