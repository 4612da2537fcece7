"""An image that others build on is left alone."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import run
from bootmend.engine.children import children_of
from tests.catalog.disks import fingerprint
from tests.image.vhdx_writer import DATA_GUID, MIB, Vhdx, child_of
from tests.support import needs, shared_data

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "disks" / "web01.vhd"
    path.parent.mkdir()
    assert run(["sample", "imc-config-init-failed", "-o", str(path), "--size", "1G"]) == 0
    return path


def differencing(parent: Path, parent_id: bytes) -> bytes:
    """The head of a differencing VHD after the VHD 1.0 specification: footer copy, dynamic header, footer."""
    footer = bytearray(parent.read_bytes()[-512:])
    footer[16:24] = (512).to_bytes(8, "big")
    footer[60:64] = (4).to_bytes(4, "big")
    header = bytearray(1024)
    header[:8] = b"cxsparse"
    header[40:56] = parent_id
    return bytes(footer + header + footer)


def test_an_image_alone_has_no_children(disk: Path) -> None:
    (disk.parent / "notes.txt").write_text("nothing")
    (disk.parent / "empty").touch()
    assert list(children_of(str(disk))) == []


def test_a_differencing_vhd_is_a_child_by_its_parents_id(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    child = disk.parent / "web01_checkpoint.avhd"
    child.write_bytes(differencing(disk, disk.read_bytes()[-512:][68:84]))
    assert list(children_of(str(disk))) == [str(child)]
    before = fingerprint(str(disk))
    capsys.readouterr()
    assert run(["check", str(disk)]) == 1
    assert run(["repair", str(disk), "--yes"]) == 4
    assert "web01_checkpoint.avhd builds on it" in capsys.readouterr().err
    assert fingerprint(str(disk)) == before


def test_a_child_of_another_disk_is_none_of_ours(disk: Path) -> None:
    (disk.parent / "other.avhd").write_bytes(differencing(disk, bytes(range(16))))
    assert list(children_of(str(disk))) == []


def test_a_linked_vmdk_is_a_child_by_name(disk: Path) -> None:
    child = disk.parent / "clone.vmdk"
    child.write_text('# Disk DescriptorFile\nversion=1\nparentFileNameHint="C:\\vms\\web01.vhd"\n')
    assert list(children_of(str(disk))) == [str(child)]


@pytest.mark.oracle
def test_a_qcow2_overlay_made_by_qemu(disk: Path) -> None:
    needs("qemu-img")
    child = disk.parent / "overlay.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "vpc", "-b", "web01.vhd", str(child)]
    subprocess.run(command, check=True, cwd=disk.parent, timeout=60)
    assert list(children_of(str(disk))) == [str(child)]


def test_a_vhdx_checkpoint_is_a_child_by_its_parents_guid_or_by_its_name(tmp_path: Path) -> None:
    parent = tmp_path / "web01.vhdx"
    parent.write_bytes(Vhdx(size=MIB).build())
    for name, linked, guid, found in (
        ("web01_B4.avhdx", "elsewhere.vhdx", DATA_GUID, True),
        ("web01_C5.avhdx", "WEB01.vhdx", bytes(range(16)), True),  # made before the parent was written to: still a child
        ("web02_D6.avhdx", "web02.vhdx", bytes(range(16)), False),
        ("web03.vhdx", "", b"", False),
    ):
        other = tmp_path / name
        other.write_bytes(Vhdx(size=MIB, parent=child_of(linked, guid) if linked else None, data_guid=bytes(16)).build())
        assert list(children_of(str(parent))) == ([str(other)] if found else [])
        other.unlink()


def test_a_disk_whose_changes_are_tracked_is_repaired_with_a_note(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["plan", str(disk)]) == 1
    assert "full one" not in capsys.readouterr().out
    (disk.parent / "web01.vhd.rct").touch()
    assert run(["plan", str(disk)]) == 1
    assert "make the next backup a full one" in capsys.readouterr().out


def test_the_real_differencing_pair() -> None:
    folder = shared_data("disks")
    children = list(children_of(str(folder / "dfvfs-image.vhd")))
    assert [child.rpartition("/")[2] for child in children] == ["dfvfs-image-differential.vhd"]
