"""Copying a disk image: what is sparse stays sparse, what fails leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from bootmend.errors import ReadError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1 << 20
MIB = 1 << 20
SECONDS_BETWEEN_NEWS = 5.0


def copy_target(path: str, new: str, progress: Callable[[str], None]) -> None:
    """Copy a disk image to a new file; ``progress`` is told what is going on, every few seconds.

    Raises:
        UsageError: the source is no regular file, or the new file exists.
        ReadError: there is no room, or reading fails; the new file is removed.
    """
    if not os.path.isfile(path):
        raise UsageError("--output copies disk images; name a file, not a device or a directory")
    _refuse_several_files(path)
    try:
        copy = open(new, "xb")  # noqa: SIM115 (closed below; a file that is there is not ours to remove)
    except FileExistsError:
        raise UsageError(f"{new} exists; choose another name for the copy") from None
    except OSError as error:
        raise ReadError(f"{path} cannot be copied to {new}: {error.strerror}") from error
    progress(f"copying {path} to {new}")
    try:
        with copy, open(path, "rb") as source:
            _copy_data(source.fileno(), copy.fileno(), progress)
            os.fsync(copy.fileno())
        shutil.copymode(path, new)
    except BaseException as error:
        os.unlink(new)
        if isinstance(error, OSError):
            raise ReadError(f"{path} cannot be copied to {new}: {error.strerror}") from error
        raise


def _refuse_several_files(path: str) -> None:
    """A descriptor's copy would write to the extents of the original."""
    from bootmend.engine.target import Target

    with Target(path) as target:
        others = target.other_files(writable=True)
    if others:
        raise UsageError(
            f"the disk lies in {len(others) + 1} files, and --output copies one",
            hint=f"make one file of it: qemu-img convert -O vhdx {os.path.basename(path)} NEW.vhdx",
        )


def _copy_data(source: int, copy: int, progress: Callable[[str], None]) -> None:
    status = os.fstat(source)
    total = min(status.st_size, getattr(status, "st_blocks", status.st_size) * 512)
    os.ftruncate(copy, status.st_size)
    position, done, told = 0, 0, time.monotonic()
    while position < status.st_size:
        start, position = _next_data(source, position, status.st_size)
        os.lseek(source, start, os.SEEK_SET)
        os.lseek(copy, start, os.SEEK_SET)
        while start < position:
            block = os.read(source, min(BLOCK, position - start))
            if not block:
                raise OSError(5, "the source ended early")
            os.write(copy, block)
            start += len(block)
            done += len(block)
            if time.monotonic() - told > SECONDS_BETWEEN_NEWS:
                told = time.monotonic()
                progress(f"copied {done // MIB} of {total // MIB} MiB")


def _next_data(descriptor: int, position: int, size: int) -> tuple[int, int]:
    """The next stretch that is not a hole; everything is data where the file system cannot tell."""
    if not hasattr(os, "SEEK_DATA"):
        return position, size
    try:
        start = os.lseek(descriptor, position, os.SEEK_DATA)
        return start, os.lseek(descriptor, start, os.SEEK_HOLE)
    except OSError:
        return size, size
