"""Serial logs: SAC, EMS menus, stop texts, Linux; noise and size."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.screen import CERTAIN, UNKNOWN, read_serial
from bootmend.screen.vt import lines_of
from tests.support import fuzz_cases

SAC = (
    b"\r\nComputer is booting, SAC started and initialized.\r\n\r\n"
    b'Use the "ch -?" command for information about using channels.\r\n\r\nSAC>'
)
STOP = b"*** STOP: 0x0000007B (0xFFFFF880009A97E8,0xFFFFFFFFC0000034,0x0000000000000000,0x0000000000000000)\r\n"
MENU = (
    b"\x1b[2J\x1b[1;1H\x1b[0;37;40m\x1b[7m                     Windows Boot Manager      \x1b[0m"
    b"\x1b[3;1HWindows failed to start. A recent hardware or software change might be the"
    b"\x1b[4;1Hcause. To fix the problem:\x1b[10;5HFile: \\Boot\\BCD\x1b[12;5HStatus: 0xc000000f"
    b"\x1b[14;5HInfo: An error occurred while attempting to read the boot configuration\x1b[15;5Hdata."
)


def test_sac() -> None:
    reading = read_serial(SAC)
    assert (reading.state, reading.stop_code, reading.engines) == ("sac", None, ("serial",))


def test_a_stop_text_over_ems() -> None:
    reading = read_serial(SAC + b"\r\n" + STOP)
    assert (reading.stop_code, reading.stop_name, reading.confidence) == ("0x0000007B", "INACCESSIBLE_BOOT_DEVICE", CERTAIN)
    assert len(reading.parameters) == 4


def test_the_text_of_later_windows_over_ems() -> None:
    text = (
        "!SAC>\r\nYour PC ran into a problem and needs to restart.\r\n"
        "If you call a support person, give them this info:\r\n\r\nCONFIG_INITIALIZATION_FAILED\r\n\r\n"
        " 0x0000000000000001 (0x0000000000000002)"
    )
    assert read_serial(text.encode()).stop_code == "0x00000067"


def test_the_announcement_of_the_debugger() -> None:
    reading = read_serial(
        b"\r\n*** Fatal System Error: 0x0000007b\r\n"
        b"                       (0xFFFFF880009A97E8,0xFFFFFFFFC0000034,0x0000000000000000,0x0000000000000000)\r\n"
        b"\r\nBreak instruction exception\r\n"
    )
    assert (reading.stop_code, len(reading.parameters)) == ("0x0000007B", 4)


def test_the_element_of_ems() -> None:
    assert (
        read_serial(
            b'<BP>\r\n<INSTANCE CLASSNAME="BLUESCREEN">\r\n'
            b'<PROPERTY NAME="STOPCODE" TYPE="string"><VALUE>"0x67"</VALUE>\r\n</PROPERTY>'
        ).stop_code
        == "0x00000067"
    )


def test_the_boot_managers_screen_drawn_with_cursor_positions() -> None:
    reading = read_serial(MENU)
    assert (reading.state, reading.status_code, reading.failing_file) == ("boot_manager_error", "0xC000000F", "\\Boot\\BCD")
    assert reading.info == "An error occurred while attempting to read the boot configuration data."


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("GNU GRUB  version 2.06\r\nerror: no such partition.\r\nEntering rescue mode...\r\ngrub rescue> ", "grub_rescue"),
        (
            (
                "[    0.000000] Linux version 5.10\r\n"
                "[    1.9] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n[    2.0] RIP: 0010:0x7b"
            ),
            "linux_panic",
        ),
        (
            'BdsDxe: failed to load Boot0001 "UEFI QEMU HARDDISK"\r\nBdsDxe: No bootable option or device was found.\r\n',
            "firmware_no_boot",
        ),
        ("just some words\r\n", UNKNOWN),
    ],
)
def test_other_logs_never_give_a_stop_code(text: str, state: str) -> None:
    reading = read_serial(text.encode())
    assert (reading.state, reading.stop_code, reading.status_code) == (state, None, None)


def test_the_last_boot_counts_and_an_earlier_stop_is_a_remark() -> None:
    reading = read_serial(SAC + b"\r\n" + STOP + SAC + b"\r\nEVENT: The CMD command is now available.\r\n")
    assert (reading.state, reading.stop_code) == ("sac", None)
    assert "0x0000007B" in reading.remarks[0]


def test_bytes_of_several_encodings() -> None:
    assert read_serial(STOP.decode().encode("utf-16")).stop_code == "0x0000007B"
    assert read_serial(STOP.decode().encode("utf-16-le")).stop_code == "0x0000007B"
    assert read_serial(b"\xff\xfe\xc3" + b"noise" + STOP).stop_code in ("0x0000007B", None)


def test_noise_is_unknown() -> None:
    reading = read_serial(bytes(number * 73 % 256 for number in range(100_000)))
    assert (reading.state, reading.stop_code) == (UNKNOWN, None)
    assert "noise" in reading.remarks[0]


def test_a_log_of_200_mib_takes_little_time() -> None:
    data = (b"x" * 79 + b"\r\n") * 2_500_000 + STOP
    start = time.perf_counter()
    reading = read_serial(data)
    assert time.perf_counter() - start < 10
    assert reading.stop_code == "0x0000007B"
    assert "last 4 MiB" in reading.remarks[-1]


def test_one_line_without_an_end() -> None:
    start = time.perf_counter()
    assert read_serial(b"A" * 4_000_000).state == UNKNOWN
    assert read_serial(b"\x1b[1;1H" * 500_000).state == UNKNOWN
    assert time.perf_counter() - start < 20


def test_terminal_sequences() -> None:
    assert lines_of("ab\rc\n\x1b[31mred\x1b[0m\nover\b\bXY\n") == ["cb", "red", "ovXY"]
    assert lines_of("\x1b[5;3Hfive\x1b[6;1Hsix") == ["  five", "six"]
    assert lines_of("a\tb\x1b[K\n\x1b]0;title\x07text") == ["a       b", "text"]


@given(st.binary(max_size=400), st.binary(max_size=60))
@settings(max_examples=fuzz_cases(200), deadline=None)
def test_no_bytes_crash_it_or_make_a_code(noise: bytes, between: bytes) -> None:
    assert read_serial(noise).stop_code is None
    broken = STOP[:20] + between + STOP[22:]
    assert read_serial(noise + broken).stop_code in (
        None,
        "0x0000007B",
        *([] if len(between) != 2 else [read_serial(broken).stop_code]),
    )
