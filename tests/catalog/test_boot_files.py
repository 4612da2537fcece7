"""Boot files that are gone, damaged or where none can be made: mended where the disk has what is needed, else said how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.samples import write_sample
from tests.catalog.conftest import change
from tests.catalog.disks import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.machine import Workspace
    from bootmend.model import Finding

SIZE = 1 << 30
SYSTEM, WINDOWS = 1, 2
WINLOAD = "\\Windows\\System32\\winload.exe"
SPARE = "\\Windows\\System32\\Boot\\winload.exe"


@pytest.fixture
def disk(tmp_path: Path) -> str:
    path = str(tmp_path / "disk.raw")
    write_sample(path, generation=1, layout="usual", format="raw", size=SIZE)
    return path


def found(path: str) -> list[Finding]:
    with Target(path) as target:
        return list(diagnose(target).problems)


def only(path: str) -> tuple[str, str]:
    (finding,) = found(path)
    return finding.rule, str(finding.applicability)


def mend(path: str, *, unsafe: bool = False) -> None:
    before = fingerprint(path)
    with Target(path) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=unsafe))
    assert apply_plan(plan, path).exit_code == 0
    assert found(path) == []
    undo(find_run(path))
    assert fingerprint(path) == before
    apply_plan(plan, path)


def read(path: str, volume: int, file: str) -> bytes:
    with Target(path) as target:
        return target.machine.volume(volume).tree.read(file)


def test_a_boot_manager_that_is_gone_comes_from_the_windows_folder(disk: str) -> None:
    change(disk, lambda workspace: workspace.delete_file(SYSTEM, "\\bootmgr"))
    assert only(disk) == ("bootmgr-missing", "safe")
    mend(disk)
    assert read(disk, SYSTEM, "\\bootmgr") == read(disk, WINDOWS, "\\Windows\\Boot\\PCAT\\bootmgr")


def test_without_a_copy_it_is_done_by_hand(disk: str) -> None:
    def lose(workspace: Workspace) -> None:
        workspace.delete_file(SYSTEM, "\\bootmgr")
        workspace.delete_file(WINDOWS, "\\Windows\\Boot\\PCAT\\bootmgr")

    change(disk, lose)
    assert only(disk) == ("bootmgr-missing", "manual")
    assert "bcdboot" in found(disk)[0].fix


def test_a_store_that_is_gone_is_made_anew(disk: str) -> None:
    change(disk, lambda workspace: workspace.delete_file(SYSTEM, "\\Boot\\BCD"))
    assert only(disk) == ("bcd-missing", "safe")
    mend(disk)
    assert read(disk, SYSTEM, "\\Boot\\BCD").startswith(b"regf")


def test_a_damaged_store_is_given_up_only_with_consent(disk: str) -> None:
    """Its root cell is gone, but it is a hive: somebody's entries may still be in it."""

    def damage(workspace: Workspace) -> None:
        data = workspace.machine.volume(SYSTEM).tree.read("\\Boot\\BCD")
        workspace.overwrite_file(SYSTEM, "\\Boot\\BCD", data[:4096] + bytes(4096) + data[8192:])

    change(disk, damage)
    assert only(disk) == ("bcd-missing", "unsafe")
    mend(disk, unsafe=True)


def test_a_program_that_is_gone_comes_from_its_spare(disk: str) -> None:
    def move(workspace: Workspace) -> None:
        data = workspace.machine.volume(WINDOWS).tree.read(WINLOAD)
        workspace.delete_file(WINDOWS, WINLOAD)
        workspace.create_file(WINDOWS, SPARE, data)

    change(disk, move)
    assert only(disk) == ("winload-missing", "safe")
    mend(disk)
    assert read(disk, WINDOWS, WINLOAD) == read(disk, WINDOWS, SPARE)


def test_a_program_without_a_spare_is_restored_by_hand(disk: str) -> None:
    change(disk, lambda workspace: workspace.delete_file(WINDOWS, WINLOAD))
    assert only(disk) == ("winload-missing", "manual")
    assert "DISM or SFC" in found(disk)[0].fix


@pytest.mark.parametrize("head", [bytes(4096), b"\x7fELF".ljust(4096, b"\1")], ids=["zeros", "no program"])
def test_a_program_that_is_none(disk: str, head: bytes) -> None:
    def spoil(workspace: Workspace) -> None:
        data = workspace.machine.volume(WINDOWS).tree.read(WINLOAD)
        workspace.overwrite_file(WINDOWS, WINLOAD, head + data[len(head) :])

    change(disk, spoil)
    assert only(disk) == ("winload-missing", "manual")


def test_an_entry_is_made_where_none_is_left(disk: str) -> None:
    """Every object but the boot manager is deleted: the new entry is of the Windows on the disk."""

    def empty(workspace: Workspace) -> None:
        store = workspace.store(SYSTEM, "\\Boot\\BCD")
        for item in store.objects():
            if item.alias != "{bootmgr}":
                store.delete_object(item.id)

    change(disk, empty)
    assert only(disk) == ("bcd-no-os-entry", "safe")
    mend(disk)
    with Target(disk) as target:
        store = target.machine.stores[0].store
        (loader,) = store.loaders()
        assert store.default_id == loader.id
        assert (loader.text("path"), loader.text("systemroot")) == ("\\Windows\\system32\\winload.exe", "\\Windows")


def test_the_same_plan_twice(disk: str) -> None:
    """New identifiers come from the disk and the moment, so that what is applied is what was read."""
    change(disk, lambda workspace: workspace.delete_file(SYSTEM, "\\Boot\\BCD"))
    plans = []
    for _ in range(2):
        with Target(disk) as target:
            plans.append(make_plan(target, Request(made_at=SAMPLE_TIME)))
    assert plans[0].patchset.patches == plans[1].patchset.patches


def test_in_a_directory_it_is_said_how(folder: Path) -> None:
    (folder / "Boot" / "BCD").write_bytes(bytes(4096))
    (finding,) = found(str(folder))
    assert (finding.rule, str(finding.applicability)) == ("bcd-missing", "manual")
    assert "bcdboot" in finding.fix
