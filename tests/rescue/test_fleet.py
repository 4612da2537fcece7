"""Fleets: every disk once, whatever is killed; those that cannot be repaired do not stop the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos", reason="dbos is not installed (pip install bootmend[fleet])")

from bootmend.engine.repair import find_run, undo
from bootmend.engine.runs import RunState, find_runs_for, list_runs
from tests.cli.running import command_line, environment
from tests.cli.schema_check import validate
from tests.rescue.disks import IMC, fingerprint, sample, sparse_copy


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample(tmp_path_factory.mktemp("master") / "broken.img")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample(tmp_path_factory.mktemp("healthy") / "healthy.img", "healthy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "disks"
    made.mkdir()
    return made


def fill(folder: Path, count: int, master: Path) -> list[Path]:
    disks = [folder / f"vm{number:03}.img" for number in range(count)]
    for disk in disks:
        sparse_copy(master, disk)
    return disks


def fleet(*arguments: str | Path, expect: int, timeout: float = 300) -> Any:
    """``bootmend fleet`` in another process, as JSON."""
    done = subprocess.run(
        command_line("fleet", *arguments, "--format", "json"),
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == expect, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def committed(disk: Path) -> list[str]:
    return [run.id for run in find_runs_for(str(disk)) if run.state is RunState.COMMITTED and run.kind != "undo"]


def test_two_hundred_disks_killed_in_the_middle(folder: Path, master: Path, healthy: Path) -> None:
    """All are done, none twice (counted by the journals), and each can be taken back."""
    disks = fill(folder, 200, master)
    sparse_copy(healthy, folder / "ok.img")
    (folder / "garbage.vhd").write_bytes(b"no disk at all")
    (folder / "empty.img").write_bytes(bytes(1 << 20))
    (folder / "gone.img").symlink_to(folder / "nowhere")  # named, and not there: only an inventory would list it
    sparse_copy(master, folder / "busy.img")
    before = fingerprint(master)
    with open(folder / "busy.img", "r+b"):  # somebody has it open for writing, as a running VM has
        process = subprocess.Popen(
            command_line("fleet", "run", folder, "--yes"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        wait_for_runs(60, process)
        process.kill()
        process.communicate()
        seen = sum(bool(committed(disk)) for disk in disks)
        assert 0 < seen < 200
        report = fleet("run", folder, "--yes", expect=4)
    validate(report, "fleet")
    assert report["continued"]
    assert report["state"] == "finished"
    assert report["counts"] == {"repaired": 200, "unreadable": 2, "healthy": 1, "refused": 1}
    by_path = {Path(disk["path"]): disk for disk in report["disks"]}
    assert "in use" in by_path[folder / "busy.img"]["reason"]
    for disk in disks:
        assert committed(disk) == [by_path[disk]["run"]]
    assert Counter(run.kind for run in list_runs()) == {"apply": 200} | rolled_back()
    assert fingerprint(folder / "busy.img") == before
    for disk in disks[::10]:
        undo(find_run(by_path[disk]["run"]))
        assert fingerprint(disk) == before
    again = fleet("run", folder, "--yes", expect=3)
    assert again["counts"] == {"healthy": 181, "repaired": 21, "unreadable": 2}  # 20 were taken back, one is free now


def rolled_back() -> dict[str, int]:
    """Runs that were interrupted and taken back count as tries, not as repairs."""
    count = sum(run.state is RunState.ROLLED_BACK for run in list_runs())
    return {"apply": 200 + count}


def wait_for_runs(count: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 240
    runs = Path(os.environ["BOOTMEND_STATE_DIR"]) / "runs"
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        if runs.is_dir() and len(list(runs.iterdir())) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("the fleet does not get on")


def test_what_was_examined_is_kept_until_there_is_consent(folder: Path, master: Path) -> None:
    disks = fill(folder, 3, master)
    before = fingerprint(master)
    said = fleet("run", folder, expect=4)
    assert "3 disks can be repaired (imc-config-init-failed)" in said
    assert "--yes" in said
    assert "Nothing was written" in said
    assert all(fingerprint(disk) == before for disk in disks)
    interim = fleet("report", expect=1)
    assert (interim["state"], interim["counts"]) == ("unfinished", {"problems": 3})
    assert fleet("run", folder, "--yes", expect=0)["continued"]
    assert fleet("status", expect=0)["fleets"][0]["state"] == "finished"


def test_diagnose_only_writes_nothing(folder: Path, master: Path, healthy: Path) -> None:
    disks = fill(folder, 2, master)
    sparse_copy(healthy, folder / "ok.img")
    before = [fingerprint(disk) for disk in disks]
    report = fleet("run", folder, "--diagnose-only", expect=1)
    validate(report, "fleet")
    assert report["counts"] == {"problems": 2, "healthy": 1}
    assert report["groups"] == [{"name": IMC, "cures": [IMC], "disks": [str(disk) for disk in disks]}]
    assert [fingerprint(disk) for disk in disks] == before
    assert list_runs() == []


def test_a_healthy_fleet_is_left_alone(folder: Path, healthy: Path) -> None:
    fill(folder, 2, healthy)
    assert fleet("run", folder, "--yes", expect=0)["counts"] == {"healthy": 2}
    assert list_runs() == []


def test_a_second_run_finds_nothing_to_do(folder: Path, master: Path) -> None:
    fill(folder, 2, master)
    first = fleet("run", folder, "--yes", expect=0)
    second = fleet("run", folder, "--yes", expect=0)
    assert (first["counts"], second["counts"]) == ({"repaired": 2}, {"healthy": 2})
    assert first["id"] != second["id"]
    assert len(list_runs()) == 2


def test_an_inventory_with_names_and_codes(folder: Path, master: Path, healthy: Path) -> None:
    fill(folder, 1, master)
    sparse_copy(healthy, folder / "ok.img")
    (folder / "fleet.toml").write_text(
        'disks = ["vm*.img"]\n[[disk]]\npath = "ok.img"\nvm = "web02"\ncodes = ["0x7B"]\n[[disk]]\npath = "none.vhd"\n'
    )
    report = fleet("run", folder / "fleet.toml", "--diagnose-only", expect=3)
    states = {Path(disk["path"]).name: (disk["state"], disk["vm"], disk["codes"]) for disk in report["disks"]}
    assert states == {
        "none.vhd": ("unreadable", "", []),
        "ok.img": ("unexplained", "web02", ["0x0000007B"]),
        "vm000.img": ("problems", "", []),
    }


def test_a_disk_that_changed_meanwhile_is_not_touched(folder: Path, master: Path, healthy: Path) -> None:
    disks = fill(folder, 2, master)
    fleet("run", folder, expect=4)
    sparse_copy(healthy, disks[0])
    report = fleet("run", folder, "--yes", expect=4)
    assert [disk["state"] for disk in report["disks"]] == ["changed", "repaired"]
    assert fingerprint(disks[0]) == fingerprint(healthy)


def test_begin_anew_instead_of_going_on(folder: Path, master: Path) -> None:
    fill(folder, 1, master)
    fleet("run", folder, expect=4)
    report = fleet("run", folder, "--yes", "--restart", expect=0)
    assert report["id"].endswith("/2")
    assert [one["state"] for one in fleet("status", expect=0)["fleets"]] == ["cancelled", "finished"]


def test_reports_and_lists_have_their_schemas(folder: Path, master: Path) -> None:
    fill(folder, 1, master)
    report = fleet("run", folder, "--yes", expect=0)
    validate(fleet("report", report["id"].split("/")[1], expect=0), "fleet")
    validate(fleet("status", expect=0), "fleet-status")


@pytest.mark.parametrize("name", ["", "00000000", "fleet/1234/1"])
def test_a_fleet_that_is_not_there(name: str) -> None:
    assert "there is no fleet" in fleet("report", *filter(None, [name]), expect=3)


def test_a_password_on_the_command_line_is_refused(folder: Path) -> None:
    said = fleet("run", folder, "--database", "postgresql://me:secret@host/db", expect=2)
    assert "can be read by everybody" in said
    assert "secret" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_workers_end_with_a_fleet_that_is_killed(folder: Path, master: Path) -> None:
    fill(folder, 30, master)
    process = subprocess.Popen(
        command_line("fleet", "run", folder, "--yes"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for_runs(1, process)
    workers = children(process.pid)
    assert workers
    process.kill()
    process.communicate()
    for _ in range(100):
        if not any(os.path.exists(f"/proc/{worker}") for worker in workers):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("workers outlive their fleet")


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    threads = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(one) for one in " ".join([text, *threads]).split()]
