"""Mending: each single damage of a sound hive, and many at once."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootmend.errors import BootmendError, RefusedError
from bootmend.registry import check_buffer
from bootmend.registry.mend import mend
from bootmend.source import MemorySource
from tests.registry.damaged import Damaged
from tests.registry.editing import cells_of, tree
from tests.registry.raw_hive import dirty, new_log, store
from tests.registry.test_check_damage import DAMAGES
from tests.registry.test_fuzz_check import FIXTURES, mutated
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.registry.mend import Mending

ROOM = 1 << 20
#: what only a person can decide: the name of a key, a version or type of file, a deleted value that has data
LEFT = {"value-tombstone"}
REFUSED = {"base-signature", "base-version", "base-type", "base-format"}
#: damages that destroy something, each by its number among those of its code
LOSSES = {
    "base-sequence", "cell-leaked", "free-adjacent", "key-signature", "reference-free", "value-inline", "value-list",
    "value-signature", "security-signature", "security-length", "security-descriptor", "value-duplicate",
}  # fmt: skip
#: damages that put another sound name in the place of the old one, which nothing tells any more
RENAMED = {"key-name", "key-name-wide", "value-name", "value-name-wide", "subkey-duplicate"}


def mended(data: bytes | bytearray, *, without_logs: bool = False) -> Mending:
    return mend(MemorySource(bytes(data)), room=ROOM, without_logs=without_logs)


@pytest.mark.parametrize(
    ("code", "minor", "damage"), DAMAGES, ids=[f"{code}-{number}" for number, (code, _, _) in enumerate(DAMAGES)]
)
def test_each_damage_is_mended_or_left_and_said(code: str, minor: int, damage: Callable[[Damaged], object]) -> None:
    hive = Damaged(minor)
    good = tree(hive.data)
    damage(hive)
    if code in REFUSED:
        with pytest.raises(BootmendError):
            mended(hive.data)
        return
    result = mended(hive.data, without_logs=True)
    if result.left:
        assert {violation.code for violation in result.left} <= {*LEFT, "key-name"}
        return
    assert check_buffer(result.data) == []
    assert result.repairs
    if not result.lost and code not in RENAMED:
        assert tree(result.data) == good
    if code in LOSSES:
        assert result.lost
    again = mended(result.data)
    assert (again.data, again.repairs, again.lost) == (result.data, (), ())


@pytest.mark.parametrize("minor", [3, 5, 6])
def test_a_sound_hive_is_not_touched(minor: int) -> None:
    data = bytes(store(minor, tail=5000).data)
    assert mended(data) == (data, (), (), (), ())


def test_what_is_lost_is_named() -> None:
    hive = Damaged(3)
    hive.key("Description:KeyName", 8, 0x7FFF0000)
    result = mended(hive.data)
    assert result.lost == ("\\Description: the value 'KeyName' (REG_SZ, 24 bytes): its data are not there",)
    after = tree(result.data)
    assert "KeyName" not in after["Description"]
    assert len(after["Description"]) == 4


def test_a_list_that_two_keys_share_goes_to_its_owner_and_the_other_finds_its_own_subkeys() -> None:
    hive = Damaged(3)
    good = tree(hive.data)
    hive.key("Objects", 28, hive.hive.lists["Many"])
    result = mended(hive.data)
    assert tree(result.data) == good
    assert not result.lost


def test_only_cells_at_fault_change() -> None:
    hive = Damaged(5)
    hive.set(hive.leaf("Odd"), 8, 0x12345678)
    before = cells_of(bytes(hive.data))
    after = cells_of(mended(hive.data).data)
    assert [cell for cell in before if before[cell] != after.get(cell)] == [hive.leaf("Odd")]


def test_data_that_two_values_share_are_read_by_both_afterwards() -> None:
    hive = Damaged(3)
    shared = hive.get(hive.at("Description:KeyName"), 8)
    hive.key("Description:", 8, shared)
    hive.key("Description:", 4, 24)
    result = mended(hive.data)
    values = tree(result.data)["Description"]
    assert values[""] == values["KeyName"] == (1, "BCD00000001\0".encode("utf-16-le"))
    assert not result.left


def test_a_value_of_another_writer_that_lacks_segments_gets_them() -> None:
    hive = Damaged(5)
    good = tree(hive.data)
    cell = hive.at("Description:large")
    record = hive.get(cell, 8)
    # as hivex writes it: the whole data in one plain cell, here a bin of its own at the end
    data = good["Description"]["large"][1]
    start = len(hive.data) - 4096
    size = (4 + len(data) + 7) // 8 * 8
    length = (32 + size + 4095) // 4096 * 4096
    body = struct.pack("<4sII20x", b"hbin", start, length) + struct.pack("<i", -size) + data.ljust(size - 4, b"\0")
    rest = length - len(body)
    hive.data += body + (struct.pack("<i", rest).ljust(rest, b"\0") if rest else b"")
    hive.set(cell, 8, start + 32)
    hive.base(40, start + length)
    assert "big-data-signature" in {violation.code for violation in check_buffer(hive.data)}
    result = mended(hive.data)
    assert tree(result.data) == good
    assert not result.lost
    assert record


def test_a_dirty_hive_is_recovered_first() -> None:
    before, after = bytes(store(3).data), bytearray(store(3).data)
    place = after.find("BCD00000001".encode("utf-16-le"))
    after[place : place + 2] = b"X\0"
    log = MemorySource(new_log(before, 5, [before, bytes(after)]))
    result = mend(MemorySource(bytes(dirty(before, sequence=5))), [log], room=ROOM)
    assert tree(result.data)["Description"]["KeyName"][1].startswith(b"X\0")
    assert not result.lost


def test_a_dirty_hive_without_logs_is_refused_unless_they_are_given_up() -> None:
    data = bytes(dirty(store(3).data, sequence=5))
    with pytest.raises(RefusedError, match="dirty"):
        mended(data)
    result = mended(data, without_logs=True)
    assert not result.left
    assert "logs" in result.lost[0]


@settings(max_examples=fuzz_cases(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(minor=st.sampled_from([3, 5, 6]), seed=st.integers(0, 2**32), count=st.integers(1, 12))
def test_whatever_is_broken_mending_ends_and_leaves_nothing_worse(minor: int, seed: int, count: int) -> None:
    data = bytes(mutated(FIXTURES[minor], seed, count))
    try:
        result = mended(data, without_logs=True)
    except BootmendError:
        return
    assert len(result.data) >= len(data)
    assert list(result.left) == check_buffer(result.data)
    if not result.left:
        assert mended(result.data).repairs == ()
        tree(result.data)
