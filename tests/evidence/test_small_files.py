"""bootstat.dat, drive letters, servicing in the hives, free clusters."""

from __future__ import annotations

import subprocess
from struct import pack
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import CorruptError, MissingError, TruncatedError
from bootmend.evidence.boot_status import parse_boot_status
from bootmend.evidence.drive_letters import DriveLetter, drive_letters, parse_device
from bootmend.evidence.free_space import free_space
from bootmend.evidence.servicing import CBS, SIDE_BY_SIDE, read_servicing
from bootmend.evidence.times import filetime_text, unix_text
from bootmend.filesystem.open import open_volume
from bootmend.registry import Hive
from bootmend.source import FileSource, MemorySource
from tests.evidence.hives import BINARY, DWORD, MULTI_SZ, hive, text
from tests.support import needs, shared_files, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.evidence.hives import Value

NEWEST = pack("<II5B3x", 0x94, 3, 1, 30, 0, 1, 0) + bytes(0x20) + pack("<BBBxIII", 2, 7, 0, 41, 40, 39)
"""RTL_BSD_DATA of Windows 10 up to the boot ids: a server whose second attempt did not succeed."""


def test_the_status_of_the_last_start() -> None:
    status = parse_boot_status(NEWEST.ljust(512, b"\0"))
    assert (status.product, status.menu_after_failure, status.succeeded, status.shut_down) == ("server", True, False, True)
    assert (status.attempts, status.boot_id, status.shutdown_boot_id, status.abnormal_boot_id) == (2, 41, 40, 39)


def test_an_old_file_ends_before_the_counts() -> None:
    status = parse_boot_status(pack("<II5B3x", 0x10, 1, 0, 30, 1, 0, 0) + bytes(496))
    assert (status.product, status.succeeded, status.shut_down, status.attempts) == ("workstation", True, False, None)


