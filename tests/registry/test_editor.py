"""The editor: each operation, on hives made byte by byte from the specification."""

from __future__ import annotations

import struct

import pytest

from bootmend.errors import BootmendError, CorruptError, MissingError, RefusedError, UnsupportedError
from bootmend.registry import Hive, HiveEditor, KeyFlag, check_buffer
from bootmend.registry.layout import SEGMENT
from bootmend.source import MemorySource

from .editing import NOW, cells_of, editor, key_fields, tree, written
from .raw_hive import DESCRIPTOR, NIL, K, RawHive, dirty, new_log, store, summed

VERSIONS = [3, 5]
OBJECT = "Objects\\{00000001-1111-2222-3333-444444444444}"


def room_for(data: bytes | bytearray) -> int:
    return len(data) + 64 * 4096


def offset_of(data: bytes, path: str) -> int:
    key = Hive(MemorySource(data)).key(path)
    assert key is not None
    return key.offset


# -- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", VERSIONS)
@pytest.mark.parametrize("length", [0, 1, 4, 5, 12, 100, SEGMENT, SEGMENT + 1, 40_000])
def test_a_new_value(minor: int, length: int) -> None:
    data = store(minor).data
    edit = editor(data, room_for(data))
    expected = tree(data)
    expected["Odd"]["New"] = (3, (bytes(range(250)) * 161)[:length])
    edit.set_value("Odd", "New", *expected["Odd"]["New"])
    assert tree(written(data, edit.commit())) == expected


@pytest.mark.parametrize("minor", VERSIONS)
@pytest.mark.parametrize("before", [0, 3, 8, 100, SEGMENT + 1, 35_840])
@pytest.mark.parametrize("after", [0, 4, 8, 9, 200, SEGMENT + 9, 36_000])
def test_a_value_gets_other_data(minor: int, before: int, after: int) -> None:
    data = RawHive(K("root", [("v", 3, b"b" * before), ("w", 1, b"w" * 9)]), minor=minor).data
    edit = editor(data, room_for(data))
    edit.set_value("", "V", 4, b"a" * after)
    result = written(data, edit.commit())
    assert tree(result) == {"": {"v": (4, b"a" * after), "w": (1, b"w" * 9)}}


def test_data_that_fit_stay_where_they_are() -> None:
    data = bytes(store().data)
    edit = editor(data)
    edit.set_value(f"{OBJECT}\\Elements\\12000002", "Element", 1, b"s\0h\0o\0r\0t\0\0\0")
    before, after = cells_of(data), cells_of(written(data, edit.commit()))
    assert before.keys() == after.keys()
    assert len([cell for cell in before if before[cell] != after[cell]]) == 3  # the data, their length, the key's stamp


@pytest.mark.parametrize("minor", [5])
def test_segments_are_written_as_windows_does(minor: int) -> None:
    data = RawHive(K("root"), minor=minor).data
    edit = editor(data, room_for(data))
    edit.set_value("", "v", 3, b"x" * (2 * SEGMENT + 1))
    sizes = sorted(len(cell) for cell in cells_of(written(data, edit.commit())).values())
    assert sizes[-3:] == [16352] * 3


def test_big_data_are_rewritten_in_place() -> None:
    data = bytes(store(5).data)
    edit = editor(data)
    edit.set_value("Description", "large", 3, b"z" * 35_000)
    assert cells_of(data).keys() == cells_of(written(data, edit.commit())).keys()


def test_before_version_4_large_data_are_one_cell() -> None:
    data = RawHive(K("root"), minor=3).data
    edit = editor(data, room_for(data))
    edit.set_value("", "v", 3, b"x" * 40_000)
    assert max(len(cell) for cell in cells_of(written(data, edit.commit())).values()) == 40_008


@pytest.mark.parametrize(("name", "narrow"), [("New", True), ("\xfc", True), ("\u0416", False), ("", False)])
def test_the_flag_of_narrow_names(name: str, narrow: bool) -> None:
    data = bytes(RawHive(K("root")).data)
    edit = editor(data)
    edit.set_value("", name, 4, b"\1\0\0\0")
    result = written(data, edit.commit())
    value = Hive(MemorySource(result)).root.value(name)
    assert value is not None
    assert value.flags == int(narrow)


