"""QEMU, started on a disk that it must not change, and asked for pictures of its screen.

The disk is opened read-only below an overlay that QEMU throws away; there is no network.  Sources: QEMU's manual
(invocation, ``-drive snapshot=on``) and its QMP reference.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.errors import ReadError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

QEMU = "qemu-system-x86_64"
#: code and variables of the firmware, as Debian, Fedora, Arch and Homebrew place them
FIRMWARE = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/opt/homebrew/share/qemu/edk2-x86_64-code.fd", "/opt/homebrew/share/qemu/edk2-i386-vars.fd"),
)
ANSWER_SECONDS = 20.0


class Setup(NamedTuple):
    """What is started: ``driver`` is QEMU's name of the disk's format, ``generation`` 1 is BIOS and 2 is UEFI."""

    disk: str
    driver: str
    generation: int
    memory: int
    accelerator: str


class EndedError(ReadError):
    """QEMU is not there any more."""


def find_qemu() -> str:
    """The program.

    Raises:
        UnsupportedError: it is not installed, or cannot be driven on this system.
    """
    if sys.platform == "win32":
        raise UnsupportedError("the boot test needs QEMU's Unix sockets, which it has on Linux and macOS only")
    found = shutil.which(QEMU)
    if found is None:
        raise UnsupportedError(f"{QEMU} is not installed, so the boot was not tested", hint="apt install qemu-system-x86")
    return found


def find_firmware() -> tuple[str, str]:
    """The UEFI firmware's code and its variables.

    Raises:
        UnsupportedError: there is none.
    """
    for code, variables in FIRMWARE:
        if os.path.exists(code) and os.path.exists(variables):
            return code, variables
    raise UnsupportedError(
        "no UEFI firmware (OVMF) is installed, so a generation 2 disk cannot be started", hint="apt install ovmf"
    )


def accelerators() -> tuple[str, ...]:
    """What to try, the fastest first; software emulation always works."""
    kvm = sys.platform == "linux" and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return ("kvm", "tcg") if kvm else ("hvf", "tcg") if sys.platform == "darwin" else ("tcg",)


def command_line(setup: Setup, folder: str) -> list[str]:
    """How QEMU is called.  No shell sees it; the disk's name travels as JSON inside an option, commas doubled."""
    base = {"driver": setup.driver, "read-only": True, "file": {"driver": "file", "filename": os.path.abspath(setup.disk)}}
    drive = "json:" + json.dumps(base)
    machine = "q35" if setup.generation == 2 else "pc"
    command = [find_qemu(), "-nodefaults", "-no-user-config", "-machine", machine, "-accel", setup.accelerator]
    command += ["-m", str(setup.memory), "-display", "none", "-vga", "std", "-nic", "none"]
    command += ["-drive", "if=none,id=disk,snapshot=on,file=" + drive.replace(",", ",,")]
    command += ["-device", "ide-hd,drive=disk,bootindex=0"]
    if setup.generation == 2:
        code, variables = find_firmware()
        own = os.path.join(folder, "variables.fd")
        shutil.copyfile(variables, own)
        command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]
        command += ["-drive", f"if=pflash,unit=1,format=raw,file={own}"]
    serial = f"socket,id=serial,path={folder}/serial,server=on,wait=off,logfile={folder}/serial.log"
    command += ["-chardev", serial, "-serial", "chardev:serial"]
    # A machine that resets itself stands still first, so that its last picture can be taken.
    return [*command, "-action", "reboot=shutdown,shutdown=pause", "-qmp", f"unix:{folder}/monitor,server=on,wait=off"]


