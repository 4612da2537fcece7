"""Whole disks with damaged bytes: a diagnosis ends in a report or in one of our errors, quickly."""

from __future__ import annotations

import os
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.diagnose import examine
from bootmend.errors import BootmendError
from bootmend.image import open_image
from bootmend.machine import Machine
from bootmend.samples import write_sample
from bootmend.source import FileSource, Overlay
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 20.0


def used_blocks(path: str) -> list[int]:
    """The offsets of the 512-byte sectors that are not zeros and not all 0xFF."""
    found = []
    with open(path, "rb") as file:
        descriptor, size, position = file.fileno(), os.path.getsize(path), 0
        while position < size:
            try:
                start = os.lseek(descriptor, position, os.SEEK_DATA)
            except OSError:
                break
            position = os.lseek(descriptor, start, os.SEEK_HOLE)
            for offset in range(start, position, 512):
                sector = os.pread(descriptor, 512, offset)
                if len(set(sector)) > 1:
                    found.append(offset)
    return found


@pytest.mark.parametrize(("generation", "image_format"), [(1, "vhd-dynamic"), (2, "raw")])
def test_damaged_disks(tmp_path: Path, generation: int, image_format: str) -> None:
    path = str(tmp_path / "disk")
    write_sample(path, generation=generation, layout="usual", format=image_format, size=1 << 30)
    sectors = used_blocks(path)
    random = Random(generation)
    with FileSource(path) as file:
        for case in range(fuzz_cases(60)):
            overlay = Overlay(file, "disk")
            for _ in range(random.choice((1, 1, 4, 40))):
                offset = random.choice(sectors) + random.randrange(512)
                damage = random.randbytes(random.choice((1, 2, 4, 8)))
                overlay.write_at(min(offset, file.size - len(damage)), damage)
            started = time.monotonic()
            try:
                machine = Machine(open_image(overlay))
                examine(machine)
                for installation in machine.windows:
                    assert isinstance(installation.product + installation.computer, str)
            except BootmendError:
                pass
            assert time.monotonic() - started < SECONDS, f"case {case}"
