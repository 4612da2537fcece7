"""Faults made by other programs' hands: found all the same, mended, and the result judged by other programs."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.samples import profile, write_sample
from tests.catalog.disks import fingerprint
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.engine.diagnose import Report
    from bootmend.samples.write import Sample

pytestmark = pytest.mark.oracle
SIZE = 1 << 30
STORE = "::/EFI/Microsoft/Boot/BCD"
BOOTMGR = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
BAD_MEMORY = "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"


def run(*command: object, text: str = "") -> str:
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def a_disk(folder: Path, generation: int) -> tuple[str, Sample]:
    path = str(folder / "disk.raw")
    return path, write_sample(path, generation=generation, layout="usual", format="raw", size=SIZE)


def look(path: str) -> Report:
    with Target(path) as target:
        return diagnose(target)


def dd(path: str, offset: int, data: bytes, folder: Path) -> None:
    (folder / "bytes").write_bytes(data)
    run("dd", f"if={folder / 'bytes'}", f"of={path}", "bs=1", f"seek={offset}", "conv=notrunc", "status=none")


def found_and_mended(path: str, *rules: str, left: tuple[str, ...] = ()) -> None:
    """The rules find it and nothing else does; the repair cures it, and undo gives back what the other program wrote."""
    broken = fingerprint(path)
    assert {finding.rule for finding in look(path).problems} == set(rules)
    with Target(path) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True))
    assert apply_plan(plan, path).exit_code == (1 if left else 0)
    assert {finding.rule for finding in look(path).problems} == set(left)
    undo(find_run(path))
    assert fingerprint(path) == broken
    apply_plan(plan, path)


def assert_whole(path: str) -> None:
    """sgdisk sees a GPT without a fault."""
    said = run("sgdisk", "-v", path)
    assert "No problems found" in said
    assert "ERROR" not in said


# -- tables and boot sectors ---------------------------------------------------------------------------------
@pytest.mark.parametrize("which", ["header", "backup"])
def test_a_gpt_overwritten_with_dd(tmp_path: Path, which: str) -> None:
    needs("dd", "sgdisk")
    path, _ = a_disk(tmp_path, 2)
    dd(path, 512 if which == "header" else SIZE - 512, bytes(512), tmp_path)
    assert "header: ERROR" in run("sgdisk", "-v", path)
    found_and_mended(path, "gpt-damaged")
    assert_whole(path)
    assert "EF00" in run("sgdisk", "-p", path)


def test_a_protective_mbr_overwritten_with_dd(tmp_path: Path) -> None:
    needs("dd", "sgdisk")
    path, _ = a_disk(tmp_path, 2)
    dd(path, 0, bytes(512), tmp_path)
    found_and_mended(path, "gpt-damaged")
    assert_whole(path)


def test_an_esp_retyped_by_sgdisk(tmp_path: Path) -> None:
    needs("sgdisk")
    path, _ = a_disk(tmp_path, 2)
    run("sgdisk", "-t", "1:0700", path)
    found_and_mended(path, "esp-missing")
    assert_whole(path)
    assert "EF00" in run("sgdisk", "-p", path)


@pytest.mark.parametrize("active", ["-", "2"])
def test_the_active_flag_moved_by_sfdisk(tmp_path: Path, active: str) -> None:
    needs("sfdisk")
    path, _ = a_disk(tmp_path, 1)
    run("sfdisk", "--quiet", "--activate", path, active)
    found_and_mended(path, "no-active-partition")
    assert run("sfdisk", "--activate", path).split()[0].endswith("raw1")


def test_boot_code_overwritten_with_dd(tmp_path: Path) -> None:
    needs("dd", "sfdisk")
    path, sample = a_disk(tmp_path, 1)
    before = run("sfdisk", "--dump", path)
    dd(path, 0, bytes(440), tmp_path)
    found_and_mended(path, "mbr-bootcode-damaged")
    assert run("sfdisk", "--dump", path) == before, f"signature {sample.disk_id} or partitions changed"


def test_the_signature_of_the_mbr_lost(tmp_path: Path) -> None:
    """Then no program sees partitions at all: the finding comes from what the entries lead to."""
    needs("dd", "sfdisk")
    path, _ = a_disk(tmp_path, 1)
    before = run("sfdisk", "--dump", path)
    dd(path, 510, bytes(2), tmp_path)
    found_and_mended(path, "mbr-bootcode-damaged")
    assert run("sfdisk", "--dump", path) == before


@pytest.mark.parametrize(("generation", "part"), [(1, 0), (1, 1), (2, 0), (2, 2)])
def test_a_boot_sector_overwritten_with_dd(tmp_path: Path, generation: int, part: int) -> None:
    needs("dd")
    path, sample = a_disk(tmp_path, generation)
    dd(path, sample.parts[part].offset, b"\xff" * 512, tmp_path)
    found_and_mended(path, "vbr-damaged")


def test_a_partition_that_was_moved_keeps_its_old_place_in_its_boot_sector(tmp_path: Path) -> None:
    needs("dd")
    path, sample = a_disk(tmp_path, 1)
    for place in (sample.parts[0].offset, sample.parts[0].end - 512):
        dd(path, place + 28, (63).to_bytes(4, "little"), tmp_path)
    found_and_mended(path, "vbr-damaged")
    with Path(path).open("rb") as file:
        file.seek(sample.parts[0].offset + 28)
        assert struct.unpack("<I", file.read(4)) == (sample.parts[0].offset // 512,)


def test_boot_code_of_mkntfs(tmp_path: Path) -> None:
    """The backup boot sector gives it back; where that has it too, a volume that Windows formatted; else it is done by hand."""
    needs("mkntfs", "dd")
    path, sample = a_disk(tmp_path, 1)
    other = tmp_path / "made.raw"
    with other.open("wb") as file:
        file.truncate(16 << 20)
    run("mkntfs", "-F", "-Q", "-q", other)
    dummy, (system, windows) = other.read_bytes()[84:510], sample.parts
    dd(path, system.offset + 84, dummy, tmp_path)
    found_and_mended(path, "not-bootable-disk")
    undo(find_run(path))
    dd(path, system.end - 512 + 84, dummy, tmp_path)
    assert {(one.rule, str(one.applicability)) for one in look(path).problems} == {("not-bootable-disk", "manual")}
    windows_code = b"\x33\xc0 BOOTMGR is compressed"
    dd(path, windows.offset + 84, windows_code.ljust(426, b"\x90"), tmp_path)
    found_and_mended(path, "not-bootable-disk")
    with Path(path).open("rb") as file:
        file.seek(system.offset + 84)
        assert file.read(len(windows_code)) == windows_code
    undo(find_run(path))
    dd(path, windows.offset + 84, dummy, tmp_path)
    report = look(path)
    assert report.verdict == "healthy", "a disk that mkntfs made as a whole"
    assert any("not Windows" in remark for remark in report.remarks)


# -- files ---------------------------------------------------------------------------------------------------
def esp(path: str) -> str:
    return f"{path}@@{profile.START}"


@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("EFI/Microsoft/Boot/BCD", "bcd-missing"),
        ("EFI/Microsoft/Boot/bootmgfw.efi", "bootmgr-missing"),
        ("EFI/Boot/bootx64.efi", "bootmgr-missing"),
    ],
)
def test_a_file_of_the_esp_deleted_by_mtools(tmp_path: Path, file: str, rule: str) -> None:
    needs("mdel", "mattrib", "fsck.fat", "dd")
    path, sample = a_disk(tmp_path, 2)
    run("mattrib", "-i", esp(path), "-h", "-s", "-r", f"::/{file}")
    run("mdel", "-i", esp(path), f"::/{file}")
    found_and_mended(path, rule)
    assert file.rsplit("/", 1)[-1].lower() in run("mdir", "-b", "-i", esp(path), f"::/{file}").lower()
    volume = tmp_path / "esp.raw"
    part = sample.parts[0]
    run("dd", f"if={path}", f"of={volume}", "bs=1M", f"skip={part.offset >> 20}", f"count={part.size >> 20}", "status=none")
    run("fsck.fat", "-n", volume)


def test_an_empty_boot_manager_put_there_by_ntfscp(tmp_path: Path) -> None:
    needs("ntfscp", "ntfscat", "dd")
    path, sample = a_disk(tmp_path, 1)
    part, volume, empty = sample.parts[0], tmp_path / "system.raw", tmp_path / "empty"
    run(
        "dd",
        f"if={path}",
        f"of={volume}",
        "bs=1M",
        f"skip={part.offset >> 20}",
        f"count={part.size >> 20}",
        "conv=sparse",
        "status=none",
    )
    empty.write_bytes(b"")
    run("ntfscp", "-q", "-f", volume, empty, "bootmgr")
    run("dd", f"if={volume}", f"of={path}", "bs=1M", f"seek={part.offset >> 20}", "conv=notrunc", "status=none")
    found_and_mended(path, "bootmgr-missing")
    run("dd", f"if={path}", f"of={volume}", "bs=1M", f"skip={part.offset >> 20}", f"count={part.size >> 20}", "status=none")
    assert subprocess.run(["ntfscat", "-f", volume, "bootmgr"], capture_output=True, check=True).stdout.startswith(b"MZ")


# -- stores ----------------------------------------------------------------------------------------------------
def edit_store(path: str, folder: Path, script: str) -> None:
    """Take the store out of the ESP with mtools, let hivexsh edit it, and put it back."""
    copy = folder / "BCD"
    run("mcopy", "-n", "-o", "-i", esp(path), STORE, copy)
    run("hivexsh", "-w", copy, text=script + "\ncommit\n")
    run("mattrib", "-i", esp(path), "-h", "-s", "-r", STORE)
    run("mcopy", "-n", "-o", "-i", esp(path), copy, STORE)


def element(object_id: str, number: str, value: str) -> str:
    """hivexsh's words for giving an object an element."""
    return f"cd \\Objects\\{object_id}\\Elements\nadd {number}\ncd {number}\nsetval 1\nElement\n{value}"


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (f"cd \\Objects\\{BOOTMGR}\ndel", "bcd-no-bootmgr-object"),
        (f"cd \\Objects\\{profile.LOADER_ID}\ndel", "bcd-no-os-entry"),
        (element(profile.LOADER_ID, "260000a0", "hex:3:01"), "bcd-debug-flags"),
        (element(profile.LOADER_ID, "26000010", "hex:3:01"), ""),
        (element(BOOTMGR, "26000020", "hex:3:01") + "\ncd \\Objects\\" + BOOTMGR + "\\Elements\\25000004\ndel", "boot-menu-wait"),
        (element(BAD_MEMORY, "1700000a", "hex:3:" + ",".join(["00,10,00,00,00,00,00,00"] * 80)), "badmemory-list"),
        (
            f"cd \\Objects\\{profile.LOADER_ID}\\Elements\\12000002\nsetval 1\nElement\nstring:\\Windows\\system32\\winload.exe",
            "winload-missing",
        ),
        (f"cd \\Objects\\{profile.LOADER_ID}\\Elements\\22000002\nsetval 1\nElement\nstring:\\WINNT", "os-not-found"),
    ],
)
def test_a_store_edited_by_hivexsh(tmp_path: Path, script: str, rule: str) -> None:
    needs("hivexsh", "mcopy", "mattrib")
    path, _ = a_disk(tmp_path, 2)
    edit_store(path, tmp_path, script)
    if rule:
        found_and_mended(path, rule)
    else:
        assert look(path).verdict == "healthy"


