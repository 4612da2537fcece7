"""Sample disks for tests: every profile and image format there is, and what tells two disks apart."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from bootmend.samples import write_sample

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 4 << 30


class Profile(NamedTuple):
    """A kind of disk."""

    generation: int
    layout: str
    format: str

    def __str__(self) -> str:
        return f"gen{self.generation}-{self.layout}-{self.format}"

    def write(self, folder: Path) -> str:
        """Write a healthy disk of this kind."""
        path = str(folder / f"{self}.{'vhd' if 'vhd' in self.format else 'raw'}")
        write_sample(path, generation=self.generation, layout=self.layout, format=self.format, size=SIZE)
        return path


PROFILES = tuple(
    Profile(generation, layout, form)
    for generation, layout in ((1, "usual"), (1, "single"), (2, "usual"))
    for form in ("raw", "vhd-dynamic", "vhd-fixed")
)


def fingerprint(path: str) -> str:
    """SHA-256 of a file's length and of every 4 KiB block that is not zeros: independent of holes, quick on sparse files."""
    digest = hashlib.sha256(str(os.path.getsize(path)).encode())
    with open(path, "rb") as file:
        descriptor, size, position = file.fileno(), os.path.getsize(path), 0
        while position < size:
            try:
                start = os.lseek(descriptor, position, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
            start -= start % 4096
            for offset in range(start, end, 4096):
                block = os.pread(descriptor, 4096, offset)
                if block.count(0) != len(block):
                    digest.update(offset.to_bytes(8, "little") + block)
            position = end
    return digest.hexdigest()
