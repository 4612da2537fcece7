"""What programs that are not ours say of the sample disks."""

from __future__ import annotations

import io
import math
import struct
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.samples import profile, write_sample
from bootmend.samples.containers import geometry
from bootmend.samples.templates import Templates
from tests.support import needs, shared_folder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle

MIB, GIB = 1 << 20, 1 << 30
KINDS = [(1, "usual"), (1, "single"), (2, "usual")]
CONFIG = "/Windows/System32/config"


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, output
    return output


def unfold(name: str, path: Path) -> Path:
    templates = Templates()
    with path.open("wb") as file:
        file.truncate(templates.size(name))
        for offset, data in templates.extents(name):
            file.seek(offset)
            file.write(data)
    return path


def content(volume: Path, path: str) -> bytes:
    return subprocess.run(["ntfscat", "-f", str(volume), path], capture_output=True, check=True).stdout


NTFS = [name for name in Templates().names() if name != "esp"]


@pytest.mark.parametrize("name", NTFS)
def test_ntfs_tools_find_nothing_wrong(tmp_path: Path, name: str) -> None:
    needs("ntfsfix", "ntfsresize", "ntfscluster", "ntfsinfo")
    volume = unfold(name, tmp_path / "volume")
    assert "processed successfully" in run("ntfsfix", "-n", volume)
    assert "ERROR" not in run("ntfsresize", "--info", "--force", "--no-progress-bar", volume)
    run("ntfscluster", "-f", volume)
    assert "Volume Flags: 0x0000" in run("ntfsinfo", "-f", "-m", volume)


def test_fsck_finds_nothing_wrong(tmp_path: Path) -> None:
    needs("fsck.fat", "mdir")
    volume = unfold("esp", tmp_path / "volume")
    run("fsck.fat", "-n", volume)
    assert "bootmgfw.efi" in run("mdir", "-b", "-i", volume, "::/EFI/Microsoft/Boot")


@pytest.mark.parametrize("name", ["usual", "single", "gpt"])
def test_every_hive_is_read_alike_by_independent_readers(tmp_path: Path, name: str) -> None:
    needs("ntfscat", "reglookup")
    regf = pytest.importorskip("dissect.regf").regf
    volume = unfold(f"windows-{name}-384m", tmp_path / "volume")
    for hive in ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT"):
        data = content(volume, f"{CONFIG}/{hive}")
        (tmp_path / "hive").write_bytes(data)
        lines = [line for line in run("reglookup", tmp_path / "hive").splitlines()[1:] if line]
        assert not [line for line in lines if line.startswith(("WARN", "ERROR"))]
        assert len(lines) == count(regf.RegistryHive(io.BytesIO(data)).root())


def count(key: Any) -> int:
    return 1 + len(list(key.values())) + sum(count(child) for child in key.subkeys())


def test_windows_is_what_it_says(tmp_path: Path) -> None:
    needs("ntfscat")
    regf = pytest.importorskip("dissect.regf").regf
    volume = unfold("windows-usual-384m", tmp_path / "volume")
    software = regf.RegistryHive(io.BytesIO(content(volume, f"{CONFIG}/SOFTWARE")))
    version = software.open("Microsoft\\Windows NT\\CurrentVersion")
    assert version.value("ProductName").value == "Windows Server 2019 Datacenter"
    assert version.value("CurrentBuild").value == "17763"
    system = regf.RegistryHive(io.BytesIO(content(volume, f"{CONFIG}/SYSTEM")))
    assert system.open("Select").value("Current").value == 1
    name = system.open("ControlSet001\\Control\\ComputerName\\ComputerName").value("ComputerName").value
    assert name == profile.COMPUTER_NAME
    assert len(list(system.open("ControlSet001\\Services").subkeys())) >= 30
    assert "InitialMachineConfig" not in [key.name for key in system.open("ControlSet001\\Control").subkeys()]
    for path in ("ntoskrnl.exe", "hal.dll", "winload.exe", "winload.efi", "ci.dll", "smss.exe"):
        assert content(volume, f"/Windows/System32/{path}")[:2] == b"MZ"


