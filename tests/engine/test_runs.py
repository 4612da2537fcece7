"""Run folders: made whole or not at all, private, found by id, by path and by marker."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bootmend.engine.begin import begin_run
from bootmend.engine.journal import PatchSet, SourceRef
from bootmend.engine.markers import find_markers, is_trusted, marker_path
from bootmend.engine.recovery import undo_run
from bootmend.engine.runs import (
    Run,
    RunState,
    find_run,
    find_runs_for,
    foreign_markers,
    list_runs,
    new_run_id,
    unfinished_runs,
)
from bootmend.engine.writer import apply_run
from bootmend.errors import CorruptError, NothingToUndoError, RefusedError, UsageError
from bootmend.source import Patch
from tests.engine.scene import hive_commit, make_patchset, repair, scene
from tests.support import needs

as_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")


def test_a_begun_run_is_whole_before_anything_is_written() -> None:
    with scene() as target:
        before = target.read_bytes()
        run = begin_run(hive_commit(target), info={"summary": "two elements"}, target=str(target))
        assert target.read_bytes() == before
        read = Run(run.folder)
        assert read.patchset.patches == hive_commit(target).patches
        assert read.info == {"summary": "two elements"}
        assert (read.kind, read.target, read.paths) == ("apply", str(target), (str(target),))
        raw = json.loads((Path(run.folder) / "journal.json").read_text())
        assert raw["schema"] == "bootmend.journal/1"
        assert {"source", "step", "offset", "length", "before_sha256", "after_sha256"} == set(raw["patches"][0])


def test_run_ids_are_four_hex_digits_and_found_by_a_unique_beginning() -> None:
    with scene() as target:
        assert int(new_run_id(), 16) < 1 << 16
        for number, wish in enumerate(["7c1e", "7c2f", "8000"]):
            run = begin_run(make_patchset(target, [(0, 600 * number, b"patch")]), target=str(target), run_id=wish)
            assert run.id == wish
            apply_run(run)
            run.enter(RunState.COMMITTED)
        assert find_run("7c1e").id == "7c1e"
        assert find_run("7C1").id == "7c1e"
        assert find_run("8").id == "8000"
        with pytest.raises(UsageError, match="several runs: 7c1e, 7c2f"):
            find_run("7c")
        for name in ("9", "", "7c1e0", "../7c1e"):
            with pytest.raises(NothingToUndoError):
                find_run(name)
        taken = begin_run(make_patchset(target, [(0, 3000, b"patch")]), target=str(target), run_id="7c1e")
        assert taken.id != "7c1e"
        assert [run.id for run in list_runs()] == ["7c1e", "7c2f", "8000", taken.id]


def test_a_second_run_waits_for_an_unfinished_one() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        apply_run(run)
        with pytest.raises(RefusedError, match=f"run {run.id} on it was interrupted") as error:
            begin_run(make_patchset(target, [(0, 7000, b"other")]), target=str(target))
        assert error.value.hint == f"bootmend undo {run.id}"
        assert [one.id for one in unfinished_runs(str(target))] == [run.id]


def test_a_run_that_never_wrote_makes_way_for_the_next_unless_it_has_other_files_as_well() -> None:
    with scene() as target:
        first = begin_run(hive_commit(target), target=str(target))
        second = begin_run(hive_commit(target), target=str(target))
        assert [run.id for run in list_runs()] == [second.id]
        assert not Path(first.folder).exists()
        second.discard()
        made = SourceRef("made", str(target.parent / "made"), 0, 0, made=True)
        begin_run(PatchSet((made, *hive_commit(target).sources), hive_commit(target).patches), target=str(target))
        with pytest.raises(RefusedError, match="was interrupted"):
            begin_run(hive_commit(target), target=str(target))


def test_a_run_moves_only_forward() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        with pytest.raises(UsageError):
            run.enter(RunState.WRITING)
        with pytest.raises(UsageError):
            run.discard()


@pytest.mark.parametrize(
    ("patches", "message"),
    [
        ((), "nothing to write"),
        ((Patch("disk", 0, 8190, b"abc", b"def"),), "outside"),
        ((Patch("other", 0, 0, b"a", b"b"),), "outside"),
        ((Patch("disk", 0, -1, b"a", b"b"),), "outside"),
        ((Patch("disk", 0, 0, b"a", b"bc"),), "two sides"),
        ((Patch("disk", 0, 0, b"", b""),), "two sides"),
        ((Patch("disk", 0, 0, b"abc", b"def"), Patch("disk", 0, 2, b"f", b"g")), "lie over one another"),
        ((Patch("disk", 0, 0, b"abc", b"def"), Patch("disk", 1, 2, b"c", b"g")), "contradicts"),
    ],
)
def test_patches_that_make_no_sense_are_refused(patches: tuple[Patch, ...], message: str) -> None:
    with scene() as target:
        with pytest.raises(UsageError, match=message):
            begin_run(PatchSet((SourceRef("disk", str(target), 8192, 8192),), patches), target=str(target))
        assert list_runs() == []


def test_a_marker_leads_another_user_to_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        (marker,) = find_markers(str(target))
        assert (marker.run, marker.folder, marker.state) == (run.id, run.folder, "committed")
        assert Path(marker.path).name == f".disk.img.bootmend-{run.id}"
        monkeypatch.setenv("BOOTMEND_STATE_DIR", str(target.parent / "another"))
        assert list_runs() == []
        (found,) = find_runs_for(str(target))
        assert found.folder == run.folder
        undo_run(found)
        assert find_runs_for(str(target))[-1].kind == "undo"


def test_a_symbolic_link_to_the_target_finds_its_runs() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        link = target.parent / "link.img"
        link.symlink_to(target)
        assert [one.id for one in find_runs_for(str(link))] == [run.id]


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b'"x"', b'{"schema": "bootmend.marker/1"}', b"[" * 5000, b"\xff\xfe", b'{"schema": 7, "run": 1}'],
)
def test_a_marker_that_is_none_is_passed_over(text: bytes) -> None:
    with scene() as target:
        (target.parent / ".disk.img.bootmend-0000").write_bytes(text)
        (target.parent / ".disk.img.bootmend-0001").mkdir()
        (target.parent / ".disk.img.bootmend-0002").symlink_to("/dev/zero")
        os.mkfifo(target.parent / ".disk.img.bootmend-0003")
        assert find_markers(str(target)) == []
        repair(target, hive_commit(target))


def test_a_planted_journal_is_not_followed_to_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is what the journal would write, not what the run says that it is about."""
    with scene() as target:
        victim = target.parent / "shadow"
        victim.write_bytes(target.read_bytes())
        repair(victim, hive_commit(victim)).refresh()
        (run,) = list_runs()
        state = json.loads((Path(run.folder) / "state.json").read_text())
        state["paths"], state["target"] = [str(target)], str(target)
        (Path(run.folder) / "state.json").write_text(json.dumps(state))
        marker = {"schema": "bootmend.marker/1", "run": run.id, "folder": run.folder, "target": str(target), "state": "committed"}
        Path(str(marker_path(str(target), run.id))).write_text(json.dumps(marker))
        monkeypatch.setenv("BOOTMEND_STATE_DIR", str(target.parent / "root"))
        assert find_runs_for(str(target)) == []


