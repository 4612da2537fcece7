"""``.reg`` files: how values are written, what is read back, and a whole hive there and back."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.engine.hive_edit import import_changes
from bootmend.errors import BootmendError, CorruptError, MissingError, UsageError
from bootmend.registry import Hive, HiveEditor
from bootmend.registry.regfile import export_reg, value_line
from bootmend.registry.regfile_parse import Change, decode_reg, parse_reg
from bootmend.registry.regfile_paths import Paths, below_prefix, hive_named, kind_of, mount_of, resolve_path
from bootmend.registry.regfile_values import parse_data, parse_type, type_name
from bootmend.source import MemorySource
from tests.registry.editing import NOW, tree, written
from tests.registry.raw_hive import K, RawHive, store
from tests.registry.test_check_hives import hive as real_hive
from tests.support import fuzz_cases, needs

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "Windows Registry Editor Version 5.00\n\n"


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


# -- writing: the forms are those of the Registry Editor (KB 310516) -------------------------------------------
@pytest.mark.parametrize(
    ("name", "kind", "data", "line"),
    [
        ("Path", 1, wide('C:\\a "b"\0'), '"Path"="C:\\\\a \\"b\\""'),
        ("", 1, wide("x\0"), '@="x"'),
        ("a\\b", 4, b"\x0a\0\0\0", '"a\\\\b"=dword:0000000a'),
        ("b", 3, b"\x01\xff", '"b"=hex:01,ff'),
        ("b", 3, b"", '"b"=hex:'),
        ("n", 0, b"\x01", '"n"=hex(0):01'),
        ("q", 11, bytes(8), '"q"=hex(b):00,00,00,00,00,00,00,00'),
        ("e", 2, wide("%a%\0"), '"e"=hex(2):25,00,61,00,25,00,00,00'),
        ("m", 7, wide("a\0\0"), '"m"=hex(7):61,00,00,00,00,00'),
        ("short", 4, b"\x01", '"short"=hex(4):01'),
        ("odd type", 0x20001, b"\x01", '"odd type"=hex(20001):01'),
        ("no NUL", 1, wide("x"), '"no NUL"=hex(1):78,00'),
        ("two lines", 1, wide("x\n\0"), '"two lines"=hex(1):78,00,0a,00,00,00'),
    ],
)
def test_each_kind_of_value_is_written_as_windows_does(name: str, kind: int, data: bytes, line: str) -> None:
    assert value_line(name, kind, data) == line
    assert parse_reg(HEAD + "[k]\n" + line)[1:] == [Change(4, "k", name, kind=kind, data=data)]


def test_long_data_are_broken_where_the_registry_editor_breaks_them() -> None:
    """The lines are those of an export by Windows that was published with a driver's settings."""
    lines = value_line("HardwareIDs", 7, wide("USB#VID_045E&PID_0010#REV_0001\0USB#VID_045E&PID_0010\0\0")).split("\r\n")
    assert lines[:3] == [
        '"HardwareIDs"=hex(7):55,00,53,00,42,00,23,00,56,00,49,00,44,00,5f,00,30,00,34,\\',
        "  00,35,00,45,00,26,00,50,00,49,00,44,00,5f,00,30,00,30,00,31,00,30,00,23,00,\\",
        "  52,00,45,00,56,00,5f,00,30,00,30,00,30,00,31,00,00,00,55,00,53,00,42,00,23,\\",
    ]


