"""bcdboot on sample disks: a fresh store, written over the old one or to a file, proven by the rules, undone to the byte."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.bcdboot import Made, choose, description, make_store
from bootmend.engine.diagnose import diagnose
from bootmend.engine.repair import find_run, undo
from bootmend.engine.target import Target
from bootmend.errors import MissingError, RefusedError, UsageError
from bootmend.filesystem.edit import edit_volume
from bootmend.machine import volume_of
from bootmend.machine.fresh_store import boot_files, missing_files
from bootmend.machine.system_volume import STORES
from bootmend.registry import check
from bootmend.samples import write_sample
from bootmend.source import MemorySource
from tests.bcd.stores import BOOTMGR, hive_bytes, number, open_store
from tests.catalog.disks import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bootmend.filesystem.edit import TreeEditor

SIZE = 1 << 30


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(params=[(1, "usual"), (1, "single"), (2, "usual")], ids=str)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = str(tmp_path / "os.vhd")
    write_sample(path, generation=request.param[0], layout=request.param[1], format="vhd-dynamic", size=SIZE)
    return path


def damage_store(path: str) -> None:
    """Zero the store's file where it lies on the disk: no hive is left of it."""
    with Target(path) as target:
        chosen = target.machine.stores[0]
        file = chosen.volume.tree.open(chosen.path)
        extents = [(each.offset, each.length) for each in file.locate(0, file.size) if each.source is not None]
    with open(path, "r+b") as disk_file:
        for offset, length in extents:
            disk_file.seek(offset)
            disk_file.write(bytes(length))


def problems(path: str) -> list[str]:
    with Target(path) as target:
        report = diagnose(target)
        return [finding.rule for finding in report.problems] + [one.rule for one in report.inconclusive]


def test_a_new_store_over_the_old_one(disk: str) -> None:
    before = fingerprint(disk)
    made = make_store(disk)
    assert made.missing == ()
    assert problems(disk) == []
    with Target(disk) as target:
        store = target.machine.stores[0]
        loader = store.store.get("{default}")
        assert loader is not None
        assert (loader.text("description"), loader.text("systemroot")) == ("Windows Server", "\\Windows")
        device = loader.elements[0x21000001].value
        volume = volume_of(target.machine, device)  # type: ignore[arg-type]
        assert volume is target.machine.windows[0].volume
        manager = store.store.get("{bootmgr}")
        assert manager is not None
        assert volume_of(target.machine, manager.elements[0x11000001].value) is store.volume  # type: ignore[arg-type]
        assert store.store.system
    undo(find_run(made.run_id))
    assert fingerprint(disk) == before


def test_over_a_store_that_is_no_hive_any_more(disk: str) -> None:
    damage_store(disk)
    broken = fingerprint(disk)
    assert problems(disk)
    made = make_store(disk)
    assert problems(disk) == []
    undo(find_run(made.run_id))
    assert fingerprint(disk) == broken


def test_to_a_file(disk: str, tmp_path: Path) -> None:
    before = fingerprint(disk)
    made = make_store(disk, output=str(tmp_path / "BCD"))
    data = (tmp_path / "BCD").read_bytes()
    assert (made.run_id, made.store, made.size) == ("", str(tmp_path / "BCD"), len(data))
    assert check(MemorySource(data)) == []
    assert len(open_store(data).loaders()) == 1
    assert fingerprint(disk) == before
    with pytest.raises(RefusedError, match="exists"):
        make_store(disk, output=str(tmp_path / "BCD"))


def test_the_other_firmware_has_no_place_on_this_disk(disk: str) -> None:
    with Target(disk) as target:
        other = "BIOS" if target.machine.firmware == "UEFI" else "UEFI"
    before = fingerprint(disk)
    with pytest.raises((MissingError, RefusedError)):
        make_store(disk, firmware=other)
    assert fingerprint(disk) == before


def test_which_windows(disk: str) -> None:
    with Target(disk) as target:
        number_of_windows = str(target.machine.windows[0].volume.number)
        for name in ("", "C:", "windows", number_of_windows):
            assert choose(target.machine, name, "").windows is target.machine.windows[0]
        with pytest.raises(UsageError, match="no partition is known"):
            choose(target.machine, "77", "")
        with pytest.raises(UsageError, match="BIOS or UEFI"):
            choose(target.machine, "", "CP/M")


