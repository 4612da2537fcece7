"""A volume of a raw disk, mounted for writing by ntfs-3g: what Windows or anybody else may do to a disk between two runs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.target import Target
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def mounted(raw: str, volume: int) -> Iterator[Path]:
    """Mount an NTFS volume of a raw disk for writing; skips where that cannot be done."""
    needs("ntfs-3g", "losetup", "fuser")
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("mounting needs root and /dev/fuse")
    with Target(raw) as target:
        partition = target.machine.volume(volume).partition
        assert partition is not None
        command = ["losetup", "--find", "--show", "--offset", str(partition.offset), "--sizelimit", str(partition.size), raw]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["ntfs-3g", device, folder], check=True, timeout=60)
            try:
                yield Path(folder)
            finally:
                _unmount(folder, device)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def _unmount(folder: str, device: str) -> None:
    for _ in range(100):
        if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
            break
        time.sleep(0.1)
    while subprocess.run(["fuser", "-s", device], check=False).returncode == 0:
        time.sleep(0.05)
