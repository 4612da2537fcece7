"""Undo: every byte as before, or a refusal that says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from bootmend.engine.begin import begin_run
from bootmend.engine.journal import Witness
from bootmend.engine.recovery import recover_run, undo_run
from bootmend.engine.runs import Run, RunState, find_run, find_runs_for, undoable_runs
from bootmend.engine.writer import apply_run
from bootmend.errors import ApplyError, NothingToUndoError, RefusedError
from tests.engine.faulty import Faults
from tests.engine.scene import after_of, hive_commit, make_patchset, repair, scene, sha256
from tests.engine.test_crash import changes
from tests.support import fuzz_cases

MFT = Witness("disk", "the MFT record of the store", 12 * 512, 1024)
HEADER = Witness("disk", "the hive's header", 0, 512)


def test_undo_restores_every_byte_and_leaves_no_marker() -> None:
    with scene() as target:
        before = target.read_bytes()
        run = repair(target, hive_commit(target), MFT, HEADER)
        undo = undo_run(run)
        assert target.read_bytes() == before
        assert (run.state, undo.state, undo.kind) == (RunState.UNDONE, RunState.COMMITTED, "undo")
        assert sorted(path.name for path in target.parent.iterdir()) == ["disk.img", "state"]


@settings(max_examples=fuzz_cases(60), deadline=None)
@given(changes())
def test_do_undo_redo_undo(what: list[tuple[int, int, bytes]]) -> None:
    """The order of e2fsprogs' own test of its undo files."""
    with scene() as target:
        before = target.read_bytes()
        patchset = make_patchset(target, what)
        after = after_of(patchset, before)
        if before == after:
            return
        run = repair(target, patchset, MFT, HEADER)
        undo = undo_run(run)
        assert target.read_bytes() == before
        redo = undo_run(undo)
        assert target.read_bytes() == after
        assert redo.kind == "redo"
        assert undo_run(redo).kind == "undo"
        assert target.read_bytes() == before


def test_only_what_is_on_the_disk_can_be_undone() -> None:
    with scene() as target:
        first = repair(target, make_patchset(target, [(0, 0, b"first")]))
        second = repair(target, make_patchset(target, [(0, 600, b"second")]))
        assert [run.id for run in undoable_runs(str(target))] == [second.id, first.id]
        undo_run(second)
        assert [run.id for run in undoable_runs(str(target))] == [first.id]
        with pytest.raises(NothingToUndoError) as error:
            undo_run(second)
        assert error.value.exit_code == 9
        undo = undo_run(first)
        assert undoable_runs(str(target)) == []
        redo = undo_run(undo)
        assert [run.id for run in undoable_runs(str(target))] == [redo.id]


def test_a_run_that_was_rolled_back_has_nothing_to_undo() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(ApplyError):
            apply_run(run, Faults(failing_writes=frozenset({2})).open)
        with pytest.raises(NothingToUndoError, match="rolled back"):
            undo_run(run)


def test_an_interrupted_run_is_to_be_recovered_not_undone() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        apply_run(run)
        after = target.read_bytes()
        with pytest.raises(RefusedError, match="was interrupted"):
            undo_run(run)
        assert target.read_bytes() == after


def test_a_changed_witness_refuses() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target), MFT)
        content = bytearray(target.read_bytes())
        content[12 * 512 + 40] ^= 0x80
        target.write_bytes(content)
        with pytest.raises(RefusedError, match="the MFT record of the store has changed since") as error:
            undo_run(run)
        assert error.value.exit_code == 4
        assert "Windows or another program" in error.value.message
        assert target.read_bytes() == bytes(content)
        assert run.state is RunState.COMMITTED


def test_a_witness_that_lies_over_patches_is_of_the_bytes_after_them() -> None:
    with scene() as target:
        patchset = hive_commit(target)
        after = after_of(patchset, target.read_bytes())
        given = Witness("disk", "the hive's header", 0, 512, sha256(after[:512]))
        run = repair(target, patchset, given)
        assert undo_run(run).journal.witnesses[0].before == sha256(after[:512])


