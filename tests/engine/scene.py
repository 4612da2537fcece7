"""A small target with patches of every awkward kind, and short words for what the tests do with it."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from bootmend.engine.begin import begin_run
from bootmend.engine.device import DeviceOpener, open_for_writing
from bootmend.engine.journal import PatchSet, SourceRef, Witness
from bootmend.engine.writer import apply_run, commit_run
from bootmend.source import Patch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.runs import Run

SIZE = 16 * 512


def quick_folder() -> str:
    """A new folder in memory where there is one, since thousands of flushes to a disk take minutes."""
    return mkdtemp(prefix="bootmend-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


@contextmanager
def scene(seed: int = 0) -> Iterator[Path]:
    """A folder with ``disk.img`` and a state folder of its own, which the environment names meanwhile."""
    folder = Path(quick_folder())
    earlier = os.environ.get("BOOTMEND_STATE_DIR")
    os.environ["BOOTMEND_STATE_DIR"] = str(folder / "state")
    try:
        target = folder / "disk.img"
        target.write_bytes(random.Random(seed).randbytes(SIZE))
        yield target
    finally:
        if earlier is None:
            del os.environ["BOOTMEND_STATE_DIR"]
        else:
            os.environ["BOOTMEND_STATE_DIR"] = earlier
        shutil.rmtree(folder)


def make_patchset(target: Path, changes: list[tuple[int, int, bytes]]) -> PatchSet:
    """Patches from ``(step, offset, after)``; ``before`` is what the steps before left."""
    content = bytearray(target.read_bytes())
    size = len(content)
    patches = []
    for step, offset, after in changes:
        patches.append(Patch("disk", step, offset, bytes(content[offset : offset + len(after)]), after))
        content[offset : offset + len(after)] = after
    return PatchSet((SourceRef("disk", str(target), size, size),), tuple(patches))


def hive_commit(target: Path) -> PatchSet:
    """Three steps as a hive is committed: sequence 1, pages (one tearing over three sectors), sequence 2."""
    return make_patchset(
        target,
        [
            (0, 4, b"\x11\x22\x33\x44"),
            (0, 508, b"SUM1"),
            (1, 1000, bytes(range(256)) * 2 + b"END"),
            (1, 8 * 512, b"PAGE" * 128),
            (2, 8, b"\x55\x66\x77\x88"),
            (2, 508, b"SUM2"),
        ],
    )


def after_of(patchset: PatchSet, before: bytes) -> bytes:
    """What a target holds when all is written."""
    content = bytearray(before)
    for patch in patchset.patches:
        content[patch.offset : patch.offset + len(patch.after)] = patch.after
    return bytes(content)


def repair(target: Path, patchset: PatchSet, *witnesses: Witness, opener: DeviceOpener = open_for_writing) -> Run:
    """A whole run."""
    run = begin_run(patchset, witnesses, {"why": "a test"}, target=str(target))
    apply_run(run, opener)
    commit_run(run)
    return run


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