# -- registry and drivers ----------------------------------------------------------------------------------------
SYSTEM = "Windows/System32/config/SYSTEM"
CONTROL_SET = "\\ControlSet001"


def out_of_the_disk(path: str, offset: int, size: int, folder: Path) -> Path:
    """The Windows volume as a file of its own, cut out with dd."""
    volume = folder / "windows.ntfs"
    run("dd", f"if={path}", f"of={volume}", "bs=1M", f"skip={offset >> 20}", f"count={size >> 20}", "conv=sparse", "status=none")
    return volume


def edit_windows_volume(path: str, folder: Path, edit: Callable[[Path], None]) -> None:
    """Let other programs edit the volume with Windows, and put it back with dd."""
    with Target(path) as target:
        (installation,) = target.machine.windows
        partition = installation.volume.partition
        assert partition is not None
    volume = out_of_the_disk(path, partition.offset, partition.size, folder)
    edit(volume)
    run("dd", f"if={volume}", f"of={path}", "bs=1M", f"seek={partition.offset >> 20}", "conv=notrunc", "status=none")


def hivexsh_on_system(script: str) -> Callable[[Path], None]:
    """Take the SYSTEM hive out with ntfscat, let hivexsh edit it, and put it back with ntfscp."""

    def edit(volume: Path) -> None:
        hive = volume.parent / "SYSTEM"
        taken = subprocess.run(["ntfscat", "-f", str(volume), SYSTEM], capture_output=True, timeout=120, check=True)
        hive.write_bytes(taken.stdout)
        run("hivexsh", "-w", hive, text=script + "\ncommit\n")
        run("ntfscp", "-q", "-f", volume, hive, SYSTEM)

    return edit