# -- reading --------------------------------------------------------------------------------------------------
def test_what_a_file_asks_for_is_read_in_order() -> None:
    text = HEAD + (
        "; a comment\n"
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n"
        '"b"="c" ; why\n'
        '"gone"=-\n'
        "@=-\n"
        '@="x\\\\y"\n'
        '"h"=hex(7):61,00,\\\n'
        "  00,00,\\\n"
        "  00,00\n"
        "\n"
        "[-HKEY_LOCAL_MACHINE\\SYSTEM\\old]\n"
        "[k]with]\n"
    )
    key = "HKEY_LOCAL_MACHINE\\SYSTEM\\a"
    assert parse_reg(text) == [
        Change(4, key),
        Change(5, key, "b", kind=1, data=wide("c\0")),
        Change(6, key, "gone", delete=True),
        Change(7, key, "", delete=True),
        Change(8, key, "", kind=1, data=wide("x\\y\0")),
        Change(9, key, "h", kind=7, data=wide("a\0\0")),
        Change(13, "HKEY_LOCAL_MACHINE\\SYSTEM\\old", delete=True),
        Change(14, "k]with"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_a_file_is_read_in_each_encoding(encoding: str) -> None:
    text = (HEAD + '[k]\n"\u0416"="\xe4"\n').replace("\n", "\r\n")
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    changes = parse_reg(decode_reg(mark + text.encode(encoding)))
    assert changes[1] == Change(4, "k", "\u0416", kind=1, data=wide("\xe4\0"))


def test_the_old_version_has_one_byte_a_character() -> None:
    raw = b'REGEDIT4\r\n\r\n[k]\r\n"a"="\xe4"\r\n"e"=hex(2):25,61,25,00\r\n"b"=hex:25\r\n'
    assert [change.data for change in parse_reg(decode_reg(raw))[1:]] == [wide("\xe4\0"), wide("%a%\0"), b"%"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("regedit\n[k]\n", "line 1"),
        (HEAD + '"a"="b"\n', "line 3: a value that belongs to no key"),
        (HEAD + '[-k]\n"a"=-\n', "line 4: a value that belongs to no key"),
        (HEAD + "[k]\nrubbish\n", "line 4: neither"),
        (HEAD + '[k]\n"a"=dword:123456789\n', "line 4: the data of 'a'"),
        (HEAD + '[k]\n"a"="b\n', "line 4"),
        (HEAD + '[k]\n"a"=hex:0,1,222\n', "line 4: hexadecimal bytes"),
        (HEAD + "[]\n", "line 3: a key without a name"),
    ],
)
def test_what_cannot_be_understood_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(CorruptError, match=message):
        parse_reg(text)


@settings(max_examples=fuzz_cases(100), deadline=2000)
@given(st.text(st.sampled_from(list('[]-"=\\\n;hexdword:0a1,(7)@ ')), max_size=200))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    try:
        parse_reg(HEAD + text)
    except BootmendError as error:
        place = error.places
    else:
        return
    assert place[0].startswith("line ")


# -- there and back ---------------------------------------------------------------------------------------------
def there_and_back(data: bytes, empty: bytes) -> bytes:
    source = Hive(MemorySource(data))
    text = "".join(export_reg(source, source.root, "HKEY_LOCAL_MACHINE\\X"))
    editor = HiveEditor(MemorySource(empty), now=NOW, room=len(data) + (1 << 20))
    changes = parse_reg(decode_reg(b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")))
    import_changes(editor, changes, lambda key: below_prefix(key, "HKEY_LOCAL_MACHINE\\X"))
    return written(empty, editor.commit())


@pytest.mark.parametrize("minor", [3, 5])
def test_a_hive_comes_back_whole(minor: int) -> None:
    data = bytes(store(minor).data)
    empty = bytes(RawHive(K("root"), minor=minor).data)
    assert tree(there_and_back(data, empty)) == tree(data)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "name", ["regipy_BCD.xz", "ez_SAM.xz", "yarp_MultiSzHive.xz", "yarp_StringValuesHive.xz", "hivex_special"]
)
def test_a_real_hive_comes_back_whole(name: str) -> None:
    data = real_hive(name)
    assert tree(there_and_back(data, bytes(RawHive(K("root")).data))) == tree(data)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["regipy_BCD.xz", "ez_BCD.xz", "regipy_SAM.xz"])
def test_what_hivexregedit_exports_is_what_we_export(name: str, tmp_path: Path) -> None:
    """It writes every string as bytes: so both are read back, and compared."""
    needs("hivexregedit")
    data = real_hive(name)
    path = tmp_path / "hive"
    path.write_bytes(data)
    command = [shutil.which("hivexregedit") or "", "--export", "--prefix", "HKLM\\X", str(path), "\\"]
    theirs = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode("utf-8").replace("\r\n", "\n")
    source = Hive(MemorySource(data))
    ours = "".join(export_reg(source, source.root, "HKLM\\X")).replace("\r\n", "\n")
    assert contents(parse_reg(theirs)) == contents(parse_reg(ours))


def contents(changes: list[Change]) -> dict[tuple[str, str | None], tuple[int, bytes]]:
    return {(change.key.rstrip("\\"), change.name): (change.kind, change.data) for change in changes}


def test_an_import_says_and_does_only_what_is_not_so_already() -> None:
    data = bytes(store(3).data)
    editor = HiveEditor(MemorySource(data), now=NOW)
    changes = parse_reg(HEAD + '[Description]\n"KeyName"="BCD00000001"\n"KeyName2"=-\n[-Nothing]\n')
    assert import_changes(editor, changes, str) == []
    assert not editor.commit().changed
    changes = parse_reg(HEAD + '[-Many]\n[Many\\new]\n"v"=dword:1\n')
    said = import_changes(editor, changes, str)
    assert said[0] == "- [Many]"
    assert said[-3:] == ["+ [Many\\new]", "[Many\\new]", '+ "v"=dword:00000001']
    assert tree(written(data, editor.commit()))["Many\\new"] == {"v": (4, b"\1\0\0\0")}


# -- paths --------------------------------------------------------------------------------------------------------
def system_hive() -> Hive:
    select = K("Select", [("Current", 4, b"\x02\0\0\0")])
    sets = [K("ControlSet001"), K("ControlSet002", children=[K("Control"), K("Hardware Profiles")])]
    return Hive(MemorySource(bytes(RawHive(K("ROOT", children=[*sets, select]), minor=5).data)))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", ""),
        ("Select", "Select"),
        ("\\Select\\", "Select"),
        ("HKLM\\SYSTEM\\Select", "Select"),
        ("hklm:\\system\\Select", "Select"),
        ("HKEY_LOCAL_MACHINE\\SYSTEM", ""),
        ("HKLM\\OFFLINE_SYS\\Select", "Select"),
        ("CurrentControlSet\\Control", "ControlSet002\\Control"),
        ("HKLM\\SYSTEM\\currentcontrolset", "ControlSet002"),
        ("HKCC\\Software", "ControlSet002\\Hardware Profiles\\Current\\Software"),
    ],
)
def test_paths_are_understood_as_windows_writes_them(path: str, found: str) -> None:
    assert resolve_path(system_hive(), path) == found


