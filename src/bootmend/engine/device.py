"""The one place where a target is opened for writing, and the way to read what its medium really holds."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from bootmend.engine.state import flush_descriptor
from bootmend.errors import ReadError, RefusedError

IMAGE_THE_DISK = "the medium may be failing: make an image of it with ddrescue, and repair the image"
_COMMON = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_FALLOC_FL_KEEP_SIZE, _FALLOC_FL_PUNCH_HOLE = 1, 2  # linux/falloc.h


class Device(Protocol):
    """A file or block device that is open for writing; every method may raise OSError."""

    path: str

    @property
    def size(self) -> int:
        """The number of bytes now."""

    def read_at(self, offset: int, length: int) -> bytes:
        """``length`` bytes as the system sees them now; past the end they are zeros."""

    def read_back(self, offset: int, length: int) -> bytes:
        """The same through a fresh descriptor, from the medium as far as the system allows."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of ``data``; nothing is lasting before :meth:`flush`."""

    def flush(self) -> None:
        """Return when everything written is on the medium; after an error it must not be called for the same bytes."""

    def resize(self, size: int) -> None:
        """Lengthen (with a hole) or shorten."""

    def punch_hole(self, offset: int, length: int) -> None:
        """Give blocks of zeros back to the file system, where it can; never changes what is read."""

    def close(self) -> None:
        """Close it."""


DeviceOpener = Callable[[str], Device]


class FileDevice:
    """A :class:`Device` on one descriptor opened ``O_RDWR``: never truncated, never replaced, so owner and mode stay."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @property
    def size(self) -> int:
        """The number of bytes now."""
        return _size_of(self._descriptor)

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes as the system sees them; zeros past the end."""
        return _read_padded(self._descriptor, offset, length)

    def read_back(self, offset: int, length: int) -> bytes:
        """The bytes through a fresh descriptor."""
        with open_fresh(self.path) as reader:
            return reader.read_at(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write with ``pwrite``; short writes are continued."""
        view = memoryview(data)
        while view:
            written = _pwrite(self._descriptor, view, offset)
            offset += written
            view = view[written:]

    def flush(self) -> None:
        """``fsync``, on macOS ``F_FULLFSYNC``."""
        flush_descriptor(self._descriptor)

    def resize(self, size: int) -> None:
        """Set the file's length."""
        os.ftruncate(self._descriptor, size)

    def punch_hole(self, offset: int, length: int) -> None:
        """Linux ``fallocate``; elsewhere, and where the file system cannot, the zeros stay allocated."""
        if sys.platform == "linux":
            import ctypes

            library = ctypes.CDLL(None, use_errno=True)
            offsets = ctypes.c_int64(offset), ctypes.c_int64(length)
            library.fallocate64(self._descriptor, _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE, *offsets)

    def close(self) -> None:
        """Close the descriptor; all was flushed before, so an error here says nothing new."""
        with suppress(OSError):
            os.close(self._descriptor)


def open_for_writing(path: str) -> Device:
    """Open a target for writing.  Only the engine calls this, and only after a run's journal is on the disk.

    Raises:
        RefusedError: no permission, marked read-only, on a read-only file system, or in use.
    """
    refuse_unwritable(path)
    try:
        return FileDevice(path, os.open(path, os.O_RDWR | _COMMON))
    except OSError as error:
        raise _write_refusal(path, error) from error


def refuse_unwritable(path: str) -> None:
    """Raise :class:`RefusedError` for what cannot, or by its owner's mark should not, be written; opens nothing.

    A file without any write bit is refused to root as well: somebody meant it.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise _write_refusal(path, error) from error
    if stat.S_ISREG(mode) and not mode & 0o222:
        raise _write_refusal(path, PermissionError(errno.EACCES, "marked read-only"))
    if not os.access(path, os.W_OK):
        system_is_read_only = hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY
        raise _write_refusal(path, OSError(errno.EROFS if system_is_read_only else errno.EACCES, ""))


def make_file(path: str) -> None:
    """Make an empty file that was not there before; raises OSError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _COMMON, 0o644))


