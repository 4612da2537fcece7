"""``bootmend hive``: reading, editing, mending and recovering hives, in files and inside disks."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import COMMANDS
from bootmend.engine.target import Target
from bootmend.registry import check_buffer
from tests.cli.running import Bootmend, MakeDisk, run_id, spawn
from tests.cli.schema_check import validate
from tests.registry.damaged import Damaged
from tests.registry.raw_hive import K, RawHive, dirty, new_log, store

if TYPE_CHECKING:
    from pathlib import Path

SELECT = "HKLM\\SYSTEM\\Select"


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    """A store of our own making, in a file."""
    path = tmp_path / "BCD"
    path.write_bytes(bytes(store(3).data))
    return path


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A small SYSTEM hive."""
    select = K("Select", [("Current", 4, b"\x02\0\0\0")])
    control = K("Control", [("Text", 1, "one \xe4\0".encode("utf-16-le")), ("", 7, "a\0b\0\0".encode("utf-16-le"))])
    path = tmp_path / "SYSTEM"
    path.write_bytes(bytes(RawHive(K("ROOT", children=[K("ControlSet002", children=[control]), select]), minor=5).data))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_is_listed() -> None:
    assert "hive" in COMMANDS


# -- reading --------------------------------------------------------------------------------------------------
def test_info(bootmend: Bootmend, system: Path) -> None:
    said = bootmend("hive", "info", system, expect=0).out
    assert "SYSTEM, in Windows at HKEY_LOCAL_MACHINE\\SYSTEM" in said
    assert "clean (sequence numbers 1 and 1)" in said
    document = validate(bootmend("hive", "info", system, "--format", "json", expect=0).json, "hive-info")
    assert (document["kind"], document["version"], document["keys"], document["values"]) == ("SYSTEM", "1.5", 4, 3)


def test_ls_and_get(bootmend: Bootmend, system: Path) -> None:
    assert bootmend("hive", "ls", system, expect=0).out == "[\\]\nControlSet002\\\nSelect\\\n"
    said = bootmend("hive", "ls", system, "HKLM\\SYSTEM\\CurrentControlSet\\Control", expect=0).out
    assert said == "[ControlSet002\\Control]\nText       REG_SZ  one \xe4\n(default)  REG_MULTI_SZ  a | b\n"
    assert bootmend("hive", "get", system, SELECT, "Current", expect=0).out == "2\n"
    assert bootmend("hive", "get", system, "CurrentControlSet\\Control", "@", expect=0).out == "a\nb\n"
    document = validate(bootmend("hive", "ls", system, "-r", "--format", "json", expect=0).json, "hive")
    assert [key["path"] for key in document["keys"]] == ["", "ControlSet002", "ControlSet002\\Control", "Select"]
    value = validate(bootmend("hive", "get", system, "Select", "current", "--format", "json").json, "hive")["keys"][0]["values"]
    assert value == [{"name": "Current", "type": 4, "type_name": "REG_DWORD", "data": 2, "raw": "02000000"}]


def test_the_bytes_of_a_value(system: Path) -> None:
    assert spawn("hive", "get", system, "Select", "Current", "--raw").out == "\x02\0\0\0"


