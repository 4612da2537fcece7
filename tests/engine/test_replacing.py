"""A store or hive file is replaced as a whole: old or new at every moment, with its owner, mode, attributes and names."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bootmend.engine import lock, replacing
from bootmend.engine.bcdedit import run_bcdedit
from bootmend.engine.hive_edit import edit_hive
from bootmend.engine.hive_edit import set_value as hive_set
from bootmend.engine.hive_place import HivePlace
from bootmend.engine.recovery import recover_run
from bootmend.engine.repair import find_run, undo
from bootmend.engine.runs import find_runs_for
from bootmend.errors import ApplyError, RefusedError
from bootmend.registry import check_buffer
from tests.bcd.stores import hive_bytes, open_store, seed_objects
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT = 0x25000004
linux = pytest.mark.skipif(sys.platform != "linux", reason="owners and extended attributes as Linux has them")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "esp"
    folder.mkdir()
    path = folder / "BCD"
    path.write_bytes(hive_bytes(seed_objects()))
    return path


def set_timeout(path: Path, seconds: int = 7) -> None:
    assert run_bcdedit(["/store", str(path), "/timeout", str(seconds)]).exit_code == 0


def timeout(path: Path) -> object:
    manager = open_store(path.read_bytes()).get("{bootmgr}")
    element = manager.element(TIMEOUT) if manager else None
    return element.value if element else None


def beside(path: Path) -> list[str]:
    """What lies in the file's folder but the file itself and the marker of its last run."""
    names = [name for name in os.listdir(path.parent) if not re.fullmatch(r"\.BCD\.bootmend-[0-9a-f]+", name)]
    return sorted(set(names) - {path.name})


def test_the_file_is_another_one_afterwards_and_undo_brings_the_bytes_back(store: Path) -> None:
    before, number = store.read_bytes(), store.stat().st_ino
    with store.open("rb") as held:  # keeps the old number from being given away again
        set_timeout(store)
        assert store.stat().st_ino != number
        assert held.read() == before  # who had it open still reads all of the old one
    assert timeout(store) == 7
    assert check_buffer(store.read_bytes()) == []
    assert beside(store) == []
    undo(find_run(str(store)))
    assert store.read_bytes() == before


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_the_mode_stays(store: Path, mode: int) -> None:
    store.chmod(mode)
    set_timeout(store)
    assert stat.S_IMODE(store.stat().st_mode) == mode


@linux
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(store: Path) -> None:
    os.chown(store, 1234, 4321)
    store.chmod(0o6750)
    os.chown(store.parent, 1234, 4321)
    set_timeout(store)
    status = store.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o6750)


@linux
def test_extended_attributes_stay(store: Path) -> None:
    try:
        os.setxattr(store, "user.note", b"from the ESP")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    set_timeout(store)
    assert os.getxattr(store, "user.note") == b"from the ESP"