def values(key: str, *words: str) -> str:
    """hivexsh's words for adding values to a key; those with the same names must be named again."""
    return f"cd {key}\nsetval {len(words) // 2}\n" + "\n".join(words)


def new_key(parent: str, name: str) -> str:
    return f"cd {parent}\nadd {name}\n"


SERVICES = f"{CONTROL_SET}\\Services"
AGENT = values(f"{SERVICES}\\Agent", "Type", "dword:16", "Start", "dword:2", "ErrorControl", "dword:3", "ImagePath")
ELAM = values(f"{SERVICES}\\Elam", "Type", "dword:1", "Start", "dword:0", "ErrorControl", "dword:3", "Group")
LOST = values(f"{SERVICES}\\Lost", "Type", "dword:1", "Start", "dword:0", "ErrorControl", "dword:3")


@pytest.mark.parametrize(
    ("script", "rule", "left"),
    [
        (values("\\Select", "Current", "dword:2", "Default", "dword:2"), "lkgc-wrong-controlset", False),
        (values(f"{SERVICES}\\disk", "Type", "dword:1", "Start", "dword:3"), "inaccessible-boot-device", False),
        (
            new_key(SERVICES, "Agent") + AGENT.replace("setval 3", "setval 4") + "\nstring:C:\\Agent\\agent.exe",
            "reboot-loop-critical-service",
            False,
        ),
        (
            new_key(SERVICES, "Elam") + ELAM.replace("setval 3", "setval 4") + "\nstring:Early-Launch",
            "elam-driver-missing",
            False,
        ),
    ],
)
def test_a_registry_edited_by_hivexsh(tmp_path: Path, script: str, rule: str, left: bool) -> None:
    needs("hivexsh", "ntfscat", "ntfscp", "dd")
    path, _ = a_disk(tmp_path, 1)
    edit_windows_volume(path, tmp_path, hivexsh_on_system(script))
    if left:
        assert [finding.rule for finding in look(path).problems] == [rule]
    else:
        found_and_mended(path, rule)
