"""Comparing hives by key, and long random edits of real hives, told by the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.registry import Hive, HiveEditor, check_buffer
from bootmend.registry.hive_diff import Content, Difference, compare_keys
from bootmend.source import MemorySource
from tests.registry.editing import NOW, tree, written
from tests.registry.raw_hive import K, RawHive, store
from tests.registry.test_check_hives import hive as real_hive
from tests.registry.test_editor_model import _upper, edited, hivex_tree
from tests.support import fuzz_cases, needs

if TYPE_CHECKING:
    from pathlib import Path


def differences(before: bytes, after: bytes, *, security: bool = False) -> list[Difference]:
    return list(compare_keys(Hive(MemorySource(before)).root, Hive(MemorySource(after)).root, security=security))


def test_a_hive_does_not_differ_from_itself_nor_from_one_arranged_otherwise() -> None:
    data = bytes(store(3).data)
    assert differences(data, data, security=True) == []
    assert [each for each in differences(data, bytes(store(5).data)) if each.name is not None] == []


def test_every_difference_is_named() -> None:
    before = RawHive(K("r", children=[K("a", [("v", 4, b"\1\0\0\0"), ("old", 3, b"x")]), K("gone", children=[K("below")])]))
    after = RawHive(K("r", children=[K("A", [("V", 4, b"\2\0\0\0"), ("new", 3, b"y")]), K("made", [("", 1, b"")])]))
    assert differences(bytes(before.data), bytes(after.data)) == [
        Difference("added", "a", "new", None, Content(3, b"y")),
        Difference("removed", "a", "old", Content(3, b"x"), None),
        Difference("changed", "a", "v", Content(4, b"\1\0\0\0"), Content(4, b"\2\0\0\0")),
        Difference("removed", "gone"),
        Difference("removed", "gone\\below"),
        Difference("added", "made"),
        Difference("added", "made", "", None, Content(1, b"")),
    ]


def test_classes_and_on_request_security_are_compared() -> None:
    before = RawHive(K("r", children=[K("a", class_name="x", security=1), K("b", security=1)]))
    after = RawHive(K("r", children=[K("a", class_name="y"), K("b", security=1)]))
    assert [(each.path, each.what) for each in differences(bytes(before.data), bytes(after.data))] == [("a", "class")]
    data = bytearray(before.data)
    data[4096 + 4 + before.security[1] + 20 + 60] ^= 1
    found = differences(bytes(before.data), bytes(data), security=True)
    assert [(each.path, each.what) for each in found] == [("a", "security"), ("b", "security")]


#: a store, a machine hive, a user's hive with long lists, a tiny one: with how many steps each by default
LONG = [
    ("regipy_BCD.xz", 80),
    ("regipy_SYSTEM.xz", 6),
    ("regipy_ntuser_software_partial.xz", 20),
    ("yarp_OffHive", 80),
    ("ez_SAM.xz", 60),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "steps"), LONG)
def test_random_edits_of_real_hives(name: str, steps: int, tmp_path: Path) -> None:
    """Each round begins with the whole hive again; ``BOOTMEND_FUZZ=50`` makes more than 10,000 operations of it."""
    needs("hivexsh")
    data = real_hive(name)
    if check_buffer(data):
        data = _recovered(data)
    before = tree(data)
    for seed in range(fuzz_cases(1)):
        result, expected = edited(data, seed, steps, commits=2 if steps < 50 else 4)
        changed = {path for path in before.keys() | expected.keys() if before.get(path) != expected.get(path)}
        assert {each.path for each in differences(data, result)} == changed
        assert hivex_tree(result, tmp_path) == {_upper(path): values for path, values in expected.items()}


def _recovered(data: bytes) -> bytes:
    from bootmend.registry.mend import mend

    return mend(MemorySource(data)).data


def test_an_edit_differs_in_what_it_named() -> None:
    data = bytes(store(3).data)
    editor = HiveEditor(MemorySource(data), now=NOW)
    editor.set_value("Objects", "x", 4, b"\1\0\0\0")
    result = written(data, editor.commit())
    assert differences(data, result) == [Difference("added", "Objects", "x", None, Content(4, b"\1\0\0\0"))]