@pytest.mark.parametrize("minor", VERSIONS)
def test_deleting_values_one_by_one(minor: int) -> None:
    data = bytes(store(minor).data)
    expected = tree(data)
    for name in list(expected["Description"]):
        edit = editor(data)
        edit.delete_value("Description", name.upper())
        data = written(data, edit.commit())
        del expected["Description"][name]
        assert tree(data) == expected
    fields = key_fields(data, offset_of(data, "Description"))
    assert (fields["values"], fields["value_list"]) == (0, NIL)
    assert (fields["largest_value_name"], fields["largest_value_data"]) == (0, 0)


def test_largest_lengths_count_names_as_utf16() -> None:
    data = bytes(RawHive(K("root")).data)
    edit = editor(data)
    edit.set_value("", "four", 3, b"12345")
    edit.create_key("sub\\below")
    edit.create_key("\u0416")
    fields = key_fields(written(data, edit.commit()), 32)
    assert (fields["largest_value_name"], fields["largest_value_data"], fields["largest_subkey"]) == (8, 5, 6)


def test_flags_beside_the_largest_subkey_name_stay() -> None:
    raw = RawHive(K("root", children=[K("a")]))
    struct.pack_into("<I", raw.data, 4096 + 32 + 4 + 52, 0x00A10002)
    edit = editor(raw.data)
    edit.create_key("longer")
    assert key_fields(written(raw.data, edit.commit()), 32)["largest_subkey"] == 0x00A1000C


@pytest.mark.parametrize("operation", ["set", "delete", "create", "remove"])
def test_the_time_of_a_changed_key(operation: str) -> None:
    data = bytes(store().data)
    edit = editor(data)
    if operation == "set":
        edit.set_value("Odd", "v", 3, b"")
    elif operation == "delete":
        edit.delete_value("Description", "KeyName")
    elif operation == "create":
        edit.create_key("Odd\\new")
    else:
        edit.delete_key("Odd\\plain")
    result = written(data, edit.commit())
    stamps = {path: key.written for path, key in Hive(MemorySource(result)).walk()}
    changed = "Description" if operation == "delete" else "Odd"
    assert stamps[changed] == NOW
    assert NOW not in {stamps[path] for path in stamps if path not in (changed, "Odd\\new")}


def test_setting_what_is_there_changes_nothing() -> None:
    data = bytes(store(5).data)
    edit = editor(data)
    for path, values in tree(data).items():
        for name, (kind, content) in values.items():
            edit.set_value(path, name, kind, content)
        edit.create_key(path)
    commit = edit.commit()
    assert commit.steps == ((), (), ())
    assert not commit.changed


# -- keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", VERSIONS)
def test_a_new_key_with_its_parents(minor: int) -> None:
    data = bytes(store(minor).data)
    edit = editor(data)
    key = edit.create_key("Odd\\one\\tw\u00f6\\\u0442\u0440\u0438")
    assert key.path == "Odd\\one\\tw\u00f6\\\u0442\u0440\u0438"
    result = written(data, edit.commit())
    expected = tree(data) | {"Odd\\one": {}, "Odd\\one\\tw\u00f6": {}, "Odd\\one\\tw\u00f6\\\u0442\u0440\u0438": {}}
    assert tree(result) == expected
    made = Hive(MemorySource(result)).key("odd\\ONE")
    assert made is not None
    assert (made.written, made.class_name, made.security, made.flags) == (NOW, None, DESCRIPTOR, KeyFlag.COMPRESSED_NAME)


@pytest.mark.parametrize("minor", VERSIONS)
def test_new_keys_are_sorted_as_windows_does(minor: int) -> None:
    data = bytes(RawHive(K("root"), minor=minor).data)
    edit = editor(data)
    names = ["b", "A", "_", "\xe9", "Z", "\u0131", "\xb5", "\xff", "i", "\uff41", "\U00010400", "a1"]
    for name in names:
        edit.create_key(name)
    stored = [key.name for key in Hive(MemorySource(written(data, edit.commit()))).root.subkeys()]
    # upper-cased units: 41, 41 31, 42, 49, 5a, 5f, b5 (micro stays), c9, 131 (dotless stays), 178, d801 dc00, ff21
    assert stored == ["A", "a1", "b", "i", "Z", "_", "\xb5", "\xe9", "\u0131", "\xff", "\U00010400", "\uff41"]


@pytest.mark.parametrize("minor", VERSIONS)
def test_a_new_key_shares_its_parents_security(minor: int) -> None:
    raw = store(minor)
    data = bytes(raw.data)
    edit = editor(data)
    edit.create_key("Many\\new")
    result = written(data, edit.commit())
    security = key_fields(result, raw.where["Many"])["security"]
    assert key_fields(result, offset_of(result, "Many\\new"))["security"] == security
    references = struct.unpack_from("<I", data, 4096 + security + 4 + 12)[0]
    assert struct.unpack_from("<I", result, 4096 + security + 4 + 12)[0] == references + 1


