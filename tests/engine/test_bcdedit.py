"""bcdedit on files and disks: growth, whole stores, devices in terms of the disk, refusals; each change can be undone."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import LocateDevice, PartitionDevice, Store, VirtualDiskDevice
from bootmend.bcd.create import edit_store, empty_store
from bootmend.engine.bcdedit import Own, new_id, read_store, run_bcdedit, surroundings, take_options, two_stores
from bootmend.engine.repair import find_run, undo
from bootmend.engine.target import Target
from bootmend.errors import MissingError, RefusedError, UsageError
from bootmend.registry import Hive, check
from bootmend.samples import write_sample
from bootmend.source import MemorySource
from tests.bcd.stores import BOOTMGR, LOADER, NOW, hive_bytes, mbr, open_store, seed_objects
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd.commands import Result

DONE = "The operation completed successfully.\n"
SIZE = 1 << 30


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "BCD"
    path.write_bytes(hive_bytes(seed_objects()))
    return path


@pytest.fixture(params=[1, 2])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = str(tmp_path / "os.vhd")
    write_sample(path, generation=request.param, layout="usual", format="vhd-dynamic", size=SIZE)
    return path


def bcdedit(*words: str | Path, status: int = 0) -> Result:
    result = run_bcdedit([str(word) for word in words])
    assert result.exit_code == status, result
    return result


def value(path: str | Path, owner: str, element: str) -> object:
    with Target(str(path)) as target:
        item = target.machine.stores[0].store.get(owner)
        found = item.element(element) if item is not None else None
        return None if found is None else found.value


def device_of(path: str, number: int) -> PartitionDevice:
    from bootmend.machine import device_for

    with Target(path) as target:
        found = device_for(target.machine, target.machine.volume(number))
    assert found is not None
    return found


# -- a file that must grow -------------------------------------------------------------------------------


def test_a_store_file_grows_and_undo_makes_it_short_again(store: Path) -> None:
    before = store.read_bytes()
    store.chmod(0o640)
    for number in range(12):
        bcdedit(
            "/store", store, "/create", "/d", f"Windows number {number} with a long name " + "x" * 300, "/application", "osloader"
        )
    assert store.stat().st_size > len(before)
    assert stat.S_IMODE(store.stat().st_mode) == 0o640
    assert check(MemorySource(store.read_bytes())) == []
    assert len(open_store(store.read_bytes()).loaders()) == 13
    for _ in range(12):
        undo(find_run(str(store)))
    assert store.read_bytes() == before


def test_nothing_to_change_writes_nothing(store: Path) -> None:
    before = store.read_bytes()
    assert bcdedit("/store", store, "/timeout", "30").notes == ()
    assert store.read_bytes() == before


# -- whole stores ----------------------------------------------------------------------------------------


def test_createstore(tmp_path: Path) -> None:
    path = tmp_path / "new"
    assert bcdedit("/createstore", path).text == DONE
    assert open_store(path.read_bytes()).objects() == []
    assert sorted(os.listdir(tmp_path)) == ["new"]
    before = path.read_bytes()
    assert "The file exists." in bcdedit("/createstore", path, status=1).text
    assert path.read_bytes() == before
    assert bcdedit("/createstore", status=1).text


@pytest.mark.oracle
def test_a_new_store_filled_by_us_is_read_by_hivex(tmp_path: Path) -> None:
    needs("hivexregedit")
    path = tmp_path / "new"
    bcdedit("/createstore", path)
    bcdedit("/store", path, "/create", "{bootmgr}", "/d", "Windows Boot Manager")
    bcdedit("/store", path, "/set", "{bootmgr}", "timeout", "5")
    said = subprocess.run(["hivexregedit", "--export", str(path), "\\"], capture_output=True, text=True, check=True).stdout
    assert f'[\\Objects\\{BOOTMGR}\\Elements\\25000004]\n"Element"=hex(3):05,00,00,00,00,00,00,00\n' in said


def test_export_and_import_of_a_file(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert bcdedit("/store", store, "/export", copy).text == DONE
    assert copy.read_bytes() == store.read_bytes()
    assert bcdedit("/store", store, "/export", copy, status=1).text
    target = tmp_path / "target"
    bcdedit("/createstore", target)
    before = target.read_bytes()
    result = bcdedit("/store", target, "/import", copy)
    assert result.text == DONE
    found = open_store(target.read_bytes())
    assert [item.id for item in found.objects()] == [item.id for item in open_store(store.read_bytes()).objects()]
    assert (found.name, found.system) == ("BCD00000000", True)
    undo(find_run(str(target)))
    assert target.read_bytes() == before


def test_import_with_clean_needs_a_running_machine(store: Path) -> None:
    before = store.read_bytes()
    assert "running machine" in bcdedit("/store", store, "/import", store, "/clean", status=2).text
    assert store.read_bytes() == before


def test_import_of_what_is_not_there_or_no_store(store: Path, tmp_path: Path) -> None:
    before = store.read_bytes()
    assert "cannot find the file" in bcdedit("/store", store, "/import", tmp_path / "none", status=1).text
    (tmp_path / "text").write_text("no store")
    with pytest.raises(Exception, match=r"no|not"):
        run_bcdedit(["/store", str(store), "/import", str(tmp_path / "text")])
    assert store.read_bytes() == before


def test_export_and_import_of_a_disk(disk: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    bcdedit("/store", disk, "/export", copy)
    bcdedit("/store", copy, "--disk", disk, "/set", "{default}", "description", "Edited outside")
    assert value(disk, "{default}", "description") != "Edited outside"
    bcdedit("/store", disk, "/import", copy)
    assert value(disk, "{default}", "description") == "Edited outside"
    undo(find_run(disk))
    assert value(disk, "{default}", "description") != "Edited outside"


def test_import_of_a_store_with_much_free_space_fits_without_it(disk: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    bcdedit("/store", disk, "/export", copy)
    data = edit_store(copy.read_bytes(), NOW, lambda one: one.hive.set_value("Objects", "x", 3, bytes(60000)))
    data = edit_store(data, NOW, lambda one: one.hive.delete_value("Objects", "x"))
    copy.write_bytes(data)
    with Target(disk) as target:
        chosen = target.machine.stores[0]
        assert len(data) > chosen.volume.tree.open(chosen.path).size
    bcdedit("/store", disk, "/import", copy)
    assert value(disk, "{default}", "description") == open_store(data).get("{default}").text("description")  # type: ignore[union-attr]


# -- no room inside a disk ---------------------------------------------------------------------------------


def test_no_room_says_how_many_bytes_are_missing_and_writes_nothing(disk: str) -> None:
    before = Path(disk).read_bytes()
    with pytest.raises(RefusedError, match=r"would need [\d,]+ bytes and its file has 32,768: [\d,]+ bytes are missing"):
        run_bcdedit(["/store", disk, "/set", "{default}", "loadoptions", "x" * 20000])
    assert Path(disk).read_bytes() == before


# -- devices in terms of the disk ----------------------------------------------------------------------------


def test_every_name_of_a_partition(disk: str) -> None:
    windows = 2 if value(disk, "{bootmgr}", "path") is None else 3
    expected = device_of(disk, windows)
    names = ["C:", "c:", str(windows), "windows", f"\\Device\\HarddiskVolume{windows}"]
    if expected.scheme == "GPT":
        names += [str(expected.partition_id), str(expected.partition_id).strip("{}").upper()]
    for name in names:
        bcdedit("/store", disk, "/set", "{default}", "osdevice", "boot")
        assert bcdedit("/store", disk, "/set", "{default}", "osdevice", f"partition={name}").text == DONE
        assert value(disk, "{default}", "osdevice") == expected
    bcdedit("/store", disk, "/set", "{bootmgr}", "device", "partition=system")
    assert value(disk, "{bootmgr}", "device") == device_of(disk, 1)


def test_printed_names_are_those_of_the_disk_and_never_letters(disk: str) -> None:
    text = bcdedit("/store", disk, "/enum", "osloader").text
    assert "osdevice                partition=\\Device\\HarddiskVolume" in text
    assert "partition=C:" not in text


@pytest.mark.parametrize("name", ["D:", "9", "{00000000-0000-0000-0000-000000000067}", "nonsense", ""])
def test_names_that_mean_nothing(disk: str, name: str) -> None:
    before = Path(disk).read_bytes()
    result = bcdedit("/store", disk, "/set", "{default}", "osdevice", f"partition={name}", status=1)
    assert result.text.startswith("The device is not valid as specified.\n")
    assert result.notes
    assert Path(disk).read_bytes() == before


def test_a_letter_of_another_disk(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the disk was given another id the registry's letter leads nowhere: that is said, nothing is guessed."""
    from bootmend.engine import partitions

    lost = PartitionDevice("MBR", "0x0badd15c", 1 << 20)
    monkeypatch.setattr(partitions, "mounted", lambda *_given: lost)
    result = bcdedit("/store", disk, "/set", "{default}", "osdevice", "partition=C:", status=1)
    assert "not on this disk" in " ".join(result.notes)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes.fromhex("6700ed5e 0000501f00000000"), PartitionDevice("MBR", "0x5eed0067", 0x1F500000)),
        (b"DMIO:ID:" + bytes.fromhex("6700ed5eab673e4c9d1300155d010067"), "{5eed0067-67ab-4c3e-9d13-00155d010067}"),
        (b"DMIO:ID:", None),
        ("\\??\\STORAGE#RemovableMedia".encode("utf-16-le"), None),
        (b"", None),
    ],
)
def test_what_mounted_devices_say(data: bytes, expected: object) -> None:
    from bootmend.engine.partitions import _mounted_device
    from bootmend.machine import Machine

    found = _mounted_device(Machine(None, tree=object()), data)  # type: ignore[arg-type]
    assert (found.partition_id if isinstance(expected, str) and found else found) == expected