@as_root
def test_a_folder_of_another_user_is_trusted_only_with_that_users_own_files() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        os.chown(run.folder, 65534, 65534)
        assert not is_trusted(run.folder, [str(target)])  # root's file, a stranger's journal
        os.chown(target, 65534, 65534)
        assert is_trusted(run.folder, [str(target)])
        Path(run.folder).chmod(0o777)
        assert not is_trusted(run.folder, [str(target)])
        assert not is_trusted(run.folder + "-gone", [str(target)])


@as_root
def test_what_root_writes_into_a_users_run_stays_that_users() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        for path in (target, Path(run.folder)):
            os.chown(path, 65534, 65534)
        undo_run(run)
        assert (Path(run.folder) / "state.json").stat().st_uid == 65534


@as_root
def test_an_unfinished_run_of_another_user_that_cannot_be_read_refuses() -> None:
    needs("setpriv")
    with scene() as target:
        for path in (target, target.parent):
            os.chown(path, 65534, 65534)
        run = begin_run(hive_commit(target), target=str(target))
        code = (
            "from tests.engine.scene import hive_commit\n"
            "from bootmend.engine.begin import begin_run\n"
            "from pathlib import Path\n"
            f"begin_run(hive_commit(Path({str(target)!r})), target={str(target)!r})"
        )
        environment = {**os.environ, "BOOTMEND_STATE_DIR": str(target.parent / "nobody"), "PYTHONPATH": "src:."}
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-B", "-c", code]
        if subprocess.run([*command[:-1], "import bootmend"], env=environment, capture_output=True, check=False).returncode:
            pytest.skip("another user cannot run this interpreter")
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert f"run {run.id} of another user on it is unfinished" in answer.stderr


