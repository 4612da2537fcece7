"""What the user named, opened: a disk image, a block device, or a directory that holds a computer's files."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from bootmend.engine.neighbours import GIVEN, Neighbours, given_parents
from bootmend.errors import MissingError, ReadError, UsageError, place
from bootmend.filesystem.host import HostTree
from bootmend.image import open_image
from bootmend.machine import Machine
from bootmend.source import FileSource, Overlay, StepClock
from bootmend.source.url import refuse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from bootmend.image import Image, Reference
    from bootmend.source import Source


class Target:
    """An opened target; everything below it is open for reading only.

    An image may name other files: those beside it are opened, and those of
    :func:`~bootmend.engine.neighbours.given_parents`.

    Raises:
        MissingError: there is no such file or directory.
        ReadError: it cannot be read, or is no disk image of a known kind.
        UsageError: a URL, standard input.
    """

    def __init__(self, path: str) -> None:
        refuse_url(path)
        _refuse_stream(path)
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
        return self.open_image(source, self.open_file)

    def open_image(
        self,
        source: Source,
        open_file: Callable[[str], Source],
        *,
        seed: bytes = b"",
        found: Callable[[str, Reference], None] | None = None,
    ) -> Image:
        """The disk inside ``source``; files that it names are opened with ``open_file``, and told to ``found``."""
        with place(self.name):
            return open_image(source, Neighbours(self.path, open_file, GIVEN.get(), found), seed=seed)

    def other_files(self, *, writable: bool) -> list[str]:
        """The files that the image names: those that it is written through to, or those that it only builds on.

        The image is opened anew for that, so that nothing read now is used later.
        """
        paths: list[str] = []

        def note(path: str, reference: Reference) -> None:
            if reference.writable is writable:
                paths.append(path)

        if not self.is_directory:
            with Target(self.path) as again:
                again.open_image(again.open_file(self.path), again.open_file, found=note)
        return paths

    def files_to_lock(self) -> list[str]:
        """What a change may write to: an image with its extents; of a directory the files opened so far."""
        return list(self._files) if self.is_directory else [self.path, *self.other_files(writable=True)]

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

    def overlays(self, seed: bytes = b"") -> Overlays:
        """Copy-on-write over all its files.

        ``seed`` decides the identifiers that an image format gives to a change; without one they are random.
        """
        return Overlays(self, seed or os.urandom(16))


def _refuse_stream(path: str) -> None:
    """What cannot be read at any place has no partition table that could be followed.

    Raises:
        UsageError: it is the usual sign for standard input.
    """
    if path == "-":
        hint = "save it to a file, and name that  (a file called - is ./-)"
        raise UsageError("a disk cannot be read from standard input: it is looked at here and there", hint=hint)


@contextmanager
def parents_of(path: str) -> Iterator[None]:
    """Let a copy of the disk at ``path`` build on the same files as the disk itself."""
    with Target(path) as target:
        files = target.other_files(writable=False)
    with given_parents(*files):
        yield


class Overlays:
    """The target's files, each under an overlay; all share one clock, so that the order of writes holds across them."""

    def __init__(self, target: Target, seed: bytes) -> None:
        self._target = target
        self._seed = seed
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
        return Machine(self._target.open_image(self.open_file(self._target.path), self.open_file, seed=self._seed))