def test_another_volume_holds_no_windows(tmp_path: Path) -> None:
    path = str(tmp_path / "os.vhd")
    write_sample(path, generation=1, layout="usual", format="vhd-dynamic", size=SIZE)
    with pytest.raises(MissingError, match="no Windows on the volume 1"):
        make_store(path, windows="1")


def test_a_store_that_is_too_long_for_its_file_gets_a_longer_one(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootmend.engine import bcdboot

    before = fingerprint(disk)
    monkeypatch.setattr(bcdboot, "build", lambda *_given: (b"x" * 70_000, []))
    made = make_store(disk)
    with Target(disk) as target:
        choice = choose(target.machine, "", target.machine.firmware)
        assert choice.system.tree.read(STORES[choice.firmware]) == b"x" * 70_000
    undo(find_run(made.run_id))
    assert fingerprint(disk) == before


def change_system_volume(disk: str, change: Callable[[TreeEditor], None]) -> None:
    """Change files as somebody else would who has the disk at hand: straight in the image."""
    with Target(disk) as target:
        overlays = target.overlays()
        machine = overlays.machine()
        volume = choose(machine, "", machine.firmware).system
        assert volume.source is not None
        change(edit_volume(volume.source, 133_700_000_000_000_000))
        patches = [(path, patch) for path, overlay in overlays.by_path.items() for patch in overlay.patches()]
        sizes = {path: overlay.size for path, overlay in overlays.by_path.items()}
    for path, patch in patches:
        with open(path, "r+b") as file:
            file.seek(patch.offset)
            file.write(patch.after)
            file.truncate(sizes[path])


def test_boot_files_that_are_missing_are_copied_and_the_store_is_made(disk: str) -> None:
    with Target(disk) as target:
        choice = choose(target.machine, "", target.machine.firmware)
        store = STORES[choice.firmware]
        manager, source = next((path, source) for volume, path, source in boot_files(choice) if volume is choice.system)
        wanted = choice.windows.volume.tree.read(source)

    def lose(editor: TreeEditor) -> None:
        editor.delete(manager)
        editor.delete(store)

    change_system_volume(disk, lose)
    before = fingerprint(disk)
    made = make_store(disk)
    assert made.missing == ()
    assert any(where.endswith(manager) for where in made.copied)
    with Target(disk) as target:
        choice = choose(target.machine, "", target.machine.firmware)
        assert choice.system.tree.read(manager) == wanted
        assert target.machine.sound_stores
        assert list(missing_files(choice)) == []
    undo(find_run(made.run_id))
    assert fingerprint(disk) == before


def test_a_volume_that_takes_no_new_files_is_said(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is pretended: the store fits its file, and what could not be copied is named with the reason."""
    from bootmend.engine import bcdboot

    with Target(disk) as target:
        choice = choose(target.machine, "", target.machine.firmware)
        manager = next(path for volume, path, _ in boot_files(choice) if volume is choice.system)
    change_system_volume(disk, lambda editor: editor.delete(manager))

    def refuse(*_given: object) -> None:
        raise RefusedError("the volume is marked to be checked by chkdsk")

    monkeypatch.setattr(bcdboot, "edit_volume", refuse)
    made = make_store(disk)
    assert made.copied == ()
    assert any(manager in sentence for sentence in made.missing)
    assert any("cannot be copied" in note and "marked to be checked" in note for note in made.notes)


# -- a directory stands in for volumes whose files can be changed at will --------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a computer, without a partition table."""
    root = tmp_path / "computer"
    (root / "Windows" / "System32" / "config").mkdir(parents=True)
    (root / "Boot").mkdir()
    return root


def test_a_directory_has_no_partitions_to_name(folder: Path) -> None:
    (folder / "Boot" / "BCD").write_bytes(hive_bytes({BOOTMGR: (0x10100002, {"25000004": number(3)})}))
    with pytest.raises(UsageError, match="whole disk"):
        make_store(str(folder))


def test_missing_files_are_named_with_where_a_copy_is(folder: Path) -> None:
    from bootmend.engine.bcdboot import missing_files

    (folder / "Boot" / "BCD").write_bytes(b"x")
    (folder / "Windows" / "Boot" / "PCAT").mkdir(parents=True)
    (folder / "Windows" / "Boot" / "PCAT" / "bootmgr").write_bytes(b"x")
    with Target(str(folder)) as target:
        found = list(missing_files(choose(target.machine, "", "BIOS")))
    assert found == [
        "volume 1 \\bootmgr is missing; a copy is volume 1 \\Windows\\Boot\\PCAT\\bootmgr",
        "volume 1 \\Windows\\System32\\winload.exe is missing",
    ]
    (folder / "bootmgr").write_bytes(b"x")
    (folder / "Windows" / "System32" / "winload.exe").write_bytes(b"")
    with Target(str(folder)) as target:
        assert list(missing_files(choose(target.machine, "", "BIOS"))) == ["volume 1 \\Windows\\System32\\winload.exe is missing"]
    (folder / "Windows" / "System32" / "winload.exe").write_bytes(b"x")
    with Target(str(folder)) as target:
        assert list(missing_files(choose(target.machine, "", "BIOS"))) == []


def test_the_installations_own_template(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template's boot manager waits 3 seconds; one that is no hive is said and left aside."""
    from bootmend.bcd import PartitionDevice
    from bootmend.engine import bcdboot
    from bootmend.machine import fresh_store

    (folder / "Boot" / "BCD").write_bytes(b"x")
    template = folder / "Windows" / "System32" / "config" / "BCD-Template"
    template.write_bytes(hive_bytes({BOOTMGR: (0x10100002, {"25000004": number(3)})}))
    monkeypatch.setattr(fresh_store, "_device", lambda *_given: PartitionDevice("MBR", "0x5eed0067", 1 << 20))
    with Target(str(folder)) as target:
        data, notes = bcdboot.build(choose(target.machine, "", "BIOS"), "en-US")
    manager = open_store(data).get("{bootmgr}")
    assert manager is not None
    assert manager.elements[0x25000004].value == 3
    assert not [note for note in notes if "BCD-Template" in note]
    template.write_bytes(b"no hive")
    with Target(str(folder)) as target:
        data, notes = bcdboot.build(choose(target.machine, "", "BIOS"), "en-US")
    assert [note for note in notes if "cannot be used" in note]
    manager = open_store(data).get("{bootmgr}")
    assert manager is not None
    assert manager.elements[0x25000004].value == 30


def test_the_recovery_environment_of_a_volume(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootmend.bcd import PartitionDevice
    from bootmend.engine import bcdboot
    from bootmend.machine import fresh_store

    (folder / "Boot" / "BCD").write_bytes(b"x")
    winre = folder / "Recovery" / "WindowsRE"
    winre.mkdir(parents=True)
    monkeypatch.setattr(fresh_store, "_device", lambda *_given: PartitionDevice("MBR", "0x5eed0067", 1 << 20))
    for file, loaders in (("Winre.wim", 1), ("boot.sdi", 2)):
        (winre / file).write_bytes(b"x")
        with Target(str(folder)) as target:
            data, _ = bcdboot.build(choose(target.machine, "", "BIOS"), "en-US")
        assert len(open_store(data).loaders()) == loaders
    shutil.rmtree(winre)


@pytest.mark.parametrize(
    ("product", "build", "server", "expected"),
    [
        ("Windows 10 Pro", 19045, False, "Windows 10"),
        ("Windows 10 Pro", 22631, False, "Windows 11"),
        ("Windows 7 Professional", 7601, False, "Windows 7"),
        ("Windows 8.1 Enterprise", 9600, False, "Windows 8.1"),
        ("Windows Server 2016 Datacenter", 14393, True, "Windows Server 2016"),
        ("Windows Server 2012 R2 Standard", 9600, True, "Windows Server 2012 R2"),
        ("Windows Server 2022 Datacenter", 20348, True, "Windows Server"),
        ("", 19045, False, "Windows 10"),
        ("", 20348, True, "Windows Server"),
    ],
)
def test_how_the_menu_calls_it(product: str, build: int, server: bool, expected: str) -> None:
    assert description(product, build, server=server) == expected


def test_what_is_made_says_where(disk: str) -> None:
    made: Made = make_store(disk, locale="de-DE")
    assert made.store.endswith("BCD")
    assert made.windows.endswith("\\Windows")
    assert os.path.isfile(disk)
    with Target(disk) as target:
        loader = target.machine.stores[0].store.get("{default}")
        assert loader is not None
        assert loader.text("locale") == "de-DE"
