"""``bootmend collect``: what is in the bundle, what is never in it, and how it is written."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.engine import collect as engine
from bootmend.engine.target import Target
from bootmend.errors import RefusedError
from tests.cli.schema_check import validate
from tests.evidence.conftest import PLANTED, SECRET

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk


def unzipped(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def holds_secret(data: bytes) -> bool:
    return SECRET.encode() in data or SECRET.encode("utf-16-le") in data


def test_what_is_in_it(bootmend: Bootmend, folder: Path, tmp_path: Path) -> None:
    told = bootmend("collect", folder, "-o", tmp_path / "b.zip", "--vm", "web02", expect=0)
    assert told.out.strip() == str(tmp_path / "b.zip")
    files = unzipped(tmp_path / "b.zip")
    assert set(files) == {
        "manifest.json",
        "report.html",
        "report.json",
        "report.md",
        "evidence.json",
        "volume-1/Windows/System32/winevt/Logs/System.evtx",
        "volume-1/Windows/System32/LogFiles/Srt/SrtTrail.txt",
        "volume-1/Windows/Logs/CBS/CBS.log",
        "volume-1/Windows/INF/setupapi.dev.log",
        "volume-1/Windows/Panther/setuperr.log",
        "volume-1/Windows/ntbtlog.txt",
    }
    validate(json.loads(files["report.json"]), "report")
    evidence = validate(json.loads(files["evidence.json"]), "evidence")
    assert evidence["windows"][0]["last_stop"]["module"] == "badnet.sys"
    assert b"vsock.sys is corrupt" in files["volume-1/Windows/System32/LogFiles/Srt/SrtTrail.txt"]
    log = (folder / "Windows/System32/winevt/Logs/System.evtx").read_bytes()
    assert files["volume-1/Windows/System32/winevt/Logs/System.evtx"] == log


def test_the_manifest_says_what_is_in_it_and_what_is_not(bootmend: Bootmend, folder: Path, tmp_path: Path) -> None:
    shown = bootmend("collect", folder, "-o", tmp_path / "b.zip", "--format", "json", expect=0).json
    files = unzipped(tmp_path / "b.zip")
    manifest = validate(json.loads(files.pop("manifest.json")), "bundle")
    assert shown == manifest
    assert {one["name"]: (one["size"], one["sha256"]) for one in manifest["files"]} == {
        name: (len(data), sha256(data).hexdigest()) for name, data in files.items()
    }
    log = next(one for one in manifest["files"] if one["name"].endswith("System.evtx"))
    assert (log["taken"], log["of"], log["where"]) == (
        "whole",
        log["size"],
        "volume 1 \\Windows\\System32\\winevt\\Logs\\System.evtx",
    )
    left = {one["where"] for one in manifest["left_out"]}
    assert "volume 1 \\Windows\\MEMORY.DMP" in left
    assert "\\Windows\\System32\\config\\SAM" in left


def test_no_secret_is_in_it(bootmend: Bootmend, folder: Path, tmp_path: Path) -> None:
    for name in PLANTED:
        assert holds_secret((folder / name).read_bytes()), "the test has planted something"
    bootmend("collect", folder, "-o", tmp_path / "b.zip", expect=0)
    leaking = [name for name, data in unzipped(tmp_path / "b.zip").items() if holds_secret(data)]
    assert leaking == []


def test_no_secret_of_a_disk_is_in_it(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    (tmp_path / "secret").write_text(SECRET)
    for place in (
        "windows:\\Windows\\System32\\config\\SAM",
        "windows:\\unattend.xml",
        "windows:\\Windows\\Panther\\unattend.xml",
    ):
        bootmend("disk", "cp", tmp_path / "secret", path, place, "--yes")
    key = "1a2b3c.4d5e6f.7g8h9i.hunter2"
    line = ("/dbgsettings", "net", "hostip:10.0.0.1", "port:50000", f"key:{key}")
    bootmend("bcdedit", "/store", path, *line, expect=0)
    bootmend("collect", path, "-o", tmp_path / "b.zip", expect=0)
    files = unzipped(tmp_path / "b.zip")
    assert b"Windows Boot Manager" in files["bcd/volume-1/Boot/BCD.txt"]
    assert b"hostip                  10.0.0.1" in files["bcd/volume-1/Boot/BCD.txt"]
    assert [name for name, data in files.items() if holds_secret(data) or key.encode() in data] == []


def test_dumps_are_taken_only_where_asked_for_and_as_far_as_there_is_room(
    bootmend: Bootmend, folder: Path, tmp_path: Path
) -> None:
    small = (folder / "Windows/Minidump/011524-1234-01.dmp").stat().st_size
    whole = (folder / "Windows/MEMORY.DMP").stat().st_size
    for room, expected in ((small, {"011524-1234-01.dmp"}), (small + whole, {"011524-1234-01.dmp", "MEMORY.DMP"})):
        bootmend("collect", folder, "-o", tmp_path / "b.zip", "--dumps", str(room), "--force", expect=0)
        files = unzipped(tmp_path / "b.zip")
        assert {name.rpartition("/")[2] for name in files if name.lower().endswith(".dmp")} == expected
    assert files["volume-1/Windows/MEMORY.DMP"] == (folder / "Windows/MEMORY.DMP").read_bytes()


def test_a_bundle_that_is_there_stays(bootmend: Bootmend, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")
    assert "--force" in bootmend("collect", folder, "-o", tmp_path / "b.zip", expect=4).err
    assert (tmp_path / "b.zip").read_text() == "mine"
    bootmend("collect", folder, "-o", tmp_path / "b.zip", "--force", expect=0)
    assert zipfile.is_zipfile(tmp_path / "b.zip")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []


def test_the_disk_itself_is_never_replaced(bootmend: Bootmend, disk: MakeDisk, folder: Path, tmp_path: Path) -> None:
    path = disk()
    before = sha256(path.read_bytes()).digest()
    (tmp_path / "link.zip").symlink_to(path)
    for output in (path, tmp_path / "link.zip"):
        bootmend("collect", path, "-o", output, "--force", expect=4)
    assert sha256(path.read_bytes()).digest() == before
    bootmend("collect", folder, "-o", folder / "Users/b.zip", expect=4)
    assert not (folder / "Users/b.zip").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_only_its_owner_can_read_it(bootmend: Bootmend, folder: Path, tmp_path: Path) -> None:
    bootmend("collect", folder, "-o", tmp_path / "b.zip", expect=0)
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600


def test_nothing_is_left_where_writing_fails(
    bootmend: Bootmend, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    assert "No such file" in bootmend("collect", folder, "-o", tmp_path / "out" / "b.zip", expect=3).err
    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    (tmp_path / "out").mkdir()
    assert "No space left" in bootmend("collect", folder, "-o", tmp_path / "out" / "b.zip", expect=3).err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_came_in_the_meantime_is_not_replaced(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = engine._write

    def slow(*arguments: Any) -> Any:
        (tmp_path / "b.zip").write_text("mine")
        return write(*arguments)

    monkeypatch.setattr(engine, "_write", slow)
    with Target(str(folder)) as target, pytest.raises(RefusedError):
        engine.write_bundle(engine.Bundle(), str(tmp_path / "b.zip"), target)
    assert (tmp_path / "b.zip").read_text() == "mine"


def test_names_in_the_bundle_lead_nowhere_else() -> None:
    class Two:
        number = 2

    assert engine._name(Two(), "\\Windows\\Minidump\\..\\a:b*.dmp") == "volume-2/Windows/Minidump/_/a_b_.dmp"  # type: ignore[arg-type]