def test_a_store_file_has_no_disk_unless_it_is_named(store: Path, disk: str) -> None:
    result = bcdedit("/store", store, "/set", "{default}", "osdevice", "partition=2", status=1)
    assert "--disk" in " ".join(result.notes)
    bcdedit("/store", store, "--disk", disk, "/set", "{default}", "osdevice", "partition=2")
    found = open_store(store.read_bytes()).get("{default}")
    assert found is not None
    assert found.elements[0x21000001].value == device_of(disk, 2)
    assert "HarddiskVolume2" in bcdedit("/store", store, "--disk", disk, "/enum", "osloader").text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("boot", "boot"),
        ("locate", "locate=\\Windows"),
        ("locate=custom:12000002", "locate=\\Windows\\system32\\winload."),
        ("locate=\\Windows\\x.efi", "locate=\\Windows\\x.efi"),
        ("ramdisk=[2]\\boot.wim,{ramdiskoptions}", "ramdisk=[\\Device\\HarddiskVolume2]\\boot.wim,{ramdiskoptions}"),
        ("ramdisk=[partition=2]\\boot.wim", "ramdisk=[\\Device\\HarddiskVolume2]\\boot.wim"),
        ("file=[boot]\\a.img", "file=[boot]\\a.img"),
        ("hd_partition=2", "partition=\\Device\\HarddiskVolume2"),
        ("vmbus={12345678-1234-1234-1234-123456789abc}", "vmbus={12345678-1234-1234-1234-123456789abc}"),
    ],
)
def test_every_form_of_a_device(disk: str, text: str, printed: str) -> None:
    if "{ramdiskoptions}" in text:
        bcdedit("/store", disk, "/create", "{ramdiskoptions}")
    bcdedit("/store", disk, "/set", "{default}", "osdevice", text)
    assert f"osdevice                {printed}" in bcdedit("/store", disk, "/enum", "osloader").text