class FreshReader:
    """A descriptor opened for reading whose cached pages are dropped first, so that reads come from the medium.

    Pages that are still dirty stay: they are what will be written.  A file that is not there has
    ``size`` 0 and reads as zeros.
    """

    def __init__(self, path: str, descriptor: int | None) -> None:
        self.path = path
        self.exists = descriptor is not None
        self.size = 0 if descriptor is None else _size_of(descriptor)
        self._descriptor = descriptor

    def read_at(self, offset: int, length: int) -> bytes:
        """``length`` bytes; zeros past the end.

        Raises:
            ReadError: the medium cannot be read there.
        """
        if self._descriptor is None:
            return bytes(length)
        if hasattr(os, "posix_fadvise"):
            start = offset & -4096
            os.posix_fadvise(self._descriptor, start, offset + length - start, os.POSIX_FADV_DONTNEED)
        try:
            return _read_padded(self._descriptor, offset, length)
        except OSError as error:
            hint = IMAGE_THE_DISK if error.errno == errno.EIO else None
            raise ReadError(f"cannot be read at {offset:#x}: {error.strerror}", at=self.path, hint=hint) from error

    def holes(self, offset: int, length: int) -> list[tuple[int, int]]:
        """The stretches ``(offset, length)`` of the range, rounded out to 4 KiB, that take no space on the host."""
        if self._descriptor is None or not hasattr(os, "SEEK_HOLE"):
            return []
        end = min(-(-(offset + length) // 4096) * 4096, self.size)
        return list(_holes(self._descriptor, offset & -4096, end))


@contextmanager
def open_fresh(path: str) -> Iterator[FreshReader]:
    """Open a file or block device for reading what its medium holds.

    Raises:
        ReadError: it is there but cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _COMMON)
    except FileNotFoundError:
        yield FreshReader(path, None)
        return
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror}", at=path) from error
    try:
        yield FreshReader(path, descriptor)
    finally:
        os.close(descriptor)


def _size_of(descriptor: int) -> int:
    status = os.fstat(descriptor)
    return status.st_size if stat.S_ISREG(status.st_mode) else os.lseek(descriptor, 0, os.SEEK_END)


def _read_padded(descriptor: int, offset: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = _pread(descriptor, length - len(data), offset + len(data))
        if not part:
            return data + bytes(length - len(data))
        data += part
    return data


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)
    return os.pread(descriptor, length, offset)


def _pwrite(descriptor: int, data: memoryview, offset: int) -> int:
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)
    return os.pwrite(descriptor, data, offset)


def _holes(descriptor: int, position: int, end: int) -> Iterator[tuple[int, int]]:
    """Walk ``SEEK_HOLE`` and ``SEEK_DATA``; a file system without them shows one stretch of data."""
    while position < end:
        try:
            start = os.lseek(descriptor, position, os.SEEK_HOLE)
        except OSError:
            return
        if start >= end:
            return
        try:
            stop = min(os.lseek(descriptor, start, os.SEEK_DATA), end)
        except OSError:  # ENXIO: nothing but a hole up to the end of the file
            stop = end
        yield start, stop - start
        position = stop


def _write_refusal(path: str, error: OSError) -> RefusedError:
    reasons = {
        errno.ENOENT: ("it is not there any more", None),
        errno.EROFS: ("its file system is read-only", "copy the image to a writable place, or use --output NEW"),
        errno.EBUSY: ("it is in use", "stop what uses it, then try again"),
        errno.ETXTBSY: ("it is in use", "stop what uses it, then try again"),
        errno.EISDIR: ("it is a directory", None),
    }
    if error.errno in {errno.EACCES, errno.EPERM}:
        sentence = "it is marked read-only" if error.strerror == "marked read-only" else "there is no permission to write to it"
        hint: str | None = "allow writing to it, run as a user who may, or repair a copy with --output NEW"
    else:
        sentence, hint = reasons.get(error.errno or 0, (f"it cannot be opened for writing: {error.strerror}", None))
    return RefusedError(f"{sentence}; nothing was written", at=path, hint=hint)
