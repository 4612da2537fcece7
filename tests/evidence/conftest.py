"""The command line's fixtures, and a machine that left everything behind."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import bootmend, clean_environment, disk, masters  # noqa: F401 (fixtures)
from tests.evidence.dumps import small_dump
from tests.evidence.event_logs import KERNEL_GENERAL, KERNEL_POWER, Happened, event_log
from tests.evidence.hives import DWORD, MULTI_SZ, SZ, hive_bytes, text
from tests.evidence.programs import program, version_block
from tests.evidence.test_texts import TRAIL

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "Tr0ub4dor-hunter2"
T = 1_700_000_000
PLANTED = (
    "Windows/System32/config/SAM",
    "Windows/System32/config/SECURITY",
    "Windows/System32/config/DEFAULT",
    "Windows/System32/config/RegBack/SAM",
    "Windows/System32/winevt/Logs/Security.evtx",
    "Windows/System32/winevt/Logs/Application.evtx",
    "Windows/NTDS/ntds.dit",
    "Windows/Panther/unattend.xml",
    "Windows/System32/Sysprep/unattend.xml",
    "Windows/Minidump/notes.txt",
    "Windows/Temp/MEMORY.DMP",
    "Users/Admin/Documents/passwords.txt",
    "Users/Admin/NTUSER.DAT",
    "ProgramData/app/settings.json",
    "pagefile.sys",
    "hiberfil.sys",
    "unattend.xml",
)
"""Files that hold secrets, and must never be taken."""
LEAKING = {
    "Windows/Logs/CBS/CBS.log": f"2026-11-22 20:15:00, Error                 CBS    Failed password={SECRET}\r\n",
    "Windows/INF/setupapi.dev.log": f">>>  [Device Install - PCI]\r\n!!!  dvi: Error Password: {SECRET}\r\n",
    "Windows/Panther/setuperr.log": f"Error <AdministratorPassword><Value>{SECRET}</Value></AdministratorPassword>\r\n",
    "Windows/ntbtlog.txt": f"https://x.blob.core.windows.net/a.vhd?sig={SECRET}\r\n",
}
"""Texts that are taken, each with a secret that must not be."""


def system_hive() -> bytes:
    manager = "ControlSet001\\Control\\Session Manager"
    return hive_bytes(
        [
            ("Select", "Current", DWORD, pack("<I", 1)),
            ("ControlSet001\\Control\\ComputerName\\ComputerName", "ComputerName", SZ, text("BOOTVM02")),
            ("ControlSet001\\Services\\badnet", "Start", DWORD, pack("<I", 0)),
            ("ControlSet001\\Services\\badnet", "ImagePath", SZ, text("\\SystemRoot\\System32\\drivers\\badnet.sys")),
            ("ControlSet001\\Services\\ondemand", "Start", DWORD, pack("<I", 3)),
            (manager, "SetupExecute", MULTI_SZ, text("C:\\Windows\\System32\\poqexec.exe", "")),
            ("ControlSet001\\Control\\Lsa\\Secret", "Value", SZ, text(SECRET)),
            ("MountedDevices", "\\DosDevices\\C:", 3, bytes.fromhex("6700ed5e0000501f00000000")),
        ]
    )


def software_hive() -> bytes:
    return hive_bytes(
        [
            ("Microsoft\\Windows NT\\CurrentVersion", "ProductName", SZ, text("Windows Server 2019")),
            ("Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "DefaultPassword", SZ, text(SECRET)),
        ]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory that holds the files of a Windows, with evidence of each kind and with secrets."""
    root = tmp_path / "machine"
    log = event_log(
        [
            Happened(T, KERNEL_GENERAL, 12),
            Happened(T + 100, KERNEL_GENERAL, 12),
            Happened(T + 101, KERNEL_POWER, 41, {"BugcheckCode": "123", "BugcheckParameter1": "0xffff8f8f"}),
        ]
    )
    driver = program(version=version_block((2, 1, 0, 7), {"CompanyName": "Contoso"}))
    files: dict[str, bytes] = {
        "Windows/System32/config/SYSTEM": system_hive(),
        "Windows/System32/config/SOFTWARE": software_hive(),
        "Windows/System32/winevt/Logs/System.evtx": log,
        "Windows/System32/LogFiles/Srt/SrtTrail.txt": TRAIL.encode("utf-16"),
        "Windows/System32/winload.exe": program(version=version_block((10, 0, 17763, 1), {}), subsystem=16),
        "Windows/System32/drivers/badnet.sys": driver,
        "Windows/MEMORY.DMP": small_dump(blamed=1) + SECRET.encode() * 10,
        "Windows/Minidump/011524-1234-01.dmp": small_dump(stop=0x7E, parameters=(0, 0, 0, 0)),
        "Windows/WinSxS/pending.xml": b"<PendingTransaction/>",
        "Windows/bootstat.dat": (pack("<II5B3x", 0x40, 3, 0, 30, 0, 0, 0) + bytes(0x20) + pack("<BBBxIII", 2, 0, 0, 4, 2, 3)),
    }
    files |= {name: text_.encode() for name, text_ in LEAKING.items()}
    files |= {name: (SECRET + "\n").encode() + SECRET.encode("utf-16-le") for name in PLANTED}
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root
