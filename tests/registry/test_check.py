"""The checker: a sound hive has no violation, and each single damage is named by its code and place."""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import TruncatedError
from bootmend.registry.check import Violation, check, check_buffer, new_violations
from bootmend.source import MemorySource, Source
from tests.registry.raw_hive import NIL, K, RawHive, store, summed

if TYPE_CHECKING:
    from collections.abc import Callable

DEEP = 520


def codes(data: bytes | bytearray, *, warnings: bool = False) -> set[str]:
    return {violation.code for violation in check_buffer(data, warnings=warnings)}


class Damaged:
    """A sound hive to be damaged field by field; offsets count inside the data of a cell."""

    def __init__(self, minor: int) -> None:
        self.hive = store(minor)
        self.data = self.hive.data
        self.place: int | None = None

    def at(self, path: str) -> int:
        return self.hive.where[path]

    def set(self, cell: int, offset: int, value: int, form: str = "<I") -> None:
        struct.pack_into(form, self.data, 4096 + 4 + cell + offset, value)
        self.place = cell

    def get(self, cell: int, offset: int, form: str = "<I") -> int:
        value: int = struct.unpack_from(form, self.data, 4096 + 4 + cell + offset)[0]
        return value

    def key(self, path: str, offset: int, value: int, form: str = "<I") -> None:
        self.set(self.at(path), offset, value, form)

    def base(self, offset: int, value: int) -> None:
        struct.pack_into("<I", self.data, offset, value)
        summed(self.data)
        self.place = offset

    def size(self, cell: int, form: str = "<i") -> int:
        value: int = struct.unpack_from(form, self.data, 4096 + cell)[0]
        return value

    def resize(self, cell: int, size: int) -> None:
        struct.pack_into("<i", self.data, 4096 + cell, size)
        self.place = cell

    def leaf(self, path: str) -> int:
        """The (first) leaf of a key's list of subkeys."""
        listed = self.hive.lists[path]
        return self.get(listed, 4) if self.data[4096 + 4 + listed :][:2] == b"ri" else listed


def swap_entries(hive: Damaged) -> None:
    """Exchange two neighbours of a list, hints and all."""
    leaf = hive.leaf("Odd")
    start = 4096 + 4 + leaf + 4
    hive.data[start : start + 16] = hive.data[start + 8 : start + 16] + hive.data[start : start + 8]
    hive.place = hive.at("Odd\\plain")


def repeat_name(hive: Damaged) -> None:
    for path in ("Many\\0001",):
        start = 4096 + 4 + hive.at(path) + 76
        hive.data[start : start + 4] = b"0002"
    hive.place = hive.at("Many\\0002")


def free_next_to_free(hive: Damaged) -> None:
    """Free the last value of a key and split the space into two free cells."""
    cell = hive.get(hive.at("Description"), 40)
    size = -hive.size(cell)
    hive.resize(cell, 8)
    hive.resize(cell + 8, size - 8)


def drop_from_ring(hive: Damaged) -> None:
    first, second = hive.hive.security.values()
    hive.set(first, 4, first)
    hive.set(first, 8, first)
    hive.place = second


def orphan(hive: Damaged) -> None:
    """Take the last subkey out of its list, and the count with it; its own cells stay allocated."""
    leaf = hive.leaf("Odd")
    hive.set(leaf, 2, 2, "<H")
    hive.key("Odd", 20, 2)
    hive.place = hive.at("Odd\\\u0400yrillic")


def make_narrow(hive: Damaged) -> None:
    """Give a value with a name in UTF-16 the name ``AAAAA``."""
    for offset in range(20, 30, 2):
        hive.key("Description:\u0416\u0438\u0437\u043d\u044c", offset, 0x41, "<H")


def shorten_segment(hive: Damaged) -> None:
    """Split the last segment of big data, which needs 3,152 bytes, into eight bytes and a free cell."""
    segments = hive.get(hive.get(hive.at("Description:large"), 8), 4)
    last = hive.get(segments, 8)
    size = -hive.size(last)
    hive.resize(last, -8)
    hive.resize(last + 8, size - 8)


