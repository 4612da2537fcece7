"""Every format, 127 GiB: open it and read the store and the SYSTEM hive, beside dissect.target and The Sleuth Kit; then read one
from end to end, beside dd.  The disks are samples, converted by qemu-img.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, Skipped, median, milliseconds, rival, show, spent, times

from bootmend.engine.sample import make_sample
from bootmend.engine.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
ROUNDS, RIVAL_ROUNDS = 9, 3
READ_THROUGH = 512
GOAL = 0.100
RULE = "imc-config-init-failed"
FORMATS = {
    "raw": ("raw", ""),
    "VHD fixed": ("vpc", "subformat=fixed,force_size=on"),
    "VHD dynamic": ("vpc", "subformat=dynamic,force_size=on"),
    "VHDX": ("vhdx", ""),
    "qcow2": ("qcow2", ""),
    "VMDK sparse": ("vmdk", ""),
    "VMDK flat": ("vmdk", "subformat=monolithicFlat"),
}
SUFFIXES = {"raw": "raw", "vpc": "vhd", "vhdx": "vhdx", "qcow2": "qcow2", "vmdk": "vmdk"}
STORES = ("\\Boot\\BCD", "\\EFI\\Microsoft\\Boot\\BCD")
SYSTEM = "\\Windows\\System32\\config\\SYSTEM"


def convert(raw: Path, name: str, folder: Path) -> Path:
    kind, options = FORMATS[name]
    if kind == "raw":
        return raw
    path = folder / f"{name.replace(' ', '-')}.{SUFFIXES[kind]}"
    command = ["qemu-img", "convert", "-f", "raw", "-O", kind, *(["-o", options] if options else []), str(raw), str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def read_both(path: Path) -> dict[str, int]:
    """Open the disk, and read both files whole."""
    found: dict[str, int] = {}
    with Target(str(path)) as target:
        for volume in target.machine.volumes:
            for name in (*STORES, SYSTEM) if volume.readable else ():
                if volume.tree.lookup(name):
                    found[name] = len(volume.tree.read(name, 1 << 28))
    assert len(found) == 2
    return found


def opening(folder: Path) -> Iterator[Row]:
    for generation in (1, 2):
        raw = folder / f"generation{generation}.raw"
        make_sample(RULE, str(raw), generation=generation, layout="usual", image_format="raw", size=127 << 30)
        with Target(str(raw)) as target:
            parts = [volume.partition.offset for volume in target.machine.volumes if volume.readable and volume.partition]
        for name in FORMATS:
            path = convert(raw, name, folder)
            sizes = read_both(path)
            ours = median(spent(lambda path=path: read_both(path)).wall for _ in range(ROUNDS))
            what = f"open {name}, generation {generation}; read BCD and SYSTEM ({sum(sizes.values()) >> 10} KiB)"
            yield beside(what, ours, "dissect.target", "dissect", path)
            if name == "raw":
                yield beside(what, ours, "The Sleuth Kit", "sleuthkit", path, *parts)
            if path != raw:
                path.unlink()
        raw.unlink()
        for extent in folder.glob("*-flat.vmdk"):
            extent.unlink()
    if shutil.which("guestfish") is None:
        yield Row("open with libguestfs", "", "not installed")


def beside(what: str, ours: float, label: str, reader: str, path: Path, *more: object) -> Row:
    """One format beside one rival; ours counts even where the rival does not read it, or reads something else."""
    shown, goal, met = milliseconds(ours), "<= 100 ms", ours <= GOAL
    try:
        found = rival(sys.executable, "rival_disks.py", reader, path, RIVAL_ROUNDS, *more)
    except (Skipped, subprocess.TimeoutExpired) as reason:
        return Row(what, shown, f"{label}: {str(reason)[-60:]}", "", goal, met)
    complete = "" if len(found["files"]) == 2 else f" ({len(found['files'])} of 2 files)"
    return Row(what, shown, f"{label} {milliseconds(found['seconds'])}{complete}", times(found["seconds"] / ours), goal, met)


def read_through(path: Path) -> None:
    with Target(str(path)) as target:
        image = target.image
        assert image is not None
        for offset in range(0, image.size, MIB):
            image.read_at(offset, min(MIB, image.size - offset))


def dd(path: Path) -> None:
    subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=1M"], check=True, stderr=subprocess.DEVNULL)


def reading(folder: Path) -> Iterator[Row]:
    raw = folder / "random.raw"
    with raw.open("wb") as file:
        for _ in range(READ_THROUGH):
            file.write(os.urandom(MIB))
    for name in FORMATS:
        path = convert(raw, name, folder)
        held = path if path.stat().st_size > MIB else path.with_name(f"{path.stem}-flat.vmdk")
        pairs = [(spent(lambda held=held: dd(held)).wall, spent(lambda path=path: read_through(path)).wall) for _ in range(6)]
        theirs, ours = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
        goal = 0.7 if name in ("raw", "VHD fixed", "VMDK flat") else 0.5
        speed = f"{READ_THROUGH / ours:.0f} MiB/s"
        yield Row(f"read {name} from end to end", speed, f"dd {READ_THROUGH / theirs:.0f} MiB/s", times(theirs / ours),
                  f">= {goal} x", theirs / ours >= goal)  # fmt: skip
        if path != raw:
            path.unlink()


def measure() -> Iterator[Row]:
    if shutil.which("qemu-img") is None:
        raise Skipped("qemu-img is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BOOTMEND_STATE_DIR"] = str(folder / "state")
        yield from opening(folder)
        yield from reading(folder)


if __name__ == "__main__":
    show(measure)
