"""Data on standard output, everything else on standard error; terminals, pipes and colours."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.catalog.disks import fingerprint
from tests.cli.running import IMC, command_line, environment, spawn

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals and pipes")
SGR = "\x1b["


def on_terminal(line: list[str | Path], *answers: str, **more: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, type ``answers`` at each question, and return what the terminal showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command_line(*line), env=environment(**more), pass_fds=[slave], preexec_fn=lambda: os.login_tty(slave)
    )
    os.close(slave)
    shown, pending, deadline = b"", list(answers), time.monotonic() + 20
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says EIO when the other side has gone
            break
        if not part:
            break
        shown += part
        if pending and shown.rstrip().endswith(b"[y/N]:"):
            time.sleep(0.1)  # nobody answers before the question is there; a signal would meet a program still on its way to it
            os.write(master, pending.pop(0).encode())
    code = process.wait(timeout=5) if time.monotonic() < deadline else None
    process.kill()
    os.close(master)
    assert code is not None, f"it hangs: {shown.decode()}"
    return code, shown.decode().replace("\r\n", "\n")


def test_yes_at_the_question(disk: MakeDisk) -> None:
    path = disk()
    code, shown = on_terminal(["repair", path], "y\n")
    assert code == 0, shown
    assert f"Write 3 KiB to {path}?  A journal is kept; `bootmend undo` restores every byte. [y/N]:" in shown
    assert "the fault is gone on the disk" in shown
    code, shown = on_terminal(["undo", path], "y\n")
    assert code == 0
    assert f"Put {path} back as it was before run" in shown


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_no_at_the_question(disk: MakeDisk, answer: str) -> None:
    path = disk()
    before = fingerprint(str(path))
    code, shown = on_terminal(["repair", path], answer)
    assert code == 4, shown
    assert "Nothing was written." in shown
    assert fingerprint(str(path)) == before


@pytest.mark.parametrize("answer", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
def test_ctrl_c_at_the_question(disk: MakeDisk, answer: str) -> None:
    path = disk()
    before = fingerprint(str(path))
    code, shown = on_terminal(["repair", path], answer)
    assert code == 130, shown
    assert "Traceback" not in shown
    assert fingerprint(str(path)) == before


def test_little_is_imported(disk: MakeDisk) -> None:
    """A check costs the interpreter, click and what it reads with."""
    script = "import sys; from bootmend.cli.main import run; run(['check', sys.argv[1]]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(disk())], capture_output=True, text=True, env=environment(), check=True
    )
    modules = set(done.stdout.splitlines()[-1].split())
    heavy = {
        "rich",
        "html",
        "json",
        "tomllib",
        "logging",
        "urllib.request",
        "email",
        "importlib.resources",
        "importlib.metadata",
        "asyncio",
    }
    ours = {
        "bootmend.views.pages",
        "bootmend.views.documents",
        "bootmend.article",
        "bootmend.engine.plan",
        "bootmend.registry.editor",
    }
    assert modules & (heavy | ours) == set()


def test_the_question_of_a_copy_names_both(disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    code, shown = on_terminal(["repair", path, "--output", tmp_path / "copy.vhd"], "n\n")
    assert code == 4
    assert f"Copy {path} to {tmp_path / 'copy.vhd'} and write 3 KiB to the copy?" in shown
    assert not (tmp_path / "copy.vhd").exists()


@pytest.mark.parametrize(
    ("variables", "option", "painted"),
    [
        ({}, "auto", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"TERM": "dumb"}, "auto", False),
        ({}, "never", False),
        ({"NO_COLOR": "1"}, "always", True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": ""}, "auto", True),
    ],
)
def test_colour_on_a_terminal(disk: MakeDisk, variables: dict[str, str], option: str, painted: bool) -> None:
    code, shown = on_terminal(["check", disk(), "--color", option], **variables)
    assert code == 1
    assert (SGR in shown) is painted
    assert IMC in shown


def test_colour_elsewhere(disk: MakeDisk) -> None:
    path = disk()
    assert SGR not in spawn("check", path).out
    assert SGR in spawn("check", path, FORCE_COLOR="1").out
    assert SGR in spawn("check", path, "--color", "always").out
    assert SGR not in spawn("check", path, "--format", "json", "--color", "always").out


def test_colour_of_errors(bootmend: Bootmend) -> None:
    assert SGR in bootmend("check", "/no/such", "--color", "always", expect=3).err
    code, shown = on_terminal(["check", "/no/such", "--color", "never"])
    assert (code, shown) == (3, "Error: there is no file /no/such\n  check the name\n")


def test_data_and_the_rest(disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    said = spawn("check", path, "--format", "json")
    assert said.json
    assert said.err == ""
    said = spawn("plan", path, "-o", tmp_path / "plan.json", "--format", "json")
    assert said.json
    assert "bootmend apply" in said.err
    said = spawn("repair", path, "--format", "json")
    assert (said.code, said.out) == (4, "")
    said = spawn("repair", path, "--format", "json", "--output", tmp_path / "copy.vhd", "--yes")
    assert said.json
    assert "copying" in said.err
    said = spawn("sample", "healthy", "-o", tmp_path / "sample.vhd", "--size", "1G")
    assert said.out == f"{tmp_path / 'sample.vhd'}\n"
    assert "KiB on this computer" in said.err
    said = spawn("check", "/no/such", "--format", "json")
    assert (said.code, said.out) == (3, "")


@pytest.mark.parametrize(
    "line", [["check", "DISK"], ["explain", "67"], ["bcdedit", "/store", "DISK"], ["repair", "DISK", "--yes"]]
)
def test_a_reader_that_leaves_changes_nothing_else(disk: MakeDisk, line: list[str]) -> None:
    """``| true``: no traceback, and the exit code is that of what was done."""
    path = disk()
    words = [str(path) if word == "DISK" else word for word in line]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command_line(*words), stdout=writer, stderr=subprocess.PIPE, text=True, env=environment(), check=False, timeout=60
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.returncode == (1 if line[0] == "check" else 0)
    assert spawn("check", path).code == (0 if line[0] == "repair" else 1)


def test_nobody_reads_errors_either(disk: MakeDisk) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command_line("repair", disk()), stdout=writer, stderr=writer, env=environment(), check=False, timeout=60
    )
    os.close(writer)
    assert done.returncode == 4


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(disk: MakeDisk, closed: str) -> None:
    """A file that is opened later must not take the place of a stream."""
    path = disk()
    before = fingerprint(str(path))
    script = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command_line("check", path)],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert fingerprint(str(path)) == before
