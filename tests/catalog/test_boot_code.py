"""Our MBR code: it is what its source says, and a BIOS starts the active partition with it."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from bootmend.partition.boot_code import MBR_CODE_SIZE, OUR_MBR_CODE, is_dummy, owner
from tests.support import ROOT, needs

SECTOR = 512
FIRST, SECOND = 2048, 4096
SCREEN, SCREEN_SIZE = 0xB8000, 4000
SECONDS = 60

# A boot sector that shows what it was given: the drive in DL, the entry that DS:SI points to, and where it lies.
VOLUME = """
        .code16
        .globl _start
_start: pushw   %si
        pushw   %dx
        movw    $(0x7c00 + text - _start), %si
        call    say
        popw    %ax
        addb    $0xb1, %al              # drive 80h shows as 1, 81h as 2
        call    put
        popw    %si
        movb    (%si), %al              # the entry's status 80h shows as 1
        addb    $0xb1, %al
        call    put
        movw    $(0x7c00 + mark - _start), %si
        call    say
1:      hlt
        jmp     1b
say:    lodsb
        testb   %al, %al
        jz      2f
        call    put
        jmp     say
2:      ret
put:    movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        ret
text:   .asciz "VOLUME STARTED "
mark:   .asciz " HERE NUMBER"
        .org    510
        .byte   0x55, 0xaa
"""


def assembled(source: str, folder: Path) -> bytes:
    (folder / "code.S").write_text(source)
    run = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run(["as", "--32", "-o", "code.o", "code.S"], **run)  # type: ignore[call-overload]
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "code.o", "code.bin"], **run)  # type: ignore[call-overload]
    return (folder / "code.bin").read_bytes()


@pytest.mark.oracle
def test_the_bytes_are_those_of_the_source(tmp_path: Path) -> None:
    needs("as", "objcopy")
    assert assembled((ROOT / "tools" / "mbr_code.S").read_text(), tmp_path) == OUR_MBR_CODE


def test_it_leaves_signature_and_table_alone() -> None:
    assert len(OUR_MBR_CODE) <= MBR_CODE_SIZE


def test_whose_code_it_is() -> None:
    assert owner(OUR_MBR_CODE) == ""
    assert owner(bytes(440)) == "nobody"
    assert owner(b"\xeb\x63" + bytes(300) + b"GRUB \0Geom\0Hard Disk\0") == "GRUB"
    assert is_dummy(bytes(3) + b"NTFS    " + bytes(73) + b"This is not a bootable disk")
    assert is_dummy(b"\xeb\x52\x90NTFS    " + bytes(501))
    assert not is_dummy(bytes(100) + b"BOOTMGR is compressed".ljust(412))


def a_disk(folder: Path, statuses: tuple[int, int]) -> str:
    """Two partitions, each with a boot sector that says its number; our code in the MBR."""
    disk = bytearray(8 << 20)
    disk[: len(OUR_MBR_CODE)] = OUR_MBR_CODE
    for number, (first, status) in enumerate(zip((FIRST, SECOND), statuses, strict=True), 1):
        struct.pack_into("<B3sB3sII", disk, 446 + 16 * (number - 1), status, b"\xfe\xff\xff", 7, b"\xfe\xff\xff", first, 2048)
        disk[first * SECTOR : (first + 1) * SECTOR] = assembled(VOLUME.replace("NUMBER", str(number)), folder)
    disk[510:512] = b"\x55\xaa"
    path = folder / "disk.raw"
    path.write_bytes(disk)
    return str(path)


def screen_of(path: str, folder: Path, until: str) -> str:
    """Start a machine from a disk, and read the text on its screen until it shows some words."""
    dump = folder / "screen.bin"
    command = ["qemu-system-x86_64", "-accel", "tcg", "-m", "32", "-display", "none", "-nic", "none", "-monitor", "stdio"]
    command += ["-drive", f"file={path},format=raw,if=ide", "-boot", "c"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True}
    deadline, text = time.monotonic() + SECONDS, ""
    with subprocess.Popen(command, **pipes) as machine:  # type: ignore[call-overload]
        try:
            while until not in text and time.monotonic() < deadline:
                machine.stdin.write(f'pmemsave {SCREEN:#x} {SCREEN_SIZE} "{dump}"\n')
                machine.stdin.flush()
                time.sleep(0.5)
                text = dump.read_bytes()[::2].decode("cp437").replace("\0", " ") if dump.exists() else ""
        finally:
            machine.kill()
    return text


@pytest.fixture
def qemu() -> None:
    needs("qemu-system-x86_64", "as", "objcopy")
    assert shutil.which("qemu-system-x86_64")


@pytest.mark.oracle
@pytest.mark.usefixtures("qemu")
@pytest.mark.parametrize(
    ("statuses", "words"), [((0x80, 0), "VOLUME STARTED 11 HERE 1"), ((0, 0x80), "VOLUME STARTED 11 HERE 2")]
)
def test_a_machine_starts_the_active_partition(tmp_path: Path, statuses: tuple[int, int], words: str) -> None:
    assert words in screen_of(a_disk(tmp_path, statuses), tmp_path, words)


@pytest.mark.oracle
@pytest.mark.usefixtures("qemu")
@pytest.mark.parametrize("statuses", [(0, 0), (0x80, 0x80), (0x80, 0x17)])
def test_a_table_without_one_active_partition_is_said(tmp_path: Path, statuses: tuple[int, int]) -> None:
    words = "No single active partition"
    text = screen_of(a_disk(tmp_path, statuses), tmp_path, words)
    assert words in text
    assert "VOLUME STARTED" not in text


@pytest.mark.oracle
@pytest.mark.usefixtures("qemu")
def test_an_active_partition_without_a_boot_sector_is_said(tmp_path: Path) -> None:
    path = a_disk(tmp_path, (0x80, 0))
    with Path(path).open("r+b") as file:
        file.seek(FIRST * SECTOR)
        file.write(bytes(SECTOR))
    words = "The active partition has no boot sector"
    assert words in screen_of(path, tmp_path, words)
