#!/usr/bin/env python3
"""Build the volume templates that ``bootmend sample`` unfolds, with tools that are not ours.

Needs mkntfs, ntfs-3g, ntfstruncate, mkfs.vfat and mtools, and FUSE (root, or a setuid fusermount).  Writes
``src/bootmend/samples/data/templates.xz``.  Nothing of Microsoft's is inside: programs are PE headers with
nothing to run, hives come from ``sample_hives.py``.  Serial numbers and times differ from build to build.

Use:  PYTHONPATH=src python tools/make_templates.py [OUTPUT]
"""

from __future__ import annotations

import json
import lzma
import os
import struct
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "src")]

import sample_hives  # noqa: E402  (after the path is set)

from bootmend.samples import profile  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OUTPUT = Path(__file__).parent.parent / "src" / "bootmend" / "samples" / "data" / "templates.xz"
BLOCK = 4096
LOG_SIZE = 2 << 20
HIDDEN, SYSTEM, ARCHIVE = 0x2, 0x4, 0x20
BOOT_APPLICATION, EFI_APPLICATION, NATIVE, CONSOLE, DLL = 16, 10, 1, 3, 0x2000
NOTE = b"A stand-in on a sample disk of bootmend: nothing here can run.\r\n"


def run(*command: object) -> None:
    """Run a program; its error output is shown only when it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr or done.stdout}")


def program(size: int, subsystem: int = NATIVE, characteristics: int = 0x22) -> bytes:
    """A PE32+ file for x64 of ``size`` bytes: headers, one section that returns at once, zeros."""
    data = bytearray(size)
    data[:2] = b"MZ"
    data[0x40 : 0x40 + len(NOTE[:64])] = NOTE[:64]
    struct.pack_into("<I", data, 0x3C, 0x80)
    struct.pack_into("<4sHHIIIHH", data, 0x80, b"PE\0\0", 0x8664, 1, 0, 0, 0, 240, characteristics)
    raw = size - 0x400
    struct.pack_into("<HBBIIIII", data, 0x98, 0x20B, 14, 0, raw & ~0x1FF, 0, 0, 0x1000, 0x1000)
    struct.pack_into("<QIIHHHHHHIIIIHH", data, 0xB0, 0x140000000, 0x1000, 0x200, 10, 0, 10, 0, 10, 0, 0, 0, 0, 0, 0, 0)
    struct.pack_into("<IIIHH", data, 0xD0, (0x1000 + raw + 0xFFF) & ~0xFFF, 0x400, 0, subsystem, 0)
    struct.pack_into("<I", data, 0x98 + 108, 16)
    struct.pack_into("<8sIIIIIIHHI", data, 0x188, b".text", raw, 0x1000, raw & ~0x1FF, 0x400, 0, 0, 0, 0, 0x60000020)
    data[0x400] = 0xC3
    return bytes(data)


# -- what stands on the volumes ----------------------------------------------------------------------


class Tree:
    """A mounted NTFS volume being filled."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, path: str, attributes: int = 0) -> None:
        """Make a directory and its parents."""
        place = self.root / path
        place.mkdir(parents=True, exist_ok=True)
        self._mark(place, attributes)

    def file(self, path: str, data: bytes, attributes: int = ARCHIVE) -> None:
        """Write a file, and give it its attributes."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        self._mark(place, attributes)

    def _mark(self, place: Path, attributes: int) -> None:
        if attributes:
            os.setxattr(place, "system.ntfs_attrib_be", struct.pack(">I", attributes))


def boot_files(tree: Tree, system: profile.Part, windows: profile.Part) -> None:
    """Fill the system volume of a BIOS disk."""
    system_file = HIDDEN | SYSTEM | ARCHIVE
    tree.folder("Boot", HIDDEN | SYSTEM)
    tree.file("Boot/BCD", sample_hives.boot_store(system, windows), system_file)
    for log in ("BCD.LOG", "BCD.LOG1", "BCD.LOG2"):
        tree.file(f"Boot/{log}", b"", system_file)
    tree.file("Boot/BOOTSTAT.DAT", bytes(65536), system_file)
    tree.file("Boot/memtest.exe", program(786432, BOOT_APPLICATION))
    tree.file("Boot/en-US/bootmgr.exe.mui", program(76800, BOOT_APPLICATION, 0x22 | DLL))
    tree.file("Boot/Fonts/segoe_slboot.ttf", NOTE)
    tree.file("bootmgr", program(409600, BOOT_APPLICATION), system_file | 1)
    tree.file("BOOTNXT", b"\x01", system_file)
    tree.folder("System Volume Information", HIDDEN | SYSTEM)


PROGRAMS = {
    "ntoskrnl.exe": NATIVE, "hal.dll": NATIVE, "ci.dll": NATIVE, "kdcom.dll": NATIVE, "bootvid.dll": NATIVE, "pshed.dll": NATIVE,
    "mcupdate_GenuineIntel.dll": NATIVE, "winload.exe": BOOT_APPLICATION, "winload.efi": BOOT_APPLICATION,
    "winresume.exe": BOOT_APPLICATION, "winresume.efi": BOOT_APPLICATION, "smss.exe": NATIVE, "autochk.exe": NATIVE,
    "csrss.exe": CONSOLE, "wininit.exe": CONSOLE, "winlogon.exe": CONSOLE, "services.exe": CONSOLE, "lsass.exe": CONSOLE,
    "svchost.exe": CONSOLE, "cmd.exe": CONSOLE, "ntdll.dll": NATIVE, "kernel32.dll": CONSOLE,
    "user32.dll": CONSOLE, "win32k.sys": NATIVE,
}  # fmt: skip


def windows_files(tree: Tree, windows: profile.Part) -> None:
    """Fill the Windows volume."""
    config = "Windows/System32/config"
    hives = {"SYSTEM": sample_hives.system_hive(windows), "SOFTWARE": sample_hives.software_hive()}
    hives |= {name: sample_hives.small_hive(name) for name in ("SAM", "SECURITY", "DEFAULT")}
    for name, data in hives.items():
        tree.file(f"{config}/{name}", data)
        for log in ("LOG1", "LOG2"):
            tree.file(f"{config}/{name}.{log}", b"", HIDDEN | SYSTEM | ARCHIVE)
        tree.file(f"{config}/RegBack/{name}", b"")
    for name, subsystem in PROGRAMS.items():
        tree.file(f"Windows/System32/{name}", program(131072, subsystem))
    for driver in sample_hives.DRIVERS:
        tree.file(f"Windows/System32/drivers/{driver[-1]}", program(65536))
    tree.file("Windows/System32/drivers/etc/hosts", b"# Sample\r\n")
    tree.file("Windows/Boot/EFI/bootmgfw.efi", program(1048576, EFI_APPLICATION))
    tree.file("Windows/Boot/PCAT/bootmgr", program(409600, BOOT_APPLICATION))
    tree.file("Windows/Boot/PCAT/memtest.exe", program(786432, BOOT_APPLICATION))
    tree.file("Windows/explorer.exe", program(131072, CONSOLE))
    tree.file("Windows/bootstat.dat", bytes(67584), SYSTEM | ARCHIVE)
    tree.file("Windows/Logs/CBS/CBS.log", NOTE)
    tree.file("Windows/servicing/TrustedInstaller.exe", program(131072, CONSOLE))
    tree.file("Users/Public/desktop.ini", b"[.ShellClassInfo]\r\n", HIDDEN | SYSTEM | ARCHIVE)
    for folder in (
        "Program Files/Common Files",
        "Program Files (x86)",
        "Users/Default",
        "Windows/System32/winevt/Logs",
        "Windows/WinSxS",
    ):
        tree.folder(folder)
    tree.folder("ProgramData", HIDDEN)
    tree.folder("System Volume Information", HIDDEN | SYSTEM)


def recovery_files(tree: Tree) -> None:
    """Fill the recovery volume."""
    tree.file("Recovery/WindowsRE/ReAgent.xml", b'<?xml version="1.0" encoding="utf-8"?>\r\n<WindowsRE version="2.0"/>\r\n')
    tree.file("Recovery/WindowsRE/boot.sdi", b"$SDI0001" + bytes(3170296), HIDDEN | SYSTEM | ARCHIVE)


# -- the volumes ---------------------------------------------------------------------------------


def ntfs(image: Path, part: profile.Part, label: str, fill: Callable[[Tree], None]) -> None:
    """Format a volume for the place it will have on the disk, make its log small, and fill it."""
    with image.open("wb") as file:
        file.truncate(part.size)
    geometry = ("-p", part.offset // 512, "-H", 255, "-S", 63, "-s", 512, "-c", BLOCK)
    run("mkntfs", "-F", "-Q", "-q", "-L", label, *geometry, image)
    shrink_log(image)
    mount = image.with_suffix(".mnt")
    mount.mkdir()
    run("ntfs-3g", image, mount)
    try:
        fill(Tree(mount))
    finally:
        unmount(mount, image)


def shrink_log(image: Path) -> None:
    """Cut $LogFile to 2 MiB, the least Windows accepts: on a large volume mkntfs fills 64 MiB with 0xFF."""
    run("ntfstruncate", "-f", image, 2, "0x80", LOG_SIZE)
    empty = b"\xff" * BLOCK
    kept, previous = 0, -1
    with image.open("r+b") as file:
        for offset, data in blocks(image):
            if data != empty:
                continue
            kept = kept + 1 if offset == previous + BLOCK else 1
            previous = offset
            if kept > LOG_SIZE // BLOCK:
                os.pwrite(file.fileno(), bytes(BLOCK), offset)


def unmount(mount: Path, image: Path) -> None:
    """Unmount, and wait until the driver has let go of the image."""
    for _ in range(50):
        if not subprocess.run(["umount", str(mount)], capture_output=True, check=False).returncode:
            break
        time.sleep(0.1)
    while not subprocess.run(["fuser", "-s", str(image)], capture_output=True, check=False).returncode:
        time.sleep(0.05)
    mount.rmdir()


def move_ntfs(image: Path, part: profile.Part) -> None:
    """Tell a finished volume that it begins elsewhere: the hidden sectors in both boot sectors."""
    with image.open("r+b") as file:
        for offset in (0, part.size - 512):
            os.pwrite(file.fileno(), struct.pack("<I", part.offset // 512), offset + 0x1C)


def esp(image: Path, system: profile.Part, windows: profile.Part, work: Path) -> None:
    """Format and fill an EFI system partition."""
    with image.open("wb") as file:
        file.truncate(system.size)
    run("mkfs.vfat", "-F", "32", "-n", "SYSTEM", "-s", "1", "-h", system.offset // 512, image)
    folders = ("EFI", "EFI/Microsoft", "EFI/Microsoft/Boot", "EFI/Microsoft/Boot/en-US", "EFI/Microsoft/Recovery", "EFI/Boot")
    run("mmd", "-i", image, *(f"::/{folder}" for folder in folders))
    manager = program(1048576, EFI_APPLICATION)
    files = {
        "EFI/Microsoft/Boot/BCD": sample_hives.boot_store(system, windows),
        "EFI/Microsoft/Boot/BCD.LOG": b"",
        "EFI/Microsoft/Boot/BOOTSTAT.DAT": bytes(65536),
        "EFI/Microsoft/Boot/bootmgfw.efi": manager,
        "EFI/Microsoft/Boot/bootmgr.efi": manager,
        "EFI/Microsoft/Boot/memtest.efi": program(786432, EFI_APPLICATION),
        "EFI/Microsoft/Boot/en-US/bootmgfw.efi.mui": program(76800, EFI_APPLICATION, 0x22 | DLL),
        "EFI/Boot/bootx64.efi": manager,
    }
    for path, data in files.items():
        (work / "file").write_bytes(data)
        run("mcopy", "-i", image, work / "file", f"::/{path}")
    run("mattrib", "+h", "+s", "-i", image, "::/EFI/Microsoft/Boot/BCD", "::/EFI/Microsoft/Boot/BCD.LOG")


# -- from volumes to templates -----------------------------------------------------------------------


def blocks(image: Path) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of each block of a sparse file that is not all zeros."""
    size = image.stat().st_size
    with image.open("rb") as file:
        position = 0
        while position < size:
            try:
                position = os.lseek(file.fileno(), position, os.SEEK_DATA) // BLOCK * BLOCK
            except OSError:
                return
            end = os.lseek(file.fileno(), position, os.SEEK_HOLE)
            while position < end:
                data = os.pread(file.fileno(), BLOCK, position).ljust(BLOCK, b"\0")
                if data.count(0) != BLOCK:
                    yield position, data
                position += BLOCK