@pytest.mark.parametrize(("word", "parent"), [("boot", None), ("locate", LocateDevice("path", path="\\vm\\inner.vhd"))])
def test_a_virtual_disk(tmp_path: Path, word: str, parent: object) -> None:
    folder = tmp_path / "computer"
    (folder / "Boot").mkdir(parents=True)
    (folder / "vm").mkdir()
    (folder / "Boot" / "BCD").write_bytes(hive_bytes(seed_objects()) + bytes(4096))
    inner = str(folder / "vm" / "inner.vhd")
    write_sample(inner, generation=1, layout="usual", format="vhd-dynamic", size=SIZE)
    bcdedit("/store", folder, "/set", LOADER, "osdevice", f"vhd=[{word}]\\vm\\inner.vhd")
    found = value(folder, LOADER, "osdevice")
    assert isinstance(found, VirtualDiskDevice)
    assert (found.partition, found.path) == (device_of(inner, 2), "\\vm\\inner.vhd")
    assert parent is None or found.parent == parent
    result = bcdedit("/store", folder, "/set", LOADER, "osdevice", f"vhd=[{word}]\\vm\\none.vhd", status=1)
    assert "no virtual disk" in " ".join(result.notes)


# -- refusals and our own options ---------------------------------------------------------------------------


@pytest.mark.parametrize("line", [["/sysstore", "C:"], ["/mirror", "{default}"]])
def test_what_only_a_running_windows_can_do(line: list[str], store: Path) -> None:
    assert "running Windows" in bcdedit(*line, status=2).text
    assert "running Windows" in bcdedit("/store", store, *line, status=2).text


