"""A run's sources, by name: open for reading what their media hold, or open for writing."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from bootmend.engine.device import Device, DeviceOpener, make_file, open_fresh
from bootmend.engine.state import sync_folder
from bootmend.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.device import FreshReader
    from bootmend.engine.journal import Hole, SourceRef
    from bootmend.engine.runs import Run
    from bootmend.source import Patch


class Reading:
    """The sources, open for reading only, from the medium as far as the system allows."""

    def __init__(self, readers: dict[str, FreshReader]) -> None:
        self.readers = readers

    def read(self, source: str, offset: int, length: int) -> bytes:
        """Bytes of one source; zeros past its end."""
        return self.readers[source].read_at(offset, length)


@contextmanager
def reading(sources: tuple[SourceRef, ...]) -> Iterator[Reading]:
    """Open sources for reading.

    Raises:
        ReadError: one is there but cannot be opened.
    """
    with ExitStack() as stack:
        yield Reading({source.name: stack.enter_context(open_fresh(source.path)) for source in sources})


class Writing:
    """The sources, open for writing; ``written`` counts the patches whose writing was begun.

    Methods raise OSError as the system gives it, and ReadError where bytes read back differently.
    """

    def __init__(self, run: Run, opener: DeviceOpener) -> None:
        self.patches = run.patchset.patches
        self.sources = {source.name: source for source in run.patchset.sources}
        self.devices: dict[str, Device] = {}
        self.written = 0
        self._opener = opener
        self._unflushed: dict[str, Device] = {}

    def close(self) -> None:
        """Close every device; all was flushed before."""
        for device in self.devices.values():
            device.close()

    def open_existing(self) -> None:
        """Open every source that is there; those that the run makes come later."""
        for source in self.sources.values():
            if os.path.exists(source.path) or not (source.made or source.removed):
                self.devices[source.name] = self._opener(source.path)

    def read(self, source: str, offset: int, length: int) -> bytes:
        """Bytes as the system sees them; a file that is not there is all zeros."""
        device = self.devices.get(source)
        return device.read_at(offset, length) if device else bytes(length)

    def read_back(self, source: str, offset: int, length: int) -> bytes:
        """Bytes from the medium, as far as the system allows."""
        device = self.devices.get(source)
        return device.read_back(offset, length) if device else bytes(length)

    def write(self, source: str, offset: int, data: bytes) -> None:
        """Write to one source, to be flushed."""
        device = self.devices[source]
        self._unflushed[source] = device
        device.write_at(offset, data)

    def flush(self) -> None:
        """Flush what was written to; what failed to flush is not flushed again unless it is written again."""
        while self._unflushed:
            _, device = self._unflushed.popitem()
            device.flush()

    def write_step(self) -> None:
        """Write the next step, flush it, and read it back."""
        first = self.written
        step = self.patches[first].step
        while self.written < len(self.patches) and self.patches[self.written].step == step:
            patch = self.patches[self.written]
            self.written += 1
            self.write(patch.source, patch.offset, patch.after)
        self.flush()
        for patch in self.patches[first : self.written]:
            self._compare(patch)

    def _compare(self, patch: Patch) -> None:
        if self.read_back(patch.source, patch.offset, len(patch.after)) != patch.after:
            raise ReadError(f"what was written at {patch.offset:#x} reads back differently", at=self.sources[patch.source].path)

    def grow(self, source: SourceRef) -> None:
        """Make and lengthen a source before its first patch."""
        if source.made:
            self.make(source)
        if source.size_after > self.devices[source.name].size:
            self.resize(source, source.size_after)

    def shrink(self, source: SourceRef) -> None:
        """Shorten or remove a source after its last patch."""
        if source.removed:
            self.remove(source)
        elif source.size_after < self.devices[source.name].size:
            self.resize(source, source.size_after)

    def restore_size(self, source: SourceRef) -> None:
        """Give a source the length it had before the run, or take it away when the run made it."""
        if source.made:
            self.remove(source)
        elif self.devices[source.name].size != source.size_before:
            self.resize(source, source.size_before)

    def make(self, source: SourceRef) -> None:
        """Make a file, unless it is there."""
        if source.name not in self.devices:
            make_file(source.path)
            sync_folder(os.path.dirname(source.path))
            self.devices[source.name] = self._opener(source.path)

    def remove(self, source: SourceRef) -> None:
        """Take a file away, lastingly."""
        device = self.devices.pop(source.name, None)
        if device:
            device.close()
            with suppress(FileNotFoundError):
                os.unlink(source.path)
            sync_folder(os.path.dirname(source.path))

    def resize(self, source: SourceRef, size: int) -> None:
        """Set a file's length, lastingly."""
        self.devices[source.name].resize(size)
        self.devices[source.name].flush()

    def punch(self, holes: tuple[Hole, ...]) -> None:
        """Give back the space of stretches that are zeros again: a sparse file stays sparse."""
        for hole in holes:
            device = self.devices.get(hole.source)
            if device and hole.offset + hole.length <= device.size and not any(device.read_at(hole.offset, hole.length)):
                device.punch_hole(hole.offset, hole.length)