class Archive:
    """All templates in one: the distinct blocks once, and for each volume where they go.

    The form is described in ``bootmend.samples.templates``, which reads it.
    """

    def __init__(self) -> None:
        self.index: dict[bytes, int] = {}
        self.volumes: dict[str, dict[str, object]] = {}

    def add(self, name: str, image: Path) -> None:
        """Take in one volume."""
        runs: list[list[int]] = []
        for offset, data in blocks(image):
            number, block = self.index.setdefault(data, len(self.index)), offset // BLOCK
            if runs and self._extends(runs[-1], block, number):
                runs[-1][3] = number - runs[-1][1] if runs[-1][2] == 1 else runs[-1][3]
                runs[-1][2] += 1
            else:
                runs.append([block, number, 1, 0])
        self.volumes[name] = {"size": image.stat().st_size, "runs": runs}

    def _extends(self, run: list[int], block: int, number: int) -> bool:
        start, first, count, step = run
        if block != start + count:
            return False
        return number - first in (0, 1) if count == 1 else number == first + count * step

    def save(self, output: Path) -> int:
        """Write the archive and return its size."""
        head = json.dumps({"block": BLOCK, "blocks": len(self.index), "volumes": self.volumes}, separators=(",", ":")).encode()
        raw = struct.pack("<I", len(head)) + head + b"".join(self.index)
        output.parent.mkdir(parents=True, exist_ok=True)
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 24}]
        output.write_bytes(lzma.compress(raw, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters))
        return output.stat().st_size


