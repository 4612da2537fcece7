"""Edits of many values and keys in one go, and how keys are found while a hive changes."""

from __future__ import annotations

import pytest

from bootmend.errors import RefusedError
from bootmend.registry import check_buffer
from tests.registry.damaged import Damaged
from tests.registry.editing import editor, tree, written
from tests.registry.raw_hive import store


def test_many_values_of_one_key_at_once() -> None:
    data = bytes(store(5).data)
    edit = editor(data, room=len(data) + 65536)
    edit.set_values("Description", [("keyname", 1, b"x\0\0\0"), ("New", 3, b"1"), ("NEW", 3, b"2"), ("", 4, b"1234")])
    after = tree(written(data, edit.commit()))["Description"]
    before = tree(data)["Description"]
    assert after == {**before, "KeyName": (1, b"x\0\0\0"), "NEW": (3, b"2"), "": (4, b"1234")}  # of two alike the last counts


def test_many_values_that_are_so_already_change_nothing() -> None:
    data = bytes(store(3).data)
    edit = editor(data)
    edit.set_values("Description", [(name, kind, raw) for name, (kind, raw) in tree(data)["Description"].items()])
    edit.set_values("Description", [])
    assert not edit.commit().changed


def test_of_many_values_none_is_set_where_one_is_refused() -> None:
    data = bytes(store(3).data)
    edit = editor(data)
    for refused in (("x" * 20_000, 1, b""), ("big", 3, bytes(1 << 20))):
        with pytest.raises(RefusedError):
            edit.set_values("Description", [("one", 3, b"1"), refused])
    assert not edit.commit().changed


def test_a_key_that_was_found_is_not_found_when_it_is_gone() -> None:
    """The editor remembers the way to the last key; what is deleted or taken back must not be on it."""
    data = bytes(store(3).data)
    edit = editor(data)
    edit.create_key("Objects\\a\\b\\c")
    assert edit.key("Objects\\a\\b\\c") is not None
    edit.delete_key("Objects\\a", recursive=True)
    assert edit.key("Objects\\a\\b\\c") is None
    assert edit.key("Objects\\a") is None
    with pytest.raises(RefusedError):  # no room for all of them
        edit.create_key("\\".join(["Objects", *("k" * 250 for _ in range(200))]))
    assert edit.key("Objects\\" + "k" * 250) is None
    found = edit.key("objects")
    assert found is not None
    assert found.subkey_count == sum(path.startswith("Objects\\") and path.count("\\") == 1 for path in tree(data))
    assert check_buffer(written(data, edit.commit())) == []


def test_in_an_unsorted_list_names_are_found_all_the_same() -> None:
    """Only a hive without any fault is believed about the order of its lists."""
    hive = Damaged(3)
    leaf = hive.leaf("Odd")
    start = 4096 + 4 + leaf + 4
    hive.data[start : start + 16] = hive.data[start + 8 : start + 16] + hive.data[start : start + 8]
    for entry in range(2):
        hive.data[start + 8 * entry + 4 : start + 8 * entry + 8] = b"\0\0\0\0"  # and the hints are wrong
    names = [path.removeprefix("Odd\\") for path in tree(hive.data) if path.startswith("Odd\\") and path.count("\\") == 1]
    edit = editor(hive.data)
    edit.set_value("Description", "x", 4, b"1234")  # now the hive has been examined
    assert all(edit.key(f"Odd\\{name}") is not None for name in names)
