"""Each documented exit code, and what is said with it.

5 and 6 come from a device that fails while it is written to; 7 and 8 belong to commands that are not there yet
(8 is also given where what was written does not cure).
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.device import FileDevice
from bootmend.model import Applicability, Finding, Severity
from tests.catalog.disks import fingerprint
from tests.cli.running import IMC, command_line, environment, spawn

if TYPE_CHECKING:
    from tests.cli.running import Bootmend, MakeDisk


def test_0_healthy_and_0_repaired(bootmend: Bootmend, disk: MakeDisk) -> None:
    bootmend("check", disk("healthy", name="healthy.vhd"), expect=0)
    path = disk()
    bootmend("repair", path, "--yes", expect=0)
    bootmend("check", path, expect=0)


def test_1_findings(bootmend: Bootmend, disk: MakeDisk) -> None:
    bootmend("check", disk(), expect=1)
    bootmend("plan", disk(name="other.vhd"), expect=1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["check"], "Missing argument 'DISK'"),
        (["check", "x", "--nonsense"], "No such option"),
        (["check", "x", "--format", "pdf"], "'pdf' is not one of"),
        (["check", "x", "--rule", "nothing"], "no rule 'nothing'"),
        (["check", "x", "--code", "nothing at all"], "neither a stop code nor the name of one"),
        (["check", "x", "--code", "0x123456789"], "at most eight hex digits"),
        (["plan", "x", "--offer", "nothing"], "no rule 'nothing'"),
        (["repair", "x", "--yes", "--rule", "nothing"], "no rule 'nothing'"),
        (["apply", "/no/such/plan.json"], "there is no file /no/such/plan.json"),
        (["explain", "nothing"], "no stop code, name or rule"),
        (["completion", "cmd"], "'cmd' is not one of"),
        ([], "Usage: bootmend"),
    ],
)
def test_2_usage(bootmend: Bootmend, line: list[str], words: str) -> None:
    said = bootmend(*line, expect=2)
    assert words in said.out + said.err


def test_3_the_target_cannot_be_read(bootmend: Bootmend) -> None:
    assert "there is no file /no/such.vhd" in bootmend("check", "/no/such.vhd", expect=3).err


def test_3_a_rule_could_not_tell(bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootmend.catalog import find_rule
    from bootmend.errors import UnsupportedError

    def detect(_: object) -> None:
        raise UnsupportedError("its hive is written in runes")

    monkeypatch.setattr(find_rule("safeboot-set"), "detect", detect)
    healthy = disk("healthy", name="healthy.vhd")
    said = bootmend("check", healthy, expect=3)
    assert "? safeboot-set: could not be judged: its hive is written in runes" in said.out
    assert "healthy:" not in said.out
    assert "not everything could be judged" in bootmend("plan", healthy, expect=3).out
    bootmend("repair", healthy, "--yes", expect=3)
    path = disk()
    bootmend("check", path, expect=1)  # problems come first
    bootmend("repair", path, "--yes", expect=3)
    bootmend("check", path, expect=3)


def test_4_nobody_consents(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    before = fingerprint(str(path))
    for said in (bootmend("repair", path, expect=4), spawn("repair", path), spawn("repair", path, stdin="y\n")):
        assert said.code == 4
        assert "Refused: there is no terminal to ask on" in said.err
        assert "repeat with --yes" in said.err
        assert "Nothing was written. (exit 4)" in said.err
    assert fingerprint(str(path)) == before
    bootmend("repair", path, "--yes", expect=0)
    assert bootmend("undo", path, expect=4).out == ""


class Failing:
    """Lets a device fail from the ``first`` write on, for ``count`` writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, first: int, count: int) -> None:
        self.writes = 0
        write = FileDevice.write_at

        def fail(device: FileDevice, offset: int, data: bytes) -> None:
            self.writes += 1
            if first <= self.writes < first + count:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            write(device, offset, data)

        monkeypatch.setattr(FileDevice, "write_at", fail)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_5_writing_failed_and_all_is_back(
    bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    path = disk()
    before = fingerprint(str(path))
    Failing(monkeypatch, first=first, count=1)
    said = bootmend("repair", path, "--yes", expect=5)
    assert "everything is back as it was" in said.err
    assert "ddrescue" in said.err or "image" in said.err
    assert str(path) in said.err
    assert "✓" not in said.out
    assert fingerprint(str(path)) == before


def test_6_the_way_back_failed_too(bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = disk()
    before = fingerprint(str(path))
    with monkeypatch.context() as patch:
        Failing(patch, first=3, count=1 << 30)
        said = bootmend("repair", path, "--yes", expect=6)
    assert str(path) in said.err
    assert fingerprint(str(path)) != before
    assert "bootmend undo" in bootmend("check", path).out
    bootmend("undo", path, "--yes", expect=0)  # the medium works again
    assert fingerprint(str(path)) == before


def test_8_what_was_written_does_not_cure(bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = disk()
    before = fingerprint(str(path))
    subject = f"volume 1 \\Boot\\BCD {bootmend('check', path, '--format', 'json').json['findings'][0]['details']['loader']}"
    finding = Finding(IMC, "", Severity.ERROR, Applicability.SAFE, subject, "It is still there.", ())
    monkeypatch.setattr("bootmend.engine.repair.examine", lambda *_: ([finding], []))
    said = bootmend("repair", path, "--yes", expect=8)
    assert "every byte is back as it was" in said.err
    assert fingerprint(str(path)) == before


def test_9_nothing_to_undo(bootmend: Bootmend, disk: MakeDisk) -> None:
    assert "there is no run to undo" in bootmend("undo", "--yes", expect=9).err
    assert "bootmend history" in bootmend("undo", disk(), "--yes", expect=9).err


def test_130_interrupted_in_the_middle_of_writing(bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = disk()
    before = fingerprint(str(path))
    write = FileDevice.write_at
    calls: list[int] = []

    def interrupt(device: FileDevice, offset: int, data: bytes) -> None:
        calls.append(offset)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(device, offset, data)

    monkeypatch.setattr(FileDevice, "write_at", interrupt)
    said = bootmend("repair", path, "--yes", expect=130)
    assert "interrupted" in said.err
    assert fingerprint(str(path)) == before
    runs = json.loads(bootmend("history", "--format", "json").out)["runs"]
    assert [run["state"] for run in runs] in ([], ["rolled-back"])


def test_130_interrupted_while_it_copies(disk: MakeDisk, tmp_path: Path) -> None:
    """A real SIGINT, to a real process that is reading from a pipe nobody writes to."""
    path = disk()
    wait = tmp_path / "sitecustomize.py"
    wait.write_text(
        "import time\nimport bootmend.engine.copying as copying\n"
        "def slow(*words, **more):\n    print('ready', flush=True)\n    time.sleep(30)\n"
        "copying.copy_target = slow\n"
    )
    folder = {"PYTHONPATH": os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])}
    line = command_line("repair", path, "--output", tmp_path / "copy.vhd", "--yes")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment() | folder) as process:
        assert process.stdout is not None
        while "ready" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err


def test_unknown_codes_are_failures(bootmend: Bootmend, disk: MakeDisk) -> None:
    """Output that cannot be written is no success, either."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command_line("check", disk()),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
            timeout=60,
        )
    assert done.returncode == 3
    assert done.stderr == "Error: the output cannot be written: No space left on device\n"
    assert bootmend
