"""The state folder, and files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.state import runs_dir, state_dir, state_refusal, write_durably

if TYPE_CHECKING:
    from pathlib import Path


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "here"))
    assert state_dir() == str(tmp_path / "here")
    assert runs_dir() == str(tmp_path / "here" / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOOTMEND_STATE_DIR", "relative")
    assert state_dir() == str(tmp_path / "relative")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/home/ann/.local/state/bootmend"),
        ("linux", {"XDG_STATE_HOME": "/var/ann"}, "/var/ann/bootmend"),
        ("linux", {"XDG_STATE_HOME": "relative"}, "/home/ann/.local/state/bootmend"),
        ("darwin", {"XDG_STATE_HOME": "/var/ann"}, "/home/ann/Library/Application Support/bootmend"),
        ("win32", {"LOCALAPPDATA": "/c/ann/local"}, "/c/ann/local/bootmend"),
        ("win32", {}, "/home/ann/AppData/Local/bootmend"),
    ],
)
def test_the_platforms_own_folder(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
) -> None:
    for name in ("BOOTMEND_STATE_DIR", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert state_dir() == expected


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_durably(str(path), b"old")
    (tmp_path / "state.json.new").write_bytes(b"left by a run that was killed")
    write_durably(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    write_durably(str(path), b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "is full"), (errno.EDQUOT, "is full"), (errno.EACCES, "cannot be written (Permission denied)")],
)
def test_the_refusal_says_what_is_wrong(number: int, words: str) -> None:
    error = state_refusal(OSError(number, os.strerror(number)), "/state")
    assert words in error.message
    assert error.exit_code == 4