def named(parts: list[profile.Part], template: str) -> profile.Part:
    """The partition that a template fills."""
    return next(part for part in parts if part.template and part.template.startswith(template))


def build(archive: Archive, work: Path) -> None:
    """Make every volume of every profile."""
    largest = next(iter(profile.WINDOWS_SIZES))
    usual, gpt = profile.parts("usual", largest), profile.parts("gpt", largest)
    image = work / "volume.img"
    ntfs(image, usual[0], "System Reserved", lambda tree: boot_files(tree, usual[0], usual[1]))
    archive.add("system-reserved", image)
    esp(image, gpt[0], named(gpt, "windows"), work)
    archive.add("esp", image)
    for name in profile.PROFILES:
        for window in profile.WINDOWS_SIZES:
            part = named(profile.parts(name, window), "windows")
            ntfs(image, part, "Windows", partial(windows_volume, name=name, part=part))
            archive.add(f"windows-{name}-{window}", image)
    ntfs(image, gpt[-1], "Recovery", recovery_files)
    for window in profile.WINDOWS_SIZES:
        move_ntfs(image, profile.parts("gpt", window)[-1])
        archive.add(f"recovery-{window}", image)


def windows_volume(tree: Tree, name: str, part: profile.Part) -> None:
    """Fill a Windows volume, which on a single partition is the system volume as well."""
    windows_files(tree, part)
    if name == "single":
        boot_files(tree, part, part)


def main() -> None:
    """Build, save, and say how large it became."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    archive = Archive()
    with tempfile.TemporaryDirectory() as work:
        build(archive, Path(work))
    size = archive.save(output)
    print(f"{output}: {size} bytes, {len(archive.index)} blocks, {len(archive.volumes)} volumes")


if __name__ == "__main__":
    main()