def test_a_marker_whose_run_is_gone_is_no_obstacle() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        shutil.rmtree(run.folder)
        assert len(find_markers(str(target))) == 1
        assert foreign_markers(str(target)) == []
        repair(target, hive_commit(target))


def test_a_place_without_room_for_a_marker_is_noted() -> None:
    with scene() as target:
        long = target.parent / ("x" * 250)  # with the marker's prefix and suffix longer than any name may be
        target.rename(long)
        run = repair(long, hive_commit(long))
        assert "no marker could be left" in run.notes[0]
        assert [one.id for one in find_runs_for(str(long))] == [run.id]
        undo_run(run)


def test_a_folder_without_state_never_began() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        (Path(run.folder) / "state.json").unlink()
        assert list_runs() == []
        assert unfinished_runs(str(target)) == []
        begin_run(hive_commit(target), target=str(target))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"states": []}', '{"states": [["flying", ""]]}', "[" * 5000])
def test_a_damaged_state_is_an_error_not_a_traceback(text: str) -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        (Path(run.folder) / "state.json").write_text(text)
        with pytest.raises(CorruptError):
            Run(run.folder)
        assert list_runs() == []


def test_a_full_state_folder_refuses_and_leaves_nothing() -> None:
    """The limit on file sizes stands for a full disk: every write past it fails."""
    with scene() as target:
        before = target.read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
        try:
            with pytest.raises(RefusedError, match=r"is full.*nothing was written") as error:
                begin_run(hive_commit(target), target=str(target))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert error.value.exit_code == 4
        assert "BOOTMEND_STATE_DIR" in (error.value.hint or "")
        assert target.read_bytes() == before
        assert list(target.parent.glob("state/runs/*")) == []
        assert list(target.parent.glob(".disk*")) == []


@as_root
def test_a_full_file_system_refuses_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("mount", "umount")
    with scene() as target:
        full = target.parent / "full"
        full.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", full], check=False, capture_output=True).returncode:
            pytest.skip("mounting is not permitted here")
        try:
            monkeypatch.setenv("BOOTMEND_STATE_DIR", str(full))
            (full / "filler").write_bytes(bytes(12 * 1024))
            with pytest.raises(RefusedError, match="is full"):
                begin_run(hive_commit(target), target=str(target))
            assert [path.name for path in full.rglob("*") if path.is_file()] == ["filler"]
        finally:
            subprocess.run(["umount", full], check=True)


def test_a_state_folder_that_is_a_file_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene() as target:
        monkeypatch.setenv("BOOTMEND_STATE_DIR", str(target))
        with pytest.raises(RefusedError, match="cannot be written"):
            begin_run(hive_commit(target), target=str(target))


def test_the_json_of_a_run() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        raw = json.loads(json.dumps(run.to_json()))
        assert (raw["schema"], raw["id"], raw["state"], raw["sources"]) == ("bootmend.run/1", run.id, "committed", [str(target)])
        assert [state["state"] for state in raw["states"]] == ["prepared", "writing", "written", "committed"]


def test_a_name_that_is_not_utf_8_survives() -> None:
    with scene() as target:
        odd = target.parent / os.fsdecode(b"d\xe9sk.img")
        target.rename(odd)
        before = odd.read_bytes()
        run = repair(odd, hive_commit(odd))
        assert [one.id for one in find_runs_for(str(odd))] == [run.id]
        undo_run(find_run(run.id))
        assert odd.read_bytes() == before
