"""Boot tests in a real QEMU, with boot sectors of our own: a stop screen, a missing boot manager, a console, a reset."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bootmend.errors import ReadError, UnsupportedError
from bootmend.verify import qemu
from bootmend.verify.boot import BootAnswer, Look, try_boot
from bootmend.verify.serial import Prompt
from tests.cli.running import spawn
from tests.cli.schema_check import validate
from tests.support import needs
from tests.verify.bootsectors import BLUE, NO_BOOTMGR, STOP_67, resetting_disk, serial_disk, text_disk

needs_screen = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("PIL", "numpy")),
    reason="Pillow and NumPy are not installed (pip install bootmend[screen])",
)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts a disk by the command line; its bytes and its time must not change, and nothing may be left."""
    needs(qemu.QEMU)
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    rest = tmp_path / "rest"
    rest.mkdir()

    def start(disk: bytes, expect: int, *options: str, name: str = "disk.img") -> dict[str, Any]:
        path = tmp_path / name
        if disk:
            path.write_bytes(disk)
        path.chmod(0o444)
        before, time = sha256(path), path.stat().st_mtime_ns
        memory = [] if "--memory" in options else ["--memory", "64"]
        arguments = ["verify", "boot", str(path), "--format", "json", "--timeout", "60", *memory, *options]
        answer = spawn(*arguments, timeout=240, TMPDIR=str(rest))
        assert answer.code == expect, answer.out + answer.err
        assert (sha256(path), path.stat().st_mtime_ns) == (before, time)
        assert [path.name for path in rest.iterdir() if path.name != ".ses"] == []  # that one is the OCR engine's
        document: dict[str, Any] = validate(answer.json, "boot")
        return document

    return start


@pytest.mark.oracle
@needs_screen
def test_a_stop_screen(started: Any) -> None:
    document = started(text_disk(STOP_67, BLUE), 8)
    assert (document["verdict"], document["stands"]) == ("fails", True)
    assert document["screen"]["state"] == "stop"
    assert document["screen"]["stop_code"] == "0x00000067"


@pytest.mark.oracle
@needs_screen
def test_a_missing_boot_manager(started: Any) -> None:
    document = started(text_disk(NO_BOOTMGR), 8)
    assert (document["verdict"], document["screen"]["state"]) == ("fails", "bootmgr_missing")


@pytest.mark.oracle
@needs_screen
def test_a_console_on_the_serial_line(started: Any) -> None:
    document = started(serial_disk(), 0)
    assert (document["verdict"], document["prompt"]) == ("answers", "sac")
    assert document["serial"]["state"] == "sac"


@pytest.mark.oracle
@needs_screen
def test_the_console_of_a_stopped_windows(started: Any) -> None:
    document = started(serial_disk("!SAC>"), 8)
    assert (document["verdict"], document["prompt"]) == ("fails", "stopped")


@pytest.mark.oracle
@needs_screen
def test_a_machine_that_resets_itself_over_and_over(started: Any) -> None:
    document = started(resetting_disk(), 8)
    assert (document["verdict"], document["resets"]) == ("fails", 3)


@pytest.mark.oracle
@needs_screen
def test_a_screen_that_tells_nothing_is_not_judged(started: Any) -> None:
    document = started(text_disk(["", "hello, world"]), 3, "--timeout", "8")
    assert document["verdict"] == "unclear"