def test_bitlocker_asks_for_consent(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootmend.machine import Machine

    before = Path(disk).read_bytes()
    monkeypatch.setattr(Machine, "bitlocker", property(lambda machine: machine.volumes[1:2]))
    with pytest.raises(RefusedError, match="volume 2 is encrypted with BitLocker") as caught:
        run_bcdedit(["/store", disk, "/timeout", "7"])
    assert "--unsafe" in (caught.value.hint or "")
    assert Path(disk).read_bytes() == before
    bcdedit("--unsafe", "/store", disk, "/timeout", "7")
    assert value(disk, "{bootmgr}", "timeout") == 7


@pytest.mark.parametrize(
    ("line", "rest", "own"),
    [
        ("/store F /enum", "/store F /enum", Own()),
        ("--store 2 /store F", "/store F", Own(volume=2)),
        ("--store F /enum", "--store F /enum", Own()),
        ("/enum all --disk D --unsafe", "/enum all", Own(disk="D", unsafe=True)),
    ],
)
def test_our_own_options(line: str, rest: str, own: Own) -> None:
    assert take_options(line.split()) == (rest.split(), own)


def test_options_that_contradict_one_another(disk: str) -> None:
    with pytest.raises(UsageError, match="needs the path"):
        run_bcdedit(["/enum", "--disk"])
    with pytest.raises(UsageError, match="only one"):
        run_bcdedit(["/store", disk, "--disk", disk, "/enum"])
    assert "Windows Boot Manager" in bcdedit("--disk", disk, "/enum").text


def test_a_volume_without_a_store_is_told_from_one_that_is_not_there(disk: str) -> None:
    with pytest.raises(MissingError, match=r"no boot configuration store on volume 2") as caught:
        bcdedit("--disk", disk, "--store", "2")
    assert "there is one on volume 1" in str(caught.value.hint)
    with pytest.raises(MissingError, match=r"there is no volume 9") as caught:
        bcdedit("--disk", disk, "--store", "9", "/timeout", "5")
    assert "its volumes are 1, 2" in str(caught.value.hint)


def test_fresh_identifiers() -> None:
    made = {new_id() for _ in range(100)}
    assert len(made) == 100
    for each in made:
        assert each[15] == "4"
        assert each[20] in "89ab"


def test_fresh_keys() -> None:
    make: Callable[[], str] | None = surroundings(None).new_key
    assert make is not None
    assert [len(part) for part in make().split(".")] == [13] * 4


# -- trees and differences -----------------------------------------------------------------------------------


def test_a_tree_of_some_objects(store: Path) -> None:
    whole, _ = read_store(["/store", str(store)])
    some, _ = read_store(["/store", str(store), "/enum", "osloader"])
    assert len(whole["objects"]) == 4  # type: ignore[arg-type]
    assert [item["id"] for item in some["objects"]] == [LOADER]  # type: ignore[attr-defined]
    with pytest.raises(UsageError):
        read_store(["/store", str(store), "/enum", "nonsense"])
    with pytest.raises(UsageError):
        read_store(["/store", str(store), "/timeout", "5"])
    with pytest.raises(MissingError):
        read_store(["/store", str(store) + "x"])


def test_two_stores_side_by_side(store: Path, tmp_path: Path) -> None:
    from bootmend.bcd.difference_text import difference_text

    objects = seed_objects(imc=False)
    objects[BOOTMGR][1]["11000001"] = mbr(0x5EED0067, 1 << 20)
    (tmp_path / "other").write_bytes(hive_bytes(objects))
    with two_stores(str(store), str(tmp_path / "other")) as (before, after):
        text = difference_text(before, after)
    assert f"  Windows Boot Loader {{default}} {LOADER}\n" in text or f"  Windows Boot Loader {LOADER}\n" in text
    assert "  - imchivename             \\IMC.hiv\n" in text
    assert "  ~ device                  unknown (0000" in text
    with two_stores(str(store), str(store)) as (before, after):
        assert difference_text(before, after) == ""


def test_the_empty_store_is_a_store() -> None:
    assert Store(Hive(MemorySource(empty_store(NOW)))).objects() == []
