"""Opening a disk image and reading it from end to end, beside dd, qemu-img and dissect.hypervisor.

Run with ``python benchmarks/bench_image.py [--size MIB] [--rounds N] [--folder DIR]``.  It makes a raw image
of random bytes and its dynamic and fixed VHD twins (qemu-img), warms the page cache, and then measures each
reader in turn, round by round, so that a busy machine slows all of them alike.  Printed are medians and the
ratio to dd of the same file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootmend.image import open_image
from bootmend.partition import read_partitions
from bootmend.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
DESCRIPTION = "open and read disk images beside dd, qemu-img and dissect"


def make_images(folder: Path, size: int) -> dict[str, Path]:
    raw = folder / "disk.raw"
    with raw.open("wb") as file:
        for _ in range(size):
            file.write(os.urandom(MIB))
    paths = {"raw": raw}
    for kind in ("dynamic", "fixed"):
        paths[f"VHD {kind}"] = target = folder / f"{kind}.vhd"
        options = f"subformat={kind},force_size=on"
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", options, str(raw), str(target)], check=True)
    return paths


def read_ours(path: Path) -> None:
    with FileSource(path) as source:
        image = open_image(source)
        for offset in range(0, image.size, MIB):
            image.read_at(offset, min(MIB, image.size - offset))


def read_dd(path: Path) -> None:
    subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=1M"], check=True, stderr=subprocess.DEVNULL)


def read_plain(path: Path) -> None:
    """What any reader in this interpreter could reach at best: read(2) in pieces of 1 MiB."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while os.read(descriptor, MIB):
            pass
    finally:
        os.close(descriptor)


def read_qemu(path: Path) -> None:
    kind = "raw" if path.suffix == ".raw" else "vpc"
    command = ["qemu-img", "dd", "-f", kind, "-O", "raw", f"if={path}", "bs=1M", f"of={path.parent / 'copy'}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def read_dissect(path: Path) -> None:
    from dissect.hypervisor.disk.vhd import VHD

    with path.open("rb") as file:
        disk: Any = VHD(file)
        while disk.read(MIB):
            pass


def seconds(action: Callable[[Path], None], path: Path) -> float:
    begin = time.perf_counter()
    action(path)
    return time.perf_counter() - begin


def measure_reading(paths: dict[str, Path], rounds: int) -> None:
    readers: dict[str, Callable[[Path], None]] = {
        "dd": read_dd,
        "read(2)": read_plain,
        "bootmend": read_ours,
        "qemu-img dd*": read_qemu,
    }
    try:
        import dissect.hypervisor.disk.vhd  # noqa: F401

        readers["dissect"] = read_dissect
    except ImportError:
        print("dissect.hypervisor is not installed: left out")
    print(f"\n{'sequential, 1 MiB':<18}{'reader':<14}{'seconds':>9}{'MiB/s':>9}{'x dd':>7}")
    for name, path in paths.items():
        usable = {label: read for label, read in readers.items() if name != "raw" or label != "dissect"}
        times: dict[str, list[float]] = {label: [] for label in usable}
        for number in range(rounds + 1):
            for label, read in usable.items():
                taken = seconds(read, path)
                if number:  # the first round warms the cache
                    times[label].append(taken)
        dd = statistics.median(times["dd"])
        for label, taken_all in times.items():
            median = statistics.median(taken_all)
            print(f"{name:<18}{label:<14}{median:>9.3f}{path.stat().st_size / MIB / median:>9.0f}{dd / median:>7.2f}")
    print("* it cannot read without writing a copy: its time holds both")


def measure_opening(folder: Path, rounds: int) -> None:
    """A 127 GiB dynamic VHD with a GPT: open it and read the partition table."""
    raw, vhd = folder / "large.raw", folder / "large.vhd"
    with raw.open("wb") as file:
        file.truncate(127 << 30)
    sgdisk = shutil.which("sgdisk", path="/usr/sbin:/sbin:/usr/bin:/bin") or "sgdisk"
    subprocess.run(
        [sgdisk, "-n", "1:0:+100M", "-t", "1:ef00", "-n", "2:0:0", "-t", "2:0700", str(raw)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        ["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", str(raw), str(vhd)], check=True
    )
    print(f"\n{'127 GiB':<18}{'what':<22}{'ms':>9}{'bytes read':>12}{'reads':>7}")
    for path in (raw, vhd):
        taken: dict[str, list[float]] = {"open": [], "open + partitions": []}
        for _ in range(max(rounds, 20)):
            with FileSource(path) as source:
                begin = time.perf_counter()
                image = open_image(source)
                taken["open"].append(time.perf_counter() - begin)
                opened = source.bytes_read, source.reads
                read_partitions(image)
                taken["open + partitions"].append(time.perf_counter() - begin)
                cost = {"open": opened, "open + partitions": (source.bytes_read, source.reads)}
        for what, times in taken.items():
            print(f"{image.format:<18}{what:<22}{statistics.median(times) * 1000:>9.3f}{cost[what][0]:>12}{cost[what][1]:>7}")


def main() -> int:
    parser = argparse.ArgumentParser(description=DESCRIPTION)
    parser.add_argument("--size", type=int, default=512, help="MiB of the images that are read through (default 512)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where to put the images (default: the temporary folder)")
    options = parser.parse_args()
    if shutil.which("qemu-img") is None:
        print("qemu-img is needed to make the images")
        return 1
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        measure_reading(make_images(folder, options.size), options.rounds)
        measure_opening(folder, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
