"""A Windows in a folder: for the states of a disk that need files no template has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.machine import Workspace
from bootmend.samples import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.operations import Operation

FILES = ("\\Boot\\BCD", "\\Windows\\System32\\config\\SYSTEM", "\\Windows\\System32\\config\\SOFTWARE")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test keeps its runs to itself."""
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a healthy single-partition machine, in a directory."""
    write_sample(tmp_path / "whole.raw", generation=1, layout="single", format="raw", size=4 << 30)
    root = tmp_path / "machine"
    with Target(str(tmp_path / "whole.raw")) as target:
        tree = target.machine.volumes[0].tree
        for path in FILES:
            host = root.joinpath(*path.strip("\\").split("\\"))
            host.parent.mkdir(parents=True, exist_ok=True)
            host.write_bytes(tree.read(path))
    (tmp_path / "whole.raw").unlink()
    return root


def edit(path: Path | str, *operations: Operation) -> None:
    """Do operations to a target without the engine, as somebody else might."""
    change(path, lambda workspace: [operation.do(workspace) for operation in operations])


def change(path: Path | str, edits: Callable[[Workspace], object]) -> None:
    """Let ``edits`` change a target, and write the result straight to its files."""
    with Target(str(path)) as target:
        overlays = target.overlays()
        workspace = Workspace(overlays.machine, SAMPLE_TIME)
        edits(workspace)
        workspace.flush()
    for name, overlay in overlays.by_path.items():
        with Path(name).open("r+b") as file:
            for patch in overlay.patches():
                file.seek(patch.offset)
                file.write(patch.after)
