"""New stores and whole hives laid over others, judged by the checker, by hivex and by stores that Windows made."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import Store, StoreEditor
from bootmend.bcd.create import LARGEST, compacted, edit_store, empty_store
from bootmend.errors import RefusedError
from bootmend.registry import Hive, HiveEditor, check
from bootmend.registry.create import apply_commit, new_hive, replace_hive
from bootmend.source import MemorySource
from tests.bcd.stores import BOOTMGR, MEMDIAG, NOW, hive_bytes, open_store, seed_objects
from tests.registry.raw_hive import DESCRIPTOR
from tests.support import needs, shared_data, shared_files

if TYPE_CHECKING:
    from pathlib import Path

MADE_BY_WINDOWS = ("jc-lab_internal-bcdtemplate-bcd_0989ca4a.bcd", "jpz4085_templates-bcd-new_887169c3.bcd")

WHOLE = [path for path in shared_files("bcd", "*.bcd") if "50a2379d" not in path.name]


def elements(data: bytes) -> dict[str, dict[int, tuple[int, bytes]]]:
    return {item.id: {e.id: (e.registry_type, e.raw) for e in item.elements.values()} for item in open_store(data).objects()}


def tree(data: bytes) -> dict[str, dict[str, tuple[int, bytes]]]:
    return {path: {v.name: (v.type, bytes(v.data)) for v in key.values()} for path, key in Hive(MemorySource(data)).walk()}


def exported(path: Path) -> str:
    """The hive as hivex reads it."""
    found = subprocess.run(["hivexregedit", "--export", str(path), "\\"], capture_output=True, text=True, check=True)
    return found.stdout


def test_an_empty_store() -> None:
    data = empty_store(NOW)
    assert len(data) == 8192
    assert check(MemorySource(data)) == []
    assert tree(data) == {"": {}, "Description": {"KeyName": (1, "BCD00000001\0".encode("utf-16-le"))}, "Objects": {}}
    assert open_store(data).objects() == []


def test_the_store_of_a_system() -> None:
    store = open_store(empty_store(NOW, system=True))
    assert (store.name, store.system) == ("BCD00000000", True)


@pytest.mark.oracle
@pytest.mark.parametrize("name", MADE_BY_WINDOWS)
def test_it_is_the_tree_that_createstore_made(name: str, tmp_path: Path) -> None:
    windows = (shared_data("bcd") / name).read_bytes()
    ours = empty_store(NOW)
    assert tree(ours) == tree(windows)
    for path in ("", "Objects"):
        keys = [Hive(MemorySource(data)).key(path) for data in (ours, windows)]
        rights = {key.security[20:72] for key in keys if key is not None}
        assert len(rights) == 1, "the access rights; owner and group are of the machine it was made on"
    needs("hivexregedit")
    (tmp_path / "ours").write_bytes(ours)
    assert exported(tmp_path / "ours") == exported(shared_data("bcd") / name)


def test_a_hive_with_its_own_root_and_keys() -> None:
    data = new_hive("ROOT", now=NOW, security=DESCRIPTOR, subkeys=[("b", DESCRIPTOR), ("A", DESCRIPTOR)])
    assert check(MemorySource(data)) == []
    hive = Hive(MemorySource(data))
    assert [key.name for key in hive.root.subkeys()] == ["A", "b"]
    assert (hive.root.name, hive.root.written, hive.root.security) == ("ROOT", NOW, DESCRIPTOR)
    assert hive.key("a") is not None


def test_a_hive_without_keys() -> None:
    data = new_hive("ROOT", now=NOW, security=DESCRIPTOR)
    assert check(MemorySource(data)) == []
    assert list(Hive(MemorySource(data)).root.subkeys()) == []


def test_keys_that_do_not_fit_one_bin() -> None:
    with pytest.raises(RefusedError, match="one bin"):
        new_hive("ROOT", now=NOW, security=DESCRIPTOR, subkeys=[(f"{number:0200}", DESCRIPTOR) for number in range(20)])


def test_a_store_grows_while_it_is_filled() -> None:
    def change(store: StoreEditor) -> None:
        for number in range(100):
            store.create_object(f"{{{number:08x}-67ab-11ee-9b1c-00155d010067}}", 0x10200003)

    data = edit_store(empty_store(NOW), NOW, change)
    assert len(data) > 8192
    assert check(MemorySource(data)) == []
    assert len(open_store(data).objects()) == 100
    with pytest.raises(RefusedError, match="no free space"):
        edit_store(empty_store(NOW), NOW, change, room=8192)


# -- a whole hive over another ----------------------------------------------------------------------------


def replaced(old: bytes, new: bytes) -> bytes:
    return apply_commit(old, replace_hive(MemorySource(old), new))


def test_a_shorter_hive_keeps_the_length_of_the_file() -> None:
    old, new = hive_bytes(seed_objects()) + bytes(32768), empty_store(NOW)
    file = replaced(old, new)
    assert len(file) == len(old)
    assert tree(file) == tree(new)
    assert check(MemorySource(file)) == []
    assert not any(file[len(new) :])


def test_no_log_of_the_old_hive_is_ever_applied_to_the_new_one() -> None:
    old = hive_bytes(seed_objects())
    former, after = Hive(MemorySource(old)).base, Hive(MemorySource(replaced(old, empty_store(NOW)))).base
    assert after.sequence1 == after.sequence2 == former.sequence1 + 1


def test_three_steps_of_which_the_first_only_makes_the_old_hive_dirty() -> None:
    old = hive_bytes(seed_objects())
    first, pages, last = replace_hive(MemorySource(old), empty_store(NOW)).steps
    begun = bytearray(old)
    for offset, data in first:
        begun[offset : offset + len(data)] = data
    hive = Hive(MemorySource(bytes(begun)), dirty="accept")
    assert hive.dirty
    assert hive.base.checksum_ok
    assert hive.base.bins_size == Hive(MemorySource(old)).base.bins_size
    assert all(offset >= 512 for offset, _ in pages)
    assert [offset for offset, _ in last] == [0]


def test_over_what_was_no_hive() -> None:
    for old in (b"", bytes(100), b"regf" + bytes(40000), b"\xff" * 65536):
        file = replaced(old, empty_store(NOW))
        assert tree(file) == tree(empty_store(NOW))
        assert len(file) == max(len(old), 8192)


def test_a_longer_hive_makes_the_file_longer() -> None:
    new = edit_store(empty_store(NOW), NOW, lambda store: store.hive.set_value("Objects", "x", 3, bytes(20000)))
    old = empty_store(NOW)
    assert replace_hive(MemorySource(old), new).size == len(new) > len(old)
    assert tree(replaced(old, new)) == tree(new)


# -- without free space -----------------------------------------------------------------------------------


def test_a_compacted_store_has_the_same_elements() -> None:
    data = edit_store(hive_bytes(seed_objects()), NOW, lambda store: store.hive.set_value("Objects", "x", 3, bytes(40000)))
    data = edit_store(data, NOW, lambda store: store.hive.delete_value("Objects", "x"))
    small = compacted(Store(Hive(MemorySource(data))), NOW)
    assert len(small) < len(data)
    assert elements(small) == elements(data)
    assert check(MemorySource(small)) == []


@pytest.mark.oracle
@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_compacted_real_stores(path: Path) -> None:
    data = path.read_bytes()
    small = compacted(Store(Hive(MemorySource(data), dirty="accept")), NOW)
    assert elements(small) == elements(data)
    described = [Store(Hive(MemorySource(each), dirty="accept")).description_values() for each in (small, data)]
    assert sorted(described[0]) == sorted(described[1])
    assert check(MemorySource(small)) == []


# -- speed by construction --------------------------------------------------------------------------------


def test_a_change_looks_at_the_object_it_names_only() -> None:
    data = hive_bytes(seed_objects())
    store = StoreEditor(HiveEditor(MemorySource(data), now=NOW, room=LARGEST))
    other = store.get("{memdiag}")
    store.set_element(BOOTMGR, "timeout", 5)
    store.set_element("{memdiag}", "description", "x")
    assert other is not None
    assert other.elements == {}, "an object in other hands stays as it was"
    found = store.get("{memdiag}")
    assert found is not None
    assert found.text("description") == "x"
    store.set_element(BOOTMGR, "default", MEMDIAG)
    assert store.stated_default == MEMDIAG