class Emulator:
    """A running QEMU."""

    def __init__(self, process: subprocess.Popen[bytes], folder: str) -> None:
        self._process = process
        self._folder = folder
        self._opened = ExitStack()
        self.resets = 0

    def greet(self) -> None:
        """Connect, and wait until QEMU listens.

        Raises:
            EndedError: it does not start.
        """
        self._monitor = self._opened.enter_context(self._connect("monitor"))
        self._stream = self._opened.enter_context(self._monitor.makefile("rb"))
        self._serial = self._opened.enter_context(self._connect("serial"))
        self._read()
        self.ask("qmp_capabilities")

    def _connect(self, name: str) -> socket.socket:
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise EndedError(self._last_words())
            connection = socket.socket(socket.AF_UNIX)
            with suppress(OSError):
                connection.connect(os.path.join(self._folder, name))
                connection.settimeout(ANSWER_SECONDS)
                return connection
            connection.close()
            time.sleep(0.02)
        raise EndedError("QEMU does not answer")

    def _last_words(self) -> str:
        """Why it ended, once it has: its connections close a moment before it does."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        with open(os.path.join(self._folder, "errors"), "rb") as file:
            words = file.read(4096).decode("utf-8", "replace").strip().splitlines()
        return f"QEMU ended: {words[-1] if words else 'without a word'}"

    def close(self) -> None:
        """Let go of the sockets."""
        self._opened.close()

    def _read(self) -> dict[str, Any]:
        try:
            line = self._stream.readline(1 << 20)
        except TimeoutError as error:
            raise EndedError("QEMU's monitor does not answer") from error
        except OSError:
            line = b""
        if not line:
            raise EndedError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Ask the monitor, and wait for the answer.

        Raises:
            EndedError: QEMU is gone.
            ReadError: it says no.
        """
        text = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        try:
            self._monitor.sendall(text)
        except OSError as error:
            raise EndedError(self._last_words()) from error
        while True:
            answer = self._read()
            if answer.get("event") == "SHUTDOWN":
                self.resets += 1
            if "error" in answer:
                raise ReadError(f"QEMU: {answer['error'].get('desc', 'an error')}")
            if isinstance(answer.get("return"), dict):
                return dict(answer["return"])

    def status(self) -> str:
        """``running``, ``shutdown`` (it resets or switches itself off), ``internal-error`` (KVM gave up) ..."""
        return str(self.ask("query-status").get("status", ""))

    def restart(self) -> None:
        """Let a machine that stands still after a reset begin again; QEMU takes a moment to reset it."""
        self.ask("set-action", reboot="reset")
        self.ask("system_reset")
        until = time.monotonic() + ANSWER_SECONDS
        while self.status() == "shutdown" and time.monotonic() < until:
            time.sleep(0.02)
        self.ask("set-action", reboot="shutdown")
        self.ask("cont")

    def picture(self) -> bytes:
        """The screen as a PPM."""
        path = os.path.join(self._folder, "screen.ppm")
        self.ask("screendump", filename=path)
        with open(path, "rb") as file:
            return file.read()

    def serial_log(self) -> bytes:
        """All that came over the serial line, up to the last MiB."""
        with suppress(FileNotFoundError), open(os.path.join(self._folder, "serial.log"), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - (1 << 20)))
            return file.read()
        return b""

    def type_serial(self, data: bytes) -> None:
        """Type on the serial line."""
        with suppress(OSError):
            self._serial.sendall(data)


@contextmanager
def running(setup: Setup) -> Iterator[Emulator]:
    """A machine on the disk, until the block ends; what it wrote is gone then.

    Raises:
        UnsupportedError: QEMU or its firmware is not installed.
        EndedError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="bootmend-") as folder, open(os.path.join(folder, "errors"), "wb") as errors:
        environment = os.environ | {"TMPDIR": folder}  # where QEMU puts the overlay
        command = command_line(setup, folder)
        process = subprocess.Popen(  # noqa: S603 (a list of arguments, no shell)
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env=environment
        )
        try:
            emulator = Emulator(process, folder)
            try:
                emulator.greet()
                yield emulator
            finally:
                emulator.close()
        finally:
            process.kill()
            process.wait()