def test_find(bootmend: Bootmend, system: Path) -> None:
    assert bootmend("hive", "find", system, "ONE", expect=0).out == "ControlSet002\\Control : Text = one \xe4\n"
    assert bootmend("hive", "find", system, "control$", "--regex", "--in", "keys", expect=0).out == "ControlSet002\\Control\n"
    assert bootmend("hive", "find", system, "nowhere", expect=1).out == ""
    assert validate(bootmend("hive", "find", system, "curr", "--format", "json").json, "hive")["keys"][0]["path"] == "Select"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["get", "SYSTEM", "Select", "Nothing"], 3, "no value 'Nothing'"),
        (["ls", "SYSTEM", "Nothing"], 3, "no key Nothing"),
        (["ls", "SYSTEM", "HKLM\\SOFTWARE\\x"], 2, "in the hive SOFTWARE"),
        (["info", "nothing"], 3, "there is no file nothing"),
        (["find", "SYSTEM", "(", "--regex"], 2, "no regular expression"),
        (["set", "SYSTEM", "Select", "Current", "x", "--yes"], 2, "no number"),
        (["set", "SYSTEM", "Nothing", "x", "y", "--yes"], 3, "--create"),
        (["set", "SYSTEM", "Select"], 2, "which value"),
        (["set", "SYSTEM", "Select", "a", "b", "--type", "text"], 2, "no type"),
        (["delete", "SYSTEM", "ControlSet002", "--yes"], 4, "1 subkeys"),
        (["delete", "SYSTEM", "", "-r", "--yes"], 4, "cannot be deleted"),
        (["set", "SYSTEM", "Select", "New", "1"], 4, "no terminal"),
        (["check", "SYSTEM", "-o", "x"], 2, "--repair"),
        (["ls", "SYSTEM", "--path", "\\x"], 2, "a hive itself"),
        (["import", "SYSTEM", "SYSTEM", "--yes"], 3, "SYSTEM"),
    ],
)
def test_errors_say_what_is_so(
    bootmend: Bootmend, system: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(system.parent)
    before = digest(system)
    assert said in bootmend("hive", *words, expect=code).err
    assert digest(system) == before


# -- changing ----------------------------------------------------------------------------------------------------
def test_set_and_undo(bootmend: Bootmend, system: Path) -> None:
    os.chmod(system, 0o640)
    before = digest(system)
    answer = bootmend("hive", "set", system, "HKLM\\SYSTEM\\CurrentControlSet\\Control", "Text", "two", "--yes", expect=0)
    assert answer.out == '[ControlSet002\\Control]\n- "Text"="one \xe4"\n+ "Text"="two"\n'
    assert bootmend("hive", "get", system, "ControlSet002\\Control", "text").out == "two\n"
    assert check_buffer(system.read_bytes()) == []
    assert stat.S_IMODE(system.stat().st_mode) == 0o640
    bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert digest(system) == before


def test_setting_what_is_set_writes_nothing(bootmend: Bootmend, system: Path) -> None:
    before = digest(system)
    answer = bootmend("hive", "set", system, "Select", "Current", "2", expect=0)
    assert "Nothing had to be changed" in answer.err
    assert digest(system) == before


def test_a_file_grows_where_it_must_and_shrinks_when_undone(bootmend: Bootmend, system: Path) -> None:
    before = digest(system)
    answer = bootmend("hive", "set", system, "New\\key", "big", "ab" * 40_000, "--type", "binary", "--create", "--yes", expect=0)
    assert system.stat().st_size >= 40_000 + 8192
    assert bootmend("hive", "check", system, expect=0).out == "The hive is sound.\n"
    bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert digest(system) == before


def test_delete(bootmend: Bootmend, system: Path) -> None:
    bootmend("hive", "delete", system, "ControlSet002\\Control", "@", "--yes", expect=0)
    assert "(default)" not in bootmend("hive", "ls", system, "ControlSet002\\Control").out
    answer = bootmend("hive", "delete", system, "ControlSet002", "-r", "--yes", expect=0)
    assert answer.out == "- [ControlSet002]\n- [ControlSet002\\Control]\n"
    document = bootmend("hive", "delete", system, "Select", "Current", "--yes", "--format", "json", expect=0).json
    assert validate(document, "hive-change")["changes"] == ["[Select]", '- "Current"=dword:00000002']


def test_export_import_and_diff(bootmend: Bootmend, system: Path, tmp_path: Path) -> None:
    reg, copy = tmp_path / "out.reg", tmp_path / "COPY"
    bootmend("hive", "export", system, "-o", reg, expect=0)
    raw = reg.read_bytes()
    assert raw.startswith(
        "\ufeffWindows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM]\r\n\r\n".encode("utf-16-le")
    )
    assert "exists" in bootmend("hive", "export", system, "-o", reg, expect=4).err
    copy.write_bytes(bytes(RawHive(K("ROOT")).data))
    bootmend("hive", "import", copy, reg, "--yes", expect=0)
    assert bootmend("hive", "diff", system, copy, expect=0).out == ""
    bootmend("hive", "set", copy, "Select", "Current", "1", "--yes", expect=0)
    answer = bootmend("hive", "diff", system, copy, expect=1)
    assert answer.out == '  [Select]\n- "Current"=dword:00000002\n+ "Current"=dword:00000001\n'
    document = validate(bootmend("hive", "diff", system, copy, "--format", "json", expect=1).json, "hive-diff")
    assert document["differences"][0]["what"] == "value"
    bootmend("hive", "export", system, "--format", "json", "-o", tmp_path / "x.json", expect=0)
    validate(json.loads((tmp_path / "x.json").read_text(encoding="utf-8")), "hive")


def test_a_part_is_exported_to_standard_output(system: Path) -> None:
    said = spawn("hive", "export", system, "Select", "--encoding", "utf-8", "--prefix", "HKLM\\OFFLINE").out
    assert (
        said.replace("\r", "") == 'Windows Registry Editor Version 5.00\n\n[HKLM\\OFFLINE\\Select]\n"Current"=dword:00000002\n\n'
    )


# -- whole hives ----------------------------------------------------------------------------------------------------
def test_check_and_repair(bootmend: Bootmend, hive: Path, tmp_path: Path) -> None:
    damaged = Damaged(3)
    damaged.key("Objects", 20, 9)
    damaged.key("Description:KeyName", 8, 0x7FFF0000)
    hive.write_bytes(damaged.data)
    before = digest(hive)
    assert "error: subkey-count" in bootmend("hive", "check", hive, expect=1).out
    validate(bootmend("hive", "check", hive, "--warnings", "--format", "json", expect=1).json, "hive-check")
    assert bootmend("hive", "check", hive, "--repair", "-o", tmp_path / "new", expect=0).out.count("LOST: ") == 1
    assert check_buffer((tmp_path / "new").read_bytes()) == []
    assert digest(hive) == before
    assert "no terminal" in bootmend("hive", "check", hive, "--repair", expect=4).err
    document = validate(bootmend("hive", "check", hive, "--repair", "--yes", "--format", "json", expect=0).json, "hive-check")
    assert "'KeyName'" in document["lost"][0]
    assert document["left"] == []
    assert bootmend("hive", "check", hive, expect=0).out == "The hive is sound.\n"
    bootmend("undo", document["run"], "--yes", expect=0)
    assert digest(hive) == before


def test_what_cannot_be_mended_is_left_and_said(bootmend: Bootmend, hive: Path) -> None:
    damaged = Damaged(3)
    damaged.key("Objects", 72, 0, "<H")
    hive.write_bytes(damaged.data)
    assert "left: key-name" in bootmend("hive", "check", hive, "--repair", "--yes", expect=1).out


def test_cells_with_two_owners_refuse_edits_and_say_the_way_out(bootmend: Bootmend, hive: Path) -> None:
    """Two keys share a list of values: a change of one would change the other, unless each gets its own first."""
    damaged = Damaged(3)
    count, values = damaged.get(damaged.at("Description"), 36), damaged.get(damaged.at("Description"), 40)
    damaged.key("Objects", 36, count)
    damaged.key("Objects", 40, values)
    for largest in (60, 64):
        damaged.key("Objects", largest, damaged.get(damaged.at("Description"), largest))
    hive.write_bytes(damaged.data)
    before = digest(hive)
    for command, *words in (("set", "x", "y"), ("delete", "KeyName")):
        said = bootmend("hive", command, hive, "Objects", *words, "--yes", expect=4).err
        assert "overlap" in said
        assert "bootmend hive check HIVE --repair" in said
    assert "hive check HIVE --repair" in bootmend("bcdedit", "/store", hive, "/create", "{bootmgr}", expect=4).err
    assert digest(hive) == before
    bootmend("hive", "check", hive, "--repair", "--yes", expect=0)
    bootmend("hive", "set", hive, "Objects", "x", "y", "--yes", expect=0)
    assert (
        bootmend("hive", "get", hive, "Description", "KeyName", expect=0).out
        == bootmend("hive", "get", hive, "Objects", "KeyName").out
    )


def pending(hive: Path) -> None:
    """Make the hive dirty, with a log that holds another text."""
    before = hive.read_bytes()
    after = before.replace("BCD00000001".encode("utf-16-le"), "BCD00000009".encode("utf-16-le"))
    hive.write_bytes(bytes(dirty(before, sequence=5)))
    hive.with_name("BCD.LOG1").write_bytes(new_log(before, 5, [before, after]))


def test_recover(bootmend: Bootmend, hive: Path, tmp_path: Path) -> None:
    pending(hive)
    before = digest(hive)
    answer = bootmend("hive", "get", hive, "Description", "KeyName", expect=0)
    assert (answer.out, "logs applied" in answer.err) == ("BCD00000009\n", True)
    assert "dirty" in bootmend("hive", "info", hive).out
    bootmend("hive", "recover", hive, "-o", tmp_path / "new", expect=0)
    assert bootmend("hive", "get", tmp_path / "new", "Description", "KeyName").out == "BCD00000009\n"
    assert digest(hive) == before
    answer = bootmend("hive", "recover", hive, "--yes", expect=0)
    assert check_buffer(hive.read_bytes()) == []
    assert "nothing to recover" in bootmend("hive", "recover", hive, expect=0).err
    bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert digest(hive) == before


def test_an_edit_recovers_first(bootmend: Bootmend, hive: Path) -> None:
    pending(hive)
    assert "recovered first" in bootmend("hive", "set", hive, "Description", "x", "y", "--yes", expect=0).err
    assert bootmend("hive", "get", hive, "Description", "KeyName", expect=0).err == ""


# -- inside a disk ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("gen", "form"), [(1, "vhd-dynamic"), (2, "raw")])
def test_a_hive_inside_a_disk(bootmend: Bootmend, disk: MakeDisk, gen: int, form: str) -> None:
    path = disk(gen=gen, form=form)
    before = digest(path)
    assert bootmend("hive", "get", path, SELECT, "Current", expect=0).out == "1\n"
    assert "Objects\\" in bootmend("hive", "ls", f"{path}:BCD", expect=0).out
    assert bootmend("hive", "info", path, "--path", "\\Windows\\System32\\config\\SYSTEM", expect=0).out.startswith("hive")
    answer = bootmend(
        "hive", "set", f"{path}:SYSTEM", "CurrentControlSet\\Control", "Test", "5", "--type", "dword", "--yes", expect=0
    )
    assert bootmend("hive", "get", f"{path}:system", "CurrentControlSet\\Control", "Test").out == "5\n"
    assert bootmend("hive", "check", f"{path}:SYSTEM", expect=0).out == "The hive is sound.\n"
    bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert digest(path) == before
    assert "hold several" in bootmend("hive", "ls", path, expect=2).err
    assert "any volume" in bootmend("hive", "ls", f"{path}:COMPONENTS", expect=3).err
    assert "volume 9" in bootmend("hive", "ls", f"{path}:SYSTEM", "--volume", "9", expect=3).err


def test_a_hive_inside_a_disk_never_grows(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    before = digest(path)
    big = "ab" * 120_000
    said = bootmend("hive", "set", f"{path}:SYSTEM", "Select", "big", big, "--type", "binary", "--yes", expect=4).err
    assert "may not grow" in said
    assert digest(path) == before


def test_a_hive_inside_a_disk_is_mended_and_recovered_in_place(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(form="raw")
    hive = f"{path}:SYSTEM"
    with Target(str(path)) as target:
        file = target.machine.windows[0].volume.tree.open("\\Windows\\System32\\config\\SYSTEM")
        data = file.read_at(0, file.size)
        record = data.index(b"sk", 4096)
        (extent,) = file.locate(record + 12, 4)
    with path.open("r+b") as image:
        image.seek(extent.offset)
        image.write(b"\x77\0\0\0")
    damaged = digest(path)
    assert "security-references" in bootmend("hive", "check", hive, expect=1).out
    answer = bootmend("hive", "check", hive, "--repair", "--yes", expect=0)
    assert "LOST" not in answer.out
    bootmend("hive", "check", hive, expect=0)
    bootmend("undo", run_id(answer.err), "--yes", expect=0)
    assert digest(path) == damaged
    assert "nothing to recover" in bootmend("hive", "recover", hive, expect=0).err
