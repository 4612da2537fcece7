"""The checker names each single damage of a sound hive by its code and place."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from bootmend.registry.check import check_buffer
from tests.registry.damaged import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable


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


def free_value_list(hive: Damaged) -> None:
    listed = hive.get(hive.at("Description"), 40)
    hive.resize(listed, -hive.size(listed))


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
    ("reference-free", 3, free_value_list),
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
    ("list-signature", 3, lambda hive: hive.set(hive.leaf("Many"), 0, 0x786C, "<H")),
    ("reference-outside", 3, lambda hive: hive.set(hive.get(hive.at("Description"), 40), 0, 0x7FFF0000)),
    ("reference-outside", 5, lambda hive: hive.set(hive.get(hive.at("Description:large"), 8), 4, 0x7FFF0000)),
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
    ("security-descriptor", 3, lambda hive: hive.set(hive.hive.security[1], 74, 0, "<H")),
    ("security-ring", 3, drop_from_ring),
    ("security-ring", 3, lambda hive: hive.set(hive.hive.security[1], 4, hive.hive.security[1])),
    ("security-ring", 3, lambda hive: hive.set(hive.hive.security[1], 8, 8)),
    ("security-ring", 3, lambda hive: hive.set(hive.hive.security[0], 4, 8)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "minor", "damage"), DAMAGES, ids=[f"{code}-{number}" for number, (code, _, _) in enumerate(DAMAGES)]
)
def test_each_damage_is_named(code: str, minor: int, damage: Callable[[Damaged], object]) -> None:
    hive = Damaged(minor)
    damage(hive)
    assert code in {violation.code for violation in check_buffer(hive.data)}


@pytest.mark.parametrize(
    ("code", "minor"),
    [("subkey-order", 3), ("subkey-duplicate", 3), ("free-adjacent", 3), ("cell-leaked", 3), ("key-parent", 3), ("list-hash", 5)],
)
def test_the_place_is_the_cell_at_fault(code: str, minor: int) -> None:
    hive = Damaged(minor)
    next(damage for name, _, damage in DAMAGES if name == code)(hive)
    assert [violation.offset for violation in check_buffer(hive.data) if violation.code == code] == [hive.place]
