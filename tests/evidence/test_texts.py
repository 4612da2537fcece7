"""Logs and other texts: Startup Repair's, setup's, servicing's; and what must not leave the machine in them."""

from __future__ import annotations

import pytest

from bootmend.evidence.logs import HIDDEN, MOST_LINES, cbs_errors, driver_errors, setup_errors, without_secrets
from bootmend.evidence.startup_repair import parse_startup_repair
from bootmend.evidence.text import decode, tail
from bootmend.source import MemorySource

TRAIL = """Startup Repair diagnosis and repair log
---------------------------
Last successful boot time: \u200e8/\u200e4/\u200e2013 2:13:30 AM (GMT)
Number of repair attempts: 9

Session details
---------------------------
System Disk = \\Device\\Harddisk0
Windows directory = C:\\Windows
AutoChk Run = 0
Number of root causes = 1

Test Performed:
---------------------------
Name: Check for updates
Result: Completed successfully. Error code =  0x0
Time taken = 0 ms

Test Performed:
---------------------------
Name: System disk test
Result: Completed successfully. Error code =  0x0
Time taken = 110 ms

Root cause found:
---------------------------
Boot critical file c:\\windows\\system32\\drivers\\vsock.sys is corrupt.

Repair action: File repair
Result: Failed. Error code =  0x57
Time taken = 3167 ms

Repair action: Boot configuration data store repair
Result: Failed. Error code =  0x490
Time taken = 10 ms

---------------------------
---------------------------
"""
"""The form that people have posted in forums, of Windows 7, 8 and 10."""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8", "utf-16-le"])
def test_startup_repair_tells_its_verdict(encoding: str) -> None:
    told = parse_startup_repair(TRAIL.replace("\n", "\r\n").encode(encoding))
    assert told.causes == ("Boot critical file c:\\windows\\system32\\drivers\\vsock.sys is corrupt.",)
    assert (told.last_boot, told.attempts, told.root_causes) == ("8/4/2013 2:13:30 AM (GMT)", 9, 1)
    assert [one.name for one in told.tests] == ["Check for updates", "System disk test"]
    assert [(one.name, one.result, one.code) for one in told.failed] == [
        ("File repair", "Failed", 0x57),
        ("Boot configuration data store repair", "Failed", 0x490),
    ]
    assert told.codes == (0x57, 0x490)


def test_only_the_last_session_counts() -> None:
    told = parse_startup_repair((TRAIL.replace("vsock", "older") + TRAIL).encode())
    assert told.causes == ("Boot critical file c:\\windows\\system32\\drivers\\vsock.sys is corrupt.",)


def test_a_bugcheck_that_it_found() -> None:
    text = "Root cause found:\n-----------\nUnknown Bugcheck: Bugcheck 7b. Parameters = 0xffff, 0xc0000034, 0x0, 0x0.\n"
    assert parse_startup_repair(text.encode()).bugchecks == (0x7B,)


def test_of_another_language_the_codes_are_read() -> None:
    text = "Diagnose- und Reparaturprotokoll der Starthilfe\nErgebnis: Fehlgeschlagen. Fehlercode =  0x490\nZeitaufwand = 16 ms\n"
    told = parse_startup_repair(text.encode("utf-16"))
    assert (told.codes, told.causes, told.attempts) == ((0x490,), (), None)


def test_a_text_that_is_none() -> None:
    assert parse_startup_repair(b"").to_json() == {
        "last_boot": "",
        "attempts": None,
        "root_causes": None,
        "causes": [],
        "failed": [],
        "codes": [],
        "stop_codes": [],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_the_end_of_a_log_begins_with_a_whole_line(encoding: str) -> None:
    lines = [f"line {number} Zürich" for number in range(1000)]
    data = "\r\n".join(lines).encode(encoding)
    text, whole = tail(MemorySource(data), 101)
    assert not whole
    got = text.split("\n")
    assert 1 < len(got) < 10
    assert got == lines[-len(got) :]
    assert tail(MemorySource(data), 1 << 20) == ("\n".join(lines), True)


def test_a_code_page_is_no_utf_8() -> None:
    assert decode("Größe".encode("cp1252") + b" 1234567890") == "Größe 1234567890"


def test_errors_of_servicing_setup_and_drivers() -> None:
    wrong = "2026-11-22 20:15:01, Error                 CBS    Failed [HRESULT = 0x80073701]"
    assert cbs_errors(f"2026-11-22 20:15:00, Info                  CBS    fine\n{wrong}\n") == [wrong]
    assert setup_errors("\n".join(map(str, range(100)))) == [str(number) for number in range(100 - MOST_LINES, 100)]
    section = ">>>  [Device Install (Hardware initiated) - PCI\\VEN_1]\n>>>  Section start\n"
    log = f"{section}     dvi: ok\n!!!  dvi: Error 0xe0000203\n<<<  end\n"
    assert driver_errors(log) == ["Device Install (Hardware initiated) - PCI\\VEN_1: dvi: Error 0xe0000203"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("net use \\\\server password=hunter2 /y", "hunter2"),
        ("Password: hunter2", "hunter2"),
        ("AdminPassword = 'hunter2'", "hunter2"),
        ("<AdministratorPassword><Value>hunter2</Value></AdministratorPassword>", "hunter2"),
        ("<ProductKey>hunter2</ProductKey>", "hunter2"),
        ("product key AAAAA-BBBBB-CCCCC-DDDDD-EEEEE found", "AAAAA-BBBBB"),
        ("https://x.blob.core.windows.net/vhds/a.vhd?sv=2024&sig=hunter2%3D", "hunter2"),
        ("AccountKey=hunter2==;EndpointSuffix", "hunter2"),
        ('"client_secret": "hunter2"', "hunter2"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    assert secret not in without_secrets(text)
    assert HIDDEN in without_secrets(text)


@pytest.mark.parametrize(
    "text", ["dvi: {Build Driver List} 20:15:01.123", "Failed [HRESULT = 0x80073701]", "C:\\Windows\\System32"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text
