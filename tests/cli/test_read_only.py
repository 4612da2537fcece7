"""Commands that only look open nothing for writing: as the kernel sees it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.catalog.disks import fingerprint
from tests.cli.running import command_line, environment
from tests.support import needs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
CHANGING = (
    "pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,"
    "link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,utimensat,copy_file_range,sendfile,mknod,mknodat"
)
OPENING = "open,openat,openat2,creat"
LINES = [
    ["check", "DISK"],
    ["check", "DISK", "--code", "0x67", "--format", "json"],
    ["check", "DISK", "--format", "html"],
    ["plan", "DISK", "--serial-console"],
    ["explain", "0x67", "--disk", "DISK"],
    ["bcdedit", "/store", "DISK", "/enum", "all"],
    ["bcdedit", "/store", "DISK", "--format", "json"],
    ["history"],
    ["history", "DISK"],
    ["catalog", "list"],
]


@pytest.mark.oracle
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_nothing_is_opened_for_writing(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path, line: list[str]) -> None:
    needs("strace")
    path, trace = disk(), tmp_path / "trace"
    if "history" in line:
        bootmend("repair", path, "--yes", expect=0)
    before = fingerprint(str(path))
    words = command_line(*(str(path) if word == "DISK" else word for word in line))
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", trace, "-e", f"trace={OPENING},{CHANGING}", *words],
        capture_output=True,
        text=True,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        check=False,
        timeout=60,
    )
    if "ptrace" in done.stderr:
        pytest.skip("strace is not permitted here")
    assert done.returncode in {0, 1}, done.stderr
    calls = [text.partition(" ")[2].strip() for text in trace.read_text().splitlines()]
    opened = [call for call in calls if call.startswith(("open", "creat"))]
    assert any(str(path) in call for call in opened) or "DISK" not in line or line[0] == "history"
    assert [call for call in opened if WRITING.search(call) and '"/dev/null"' not in call] == []
    assert [call for call in calls if call not in opened and re.match(r"\w+\(", call)] == []
    assert fingerprint(str(path)) == before