@pytest.mark.oracle
@needs_screen
def test_a_disk_in_a_dynamic_vhd_with_an_awkward_name(started: Any, tmp_path: Path) -> None:
    needs("qemu-img")
    raw = tmp_path / "raw.img"
    raw.write_bytes(text_disk(NO_BOOTMGR))
    name = "a,b \"c\" 'd'.vhd"
    convert = ["qemu-img", "convert", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", str(raw), str(tmp_path / name)]
    subprocess.run(convert, check=True, capture_output=True, timeout=60)
    assert started(b"", 8, name=name)["screen"]["state"] == "bootmgr_missing"


@pytest.mark.oracle
@needs_screen
def test_uefi_firmware_without_a_boot_manager(started: Any) -> None:
    """OVMF falls back to software emulation where KVM cannot run it."""
    try:
        qemu.find_firmware()
    except UnsupportedError as error:
        (pytest.fail if os.environ.get("BOOTMEND_NO_SKIP") else pytest.skip)(str(error))
    document = started(bytes(1 << 20), 8, "--gen", "2", "--memory", "256", "--timeout", "120")
    assert (document["generation"], document["screen"]["state"]) == (2, "firmware_no_boot")


@pytest.mark.oracle
def test_the_machine_has_no_network_and_the_disk_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(qemu.QEMU)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    disk = tmp_path / "disk.img"
    disk.write_bytes(text_disk(NO_BOOTMGR))
    setup = qemu.Setup(str(disk), "raw", 1, 64, "tcg")
    with qemu.running(setup) as emulator:
        opened = Path(f"/proc/{emulator._process.pid}")
        numbers = [fd.name for fd in (opened / "fd").iterdir() if os.path.lexists(fd) and os.readlink(fd) == str(disk)]
        infos = [(opened / "fdinfo" / number).read_text() for number in numbers]
    assert infos
    for info in infos:
        flags = int(info.partition("flags:")[2].split()[0], 8)
        assert flags & os.O_ACCMODE == os.O_RDONLY
    words = qemu.command_line(setup, str(tmp_path))
    assert words[words.index("-nic") + 1] == "none"
    drive = words[words.index("-drive") + 1].removeprefix("if=none,id=disk,snapshot=on,file=json:").replace(",,", ",")
    assert json.loads(drive)["read-only"] is True


# -- without QEMU ------------------------------------------------------------------------------------------------


class Blind:
    """A reader that recognises nothing."""

    def picture(self, data: bytes) -> Look:
        return Look("unknown", "other", "not recognised", {"bytes": len(data)})

    def log(self, data: bytes) -> Look:
        return self.picture(data)


def test_honest_where_qemu_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(text_disk(NO_BOOTMGR))
    answer = spawn("verify", "boot", disk, PATH=str(tmp_path), BOOTMEND_STATE_DIR=str(tmp_path / "state"))
    assert answer.code == 3
    assert "not installed, so the boot was not tested" in answer.err
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UnsupportedError):
        try_boot(str(disk), Blind(), image_format="raw", generation=1)


def test_honest_where_the_firmware_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "FIRMWARE", (("/nowhere/code.fd", "/nowhere/vars.fd"),))
    with pytest.raises(UnsupportedError, match="no UEFI firmware"):
        qemu.find_firmware()


def test_a_directory_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="this is a directory"):
        try_boot(str(tmp_path), Blind(), image_format="directory", generation=1)


def test_a_disk_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="there is no file"):
        try_boot(str(tmp_path / "none.vhd"), Blind(), image_format="raw", generation=1)


@pytest.mark.oracle
def test_qemu_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(qemu.QEMU)
    monkeypatch.setattr("bootmend.verify.boot.accelerators", lambda: ("no-such-accelerator",))
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    with pytest.raises(qemu.EndedError, match="QEMU ended"):
        try_boot(str(disk), Blind(), image_format="raw", generation=1, memory=64)


def look(kind: str) -> Look:
    return Look(kind, kind, kind, {})


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (BootAnswer("d", 1), "unclear"),
        (BootAnswer("d", 1, screen=look("fault"), stands=True), "fails"),
        (BootAnswer("d", 1, screen=look("fault"), stands=False), "unclear"),
        (BootAnswer("d", 1, screen=look("healthy"), stands=True), "answers"),
        (BootAnswer("d", 1, screen=look("healthy"), stands=False), "unclear"),
        (BootAnswer("d", 1, screen=look("question"), stands=True), "unclear"),
        (BootAnswer("d", 1, screen=look("waiting"), stands=True), "unclear"),
        (BootAnswer("d", 1, prompt=Prompt.SAC), "answers"),
        (BootAnswer("d", 1, prompt=Prompt.STOPPED), "fails"),
        (BootAnswer("d", 1, prompt=Prompt.SAC, screen=look("fault"), stands=True), "fails"),
        (BootAnswer("d", 1, serial=look("fault")), "fails"),
        (BootAnswer("d", 1, resets=2), "unclear"),
        (BootAnswer("d", 1, resets=3), "fails"),
    ],
)
def test_verdicts(answer: BootAnswer, verdict: str) -> None:
    assert answer.verdict == verdict
