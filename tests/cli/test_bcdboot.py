"""``bootmend bcdboot`` as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.cli.bcdboot import command
from bootmend.engine import bcdboot
from bootmend.engine.target import Target
from bootmend.errors import RefusedError
from tests.catalog.disks import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import MakeDisk


def call(*words: str | Path) -> object:
    return command.main([str(word) for word in words], prog_name="bcdboot", standalone_mode=False)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_new_store(disk: MakeDisk, generation: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = disk(gen=generation)
    assert call(path, "--yes") == 0
    said = capsys.readouterr()
    assert said.out.startswith("The store was made: volume 1 \\")
    assert "bootmend undo" in said.err
    with Target(str(path)) as target:
        loader = target.machine.stores[0].store.get("{default}")
        assert loader is not None
        assert "imcdevice" not in {element.name for element in loader.elements.values()}


def test_to_a_file(disk: MakeDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(disk(), "-o", tmp_path / "BCD", "--firmware", "bios", "--windows", "C:") == 0
    assert capsys.readouterr().out.startswith(f"The store was made: {tmp_path / 'BCD'}")
    assert (tmp_path / "BCD").stat().st_size > 8192


def test_missing_files_are_said_and_are_no_success(
    disk: MakeDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bcdboot, "missing_files", lambda _choice: iter(["volume 1 \\bootmgr is missing"]))
    assert call(disk(), "--yes") == 1
    said = capsys.readouterr()
    assert "missing: volume 1 \\bootmgr is missing" in said.err
    assert "will not start yet" in said.out


def test_without_anybody_to_ask_nothing_is_written(disk: MakeDisk) -> None:
    path = disk()
    before = fingerprint(str(path))
    with pytest.raises(RefusedError, match="no terminal"):
        call(path)
    assert fingerprint(str(path)) == before
