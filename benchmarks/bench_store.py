"""Editing boot stores: how much a hundred rounds make them grow, and what one edit costs with check and commit."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from measure import Row, Skipped, hivex_python, median, milliseconds, rival, show, spent, third_party

from bootmend.bcd import Store, StoreEditor
from bootmend.engine.sample import make_sample
from bootmend.engine.target import Target
from bootmend.registry import Hive, HiveEditor, check
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 133_485_408_000_000_000
ROUNDS = 100
TIMED = 30
#: real stores: one of Windows 7's time, and the largest there is here
REAL = ("bcd/TechInTech_boot-bcd_3062d699.bcd", "bcd/mkorman90_regipy-tests-data-bcd-xz_68ea6fe4.bcd")
BOOT_MANAGER = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"


class Named(NamedTuple):
    """An element to be set and deleted: its object, its id, and a value of its format."""

    object_id: str
    element: int
    value: bool | int | str


def measure() -> Iterator[Row]:
    for name, data in stores():
        yield from growth(name, data)
        yield from edit_time(name, data)


def stores() -> Iterator[tuple[str, bytes]]:
    """The store of the package's own sample disk, and real ones where they are present."""
    with tempfile.TemporaryDirectory() as folder:
        disk = str(Path(folder) / "disk.raw")
        make_sample("healthy", disk, generation=1, layout="usual", image_format="raw", size=127 << 30)
        with Target(disk) as target:
            file = target.machine.stores[0].opened.file
            yield "the sample's store", file.read_at(0, file.size)
    for name in REAL:
        try:
            yield f"a real store ({Path(name).name.split('_')[0]})", third_party(name).read_bytes()
        except Skipped:
            continue


def absent(data: bytes) -> list[Named]:
    """Five elements that the store does not have, so that setting makes keys and deleting takes them away."""
    store = Store(Hive(MemorySource(data), dirty="accept"))
    manager, loader = store.get(BOOT_MANAGER), next(iter(store.loaders()))
    assert manager is not None
    wanted = (
        (manager, 0x26000020, True), (manager, 0x26000027, True), (manager, 0x16000020, True), (manager, 0x12000030, "debug"),
        (loader, 0x260000B0, True), (loader, 0x22000137, "\\IMC.hiv"), (loader, 0x25000080, 1), (loader, 0x12000030, "debug"),
    )  # fmt: skip
    free = [Named(obj.id, element, value) for obj, element, value in wanted if obj.element(element) is None]
    return free[:5]


def commit(data: bytearray, editor: HiveEditor) -> None:
    """Write as a file would be written."""
    done = editor.commit()
    data.extend(bytes(done.size - len(data)))
    for step in done.steps:
        for offset, piece in step:
            data[offset : offset + len(piece)] = piece


def growth(name: str, original: bytes) -> Iterator[Row]:
    named = absent(original)
    data = bytearray(original)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "BCD"
        path.write_bytes(original)
        for _ in range(ROUNDS):
            store = StoreEditor(HiveEditor(MemorySource(bytes(data)), now=NOW, room=1 << 24))
            for each in named:
                store.set_element(each.object_id, each.element, each.value)
            commit(data, store.hive)
            store = StoreEditor(HiveEditor(MemorySource(bytes(data)), now=NOW, room=1 << 24))
            for each in named:
                store.delete_element(each.object_id, each.element)
            commit(data, store.hive)
        grown = len(data) - len(original)
        old, new = (len(check(MemorySource(each))) for each in (original, bytes(data)))
        what = f"{name}, {len(original):,} B: {len(named)} elements set and deleted, {ROUNDS} rounds"
        ours = f"+{grown:,} B, {new - old} new violations"
        yield Row(what, ours, hivex_growth(path, named), "", "+0 B", grown == 0 and new <= old)


def hivex_growth(path: Path, named: list[Named]) -> str:
    """The same bytes, written by hivex: what it does to a file of its own."""
    before = path.stat().st_size
    wanted = [(each.object_id, f"{each.element:08x}", *raw(each.value)) for each in named]
    try:
        answer = rival(hivex_python(), "rival_hivex.py", "growth", path, ROUNDS, json.dumps(wanted))
    except Skipped as reason:
        return f"not measured: {reason}"
    return f"hivex +{answer['size'] - before:,} B"


def raw(value: bool | int | str) -> tuple[int, str]:
    """Registry type and bytes of an element, ``docs/formats/bcd.md``."""
    if isinstance(value, str):
        return 1, (value + "\0").encode("utf-16-le").hex()
    return 3, (bytes([value]) if isinstance(value, bool) else value.to_bytes(8, "little")).hex()


def edit_time(name: str, original: bytes) -> Iterator[Row]:
    """Open, check, set one element, check again, commit."""

    def edit() -> None:
        store = StoreEditor(HiveEditor(MemorySource(original), now=NOW))
        store.set_element(BOOT_MANAGER, 0x25000004, 7)
        assert any(store.hive.commit().steps)

    edit()
    taken = [spent(edit).cpu for _ in range(TIMED)]
    yield Row(
        f"{name}: one edit, with check and commit",
        milliseconds(median(taken)),
        hivex_edit(original),
        "",
        "5 ms",
        median(taken) <= 0.005,
    )


def hivex_edit(original: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "BCD"
        path.write_bytes(original)
        try:
            answer = rival(hivex_python(), "rival_hivex.py", "edit", path, 10)
        except Skipped as reason:
            return f"not measured: {reason}"
    return f"hivex, without any check: {milliseconds(median(answer['cpu']))}"


if __name__ == "__main__":
    show(measure)
