"""Comparing hives by key, among them real ones after random edits."""

from __future__ import annotations

import pytest

from bootmend.registry import Hive, HiveEditor
from bootmend.registry.hive_diff import Content, Difference, compare_keys
from bootmend.source import MemorySource
from tests.registry.editing import NOW, tree, written
from tests.registry.raw_hive import K, RawHive, store
from tests.registry.test_check_hives import hive as real_hive
from tests.registry.test_editor_model import edited
from tests.support import fuzz_cases


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


@pytest.mark.parametrize(("name", "steps"), [("regipy_BCD.xz", 80), ("yarp_OffHive", 80), ("ez_SAM.xz", 60)])
def test_random_edits_of_real_hives_are_told_by_the_difference(name: str, steps: int) -> None:
    data = real_hive(name)
    before = tree(data)
    for seed in range(fuzz_cases(1)):
        result, expected = edited(data, seed, steps)
        changed = {path for path in before.keys() | expected.keys() if before.get(path) != expected.get(path)}
        assert {each.path for each in differences(data, result)} == changed


def test_an_edit_differs_in_what_it_named() -> None:
    data = bytes(store(3).data)
    editor = HiveEditor(MemorySource(data), now=NOW)
    editor.set_value("Objects", "x", 4, b"\1\0\0\0")
    result = written(data, editor.commit())
    assert differences(data, result) == [Difference("added", "Objects", "x", None, Content(4, b"\1\0\0\0"))]