def test_a_path_of_another_hive_is_refused() -> None:
    with pytest.raises(UsageError, match="SOFTWARE"):
        resolve_path(system_hive(), "HKLM\\SOFTWARE\\Microsoft")
    with pytest.raises(UsageError):
        resolve_path(system_hive(), "HKLM")
    with pytest.raises(UsageError):
        below_prefix("HKLM\\A\\b", "HKLM\\B")


def test_a_control_set_that_is_not_there_is_an_error() -> None:
    select = K("Select", [("Current", 4, b"\x07\0\0\0")])
    hive = Hive(MemorySource(bytes(RawHive(K("ROOT", children=[select])).data)))
    with pytest.raises(MissingError, match="ControlSet007"):
        Paths(hive).resolve("CurrentControlSet\\Control")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("HKLM\\System\\x", "SYSTEM"),
        ("HKU\\.DEFAULT\\x", "DEFAULT"),
        ("HKLM\\BCD00000000", "BCD"),
        ("HKCR\\.txt", "SOFTWARE"),
        ("Select", ""),
    ],
)
def test_a_path_names_its_hive(path: str, name: str) -> None:
    assert hive_named(path) == name


def test_a_hive_is_known_by_its_keys() -> None:
    assert kind_of(system_hive()) == "SYSTEM"
    assert mount_of(system_hive()) == "HKEY_LOCAL_MACHINE\\SYSTEM"
    assert kind_of(Hive(MemorySource(bytes(store(3).data)))) == "BCD"
    assert kind_of(Hive(MemorySource(bytes(RawHive(K("x")).data)))) == ""


# -- values as people type them -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "words", "kind", "data"),
    [
        ("REG_SZ", ["a b"], 1, wide("a b\0")),
        ("expand_sz", ["%x%"], 2, wide("%x%\0")),
        ("binary", ["01,02", "ff"], 3, b"\1\2\xff"),
        ("dword", ["0x10"], 4, b"\x10\0\0\0"),
        ("REG_DWORD_BIG_ENDIAN", ["16"], 5, b"\0\0\0\x10"),
        ("link", ["\\Registry\\x"], 6, wide("\\Registry\\x")),
        ("multi_sz", ["a", "b"], 7, wide("a\0b\0\0")),
        ("multi_sz", [], 7, wide("\0")),
        ("qword", ["18446744073709551615"], 11, b"\xff" * 8),
        ("none", [], 0, b""),
        ("0x20001", ["00"], 0x20001, b"\0"),
    ],
)
def test_data_are_typed_as_words(word: str, words: list[str], kind: int, data: bytes) -> None:
    assert parse_type(word) == kind
    assert parse_data(kind, words) == data


@pytest.mark.parametrize(
    ("kind", "words"), [(4, ["-1"]), (4, ["4294967296"]), (4, ["x"]), (1, []), (1, ["a", "b"]), (3, ["0"]), (7, [""])]
)
def test_words_that_are_no_such_data_are_refused(kind: int, words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_data(kind, words)


def test_types_have_names() -> None:
    assert (type_name(7), type_name(0x20001)) == ("REG_MULTI_SZ", "0x20001")
    with pytest.raises(UsageError) as raised:
        parse_type("text")
    assert "REG_SZ" in (raised.value.hint or "")
