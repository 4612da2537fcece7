"""The command line in this process, and sample disks to use it on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import run
from bootmend.engine.copying import copy_target
from bootmend.engine.sample import make_sample
from tests.cli.running import IMC, Answer, Bootmend, MakeDisk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests; a state folder of the test's own."""
    for name in list(os.environ):
        if name.startswith("BOOTMEND_") or name in {"NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def bootmend(capsys: pytest.CaptureFixture[str]) -> Bootmend:
    """The command line, in this process."""

    def call(*arguments: str | Path, expect: int | None = None) -> Answer:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert expect is None or code == expect, f"exit code {code} instead of {expect}\n{out}\n{err}"
        return Answer(code, out, err)

    return call


@pytest.fixture(scope="session")
def masters(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int, str], Path]:
    """Sample disks, each made once."""
    folder = tmp_path_factory.mktemp("masters")

    def master(rule: str, gen: int, form: str) -> Path:
        path = folder / f"{rule}-{gen}.{form}"
        if not path.exists():
            make_sample(rule, str(path), generation=gen, layout="usual", image_format=form, size=1 << 30)
        return path

    return master


@pytest.fixture
def disk(tmp_path: Path, masters: Callable[[str, int, str], Path]) -> MakeDisk:
    """Makes sample disks."""

    def make(rule: str = IMC, *, gen: int = 1, form: str = "vhd-dynamic", name: str = "") -> Path:
        path = tmp_path / (name or ("web01.raw" if form == "raw" else "web01.vhd"))
        path.parent.mkdir(parents=True, exist_ok=True)
        copy_target(str(masters(rule, gen, form)), str(path), lambda _: None)
        return path

    return make
