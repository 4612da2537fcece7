"""Images made to do harm: an answer soon, in little memory, from no file that was not named."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import run
from tests.cli.running import command_line, environment
from tests.image.crafted import CRAFTED, ELSEWHERE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited in Linux's way")
MEMORY = 512 << 20
SECONDS = 20
OPENED = re.compile(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]*)", (?!\S*O_DIRECTORY)')  # the disk's folder may be listed


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with nothing but the disk, and a file elsewhere that nobody named."""
    (tmp_path / "disks").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.raw").write_bytes(b"SECRET".ljust(1 << 20, b"\0"))
    return tmp_path


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def traced(trace: Path) -> list[str]:
    """A tracer of opened files, where there is one that may trace."""
    strace = shutil.which("strace")
    works = strace and subprocess.run([strace, "-o", trace, "true"], capture_output=True, check=False).returncode == 0
    return [strace, "-f", "-qq", "-o", str(trace), "-e", "trace=open,openat,connect"] if strace and works else []


@pytest.mark.parametrize("name", CRAFTED)
def test_an_answer_soon_and_from_no_other_file(name: str, scene: Path) -> None:
    disk, trace = scene / "disks" / "disk.img", scene / "trace"
    before = CRAFTED[name]()
    disk.write_bytes(before)
    command = [*traced(trace), *command_line("check", disk)]
    environment_ = environment(BOOTMEND_STATE_DIR=str(scene / "state"), HOME=str(scene))
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment_, preexec_fn=limited, timeout=SECONDS, check=False
    )
    assert done.returncode in {1, 3}, done.stderr
    assert "Traceback" not in done.stderr
    assert "MemoryError" not in done.stderr
    if trace.exists():
        text = trace.read_text()
        assert opened_below(scene, text) == {str(disk)}
        assert "connect(" not in text
    begin = time.monotonic()
    assert run(["repair", str(disk), "--yes", "--unsafe"]) in {1, 3, 4}
    assert time.monotonic() - begin < SECONDS
    assert disk.read_bytes() == before


def opened_below(folder: Path, trace: str) -> set[str]:
    """The files of the test that were opened, but for the program's own, and the one that no image may have opened."""
    own = str(folder / "state")
    names = {os.path.normpath(os.path.join(folder, "disks", name)) for name in OPENED.findall(trace)}
    return {name for name in names if name == ELSEWHERE or (name.startswith(str(folder)) and not name.startswith(own))}
