"""The checker: what is sound, what is only odd, and how findings are given."""

from __future__ import annotations

import struct
import sys

import pytest

from bootmend.errors import TruncatedError
from bootmend.registry.check import Violation, check, check_buffer, new_violations
from bootmend.source import MemorySource, Source
from tests.registry.damaged import Damaged
from tests.registry.raw_hive import NIL, K, RawHive, store, summed

DEEP = 520


def codes(data: bytes | bytearray, *, warnings: bool = False) -> set[str]:
    return {violation.code for violation in check_buffer(data, warnings=warnings)}


@pytest.mark.parametrize("minor", [3, 4, 5, 6])
def test_a_sound_hive_has_no_violation(minor: int) -> None:
    assert check_buffer(store(minor).data, warnings=True) == []


@pytest.mark.parametrize("size", [0, 3, 512, 4095])
def test_a_file_shorter_than_a_base_block(size: int) -> None:
    assert [violation.code for violation in check_buffer(store().data[:size])] == ["base-truncated"]


def test_a_truncated_file_is_checked_as_far_as_it_goes() -> None:
    data = store().data[: 4096 + 4096]
    found = codes(data)
    assert {"base-bins-size", "reference-outside"} <= found
    assert "bin-size" not in found


def test_what_is_not_a_hive_is_one_violation() -> None:
    assert [violation.code for violation in check_buffer(bytes(8192))] == ["base-signature"]


def test_names_sort_by_upper_case_units() -> None:
    """``_`` comes after the letters, and U+10428 (two surrogates) before U+FF21."""
    names = ["a_", "AB", "\uff21", "\U00010428", "b", "\xff", "\u0178a"]
    data = RawHive(K("root", children=[K(name) for name in names])).data
    assert "subkey-order" in codes(data)  # the fixture sorts by code points, which is wrong for surrogates
    data = RawHive(K("root", children=[K(name) for name in names if name != "\U00010428"])).data
    assert check_buffer(data) == []


def test_keys_deeper_than_512_levels() -> None:
    chain = K("bottom")
    for _ in range(DEEP):
        chain = K("k", children=[chain])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * DEEP)  # the fixture is made by recursion; the check is not
    try:
        data = RawHive(chain).data
    finally:
        sys.setrecursionlimit(limit)
    assert codes(data) == {"key-depth"}


def test_wide_names_whose_first_characters_fit_a_byte_have_a_hint() -> None:
    data = RawHive(K("root", children=[K("abcd\u0400")])).data
    assert check_buffer(data, warnings=True) == []


@pytest.mark.parametrize(
    ("code", "offset", "value"),
    [("key-volatile", 24, 2), ("largest-value-name-stale", 60, 400), ("largest-value-data-stale", 64, 90000)],
)
def test_what_windows_lives_with_is_only_a_warning(code: str, offset: int, value: int) -> None:
    hive = Damaged(3)
    hive.key("Description", offset, value)
    assert check_buffer(hive.data) == []
    (found,) = check_buffer(hive.data, warnings=True)
    assert (found.code, found.severity, found.offset) == (code, "warning", hive.place)


def test_stale_largest_subkey_name_tail_stamp_and_default_flag_are_warnings() -> None:
    hive = Damaged(3)
    hive.key("Objects", 52, 1000)
    hive.key("Description:", 16, 1, "<H")
    hive.data[4096 + 20] ^= 1
    hive.data += b"tail"
    assert check_buffer(hive.data) == []
    assert codes(hive.data, warnings=True) == {"base-tail", "bin-stamp", "largest-subkey-name-stale", "value-default-flag"}


def test_a_wrong_hint_of_a_name_beyond_ascii_is_a_warning() -> None:
    data = RawHive(K("root", children=[K("\x9f")])).data
    where = data.index(b"lf\x01\0") + 8
    data[where] = 0x81
    (found,) = check_buffer(data, warnings=True)
    assert (found.code, found.severity) == ("list-hint", "warning")


def test_flags_in_the_largest_subkey_name_are_no_length() -> None:
    hive = Damaged(3)
    hive.key("Objects", 54, 0x1234, "<H")
    assert check_buffer(hive.data, warnings=True) == []


def test_a_predefined_handle_has_no_values() -> None:
    hive = Damaged(3)
    hive.key("Many\\0003", 2, 0x60, "<H")
    hive.key("Many\\0003", 36, 0x80000002)
    assert check_buffer(hive.data) == []


def test_a_tombstone_of_a_layered_hive() -> None:
    data = RawHive(K("root", [("gone", 0, b"")]), minor=6).data
    where = data.index(b"vk\x04\0") + 16
    data[where] = 3
    assert check_buffer(data) == []


def test_a_security_cell_in_the_ring_that_no_key_has() -> None:
    hive = RawHive(K("root", children=[K("a", security=1)]))
    for offset, value in ((20, 0), (28, NIL), (52, 0)):
        struct.pack_into("<I", hive.data, 4096 + 4 + hive.where[""] + offset, value)
    found = {(violation.code, violation.offset) for violation in check_buffer(hive.data)}
    assert ("security-references", hive.security[1]) in found
    assert ("cell-leaked", hive.where["a"]) in found
    assert ("cell-leaked", hive.security[1]) not in found


class Counting(Source):
    """A source of two gigabytes that says how much was read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0

    @property
    def size(self) -> int:
        return 0x80000000

    def read_at(self, offset: int, length: int) -> bytes:
        self.check_range(offset, length)
        self.read += length
        return self.data[offset : offset + length].ljust(length, b"\0")


def test_a_source_is_read_up_to_its_last_bin() -> None:
    data = bytes(store().data)
    source = Counting(data)
    assert check(source) == []
    assert source.read == len(data)
    assert check(MemorySource(data)) == []
    assert {violation.code for violation in check(source, warnings=True)} == {"base-tail"}
    assert [violation.code for violation in check(MemorySource(b""))] == ["base-truncated"]


def test_a_source_that_cannot_be_read_raises() -> None:
    class Broken(Counting):
        def read_at(self, offset: int, length: int) -> bytes:
            raise TruncatedError(f"the disk ends before {offset + length}")

    with pytest.raises(TruncatedError):
        check(Broken(b""))


def test_new_violations_are_counted_by_code_and_place() -> None:
    before = [Violation("cell-leaked", 8, "x"), Violation("value-duplicate", 32, "x")]
    after = [
        Violation("value-duplicate", 32, "another text"),
        Violation("value-duplicate", 32, "a second one"),
        Violation("cell-leaked", 16, "x"),
    ]
    assert new_violations(before, before) == []
    assert new_violations(before, []) == []
    assert new_violations(before, after) == after[1:]
    assert new_violations([], after) == after


def test_a_violation_reads_as_a_sentence_with_its_place() -> None:
    assert str(Violation("base-root", 36, "no root")) == "base block 0x24: no root"
    assert str(Violation("bin-size", 4096, "too large")) == "bin 0x1000: too large"
    assert str(Violation("key-name", 32, "empty")) == "cell 0x20: empty"


def test_the_list_of_violations_is_bounded() -> None:
    """Fifteen thousand allocated cells that nobody has asked for."""
    size = 128 * 1024
    data = store().data
    extra = bytearray(struct.pack("<4sII", b"hbin", len(data) - 4096, size).ljust(size, b"\0"))
    for offset in range(32, size, 8):
        struct.pack_into("<i", extra, offset, -8)
    data += extra
    struct.pack_into("<I", data, 40, len(data) - 4096)
    assert len(check_buffer(summed(data))) == 10_000
