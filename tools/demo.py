"""The main job from end to end, on a sample disk of 127 GiB in the folder ``demo``."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "demo"
DISK = "web01-os.vhd"
BOLD, PLAIN = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")


def bootmend(*arguments: str, expect: int = 0) -> None:
    """Show a command, run it, and insist on its exit code."""
    print(f"\n{BOLD}$ bootmend {' '.join(arguments)}{PLAIN}", flush=True)
    environment = {**os.environ, "BOOTMEND_STATE_DIR": str(FOLDER / "state")}
    done = subprocess.run([sys.executable, "-m", "bootmend", *arguments], cwd=FOLDER, env=environment, check=False)
    if done.returncode != expect:
        sys.exit(f"bootmend {arguments[0]} ended with exit code {done.returncode} instead of {expect}")


def sha256() -> str:
    """The checksum of the disk image's file."""
    digest = hashlib.sha256()
    with open(FOLDER / DISK, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    print(f"SHA-256 of {DISK}: {digest.hexdigest()}")
    return digest.hexdigest()


def main() -> None:
    """Break, look, plan, repair, look again, take it back."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    print("A 127 GiB disk of a Windows server that stops with 0x67 (a sample: it holds no file of Microsoft's).")
    bootmend("sample", "imc-config-init-failed", "-o", DISK)
    before = sha256()
    bootmend("check", DISK, "--vm", "web01", expect=1)
    bootmend("bcdedit", "/store", DISK, "/enum")
    bootmend("plan", DISK, "--serial-console", expect=1)
    bootmend("repair", DISK, "--serial-console", "--yes")
    bootmend("check", DISK, "--vm", "web01")
    bootmend("bcdedit", "/store", DISK, "/enum")
    bootmend("undo", DISK, "--yes")
    if sha256() != before:
        sys.exit("the disk is not as it was")
    print("The same checksum: every byte is as it was before.")
    print(f"\n{BOLD}Try next{PLAIN} (in the folder demo, with ../.venv/bin on your PATH):")
    print("  bootmend explain 0x67 --disk web01-os.vhd --vm web01")
    print("  bootmend sample bcd-device-unknown -o clone.vhd --gen 2 && bootmend check clone.vhd")
    print("  bootmend repair web01-os.vhd --output repaired.vhd")


if __name__ == "__main__":
    main()