def test_a_symbolic_link_stays_one_and_its_file_changes(store: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(store)
    set_timeout(link)
    assert link.is_symlink()
    assert timeout(store) == 7
    assert beside(store) == []


def test_a_file_with_two_names_keeps_both(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other name"
    other.hardlink_to(store)
    set_timeout(store)
    assert store.samefile(other)
    assert timeout(other) == 7


def test_in_a_folder_that_may_not_be_written_the_file_is_changed_in_place(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user whose folder it is not; root may write into any, so the system's answer is made here."""
    before, number = store.read_bytes(), store.stat().st_ino
    real = os.open

    def refuse(path: str, flags: int, *more: int) -> int:
        if str(path).endswith(".bootmend.new"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *more)

    monkeypatch.setattr(os, "open", refuse)
    set_timeout(store)
    assert (timeout(store), store.stat().st_ino) == (7, number)
    undo(find_run(str(store)))
    assert store.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write into any folder")
def test_a_folder_without_permission(store: Path) -> None:
    store.parent.chmod(0o555)
    try:
        set_timeout(store)
    finally:
        store.parent.chmod(0o755)
    assert timeout(store) == 7


def test_a_file_marked_read_only_is_refused(store: Path) -> None:
    before = store.read_bytes()
    store.chmod(0o444)
    with pytest.raises(RefusedError, match="marked read-only"):
        set_timeout(store)
    assert store.read_bytes() == before
    assert beside(store) == []


@pytest.mark.parametrize("name", ["replace", "sync_folder"])
def test_where_the_new_file_cannot_take_the_name_nothing_has_changed(
    store: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = store.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    real = os.replace

    def replace(source: str, target: str) -> None:  # a state file may have its new name
        fail() if source.endswith(".bootmend.new") else real(source, target)

    if name == "replace":
        monkeypatch.setattr(os, "replace", replace)
    else:
        monkeypatch.setattr(replacing, "sync_folder", fail)
    with pytest.raises(ApplyError, match="everything is as it was"):
        set_timeout(store)
    assert store.read_bytes() == before
    assert beside(store) == []
    monkeypatch.undo()
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(store.parent.parent / "state"))
    set_timeout(store)  # the run was taken back, so the next one may begin
    assert timeout(store) == 7


def test_a_copy_that_a_killed_run_left_is_no_obstacle(store: Path) -> None:
    (store.parent / ".BCD.bootmend.new").write_bytes(b"half")
    set_timeout(store)
    assert timeout(store) == 7
    assert beside(store) == []


def test_hives_in_general_are_replaced_too(store: Path) -> None:
    store.chmod(0o640)
    number = store.stat().st_ino
    place = HivePlace(str(store))
    with store.open("rb"):
        edit_hive(place, lambda hive: hive_set(hive, "Objects", "x", 4, b"1234", create=False), "set", lambda _: True)
        assert store.stat().st_ino != number
    assert stat.S_IMODE(store.stat().st_mode) == 0o640


def test_a_lock_on_a_file_that_lost_its_name_is_no_lock(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run replaces the file after this one has opened it and before it has the lock."""
    real = lock._exclude_others

    def replaced_meanwhile(descriptor: int) -> bool:
        copy = store.with_name("copy")
        copy.write_bytes(store.read_bytes())
        copy.replace(store)
        return real(descriptor)

    monkeypatch.setattr(lock, "_exclude_others", replaced_meanwhile)
    with pytest.raises(RefusedError, match="replaced just now"), lock.lock_sources([str(store)]):
        pass


# -- killed -----------------------------------------------------------------------------------------------


def bcdedit_process(store: Path, *tracing: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bootmend", "bcdedit", "/store", str(store), "/timeout", "7"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}
    trace = ["strace", "-f", "-qq", "-y", "-o", str(store.parent.parent / "trace"), *tracing]
    return subprocess.run([*trace, *command], env=env, capture_output=True, text=True, check=False, timeout=60)


def strace_works(store: Path) -> None:
    needs("strace")
    if subprocess.run(["strace", "-o", store.parent.parent / "trace", "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace is not permitted here")


@pytest.mark.oracle
@pytest.mark.parametrize("call", ["fsync", "pwrite64", "rename"])
def test_killed_at_any_call_the_file_is_the_old_or_the_new_one(store: Path, call: str) -> None:
    strace_works(store)
    before, number, seen = store.read_bytes(), 0, set()
    while True:
        number += 1
        answer = bcdedit_process(store, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
        is_new = timeout(store) == 7
        assert is_new or store.read_bytes() == before  # no recovery was needed for that
        assert check_buffer(store.read_bytes()) == []
        seen.add(is_new)
        for run in find_runs_for(str(store)):
            if run.is_unfinished:
                recover_run(run)
        assert (timeout(store) == 7) is is_new
        if answer.returncode == 0:
            break
        assert answer.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}, answer.stderr
        for path in store.parent.iterdir():
            path.unlink()
        store.write_bytes(before)
    assert number > 2
    assert True in seen


@pytest.mark.oracle
def test_bytes_and_name_are_on_the_disk_before_it_says_so(store: Path) -> None:
    strace_works(store)
    assert bcdedit_process(store, "-e", "trace=openat,fsync,pwrite64,rename,write").returncode == 0
    lines = [line.split(None, 1)[1] for line in (store.parent.parent / "trace").read_text().splitlines()]

    def last(wanted: Callable[[str], bool]) -> int:
        return max(number for number, line in enumerate(lines) if wanted(line))

    written = last(lambda line: line.startswith("pwrite64(") and ".BCD.bootmend.new" in line)
    flushed = last(lambda line: line.startswith("fsync(") and ".BCD.bootmend.new" in line)
    named = last(lambda line: line.startswith("rename(") and line.split(", ")[1].startswith(f'"{store}"'))
    folder = last(lambda line: line.startswith("fsync(") and f"<{store.parent}>" in line)
    said = last(lambda line: line.startswith("write(1<"))
    assert written < flushed < named < folder
    assert named < said
    opened = [line for line in lines if line.startswith("openat(") and f'"{store}"' in line]
    assert opened
    assert not any("O_RDWR" in line or "O_WRONLY" in line for line in opened)