def test_security_that_nobody_uses_any_more_is_freed() -> None:
    raw = RawHive(K("root", children=[K("a", security=1), K("b", security=2)]))
    data = bytes(raw.data)
    edit = editor(data)
    edit.delete_key("a")
    result = written(data, edit.commit())
    assert b"sk" not in {cell[4:6] for offset, cell in cells_of(result).items() if offset == raw.security[1]}
    ring = [struct.unpack_from("<II", result, 4096 + raw.security[number] + 4 + 4) for number in (0, 2)]
    assert ring == [(raw.security[2],) * 2, (raw.security[0],) * 2]


@pytest.mark.parametrize("minor", VERSIONS)
def test_deleting_a_tree_frees_all_its_cells(minor: int) -> None:
    data = bytes(store(minor).data)
    edit = editor(data)
    for path in ("Objects", "Description", "Many", "Odd"):
        edit.delete_key(path, recursive=True)
    result = written(data, edit.commit())
    assert tree(result) == {"": {}}
    assert len(cells_of(result)) == 2  # the root key and its security
    fields = key_fields(result, 32)
    assert (fields["subkeys"], fields["list"], fields["largest_subkey"], fields["largest_class"]) == (0, NIL, 0, 0)


def test_a_class_is_freed_with_its_key() -> None:
    raw = RawHive(K("root", children=[K("a", class_name="text"), K("b")]))
    edit = editor(raw.data)
    edit.delete_key("a")
    assert b"t\0e\0x\0t\0" not in b"".join(cells_of(written(raw.data, edit.commit())).values())


@pytest.mark.parametrize(
    ("path", "recursive", "error", "text"),
    [
        ("", True, RefusedError, "cannot be deleted"),
        ("Objects", False, RefusedError, "8 subkeys"),
        ("Nothing", True, MissingError, "no key"),
    ],
)
def test_keys_that_are_not_deleted(path: str, recursive: bool, error: type[BootmendError], text: str) -> None:
    edit = editor(store().data)
    with pytest.raises(error, match=text):
        edit.delete_key(path, recursive=recursive)
    assert not edit.commit().changed


def test_a_key_marked_against_deletion() -> None:
    raw = store()
    struct.pack_into("<H", raw.data, 4096 + raw.where["Odd\\plain"] + 6, 0x28)
    with pytest.raises(RefusedError, match="cannot be deleted"):
        editor(raw.data).delete_key("Odd\\plain")


def test_a_predefined_handle_gets_no_values() -> None:
    raw = store()
    struct.pack_into("<H", raw.data, 4096 + raw.where["Odd\\plain"] + 6, 0x60)
    with pytest.raises(RefusedError, match="predefined handle"):
        editor(raw.data).set_value("Odd\\plain", "v", 1, b"")


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [("Odd", "x" * 16_384, 3), ("Odd", "v", -1), ("Odd", "v", 1 << 32)],
)
def test_values_that_cannot_be(path: str, name: str, kind: int) -> None:
    with pytest.raises(RefusedError):
        editor(store().data).set_value(path, name, kind, b"")


@pytest.mark.parametrize("path", ["x" * 256, "\U00010400" * 128, "\\".join("x" * 512)])
def test_keys_that_cannot_be(path: str) -> None:
    with pytest.raises(RefusedError):
        editor(store().data).create_key(path)


def test_what_is_missing_is_said() -> None:
    edit = editor(store().data)
    with pytest.raises(MissingError, match="no key Nothing"):
        edit.set_value("Nothing", "v", 1, b"")
    with pytest.raises(MissingError, match="no value 'v'"):
        edit.delete_value("Odd", "v")
    with pytest.raises(MissingError, match="no key"):
        edit.delete_value("Nothing", "v")


# -- what is refused ----------------------------------------------------------------------------------


def test_a_dirty_hive_is_not_edited_before_its_recovery() -> None:
    with pytest.raises(RefusedError):
        editor(dirty(store().data, sequence=9))


