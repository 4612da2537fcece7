r"""Does the serial console answer?  A carriage return goes in, and what comes back is looked at for Windows' prompts.

``SAC>`` is the Special Administration Console of a Windows that runs.  ``!SAC>`` is what is left of it after a stop
error: Windows has stopped, and only ``restart``, ``id`` and ``d`` are understood.  Source: Microsoft, "Special
Administration Console (SAC) and SAC commands" and "!Special Administration Console (!SAC) and !SAC commands".

A target is ``HOST:PORT``, a Unix socket, a terminal or serial device, or a named pipe of Windows (``\\.\pipe\NAME``).
"""

from __future__ import annotations

import os
import queue
import re
import select
import socket
import stat
import sys
import threading
import time
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError, MissingError, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT = 10.0
MOST_BYTES = 1 << 20
#: how long a prompt must stay the last thing said
_SETTLED = 0.5
_MOMENT = 0.2
_CHUNK = 4096
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78cDEHM])")
_PROMPT = re.compile(rb"(?:^|[\r\n])\s*(!?SAC)>\s*$")
_SIGN_IN = re.compile(rb"(?:^|[\r\n])\s*Username:\s*$")
_CMD = re.compile(rb"(?:^|[\r\n])[A-Z]:\\[^\r\n<>|]*>\s*$")
#: what the console says of its own accord -> what that means; the last one said counts
_NEWS = {
    b"Computer is booting, SAC started": "Windows is starting: its console is up",
    b"The CMD command is now available": "Windows has come far enough to offer command prompts",
    b"SAC is unloading": "Windows has switched its console off: it is shutting down",
}


class Prompt(StrEnum):
    """Who answers."""

    SAC = "sac"
    STOPPED = "stopped"
    COMMAND_PROMPT = "command-prompt"
    SIGN_IN = "sign-in"
    OTHER = "other"
    SILENT = "silent"


SENTENCES = {
    Prompt.SAC: "the Special Administration Console answers: Windows runs",
    Prompt.STOPPED: "the console of a stopped Windows answers (!SAC): Windows has stopped with an error",
    Prompt.COMMAND_PROMPT: "a command prompt answers in a channel of the console: Windows runs",
    Prompt.SIGN_IN: "a channel of the console asks for a user: Windows runs",
    Prompt.OTHER: "something answers, but it is no prompt of Windows",
    Prompt.SILENT: "nothing answers: the machine is off, hangs, or has no serial console switched on",
}
RUNS = frozenset({Prompt.SAC, Prompt.COMMAND_PROMPT, Prompt.SIGN_IN})


class SerialAnswer(NamedTuple):
    """What was seen; ``text`` is everything that came, as bytes of the terminal."""

    target: str
    prompt: Prompt
    news: str
    text: bytes
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether a Windows that runs answered."""
        return self.prompt in RUNS

    @property
    def sentence(self) -> str:
        """What it means."""
        return SENTENCES[self.prompt]

    def to_json(self) -> dict[str, object]:
        """The document ``bootmend.serial/1``, but for the reading of the text."""
        from bootmend import __version__

        return {
            "schema": "bootmend.serial/1",
            "version": __version__,
            "target": self.target,
            "passed": self.passed,
            "prompt": str(self.prompt),
            "sentence": self.sentence,
            "news": self.news,
            "text": self.text.decode("utf-8", "replace"),
            "seconds": round(self.seconds, 3),
        }


class Line(NamedTuple):
    """A serial line.  ``read`` gives None where nothing came for a moment, and no bytes at the line's end."""

    read: Callable[[], bytes | None]
    write: Callable[[bytes], object]


def probe_serial(target: str, *, timeout: float = TIMEOUT) -> SerialAnswer:
    """Send carriage returns, and see who answers, within ``timeout`` seconds.

    Raises:
        MissingError, ReadError, UsageError: the line cannot be opened, or broke.
    """
    started = time.monotonic()
    with _open(target, timeout) as line:
        text = _talk(line, started + timeout)
    plain = _ESCAPES.sub(b"", text)
    return SerialAnswer(target, prompt_of(plain), news_of(plain), text, time.monotonic() - started)


def prompt_of(text: bytes) -> Prompt:
    """Who said the last thing; without terminal sequences."""
    end = text[-_CHUNK:].rstrip(b" \0")
    found = _PROMPT.search(end)
    if found:
        return Prompt.STOPPED if found[1] == b"!SAC" else Prompt.SAC
    if _SIGN_IN.search(end):
        return Prompt.SIGN_IN
    if _CMD.search(end):
        return Prompt.COMMAND_PROMPT
    return Prompt.OTHER if text.strip(b" \0\r\n") else Prompt.SILENT