@pytest.mark.parametrize(
    ("data", "error"), [(b"\x10", TruncatedError), (bytes(512), MissingError), (b"\xff" * 512, CorruptError)]
)
def test_what_is_no_status(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_boot_status(data)


def test_the_three_forms_of_a_drive_letter() -> None:
    assert parse_device("C:", bytes.fromhex("6700ed5e0000501f00000000")) == DriveLetter("C:", "0x5eed0067", 0x1F500000)
    guid = bytes.fromhex("6700ed5eab673e4c9d1300155d010067")
    assert parse_device("C:", b"DMIO:ID:" + guid).partition_id == "{5eed0067-67ab-4c3e-9d13-00155d010067}"
    path = "\\??\\SCSI#CdRom&Ven_Msft"
    assert parse_device("D:", path.encode("utf-16-le")).device == path


@pytest.mark.oracle
def test_drive_letters_of_a_real_hive_agree_with_reglookup() -> None:
    needs("reglookup")
    for path in shared_files("hives", "regipy_SYSTEM.xz"):
        letters = drive_letters(Hive(MemorySource(unpacked(path)), dirty="accept"))
        assert letters
        assert [one.letter for one in letters] == sorted(_letters_by_reglookup(unpacked(path)))
        return
    pytest.skip("third-party test data not present: data/hives")


def _letters_by_reglookup(data: bytes) -> list[str]:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        line = ["reglookup", "-p", "/MountedDevices", file.name]
        told = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    names = [row.split(",")[0] for row in told.splitlines()]
    return [name.rpartition("%5C")[2].rpartition("\\")[2] for name in names if "DosDevices" in name]


def test_hives_without_servicing_have_none() -> None:
    empty = hive()
    for one in (empty, None):
        told = read_servicing(one, one, one, "ControlSet001")
        assert (told.packages, told.unsettled, told.marks) == ((), (), ())


def package(name: str, state: int) -> Value:
    """A package of the component store."""
    return f"{CBS}\\Packages\\{name}", "CurrentState", DWORD, pack("<I", state)


def test_packages_are_counted_and_those_that_wait_are_named() -> None:
    software = hive(package("Foundation", 0x70), package("KB1", 0x70), package("KB2", 0x60), package("KB3", 5))
    told = read_servicing(software, None, None, "ControlSet001")
    assert dict(told.packages) == {"Installed": 2, "Install Pending": 1, "Uninstall Pending": 1}
    assert set(told.unsettled) == {("KB2", "Install Pending"), ("KB3", "Uninstall Pending")}


def test_what_else_says_that_something_is_pending() -> None:
    software = hive(
        (f"{CBS}\\SessionsPending", "Exclusive", DWORD, pack("<I", 3)),
        (f"{CBS}\\RebootPending", "", 0, b""),
        (f"{CBS}\\PackagesPending\\KB2", "", 0, b""),
        (SIDE_BY_SIDE, "PoqexecCmdline", MULTI_SZ, text("poqexec.exe /display_progress", "")),
    )
    components = hive(("", "PendingXmlIdentifier", BINARY, b"abc"), ("", "StoreCorruptTimeStamp", BINARY, b"x"))
    manager = "ControlSet001\\Control\\Session Manager"
    system = hive(
        (manager, "SetupExecute", MULTI_SZ, text("poqexec.exe", "")),
        (manager, "PendingFileRenameOperations", MULTI_SZ, text("\\??\\C:\\a", "", "\\??\\C:\\b", "", "")),
    )
    marks = read_servicing(software, components, system, "ControlSet001").marks
    assert {(one.hive, one.path.rpartition("\\")[2], one.value) for one in marks} == {
        ("SOFTWARE", "Exclusive", "03000000"),
        ("SOFTWARE", "RebootPending", "the key is there"),
        ("SOFTWARE", "PackagesPending", "1 keys"),
        ("SOFTWARE", "PoqexecCmdline", "poqexec.exe /display_progress"),
        ("COMPONENTS", "PendingXmlIdentifier", b"abc".hex()),
        ("SYSTEM", "SetupExecute", "poqexec.exe"),
        ("SYSTEM", "PendingFileRenameOperations", "2 paths"),
    }


def test_what_is_settled_says_nothing() -> None:
    software = hive(
        (f"{CBS}\\SessionsPending", "Exclusive", DWORD, bytes(4)),
        (f"{CBS}\\PackagesPending", "", 0, b""),
        package("KB1", 0x70),
    )
    system = hive(("ControlSet001\\Control\\Session Manager", "SetupExecute", MULTI_SZ, text("")))
    told = read_servicing(software, None, system, "ControlSet001")
    assert (told.unsettled, told.marks) == ((), ())


def test_times() -> None:
    assert filetime_text(133_497_900_000_000_000) == "2024-01-15T11:00:00Z"
    assert filetime_text(0) == filetime_text(-1) == filetime_text(1 << 63) == ""
    assert (unix_text(1_700_000_000), unix_text(0), unix_text(1 << 32)) == ("2023-11-14T22:13:20Z", "", "")


@pytest.mark.oracle
def test_free_clusters_of_fat_agree_with_fsck(tmp_path: Path) -> None:
    needs("mkfs.vfat", "mcopy", "fsck.fat")
    for bits, size in ((12, 1), (16, 8), (32, 64)):
        path = tmp_path / f"fat{bits}.img"
        with path.open("wb") as file:
            file.truncate(size << 20)
        subprocess.run(["mkfs.vfat", "-F", str(bits), "-s", "1", str(path)], check=True, capture_output=True)
        (tmp_path / "some").write_bytes(b"x" * 100_001)
        subprocess.run(["mcopy", "-i", str(path), str(tmp_path / "some"), "::"], check=True)
        told = subprocess.run(["fsck.fat", "-n", str(path)], capture_output=True, text=True, check=True).stdout
        used, clusters = map(int, told.split(",")[-1].split()[0].split("/"))
        with FileSource(str(path)) as source:
            space = free_space(open_volume(source))
        assert space is not None
        assert (space.clusters - space.free, space.clusters) == (used, clusters)


@pytest.mark.oracle
def test_free_clusters_of_ntfs_agree_with_ntfsinfo(tmp_path: Path) -> None:
    needs("mkntfs", "ntfsinfo", "ntfscp")
    path = tmp_path / "ntfs.img"
    with path.open("wb") as file:
        file.truncate((20 << 20) + 4096)
    subprocess.run(["mkntfs", "-F", "-q", "-Q", str(path)], check=True, capture_output=True)
    (tmp_path / "some").write_bytes(b"x" * 1_000_001)
    subprocess.run(["ntfscp", str(path), str(tmp_path / "some"), "some"], check=True, capture_output=True)
    told = subprocess.run(["ntfsinfo", "-m", str(path)], capture_output=True, text=True, check=True).stdout
    free = next(line for line in told.splitlines() if "Free Clusters" in line)
    with FileSource(str(path)) as source:
        space = free_space(open_volume(source))
    assert space is not None
    assert space.free == int(free.split(":")[1].split()[0])
