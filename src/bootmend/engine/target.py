"""What the user named, opened: a disk image, a block device, or a directory that holds a computer's files."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from typing import TYPE_CHECKING

from bootmend.errors import MissingError, ReadError, place
from bootmend.filesystem.host import HostTree
from bootmend.image import open_image
from bootmend.machine import Machine
from bootmend.source import FileSource, Overlay, StepClock

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from bootmend.image import Image
    from bootmend.source import Source


class Target:
    """An opened target; everything below it is open for reading only.

    Raises:
        MissingError: there is no such file or directory.
        ReadError: it cannot be read, or is no disk image of a known kind.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.is_directory = stat.S_ISDIR(os.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise MissingError(f"there is no file {path}") from None
        except OSError as error:
            raise ReadError(f"{path} cannot be opened: {error.strerror}") from error
        self._files: dict[str, FileSource] = {}

    def close(self) -> None:
        """Close every file that was opened."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return os.path.basename(os.path.normpath(self.path)) or self.path

    @property
    def bytes_read(self) -> int:
        """What has been read from it so far."""
        return sum(file.bytes_read for file in self._files.values())

    @property
    def files(self) -> dict[str, FileSource]:
        """The files opened so far, by path."""
        return self._files

    def open_file(self, path: str) -> FileSource:
        """A file of the target, opened once."""
        if path not in self._files:
            self._files[path] = FileSource(path)
        return self._files[path]

    @cached_property
    def image(self) -> Image | None:
        """The disk, seen through its image format; None for a directory."""
        return None if self.is_directory else self._image(self.open_file(self.path))

    def _image(self, source: Source) -> Image:
        with place(self.name):
            return open_image(source)

    @property
    def size(self) -> int:
        """The disk's size in bytes, 0 for a directory."""
        return self.image.size if self.image else 0

    @property
    def format(self) -> str:
        """``dynamic VHD``, ``raw``, ``directory`` ..."""
        return self.image.format if self.image else "directory"

    @cached_property
    def machine(self) -> Machine:
        """The computer on it."""
        if self.is_directory:
            return Machine(None, HostTree(self.path, self.open_file))
        return Machine(self.image)

    def overlays(self) -> Overlays:
        """Copy-on-write over all its files."""
        return Overlays(self)


class Overlays:
    """The target's files, each under an overlay; all share one clock, so that the order of writes holds across them."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.clock = StepClock()
        self.by_path: dict[str, Overlay] = {}

    def open_file(self, path: str) -> Overlay:
        """The overlay of one file."""
        if path not in self.by_path:
            self.by_path[path] = Overlay(self._target.open_file(path), path, self.clock)
        return self.by_path[path]

    def machine(self) -> Machine:
        """The computer as it is through the overlays, opened anew."""
        if self._target.is_directory:
            return Machine(None, HostTree(self._target.path, self.open_file))
        with place(self._target.name):
            return Machine(open_image(self.open_file(self._target.path)))
