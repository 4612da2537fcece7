"""Boot configuration stores: listing, editing, whole processes, beside hivexsh and hivexregedit.

    python benchmarks/bench_bcdedit.py [STORE ...]

Without stores, one with 49 objects is made.  Every figure is the best of many; ``loop`` is a fixed loop of plain
Python, to compare machines by.  Whole processes run one after the other in turn, so that all meet the same machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bootmend.bcd import PartitionDevice, Store, StoreEditor, enum_text
from bootmend.bcd.create import LARGEST, edit_store, empty_store
from bootmend.bcd.fresh import Installation, fill, fresh_objects
from bootmend.registry import Hive, HiveEditor
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 0x01DC5B0000000000
FIRMWARE_APPLICATIONS = 38
SETS = 1000


def large_store() -> bytes:
    """A store like that of a laptop with many firmware entries: 49 objects."""
    numbers = iter(range(1, 1000))
    device = PartitionDevice("GPT", new_id(next(numbers)), new_id(next(numbers)))
    windows = Installation("UEFI", device, device, "\\Windows", "Windows 11", 26100, server=False)
    objects = fresh_objects(windows, lambda: new_id(next(numbers)))

    def change(store: StoreEditor) -> None:
        fill(store, objects)
        for _ in range(FIRMWARE_APPLICATIONS):
            made = store.create_object(new_id(next(numbers)), 0x101FFFFF)
            for name, value in (("device", device), ("path", "\\EFI\\BOOT\\BOOTX64.EFI"), ("description", "UEFI OS")):
                store.set_element(made.id, name, value)

    return edit_store(empty_store(NOW, system=True), NOW, change)


def new_id(number: int) -> str:
    return f"{{{number:08x}-67ab-11ee-9b1c-00155d010067}}"


def best(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of the quickest round."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return 1000 * min(found)


def loop() -> None:
    total = 0
    for number in range(20_000):
        total += number & 3


def sets(data: bytes) -> None:
    """A thousand changes in one open store, and the commit."""
    store = StoreEditor(HiveEditor(MemorySource(data), now=NOW, room=LARGEST))
    loader = store.loaders()[0].id
    for number in range(SETS):
        store.set_element(loader, "loadoptions", f"/X={number}")
    store.hive.commit()


def in_process(name: str, data: bytes) -> None:
    objects = len(Store(Hive(MemorySource(data))).objects())
    listing = best(lambda: enum_text(Store(Hive(MemorySource(data))), "ALL", True), 200)
    print(f"{name}: {objects} objects; enumerate {listing:.2f} ms; {SETS} sets {best(lambda: sets(data), 5):.0f} ms")


def whole_processes(path: str) -> None:
    python = [sys.executable, "-c", "pass"]
    commands = {
        "python -c pass": python,
        "bootmend bcdedit /enum all": [sys.executable, "-m", "bootmend", "bcdedit", "/store", path, "/enum", "all"],
        "bootmend bcdedit /enum all --format json": [
            *[sys.executable, "-m", "bootmend", "bcdedit", "/store", path, "/enum", "all"],
            *["--format", "json"],
        ],
        "hivexregedit --export": ["hivexregedit", "--export", path, "\\"],
        "hivexsh ls": ["hivexsh", path],
    }
    times: dict[str, list[float]] = {}
    for _ in range(7):
        for name, command in commands.items():
            if shutil.which(command[0]):
                start = time.perf_counter()
                subprocess.run(command, input=b"cd Objects\nls\n", capture_output=True, check=True)
                times.setdefault(name, []).append(time.perf_counter() - start)
    for name, found in times.items():
        print(f"  {name.ljust(44)} {1000 * min(found):6.0f} ms")


def main() -> None:
    print(f"loop {best(loop, 50):.2f} ms")
    stores = {os.path.basename(path): Path(path).read_bytes() for path in sys.argv[1:]} or {"made here": large_store()}
    for name, data in stores.items():
        in_process(name, data)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "BCD")
        Path(path).write_bytes(next(iter(stores.values())))
        whole_processes(path)


if __name__ == "__main__":
    main()