def test_a_dirty_hive_is_edited_after_its_recovery() -> None:
    before = bytes(store(3, sequence=8).data)
    edit = editor(before)
    edit.set_value("Odd", "logged", 3, b"by the log")
    after = written(before, edit.commit())
    hive = bytes(dirty(before, sequence=9))
    log = MemorySource(new_log(before, 8, [before, after]))
    edit = HiveEditor(MemorySource(hive), now=NOW, logs=[log])
    assert edit.recovery is not None
    assert edit.recovery.entries == 1
    edit.set_value("Odd", "edited", 3, b"by us")
    result = written(hive, edit.commit())
    expected = tree(before)
    expected["Odd"] |= {"logged": (3, b"by the log"), "edited": (3, b"by us")}
    assert tree(result) == expected
    assert Hive(MemorySource(result)).base.sequence1 > 9


def test_recovery_alone_is_a_change() -> None:
    before = bytes(store(3, sequence=8).data)
    hive = bytes(dirty(before, sequence=9))
    log = MemorySource(new_log(before, 8, [before, before[:5000] + b"\0" + before[5001:]]))
    commit = HiveEditor(MemorySource(hive), now=NOW, logs=[log]).commit()
    assert commit.changed
    assert not Hive(MemorySource(written(hive, commit))).dirty


def test_layered_keys_are_refused_and_version_6_without_them_is_not() -> None:
    raw = store(6)
    edit = editor(raw.data)
    edit.set_value("Odd", "v", 3, b"")
    written(raw.data, edit.commit())
    struct.pack_into("<B", raw.data, 4096 + raw.where["Odd"] + 4 + 13, 1)
    with pytest.raises(RefusedError, match="layered"):
        editor(raw.data).set_value("Many", "v", 3, b"")


def test_versions_before_3_are_not_edited() -> None:
    raw = store()
    struct.pack_into("<I", raw.data, 24, 2)
    with pytest.raises(UnsupportedError, match=r"1\.2"):
        editor(summed(raw.data))


def test_cells_with_two_owners_stop_every_edit() -> None:
    raw = RawHive(K("root", children=[K("a", [("v", 3, b"12345678")]), K("b", [("w", 3, b"abcdefgh")])]))
    where = struct.unpack_from("<I", raw.data, 4096 + raw.where["a:v"] + 4 + 8)[0]
    struct.pack_into("<I", raw.data, 4096 + raw.where["b:w"] + 4 + 8, where)
    with pytest.raises(RefusedError, match="overlap"):
        editor(raw.data).set_value("a", "v", 3, b"87654321")


def test_a_bad_bin_stops_every_edit() -> None:
    raw = store(5)
    raw.data[4096 * 2 : 4096 * 2 + 4] = b"hbim"
    with pytest.raises(RefusedError, match="bad hive bin"):
        editor(raw.data).set_value("", "v", 3, b"87654321")


def test_old_damage_elsewhere_does_not_stop_an_edit() -> None:
    raw = store()
    struct.pack_into("<I", raw.data, 4096 + raw.where["Many\\0003"] + 4 + 16, 0x20)
    known = check_buffer(raw.data)
    assert known
    edit = editor(raw.data)
    edit.set_value("Odd", "v", 3, b"something")
    edit.create_key("Many\\0003x")  # moves the list that leads to the damage
    file = MemorySource(raw.data, writable=True)
    edit.commit().write(file)
    assert check_buffer(file.data) == known


def test_an_edit_that_would_break_the_hive_is_refused() -> None:
    edit = editor(store().data)
    edit.set_value("Odd", "v", 3, b"something")
    key = edit.key("Odd")
    assert key is not None
    edit._buffer.put_number(key.start + 36, 9)
    with pytest.raises(RefusedError, match="would break the hive"):
        edit.commit()


def test_a_failed_operation_leaves_no_trace() -> None:
    raw = store(5)
    struct.pack_into("<I", raw.data, 4096 + raw.where["Objects"] + 4 + 20, 99)  # a wrong count far below
    edit = editor(raw.data)
    before = bytes(edit._buffer.bytes)
    with pytest.raises(CorruptError, match="its key says 99"):
        edit.create_key("Objects\\new")
    with pytest.raises(RefusedError, match="no free space"):
        edit.set_value("Odd", "v", 3, bytes(100_000))
    assert bytes(edit._buffer.bytes) == before
    edit.set_value("Odd", "v", 3, b"small")
    assert edit.key("Odd") is not None


@pytest.mark.parametrize("now", [-1, 1 << 64])
def test_a_time_that_is_none(now: int) -> None:
    with pytest.raises(RefusedError, match="FILETIME"):
        HiveEditor(MemorySource(bytes(store().data)), now=now)