DAMAGES: list[tuple[str, int, Callable[[Damaged], object]]] = [
    ("base-signature", 3, lambda hive: hive.base(0, 0x66676573)),
    ("base-sequence", 3, lambda hive: hive.base(4, 77)),
    ("base-version", 3, lambda hive: hive.base(20, 2)),
    ("base-version", 3, lambda hive: hive.base(24, 7)),
    ("base-type", 3, lambda hive: hive.base(28, 6)),
    ("base-format", 3, lambda hive: hive.base(32, 2)),
    ("base-root", 3, lambda hive: hive.base(36, 0x7FFFFFF0)),
    ("base-bins-size", 3, lambda hive: hive.base(40, 0)),
    ("base-bins-size", 3, lambda hive: hive.base(40, len(hive.data) - 4096 + 4096)),
    ("base-bins-size", 3, lambda hive: hive.base(40, len(hive.data) - 4096 - 512)),
    ("base-checksum", 3, lambda hive: struct.pack_into("<I", hive.data, 508, 5)),
    ("bin-signature", 3, lambda hive: hive.set(-4, 0, 0x12345678)),
    ("bin-offset", 3, lambda hive: hive.set(-4, 4, 4096)),
    ("bin-size", 3, lambda hive: hive.set(-4, 8, 4097)),
    ("bin-size", 3, lambda hive: hive.set(-4, 8, 0)),
    ("bin-size", 3, lambda hive: hive.set(-4, 8, 0x7FFFF000)),
    ("cell-size", 3, lambda hive: hive.resize(hive.at("Objects"), -12)),
    ("cell-size", 3, lambda hive: hive.resize(hive.at("Objects"), 0)),
    ("cell-size", 3, lambda hive: hive.resize(hive.at("Objects"), -0x80000000)),
    ("cell-size", 3, lambda hive: hive.resize(hive.at("Objects"), -8192)),
    ("free-adjacent", 3, free_next_to_free),
    ("cell-leaked", 3, orphan),
    ("cell-small", 3, lambda hive: hive.key("Description", 36, 2000)),
    ("reference-outside", 3, lambda hive: hive.key("Description", 40, 0x7FFF0000)),
    ("reference-outside", 3, lambda hive: hive.key("Description", 40, hive.at("Objects") + 4)),
    ("reference-no-cell", 3, lambda hive: hive.key("Description", 40, hive.at("Objects") + 8)),
    ("reference-free", 3, lambda hive: hive.resize(hive.get(hive.at("Description"), 40), -hive.size(hive.get(hive.at("Description"), 40)))),
    ("reference-twice", 3, lambda hive: hive.key("Objects", 28, hive.hive.lists["Many"])),
    ("key-signature", 3, lambda hive: hive.key("Objects", 0, 0x6B6C, "<H")),
    ("key-name", 3, lambda hive: hive.key("Objects", 72, 500, "<H")),
    ("key-name", 3, lambda hive: hive.key("Objects", 72, 0, "<H")),
    ("key-name", 3, lambda hive: hive.key("Objects", 78, 0x5C, "<B")),
    ("key-name", 3, lambda hive: hive.key("Odd\\\u0400yrillic", 72, 15, "<H")),
    ("key-name-wide", 3, lambda hive: hive.key("Odd\\\u0400yrillic", 76, 0x00C0, "<H")),
    ("key-parent", 3, lambda hive: hive.key("Objects", 16, hive.at("Many"))),
    ("key-flags", 3, lambda hive: hive.key("Objects", 2, 0x21, "<H")),
    ("key-flags", 3, lambda hive: hive.key("Objects", 2, 0x22, "<H")),
    ("key-root-flag", 3, lambda hive: hive.key("", 2, 0x28, "<H")),
    ("key-root-flag", 3, lambda hive: hive.key("Objects", 2, 0x24, "<H")),
    ("key-class", 3, lambda hive: hive.key("Description", 74, 0, "<H")),
    ("subkey-list", 3, lambda hive: hive.key("Objects", 20, 0)),
    ("subkey-count", 3, lambda hive: hive.key("Objects", 20, 9)),
    ("subkey-order", 3, swap_entries),
    ("subkey-order", 5, swap_entries),
    ("subkey-duplicate", 3, repeat_name),
    ("largest-subkey-name", 3, lambda hive: hive.key("Objects", 52, 75)),
    ("largest-class", 3, lambda hive: hive.key("", 56, 15)),
    ("list-empty", 3, lambda hive: hive.set(hive.leaf("Odd"), 2, 0, "<H")),
    ("list-empty", 3, lambda hive: hive.set(hive.hive.lists["Many"], 2, 0, "<H")),
    ("list-length", 3, lambda hive: hive.set(hive.leaf("Odd"), 2, 500, "<H")),
    ("list-nested", 3, lambda hive: hive.set(hive.leaf("Many"), 0, 0x6972, "<H")),
    ("list-signature", 3, lambda hive: hive.set(hive.leaf("Odd"), 0, 0x786C, "<H")),
    ("list-kind", 3, lambda hive: hive.set(hive.leaf("Odd"), 0, 0x686C, "<H")),
    ("list-kind", 5, lambda hive: hive.set(hive.leaf("Odd"), 0, 0x666C, "<H")),
    ("list-hash", 5, lambda hive: hive.set(hive.leaf("Odd"), 8, 0x12345678)),
    ("list-hint", 3, lambda hive: hive.set(hive.leaf("Odd"), 8, 0x12345678)),
    ("value-list", 3, lambda hive: hive.key("Description", 36, 0)),
    ("value-signature", 3, lambda hive: hive.key("Description:KeyName", 0, 0x6B6E, "<H")),
    ("value-name", 3, lambda hive: hive.key("Description:KeyName", 2, 900, "<H")),
    ("value-name", 3, lambda hive: hive.key("Description:\u0416\u0438\u0437\u043d\u044c", 2, 9, "<H")),
    ("value-name-wide", 3, make_narrow),
    ("value-duplicate", 3, lambda hive: hive.key("Description:KeyName", 2, 0, "<H")),
    ("value-inline", 3, lambda hive: hive.key("Description:\xe4\xf6\xfc", 4, 0x80000005)),
    ("value-empty", 3, lambda hive: hive.key("Odd:empty", 8, 0x20)),
    ("value-tombstone", 6, lambda hive: hive.key("Description:KeyName", 16, 3, "<H")),
    ("largest-value-name", 3, lambda hive: hive.key("Description", 60, 13)),
    ("largest-value-data", 3, lambda hive: hive.key("Description", 64, 35839)),
    ("big-data-signature", 5, lambda hive: hive.set(hive.get(hive.at("Description:large"), 8), 0, 0x6264, ">H")),
    ("big-data-count", 5, lambda hive: hive.set(hive.get(hive.at("Description:large"), 8), 2, 2, "<H")),
    ("big-data-count", 5, lambda hive: hive.set(hive.get(hive.at("Description:large"), 8), 2, 0, "<H")),
    ("cell-small", 5, shorten_segment),
    ("security-signature", 3, lambda hive: hive.set(hive.hive.security[1], 0, 0x6B72, "<H")),
    ("security-references", 3, lambda hive: hive.set(hive.hive.security[1], 12, 3)),
    ("security-length", 3, lambda hive: hive.set(hive.hive.security[1], 16, 1000)),
    ("security-descriptor", 3, lambda hive: hive.set(hive.hive.security[1], 16, 19)),
    ("security-descriptor", 3, lambda hive: hive.set(hive.hive.security[1], 20, 2, "<B")),
    ("security-descriptor", 3, lambda hive: hive.set(hive.hive.security[1], 24, 70)),
    ("security-descriptor", 3, lambda hive: hive.set(hive.hive.security[1], 41, 16, "<B")),
    ("security-descriptor", 3, lambda hive: hive.set(hive.hive.security[1], 68, 2, "<H")),
    ("security-descriptor", 3, lambda hive: hive.set(hive.hive.security[1], 36, 71)),
    ("security-ring", 3, drop_from_ring),
    ("security-ring", 3, lambda hive: hive.set(hive.hive.security[1], 8, 8)),
    ("security-ring", 3, lambda hive: hive.set(hive.hive.security[0], 4, 8)),
]  # fmt: skip


@pytest.mark.parametrize("minor", [3, 4, 5, 6])
def test_a_sound_hive_has_no_violation(minor: int) -> None:
    assert check_buffer(store(minor).data, warnings=True) == []


@pytest.mark.parametrize(
    ("code", "minor", "damage"), DAMAGES, ids=[f"{code}-{number}" for number, (code, _, _) in enumerate(DAMAGES)]
)
def test_each_damage_is_named(code: str, minor: int, damage: Callable[[Damaged], object]) -> None:
    hive = Damaged(minor)
    damage(hive)
    assert code in codes(hive.data)


@pytest.mark.parametrize(
    ("code", "minor"),
    [("subkey-order", 3), ("subkey-duplicate", 3), ("free-adjacent", 3), ("cell-leaked", 3), ("key-parent", 3), ("list-hash", 5)],
)
def test_the_place_is_the_cell_at_fault(code: str, minor: int) -> None:
    hive = Damaged(minor)
    next(damage for name, _, damage in DAMAGES if name == code)(hive)
    assert [violation.offset for violation in check_buffer(hive.data) if violation.code == code] == [hive.place]


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
