"""Does the disk boot?  It is started in QEMU, on a throw-away overlay, without a network, and watched.

What the screen shows is told by a reader that the caller brings: this floor knows pixels, not their meaning.  A
picture counts when it stands: the same frame again, or the same reading some seconds later.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bootmend.errors import MissingError, UnsupportedError
from bootmend.verify.qemu import EndedError, Setup, accelerators, running
from bootmend.verify.serial import RUNS, Prompt, prompt_of

if TYPE_CHECKING:
    from bootmend.verify.qemu import Emulator

TIMEOUT = 120.0
MEMORY = 2048
#: seconds between two pictures, and how long a telling screen must stand before it is believed
INTERVAL, STANDS = 0.5, 3.0
#: so many restarts of its own accord, and it is a loop
MOST_RESETS = 3
#: the first word of an image format as bootmend has it -> what QEMU calls it
DRIVERS = {"raw": "raw", "VHD": "vpc", "VHDX": "vhdx", "qcow2": "qcow2", "VMDK": "vmdk"}


class Look(NamedTuple):
    """What a reader says of a picture or a log; ``kind`` is ``fault``, ``healthy``, ``waiting``, ``question`` or other."""

    state: str
    kind: str
    title: str
    document: dict[str, object]

    @property
    def is_telling(self) -> bool:
        """Whether the machine has come to an end, good or bad."""
        return self.kind in {"fault", "healthy", "question"}


class Reader(Protocol):
    """Brought by the caller."""

    def picture(self, data: bytes) -> Look:
        """What a PPM shows."""

    def log(self, data: bytes) -> Look:
        """What a serial log says."""


@dataclass(slots=True)
class BootAnswer:
    """What was seen of one start.  ``screen`` and ``serial`` are the last readings; ``picture`` is the last frame."""

    disk: str
    generation: int
    accelerator: str = ""
    screen: Look | None = None
    serial: Look | None = None
    prompt: Prompt = Prompt.SILENT
    stands: bool = False
    resets: int = 0
    seconds: float = 0.0
    picture: bytes = b""

    @property
    def verdict(self) -> str:
        """``answers`` (Windows shows or says that it runs), ``fails`` (a fault is on the screen or the line), ``unclear``."""
        kinds = {look.kind for look in (self.screen, self.serial) if look is not None and (self.stands or look is self.serial)}
        if self.prompt is Prompt.STOPPED or "fault" in kinds or self.resets >= MOST_RESETS:
            return "fails"
        if self.prompt in RUNS or "healthy" in kinds:
            return "answers"
        return "unclear"

    def to_json(self) -> dict[str, object]:
        """The document ``bootmend.boot/1``."""
        from bootmend import __version__

        return {
            "schema": "bootmend.boot/1",
            "version": __version__,
            "disk": self.disk,
            "generation": self.generation,
            "accelerator": self.accelerator,
            "verdict": self.verdict,
            "screen": self.screen.document if self.screen else None,
            "stands": self.stands,
            "serial": self.serial.document if self.serial else None,
            "prompt": str(self.prompt),
            "resets": self.resets,
            "seconds": round(self.seconds, 3),
        }


def try_boot(
    disk: str, reader: Reader, *, image_format: str, generation: int, memory: int = MEMORY, timeout: float = TIMEOUT
) -> BootAnswer:
    """Start the disk and watch it, until it is clear what comes of it, for ``timeout`` seconds at most.

    ``image_format`` is the name that bootmend gives it: QEMU is told, since a format that it guesses from the bytes of
    a raw disk could make it open other files.

    Raises:
        UnsupportedError: QEMU or its firmware is not installed, or QEMU does not know the format.
        MissingError: there is no such disk.
        ReadError: QEMU does not start.
    """
    if not os.path.exists(disk):
        raise MissingError(f"there is no file {disk}")
    driver = DRIVERS.get(image_format.partition(" ")[0])
    if driver is None:
        raise UnsupportedError(f"QEMU starts disk images, and this is a {image_format}", at=disk)
    *fast, last = accelerators()
    for accelerator in fast:
        answer = _attempt(Setup(disk, driver, generation, memory, accelerator), reader, timeout)
        if answer is not None:
            return answer
    answer = _attempt(Setup(disk, driver, generation, memory, last), reader, timeout, is_last=True)
    assert answer is not None
    return answer


def _attempt(setup: Setup, reader: Reader, timeout: float, *, is_last: bool = False) -> BootAnswer | None:
    """One start; None where the accelerator does not work here."""
    answer = BootAnswer(setup.disk, setup.generation, setup.accelerator)
    try:
        with running(setup) as emulator:
            watch = _Watch(emulator, reader, answer)
            works = watch.until(time.monotonic() + timeout)
    except EndedError:
        if is_last:
            raise
        return None
    return answer if works or is_last else None


class _Watch:
    """Looks at a machine until it is clear what comes of it."""

    def __init__(self, emulator: Emulator, reader: Reader, answer: BootAnswer) -> None:
        self._emulator = emulator
        self._reader = reader
        self._answer = answer
        self._recent: deque[bytes] = deque(maxlen=6)  # a blinking cursor makes two frames alternate
        self._telling_since = 0.0
        self._read = b""
        self._log = b""
        self._typed = 0.0

    def until(self, deadline: float) -> bool:
        """Watch; False where the accelerator gave up."""
        started = time.monotonic()
        while True:
            status = self._emulator.status()
            if status == "internal-error":
                return False
            self._look()
            self._listen()
            self._answer.seconds = time.monotonic() - started
            if self._is_clear() or time.monotonic() >= deadline:
                return True
            if status in {"shutdown", "paused", "guest-panicked"} and not self._restarted():
                return True
            time.sleep(INTERVAL)

    def _look(self) -> None:
        """A frame is read when it has been seen before, or when the last reading is a while ago (a screen that moves)."""
        frame = self._emulator.picture()
        stands = frame in self._recent
        self._recent.append(frame)
        self._answer.picture = frame
        if frame == self._read or not (stands or len(self._recent) == self._recent.maxlen):
            return
        before = self._answer.screen
        self._answer.screen = look = self._reader.picture(frame)
        self._read = frame
        if len(self._recent) == self._recent.maxlen and not stands:
            self._recent.clear()
        if before is None or before.state != look.state:
            self._telling_since = time.monotonic()
            self._answer.stands = stands

    def _listen(self) -> None:
        """The serial line: what it says, and who answers on it once Windows' console has said that it is there.

        Nothing is typed before: a boot menu over EMS would take it for a choice.
        """
        log = self._emulator.serial_log()
        if b"SAC" in log and time.monotonic() - self._typed > STANDS and prompt_of(log) not in RUNS:
            self._emulator.type_serial(b"\r")
            self._typed = time.monotonic()
        if log != self._log:
            self._log = log
            self._answer.serial = self._reader.log(log)
            self._answer.prompt = prompt_of(log)

    def _is_clear(self) -> bool:
        if self._answer.prompt in {*RUNS, Prompt.STOPPED} or self._answer.resets >= MOST_RESETS:
            return True
        screen = self._answer.screen
        if screen is None or not screen.is_telling or time.monotonic() - self._telling_since < STANDS:
            return False
        self._answer.stands = True
        return True

    def _restarted(self) -> bool:
        """Let it begin again, unless it does so over and over."""
        self._answer.resets += 1
        if self._answer.resets >= MOST_RESETS:
            return False
        self._emulator.restart()
        self._recent.clear()
        return True
