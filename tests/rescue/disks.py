"""Disks for fleets: sparse copies of one broken sample, and what they hold, told without reading their holes."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

from bootmend.engine.sample import make_sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMC = "imc-config-init-failed"
_CHUNK = 1 << 20


def sample(path: Path, rule: str = IMC) -> Path:
    make_sample(rule, str(path), generation=1, layout="usual", image_format="raw", size=1 << 30)
    return path


def sparse_copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        write.truncate(source.stat().st_size)
        for start, end in _extents(read.fileno()):
            for offset in range(start, end, _CHUNK):
                os.pwrite(write.fileno(), os.pread(read.fileno(), min(_CHUNK, end - offset), offset), offset)


def fingerprint(path: Path) -> str:
    """A hash of everything that is not zero, and where it lies: the same for the same bytes, however sparse."""
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        for start, end in _extents(file.fileno()):
            for offset in range(start - start % 4096, end, 4096):
                block = os.pread(file.fileno(), 4096, offset)
                if block.strip(b"\0"):
                    digest.update(offset.to_bytes(8, "big") + block)
    return digest.hexdigest()


def _extents(descriptor: int) -> Iterator[tuple[int, int]]:
    end = 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole follows
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