def news_of(text: bytes) -> str:
    """What the console last said of the computer's state; empty where it said nothing that is known."""
    last = max(_NEWS, key=text.rfind)
    return _NEWS[last] if last in text else ""


def _talk(line: Line, deadline: float) -> bytes:
    """Everything that comes until a prompt stands, the line ends, or the time is over."""
    incoming: queue.SimpleQueue[bytes | OSError] = queue.SimpleQueue()
    over = threading.Event()
    pump = threading.Thread(target=_pump, args=(line.read, incoming, over), daemon=True)
    pump.start()
    try:
        return _collect(line, incoming, deadline)
    finally:
        over.set()
        pump.join(2 * _MOMENT)  # a pipe of Windows may keep it longer


def _collect(line: Line, incoming: queue.SimpleQueue[bytes | OSError], deadline: float) -> bytes:
    text = b""
    again = time.monotonic()
    while (now := time.monotonic()) < deadline and len(text) < MOST_BYTES:
        if now >= again:  # the first one may have ended a line that somebody left half typed
            _press_return(line)
            again = now + max(1.0, (deadline - now) / 3)
        with suppress(queue.Empty):
            part = incoming.get(timeout=min(_SETTLED, max(0.01, deadline - now)))
            if isinstance(part, OSError):
                raise ReadError(f"the line broke: {part.strerror}") from part
            if not part:
                break
            text += part
            continue
        if prompt_of(_ESCAPES.sub(b"", text)) not in {Prompt.OTHER, Prompt.SILENT}:
            break
    return text


def _press_return(line: Line) -> None:
    try:
        line.write(b"\r")
    except OSError as error:
        raise ReadError(f"nothing can be sent: {error.strerror}") from error


def _pump(read: Callable[[], bytes | None], incoming: queue.SimpleQueue[bytes | OSError], over: threading.Event) -> None:
    """In a thread of its own, since a pipe of Windows cannot be waited for with a time-out."""
    while not over.is_set():
        try:
            part = read()
        except OSError as error:
            incoming.put(error)
            return
        if part is not None:
            incoming.put(part)
        if part == b"":
            return


# -- kinds of lines ----------------------------------------------------------------------------------


@contextmanager
def _open(target: str, timeout: float) -> Iterator[Line]:
    try:
        if target.startswith("\\\\.\\pipe\\"):
            with open(target, "r+b", buffering=0) as pipe:
                yield Line(lambda: pipe.read(_CHUNK) or b"", pipe.write)
        elif os.path.exists(target):
            with _existing(target) as line:
                yield line
        else:
            with _network(target, timeout) as line:
                yield line
    except BootmendError:
        raise
    except OSError as error:
        raise ReadError(f"the line cannot be opened: {error.strerror or error}", at=target) from error


@contextmanager
def _network(target: str, timeout: float) -> Iterator[Line]:
    from bootmend.verify.link import split_address

    if ":" not in target:
        raise MissingError(f"there is no socket, terminal or pipe {target}", hint="for a TCP port write  HOST:PORT")
    host, port = split_address(target.removeprefix("tcp:"), 0)
    with socket.create_connection((host, port), timeout) as connection:
        yield _of_socket(connection)


@contextmanager
def _existing(path: str) -> Iterator[Line]:
    mode = os.stat(path).st_mode
    if stat.S_ISSOCK(mode):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            yield _of_socket(connection)
    elif stat.S_ISCHR(mode) and sys.platform != "win32":
        with _terminal(path) as line:
            yield line
    else:
        raise MissingError(f"{path} is no socket, terminal or pipe", hint="a log is read by  bootmend screenshot LOG")


def _of_socket(connection: socket.socket) -> Line:
    connection.settimeout(None)
    return Line(lambda: connection.recv(_CHUNK) if _is_ready(connection) else None, connection.sendall)


def _is_ready(line: socket.socket | int) -> bool:
    return bool(select.select([line], [], [], _MOMENT)[0])


@contextmanager
def _terminal(path: str) -> Iterator[Line]:
    """A terminal or serial port, raw and at 115200 baud (what EMS is set to), put back as it was afterwards."""
    import termios
    import tty

    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        os.set_blocking(descriptor, True)
        before = termios.tcgetattr(descriptor)
        tty.setraw(descriptor)
        settings = termios.tcgetattr(descriptor)
        settings[4] = settings[5] = termios.B115200
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        try:
            yield Line(
                lambda: os.read(descriptor, _CHUNK) if _is_ready(descriptor) else None,
                lambda data: os.write(descriptor, data),
            )
        finally:
            with suppress(termios.error):
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
    except termios.error as error:
        raise ReadError(f"{path} is no terminal: {error}") from error
    finally:
        os.close(descriptor)
