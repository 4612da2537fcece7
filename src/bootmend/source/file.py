"""A file or a block device, opened for reading only."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Self

from bootmend.errors import MissingError, ReadError, TruncatedError, UsageError
from bootmend.source.base import Source

if TYPE_CHECKING:
    from types import TracebackType


class FileSource(Source):
    """A regular file or block device, read with ``pread`` on one descriptor opened ``O_RDONLY``.

    ``bytes_read`` and ``reads`` count what was asked of the operating system.
    Not a memory map: a file that shrinks or a disk that fails gives an error, not a signal.

    Raises:
        MissingError: no such file.
        ReadError: no permission, an input/output error.
        UsageError: a directory, a pipe or a character device.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.bytes_read = 0
        self.reads = 0
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            self._fd = os.open(self.path, flags)
        except OSError as error:
            raise _open_error(self.path, error) from error
        except ValueError as error:  # a NUL in the name: a plan or a config file may hold one
            raise MissingError(f"there is no file {self.path!r}") from error
        try:
            self._size = self._measure()
        except BaseException:
            os.close(self._fd)
            raise

    def _measure(self) -> int:
        mode = os.fstat(self._fd).st_mode
        self._is_regular = stat.S_ISREG(mode)
        if stat.S_ISREG(mode):
            return os.fstat(self._fd).st_size
        if stat.S_ISBLK(mode):
            return os.lseek(self._fd, 0, os.SEEK_END)
        kind = "a directory" if stat.S_ISDIR(mode) else "neither a file nor a block device"
        raise UsageError(f"{self.path} is {kind}")

    @property
    def size(self) -> int:
        """The file's length in bytes, as it was when it was opened."""
        return self._size

    @property
    def can_grow(self) -> bool:
        """Whether it is a regular file."""
        return self._is_regular

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the descriptor; short reads are repeated until the range is full."""
        self.check_range(offset, length)
        parts: list[bytes] = []
        while length:
            part = self._pread(length, offset)
            if not part:
                raise TruncatedError(f"the file ends at {offset:#x}, before its own length", at=self.path)
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _pread(self, length: int, offset: int) -> bytes:
        try:
            if hasattr(os, "pread"):
                part = os.pread(self._fd, length, offset)
            else:  # Windows: one descriptor, one reader
                os.lseek(self._fd, offset, os.SEEK_SET)
                part = os.read(self._fd, length)
        except OSError as error:
            hint = (
                "the medium has unreadable sectors: make an image with ddrescue and work on that"
                if error.errno == errno.EIO
                else None
            )
            raise ReadError(f"cannot be read at {offset:#x}: {error.strerror}", at=self.path, hint=hint) from error
        self.bytes_read += len(part)
        self.reads += 1
        return part

    def close(self) -> None:
        """Close the descriptor; reading afterwards fails."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _open_error(path: str, error: OSError) -> MissingError | ReadError:
    if isinstance(error, FileNotFoundError):
        return MissingError(f"there is no file {path}")
    if isinstance(error, PermissionError):
        return ReadError(f"no permission to read {path}", hint="run as a user who may read it, or copy the image")
    return ReadError(f"{path} cannot be opened: {error.strerror}")
