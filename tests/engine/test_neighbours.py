"""Which files an image may bring into play: those beside the disk, those the user named, and no others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import run
from bootmend.engine.neighbours import Neighbours, given_parents
from bootmend.engine.target import Target, parents_of
from bootmend.errors import BootmendError, CorruptError, MissingError, RefusedError
from bootmend.image import Reference
from bootmend.source import FileSource
from tests.image.test_vhdx import noise
from tests.image.vhdx_writer import MIB, Vhdx, child_of
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BASE = Vhdx(size=2 * MIB, full={0: noise(MIB, 1)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A child in ``disks``; its parent is elsewhere."""
    (tmp_path / "disks").mkdir()
    (tmp_path / "elsewhere").mkdir()
    child(tmp_path / "disks" / "child.avhdx", "base.vhdx")
    (tmp_path / "elsewhere" / "base.vhdx").write_bytes(BASE.build())
    return tmp_path


def child(path: Path, name: str, **pairs: str) -> None:
    vhdx = Vhdx(size=2 * MIB, parent=child_of(name) | pairs, partial={1: {0: b"x" * 512}})
    path.write_bytes(vhdx.build())


def shown(path: Path) -> bytes:
    with Target(str(path)) as target:
        assert target.image is not None
        return target.image.read_at(0, 16)


def test_a_parent_beside_the_disk_is_found(folder: Path) -> None:
    os.rename(folder / "elsewhere" / "base.vhdx", folder / "disks" / "base.vhdx")
    assert shown(folder / "disks" / "child.avhdx") == noise(MIB, 1)[:16]


def test_windows_does_not_tell_capitals_apart(folder: Path) -> None:
    os.rename(folder / "elsewhere" / "base.vhdx", folder / "disks" / "BASE.VHDX")
    assert shown(folder / "disks" / "child.avhdx") == noise(MIB, 1)[:16]


def test_a_parent_elsewhere_must_be_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disk = str(folder / "disks" / "child.avhdx")
    with pytest.raises(MissingError, match=r"its parent base\.vhdx, which is not in the same folder") as caught:
        shown(folder / "disks" / "child.avhdx")
    assert "--parent FILE" in str(caught.value.hint)
    assert run(["check", disk]) == 3
    assert "--parent FILE" in capsys.readouterr().err
    assert run(["check", disk, "--parent", str(folder / "elsewhere" / "base.vhdx")]) == 3
    assert "--parent" not in capsys.readouterr().err  # it was read; what it says now is that there is no Windows on it
    with given_parents(str(folder / "elsewhere" / "base.vhdx")):
        assert shown(folder / "disks" / "child.avhdx") == noise(MIB, 1)[:16]


def test_a_parent_that_was_renamed_is_taken_on_the_users_word(folder: Path) -> None:
    renamed = folder / "elsewhere" / "copy of base.vhdx"
    os.rename(folder / "elsewhere" / "base.vhdx", renamed)
    with given_parents(str(renamed)):
        assert shown(folder / "disks" / "child.avhdx") == noise(MIB, 1)[:16]


def test_a_chain_is_given_nearest_first(folder: Path) -> None:
    child(folder / "disks" / "top.avhdx", "gone.avhdx")
    middle, base = folder / "elsewhere" / "m", folder / "elsewhere" / "b"
    os.rename(folder / "disks" / "child.avhdx", middle)
    os.rename(folder / "elsewhere" / "base.vhdx", base)
    with given_parents(str(middle), str(base)):
        assert shown(folder / "disks" / "top.avhdx") == noise(MIB, 1)[:16]
        with Target(str(folder / "disks" / "top.avhdx")) as target:
            assert target.other_files(writable=False) == [str(middle), str(base)]
            assert target.files_to_lock() == [target.path]


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "..\\..\\..\\etc\\passwd",
        "../elsewhere/base.vhdx",
        "\\\\server\\share\\base.vhdx",
        "C:\\elsewhere\\base.vhdx",
        "..",
        "",
        ".",
    ],
)
def test_a_crafted_name_reaches_no_file_outside_the_folder(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = folder / "disks" / "child.avhdx"
    child(disk, "base.vhdx", relative_path=name, volume_path=name, absolute_win32_path=name)
    opened: list[str] = []
    real = FileSource.__init__

    def noting(self: FileSource, path: str) -> None:
        opened.append(path)
        real(self, path)

    monkeypatch.setattr(FileSource, "__init__", noting)
    with pytest.raises(MissingError):
        shown(disk)
    assert opened == [str(disk)]


def test_a_link_in_the_folder_to_elsewhere_is_refused(folder: Path) -> None:
    os.symlink(folder / "elsewhere" / "base.vhdx", folder / "disks" / "base.vhdx")
    with pytest.raises(RefusedError, match="link to another folder"):
        shown(folder / "disks" / "child.avhdx")


def test_a_pipe_in_the_folder_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "disks" / "base.vhdx")
    with pytest.raises(RefusedError, match="no regular file"):
        shown(folder / "disks" / "child.avhdx")


def test_an_image_that_names_itself(folder: Path) -> None:
    disk = folder / "disks" / "child.avhdx"
    child(disk, "child.avhdx")
    with pytest.raises(CorruptError, match="is the image itself"):
        shown(disk)
    os.link(disk, folder / "disks" / "other.avhdx")
    child(folder / "disks" / "new.avhdx", "other.avhdx")
    os.replace(folder / "disks" / "new.avhdx", disk)
    child(folder / "disks" / "third", "child.avhdx")
    os.replace(folder / "disks" / "third", folder / "disks" / "other.avhdx")
    with pytest.raises(CorruptError, match="is the image itself, or builds on it"):
        shown(disk)


def test_the_copy_of_a_child_builds_on_the_same_files(folder: Path) -> None:
    os.rename(folder / "elsewhere" / "base.vhdx", folder / "disks" / "base.vhdx")
    original, copy = folder / "disks" / "child.avhdx", folder / "elsewhere" / "copy.avhdx"
    copy.write_bytes(original.read_bytes())
    with pytest.raises(MissingError):
        shown(copy)
    with parents_of(str(original)):
        assert shown(copy) == noise(MIB, 1)[:16]


def test_what_is_behind_a_url_or_a_device_has_no_neighbours() -> None:
    for disk in ("https://example.org/disks/child.avhdx", "/dev/null"):
        with pytest.raises((MissingError, BootmendError)):
            Neighbours(disk, FileSource)(Reference("parent", ("passwd", "README.md")))
    with pytest.raises(MissingError):
        Neighbours(str(ROOT / "pyproject.toml"), FileSource)(Reference("parent", ("\0", "a\0b", "...")))