@pytest.mark.parametrize(("generation", "layout"), KINDS)
def test_the_store_names_the_partitions_of_the_disk(tmp_path: Path, generation: int, layout: str) -> None:
    needs("ntfscat", "mtype")
    regf = pytest.importorskip("dissect.regf").regf
    sample = write_sample(tmp_path / "disk", generation=generation, layout=layout, size=GIB)
    windows = next(part for part in sample.parts if part.template and part.template.startswith("windows"))
    system = sample.parts[0]
    if generation == 2:
        volume = unfold("esp", tmp_path / "volume")
        data = subprocess.run(["mtype", "-i", volume, "::/EFI/Microsoft/Boot/BCD"], capture_output=True, check=True).stdout
    else:
        data = content(unfold(str(system.template), tmp_path / "volume"), "/Boot/BCD")
    assert len(data) == 32768
    objects = regf.RegistryHive(io.BytesIO(data)).open("Objects")
    manager = objects.subkey("{9dea862c-5cdd-4e70-acc1-f32b344d4795}").subkey("Elements")
    loader = objects.subkey(manager.subkey("23000003").value("Element").value).subkey("Elements")
    assert device_of(manager, "11000001") == expected(system)
    assert device_of(loader, "11000001") == expected(windows)
    assert device_of(loader, "21000001") == expected(windows)
    assert loader.subkey("12000004").value("Element").value == "Windows Server 2019"


def device_of(elements: Any, number: str) -> tuple[bytes, bytes]:
    value = elements.subkey(number).value("Element").value
    assert len(value) == 88
    return value[32:48], value[56:72]


def expected(part: profile.Part) -> tuple[bytes, bytes]:
    if part.guid:
        return uuid.UUID(part.guid).bytes_le, uuid.UUID(profile.DISK_GUID).bytes_le
    return struct.pack("<QQ", part.offset, 0), struct.pack("<I12x", profile.DISK_SIGNATURE)


@pytest.mark.parametrize("size", [4 * GIB, 127 * GIB])
def test_sgdisk_and_sfdisk_read_the_tables(tmp_path: Path, size: int) -> None:
    needs("sgdisk", "sfdisk")
    sample = write_sample(tmp_path / "gpt", generation=2, size=size)
    assert "No problems found" in run("sgdisk", "-v", sample.path)
    assert profile.DISK_GUID.upper() in run("sgdisk", "-p", sample.path)
    sample = write_sample(tmp_path / "mbr", generation=1, size=size)
    listing = run("sfdisk", "-d", sample.path)
    assert "label-id: 0x5eed0067" in listing
    for part in sample.parts:
        assert f"start={part.offset // 512:>12}, size={part.size // 512:>12}, type=7" in listing


@pytest.mark.parametrize(("generation", "layout"), KINDS)
def test_qemu_reads_every_format_alike(tmp_path: Path, generation: int, layout: str) -> None:
    needs("qemu-img")
    raw = write_sample(tmp_path / "raw", generation=generation, layout=layout, size=4 * GIB).path
    for form in ("vhd-dynamic", "vhd-fixed"):
        path = write_sample(tmp_path / form, generation=generation, layout=layout, size=4 * GIB, format=form).path
        assert f"({4 * GIB} bytes)" in run("qemu-img", "info", "-f", "vpc", path)
        assert "identical" in run("qemu-img", "compare", "-f", "raw", "-F", "vpc", raw, path)


def test_qemu_sees_the_exact_size_of_a_large_disk(tmp_path: Path) -> None:
    needs("qemu-img")
    path = write_sample(tmp_path / "disk", format="vhd-dynamic").path
    assert f"({127 * GIB} bytes)" in run("qemu-img", "info", path)


@pytest.mark.parametrize(
    "cylinders", [(300, 4, 17), (963, 5, 17), (1000, 16, 31), (2080, 16, 63), (41610, 16, 63), (30840, 16, 255)]
)
def test_the_geometry_is_what_qemu_computes(tmp_path: Path, cylinders: tuple[int, int, int]) -> None:
    """For sizes that are whole cylinders: others qemu rounds up to one that is."""
    needs("qemu-img")
    path = tmp_path / "disk"
    size = math.prod(cylinders) * 512
    run("qemu-img", "create", "-f", "vpc", "-o", "subformat=dynamic", path, size)
    assert geometry(size) == struct.unpack_from(">HBB", path.read_bytes()[:512], 56)


@pytest.mark.parametrize(("generation", "layout"), KINDS)
def test_the_independent_disk_checker_finds_it_clean(tmp_path: Path, generation: int, layout: str) -> None:
    tools = shared_folder("tools")
    if tools is None or not (tools / "check_disk.py").is_file():
        pytest.skip("the independent checker is not present")
    needs("qemu-img", "ntfsfix", "losetup")
    sample = write_sample(tmp_path / "disk", generation=generation, layout=layout, size=GIB, format="vhd-dynamic")
    assert "verdict: CLEAN" in run(sys.executable, tools / "check_disk.py", sample.path, "--no-guestfs")