def test_a_witness_may_lie_in_a_file_that_is_not_patched() -> None:
    with scene() as target:
        other = target.parent / "SYSTEM"
        other.write_bytes(b"regf")
        run = repair(target, hive_commit(target), Witness(str(other), "the hive SYSTEM", 0, 4))
        other.write_bytes(b"gone")
        with pytest.raises(RefusedError, match="the hive SYSTEM has changed"):
            undo_run(run)
        other.write_bytes(b"regf")
        undo_run(run)


def test_a_witness_that_is_not_as_planned_refuses_the_run() -> None:
    with scene() as target:
        wrong = Witness("disk", "the partition table", 0, 512, sha256(b"of another disk"))
        with pytest.raises(RefusedError, match="the partition table is not as it was"):
            begin_run(hive_commit(target), (wrong,), target=str(target))


@pytest.mark.parametrize("offset", [4, 1000, 1514, 4096, 511])
def test_a_byte_written_since_over_ours_refuses(offset: int) -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        content = bytearray(target.read_bytes())
        content[offset] ^= 1
        target.write_bytes(content)
        with pytest.raises(RefusedError, match="Windows or another program has written"):
            undo_run(run)
        assert target.read_bytes() == bytes(content)


def test_a_byte_written_since_elsewhere_stays() -> None:
    with scene() as target:
        before = bytearray(target.read_bytes())
        run = repair(target, hive_commit(target))
        content = bytearray(target.read_bytes())
        content[6000] ^= 1
        target.write_bytes(content)
        undo_run(run)
        before[6000] ^= 1
        assert target.read_bytes() == bytes(before)


def test_another_length_refuses() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        with target.open("ab") as file:
            file.write(bytes(512))
        with pytest.raises(RefusedError, match="is 8704 bytes long and not 8192"):
            undo_run(run)


def test_a_later_run_on_the_same_bytes_is_to_be_undone_first() -> None:
    with scene() as target:
        before = target.read_bytes()
        first = repair(target, hive_commit(target))
        second = repair(target, make_patchset(target, [(0, 1000, b"later")]))
        with pytest.raises(RefusedError) as error:
            undo_run(first)
        assert error.value.hint == f"undo the later run first: bootmend undo {second.id}"
        undo_run(second)
        undo_run(first)
        assert target.read_bytes() == before


def test_a_damaged_journal_refuses() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        after = target.read_bytes()
        sidecar = Path(run.folder) / "journal.bin"
        sidecar.write_bytes(sidecar.read_bytes()[:-1] + b"?")
        with pytest.raises(RefusedError, match="nothing was written"):
            undo_run(find_run(run.id))
        assert target.read_bytes() == after


def test_a_crash_between_the_undo_and_its_note_in_the_first_run_is_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        with monkeypatch.context() as patch:
            patch.setattr("bootmend.engine.writer.settle_undone", lambda _run: None)
            undo_run(run)
        assert Run(run.folder).state is RunState.COMMITTED
        assert find_run(run.id).state is RunState.UNDONE  # a committed undo is what counts
        assert undoable_runs(str(target)) == []
        with pytest.raises(NothingToUndoError, match="undone already"):
            undo_run(Run(run.folder))
        assert Run(run.folder).state is RunState.UNDONE


def test_recovering_an_undo_that_was_written_in_full_marks_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene() as target:
        before = target.read_bytes()
        run = repair(target, hive_commit(target))

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("bootmend.engine.recovery.commit_run", killed)
            with pytest.raises(KeyboardInterrupt):
                undo_run(run)
        (undo,) = [one for one in find_runs_for(str(target)) if one.is_unfinished]
        assert recover_run(undo) is RunState.COMMITTED
        assert target.read_bytes() == before
        assert Run(run.folder).state is RunState.UNDONE
