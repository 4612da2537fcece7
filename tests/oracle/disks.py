"""Dead Windows disks made by a program that shares no code with ours, and looks at them by independent tools."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support import needs, shared_data, shared_folder, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = "/usr/bin/python3"  # Debian's, which has the hivex binding
SUFFIXES = {"raw": "raw", "vhd-dynamic": "dyn.vhd", "vhd-fixed": "fixed.vhd"}
HIVEX_DUMP = """
import hivex, json, sys
h = hivex.Hivex(sys.argv[1])
def walk(n, p):
    for v in h.node_values(n):
        t, d = h.value_value(v)
        yield ["\\\\".join(p), h.value_key(v), t, d.hex()]
    for c in h.node_children(n):
        yield from walk(c, p + [h.node_name(c)])
print(json.dumps(list(walk(h.root(), []))))
"""


def make_disks(folder: Path, *options: str, image_format: str = "raw") -> str:
    """Build a disk with ``make_disks.py`` and return the image's path; skips where that cannot be done."""
    tools = shared_folder("tools")
    if tools is None or not (tools / "make_disks.py").is_file():
        pytest.skip("the independent disk maker is not present: tools/make_disks.py")
    needs("mkntfs", "ntfs-3g", "mkfs.vfat", "mcopy", "qemu-img", "fuser")
    if os.geteuid() != 0:
        pytest.skip("the independent disk maker mounts with FUSE and needs root")
    formats = "" if image_format == "raw" else image_format
    command = [PYTHON, str(tools / "make_disks.py"), str(folder), "--formats", formats, *options]
    made = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert made.returncode == 0, made.stderr
    (image,) = folder.glob(f"gen?.{SUFFIXES[image_format]}")
    return str(image)


def real_file(folder: Path, data: str, pattern: str) -> str:
    """A third-party file, unpacked."""
    found = sorted(shared_data(data).glob(pattern))
    if not found:
        pytest.skip(f"third-party file not present: data/{data}/{pattern}")
    path = folder / found[0].name.removesuffix(".xz")
    path.write_bytes(unpacked(found[0]))
    return str(path)


def as_raw(image: str, folder: Path) -> str:
    """The disk's bytes in a sparse file, converted by qemu-img."""
    raw = str(folder / "converted.raw")
    kind = "raw" if image.endswith(".raw") else "vpc"
    subprocess.run(["qemu-img", "convert", "-f", kind, "-O", "raw", "-S", "4k", image, raw], check=True, timeout=300)
    return raw


@contextmanager
def loop_device(raw: str, offset: int, size: int) -> Iterator[str]:
    """A read-only loop device over a partition."""
    command = ["losetup", "--find", "--show", "--read-only", "--offset", str(offset), "--sizelimit", str(size), raw]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def extract(raw: str, generation: int, where: dict[str, int], folder: Path) -> str:
    """The store of a disk, taken out by ntfscat or mcopy."""
    out = folder / "extracted.bcd"
    if generation == 2:
        path = "::/EFI/Microsoft/Boot/BCD"
        subprocess.run(["mcopy", "-o", "-i", f"{raw}@@{where['offset']}", path, str(out)], check=True, timeout=60)
        return str(out)
    with loop_device(raw, where["offset"], where["size"]) as device, out.open("wb") as file:
        subprocess.run(["ntfscat", "-f", device, "Boot/BCD"], stdout=file, check=True, timeout=60)
    return str(out)


def elements(store: str) -> dict[tuple[str, str], tuple[int, str]]:
    """Every value of a hive as hivex reads it: (key, name) to (type, data in hex)."""
    done = subprocess.run([PYTHON, "-c", HIVEX_DUMP, store], capture_output=True, text=True, check=True, timeout=60)
    return {(key.lower(), name): (kind, data) for key, name, kind, data in json.loads(done.stdout)}


def readers_agree(hive: str) -> None:
    """Every independent reader reads the same complete tree."""
    tools = shared_folder("tools")
    assert tools is not None
    command = [sys.executable, str(tools / "check_hive.py"), hive]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def checker_lines(image: str) -> list[str]:
    """What ``check_disk.py`` says of an image, but for what differs from look to look."""
    tools = shared_folder("tools")
    assert tools is not None
    command = [PYTHON, str(tools / "check_disk.py"), image, "--no-guestfs"]
    if image.endswith(".vhd"):
        command += ["--format", "vpc"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    passing = ("image unchanged", "qemu-img info")
    return [
        re.sub(r"/tmp/\S+|/dev/loop\d+", "...", line)
        for line in done.stdout.splitlines()
        if not any(word in line for word in passing)
    ]
