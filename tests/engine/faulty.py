"""A device that behaves as badly as the documentation of real ones allows.

Between two flushes it may lose any 512-byte sector that was written, or keep any of the contents that the
sector had since the last flush.  It can stop working at any operation (the machine loses power) and it
can fail a flush the way Linux does: the lost pages stay in the cache, marked clean, so that only
a fresh look at the medium shows the loss, and a second flush succeeds without writing them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512


class PowerLossError(BaseException):
    """The machine stops here; no handler of the product may run to any effect."""


Chooser = Callable[[int, int], int]
"""Given a sector and the number of contents it had, which one the medium holds (0: that of the last flush)."""


def keep_nothing(_sector: int, _count: int) -> int:
    return 0


def keep_last(_sector: int, count: int) -> int:
    return count - 1


@dataclass
class Faults:
    """What goes wrong when: operations (writes, flushes, resizes of all devices) are counted from 0."""

    power_loss_at: int | None = None
    keep: Chooser = keep_nothing
    failing_flushes: frozenset[int] = frozenset()  # counted among flushes
    failing_writes: frozenset[int] = frozenset()  # counted among writes
    write_error: int = errno.EIO
    short_write: bool = False
    operations: int = 0
    flushes: int = 0
    writes: int = 0
    is_dead: bool = False
    devices: list[FaultyDevice] = field(default_factory=list)

    def open(self, path: str) -> FaultyDevice:
        """The opener to give to the engine."""
        return FaultyDevice(path, self)

    def step(self) -> None:
        """Count an operation; at the fatal one every device stops and the media keep what they please."""
        if self.is_dead:
            raise PowerLossError
        if self.operations == self.power_loss_at:
            self.is_dead = True
            for device in self.devices:
                device.settle(self.keep)
            raise PowerLossError
        self.operations += 1


class FaultyDevice:
    """One file: ``live`` is what the system shows, ``durable`` what the medium holds (the real file, after a power loss)."""

    def __init__(self, path: str, faults: Faults) -> None:
        self.path = path
        self.durable = bytearray(Path(path).read_bytes())
        self.live = bytearray(self.durable)
        self.pending: dict[int, list[bytes]] = {}
        self.faults = faults
        faults.devices.append(self)

    @property
    def size(self) -> int:
        return len(self.live)

    def read_at(self, offset: int, length: int) -> bytes:
        data = bytes(self.live[offset : offset + length])
        return data + bytes(length - len(data))

    def read_back(self, offset: int, length: int) -> bytes:
        """Clean pages were dropped: what is not waiting to be written comes from the medium."""
        first, last = offset // SECTOR, (offset + length - 1) // SECTOR
        data = b"".join(self._sector(sector) for sector in range(first, last + 1))
        return data[offset - first * SECTOR :][:length]

    def _sector(self, sector: int) -> bytes:
        held = self.live if sector in self.pending else self.durable
        return bytes(held[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")

    def write_at(self, offset: int, data: bytes) -> None:
        self.faults.step()
        number = self.faults.writes
        self.faults.writes += 1
        if number in self.faults.failing_writes:
            if self.faults.short_write:
                self._put(offset, data[: (len(data) // 2)])
            raise OSError(self.faults.write_error, os.strerror(self.faults.write_error))
        self._put(offset, data)

    def _put(self, offset: int, data: bytes) -> None:
        if not data:
            return
        self.live[offset : offset + len(data)] = data
        for sector in range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1):
            content = bytes(self.live[sector * SECTOR : (sector + 1) * SECTOR])
            self.pending.setdefault(sector, []).append(content)

    def flush(self) -> None:
        self.faults.step()
        number = self.faults.flushes
        self.faults.flushes += 1
        if number in self.faults.failing_flushes:
            self._persist(self.faults.keep)
            self.pending.clear()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._persist(keep_last)
        self.pending.clear()
        self._save()

    def resize(self, size: int) -> None:
        self.faults.step()
        for held in (self.live, self.durable):
            del held[size:]
            held.extend(bytes(size - len(held)))
        self._save()

    def punch_hole(self, offset: int, length: int) -> None:
        assert not any(self.live[offset : offset + length])

    def close(self) -> None:
        pass

    def settle(self, keep: Chooser) -> None:
        """Power is lost: the real file becomes what the medium kept."""
        self._persist(keep)
        self._save()

    def _persist(self, keep: Chooser) -> None:
        for sector, contents in self.pending.items():
            choice = keep(sector, len(contents) + 1)
            if choice:
                self.durable[sector * SECTOR : (sector + 1) * SECTOR] = contents[choice - 1]

    def _save(self) -> None:
        Path(self.path).write_bytes(self.durable)
