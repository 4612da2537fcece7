"""Boot configuration stores: listing, a thousand changes, whole processes, beside hivexsh, hivexregedit and hivex.

The store is made here, with the 49 objects of a laptop with many firmware entries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, Skipped, hivex_python, median, milliseconds, process, rival, show, spent, times

import bootmend
from bootmend.bcd import PartitionDevice, Store, StoreEditor, enum_text
from bootmend.bcd.create import LARGEST, edit_store, empty_store
from bootmend.bcd.fresh import Installation, fill, fresh_objects
from bootmend.registry import Hive, HiveEditor
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 0x01DC5B0000000000
FIRMWARE_APPLICATIONS = 38
SETS = 1000
ROUNDS = 9


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


def sets(data: bytes) -> None:
    """A thousand changes in one open store, and the commit."""
    store = StoreEditor(HiveEditor(MemorySource(data), now=NOW, room=LARGEST))
    loader = store.loaders()[0].id
    for number in range(SETS):
        store.set_element(loader, "loadoptions", f"/X={number}")
    store.hive.commit()


def measure() -> Iterator[Row]:
    data = large_store()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "BCD"
        path.write_bytes(data)
        yield from in_process(data, path)
        yield from whole_processes(path)


def in_process(data: bytes, path: Path) -> Iterator[Row]:
    objects = len(Store(Hive(MemorySource(data))).objects())
    listing = median(spent(lambda: enum_text(Store(Hive(MemorySource(data))), "ALL", True)).cpu for _ in range(101))
    try:
        other = rival(hivex_python(), "rival_hivex.py", "walk", path, 50)
        beside = f"hivex, keys and values alone: {milliseconds(median(other['cpu'][1:]))}"
    except Skipped as reason:
        beside = f"not measured: {reason}"
    yield Row(f"open and list a store of {objects} objects, as text", milliseconds(listing), beside, "", "2 ms", listing <= 0.002)
    took = median(spent(lambda: sets(data)).cpu for _ in range(ROUNDS))
    yield Row(f"{SETS:,} elements set in one open store, and the commit", milliseconds(took), "", "", "500 ms", took < 0.5)


def whole_processes(path: Path) -> Iterator[Row]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(Path(bootmend.__path__[0]).parent), "PYTHONPYCACHEPREFIX": str(path.with_name("bytecode"))}
    ours = [sys.executable, "-m", "bootmend", "bcdedit", "/store", str(path), "/enum"]
    bare, text, tree, sh, regedit = [sys.executable, "-c", "pass"], ours, [*ours, "all", "--format", "json"], [], []
    script = path.with_name("script")
    script.write_text("cd Objects\nls\n")
    if shutil.which("hivexsh"):
        sh = ["hivexsh", "-f", str(script), str(path)]
    if shutil.which("hivexregedit"):
        regedit = ["hivexregedit", "--export", str(path), "\\"]
    commands = {"bare": bare, "text": text, "tree": tree, "hivexsh": sh, "hivexregedit": regedit}
    for command in (text, tree):  # leave bytecode, as an installation does
        subprocess.run(command, env=env, capture_output=True, check=True)
    walls: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            if command:
                walls[name].append(process(command, env).wall)
    start = median(walls["bare"])
    over = median(one - two for one, two in zip(walls["text"], walls["bare"], strict=True))
    goal = ("+ 100 ms", over <= 0.1)
    yield Row(
        "bcdedit /enum",
        milliseconds(median(walls["text"])),
        f"python -c pass: {milliseconds(start)}",
        f"+ {milliseconds(over)}",
        *goal,
    )
    yield Row("  the whole store as JSON", milliseconds(median(walls["tree"])))
    for name in ("hivexsh", "hivexregedit"):
        if walls[name]:
            ratio = median(one / two for one, two in zip(walls["text"], walls[name], strict=True))
            yield Row(f"  beside {name}", milliseconds(median(walls["text"])), milliseconds(median(walls[name])), times(ratio))


if __name__ == "__main__":
    show(measure)
