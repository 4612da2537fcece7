"""Writing a run: order, failures and what is said about them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.engine.begin import begin_run
from bootmend.engine.journal import PatchSet, SourceRef
from bootmend.engine.recovery import recover_run, undo_run
from bootmend.engine.runs import RunState, find_run, list_runs, unfinished_runs
from bootmend.engine.writer import apply_run, commit_run, roll_back
from bootmend.errors import ApplyError, BootmendError, ReadError, RefusedError, RollbackError, UsageError
from bootmend.source import Patch
from tests.engine.faulty import Faults, FaultyDevice, keep_last, keep_nothing
from tests.engine.scene import after_of, hive_commit, make_patchset, repair, scene
from tests.support import fuzz_cases


def durable(faults: Faults) -> bytes:
    """What the medium really holds."""
    return bytes(faults.devices[-1].durable)


def test_apply_writes_every_patch_and_commit_ends_the_run() -> None:
    with scene() as target:
        patchset = hive_commit(target)
        after = after_of(patchset, target.read_bytes())
        run = begin_run(patchset, target=str(target))
        assert run.state is RunState.PREPARED
        apply_run(run)
        assert target.read_bytes() == after
        assert find_run(run.id).state is RunState.WRITTEN
        commit_run(run)
        assert [state for state, _ in find_run(run.id).states] == ["prepared", "writing", "written", "committed"]


class Recorder(FaultyDevice):
    """Notes the order of writes and flushes."""

    log: ClassVar[list[tuple[str, int]]] = []

    def write_at(self, offset: int, data: bytes) -> None:
        self.log.append(("write", offset))
        super().write_at(offset, data)

    def flush(self) -> None:
        self.log.append(("flush", 0))
        super().flush()


def test_steps_are_written_in_order_with_a_flush_after_each() -> None:
    Recorder.log.clear()
    with scene() as target:
        repair(target, hive_commit(target), opener=lambda path: Recorder(path, Faults()))
    writes = [("write", offset) for offset in (4, 508, 1000, 4096, 8, 508)]
    assert Recorder.log == [*writes[:2], ("flush", 0), *writes[2:4], ("flush", 0), *writes[4:], ("flush", 0)]


def test_the_way_back_takes_the_last_step_first_with_a_flush_after_each() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        apply_run(run)
        Recorder.log.clear()
        roll_back(run, lambda path: Recorder(path, Faults()))
    writes = [("write", offset) for offset in (508, 8, 4096, 1000, 508, 4)]
    assert Recorder.log == [*writes[:2], ("flush", 0), *writes[2:4], ("flush", 0), *writes[4:], ("flush", 0)]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("short", [False, True])
def test_a_failed_write_is_rolled_back(number: int, *, short: bool) -> None:
    with scene() as target:
        before = target.read_bytes()
        faults = Faults(failing_writes=frozenset({number}), write_error=errno.ENOSPC, short_write=short)
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(ApplyError, match="everything is back as it was") as error:
            apply_run(run, faults.open)
        assert error.value.exit_code == 5
        assert "No space left" in error.value.message
        assert durable(faults) == before
        assert find_run(run.id).state is RunState.ROLLED_BACK
        assert not list(target.parent.glob(".disk*"))


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("keep", [keep_nothing, keep_last])
def test_a_failed_flush_is_not_believed_and_not_repeated(number: int, keep: object) -> None:
    with scene() as target:
        before = target.read_bytes()
        faults = Faults(failing_flushes=frozenset({number}), keep=keep)  # type: ignore[arg-type]
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(ApplyError) as error:
            apply_run(run, faults.open)
        assert "ddrescue" in (error.value.hint or "")
        assert durable(faults) == before
        assert find_run(run.id).state is RunState.ROLLED_BACK


@pytest.mark.parametrize("number", range(3))
def test_a_second_failed_flush_ends_with_6_and_can_be_recovered_later(number: int) -> None:
    with scene() as target:
        before = target.read_bytes()
        faults = Faults(failing_flushes=frozenset({number, number + 1}), keep=keep_nothing)
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(RollbackError) as error:
            apply_run(run, faults.open)
        assert error.value.exit_code == 6
        assert run.folder in (error.value.hint or "")
        target.write_bytes(durable(faults))  # the next day, with a healthy cable
        assert recover_run(find_run(run.id)) is RunState.ROLLED_BACK
        assert target.read_bytes() == before


@settings(max_examples=fuzz_cases(150), deadline=None)
@given(st.frozensets(st.integers(0, 8), max_size=3), st.frozensets(st.integers(0, 14), max_size=3), st.booleans(), st.booleans())
def test_whatever_fails_the_exit_code_tells_the_truth(
    flushes: frozenset[int],
    writes: frozenset[int],
    keep: bool,
    short: bool,
) -> None:
    with scene() as target:
        before = target.read_bytes()
        patchset = hive_commit(target)
        after = after_of(patchset, before)
        faults = Faults(
            failing_flushes=flushes, failing_writes=writes, keep=keep_last if keep else keep_nothing, short_write=short
        )
        run = begin_run(patchset, target=str(target))
        code = 0
        try:
            apply_run(run, faults.open)
            commit_run(run, faults.open)
        except BootmendError as error:
            code = error.exit_code
        assert code in {0, 5, 6}
        if code == 6:
            assert unfinished_runs(str(target))
        else:
            assert durable(faults) == (before if code else after)


class Liar(FaultyDevice):
    """Says that it wrote, and did not."""

    def _put(self, offset: int, data: bytes) -> None:
        super()._put(offset, data.replace(b"PAGE", b"page"))


def test_what_reads_back_differently_is_rolled_back() -> None:
    with scene() as target:
        before = target.read_bytes()
        faults = Faults()
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(ApplyError, match="reads back differently"):
            apply_run(run, lambda path: Liar(path, faults))
        assert durable(faults) == before


class Forgetful(FaultyDevice):
    """Answers some flushes without having written; the system's cache shows nothing of it."""

    quiet: ClassVar[set[int]] = set()

    def flush(self) -> None:
        if self.faults.flushes in self.quiet:
            self.faults.flushes += 1
            self.pending.clear()
        else:
            super().flush()


@pytest.mark.parametrize(
    ("quiet", "error"), [({1}, ApplyError), ({2}, ApplyError), ({1, 3}, RollbackError), ({2, 4, 5}, RollbackError)]
)
def test_reading_back_looks_at_the_medium_and_not_at_the_cache(quiet: set[int], error: type[BootmendError]) -> None:
    with scene() as target:
        before = target.read_bytes()
        faults = Faults()
        Forgetful.quiet = quiet
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(error) as caught:
            apply_run(run, lambda path: Forgetful(path, faults))
        assert str(caught.value).count(str(target)) == 1
        assert (durable(faults) == before) is (error is ApplyError)


class Interrupted(FaultyDevice):
    """The user presses Ctrl-C while a page is written."""

    def write_at(self, offset: int, data: bytes) -> None:
        super().write_at(offset, data)
        if data.startswith(b"PAGE"):
            raise KeyboardInterrupt


def test_an_interrupt_rolls_back_and_stays_an_interrupt() -> None:
    with scene() as target:
        before = target.read_bytes()
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(KeyboardInterrupt):
            apply_run(run, lambda path: Interrupted(path, Faults()))
        assert target.read_bytes() == before
        assert find_run(run.id).state is RunState.ROLLED_BACK


def test_a_stale_target_is_refused_and_the_run_forgotten() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        changed = bytearray(target.read_bytes())
        changed[1002] ^= 1
        target.write_bytes(changed)
        with pytest.raises(RefusedError, match="not those the plan was made of") as error:
            apply_run(run)
        assert error.value.exit_code == 4
        assert target.read_bytes() == bytes(changed)
        assert list_runs() == []


def test_another_size_is_refused() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        os.truncate(target, 15 * 512)
        with pytest.raises(RefusedError, match="its size is 7680 bytes, not the 8192"):
            apply_run(run)
        assert list_runs() == []


class Unreadable(FaultyDevice):
    """A medium with a bad sector."""

    def read_at(self, offset: int, length: int) -> bytes:  # noqa: ARG002
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_an_input_output_error_before_the_first_write_advises_to_image_the_disk() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        with pytest.raises(ReadError, match="nothing was written") as error:
            apply_run(run, lambda path: Unreadable(path, Faults()))
        assert error.value.exit_code == 3
        assert "ddrescue" in (error.value.hint or "")
        assert list_runs() == []


def test_a_read_only_file_is_refused_even_to_root() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        before = target.read_bytes()
        target.chmod(0o444)
        with pytest.raises(RefusedError, match="marked read-only") as error:
            apply_run(run)
        assert error.value.exit_code == 4
        assert target.read_bytes() == before
        assert list_runs() == []


def test_owner_mode_and_inode_stay() -> None:
    with scene() as target:
        target.chmod(0o640)
        status = target.stat()
        undo_run(repair(target, hive_commit(target)))
        assert (target.stat().st_mode, target.stat().st_uid, target.stat().st_ino) == (
            status.st_mode,
            status.st_uid,
            status.st_ino,
        )


def test_roll_back_of_a_written_run_and_of_a_prepared_one() -> None:
    with scene() as target:
        before = target.read_bytes()
        run = begin_run(hive_commit(target), target=str(target))
        apply_run(run)
        assert target.read_bytes() != before
        roll_back(run)
        assert target.read_bytes() == before
        assert find_run(run.id).state is RunState.ROLLED_BACK
        with pytest.raises(UsageError):
            roll_back(run)
        other = begin_run(hive_commit(target), target=str(target))
        roll_back(other)
        assert [one.id for one in list_runs()] == [run.id]


def test_a_commit_that_cannot_be_recorded_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene() as target:
        before = target.read_bytes()
        run = begin_run(hive_commit(target), target=str(target))
        apply_run(run)
        with monkeypatch.context() as patch:
            patch.setattr("bootmend.engine.runs.write_durably", _no_space)
            with pytest.raises(ApplyError, match="everything is back as it was"):
                commit_run(run)
        assert target.read_bytes() == before
        assert recover_run(find_run(run.id)) is RunState.ROLLED_BACK


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_state_folder_that_fills_up_while_writing_takes_the_change_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene() as target:
        before = target.read_bytes()
        run = begin_run(hive_commit(target), target=str(target))
        calls = iter(range(10))
        real = __import__("bootmend.engine.state", fromlist=["write_durably"]).write_durably

        def second_fails(*arguments: object) -> None:
            real(*arguments) if next(calls) == 0 else _no_space()

        with monkeypatch.context() as patch:
            patch.setattr("bootmend.engine.runs.write_durably", second_fails)
            with pytest.raises(ApplyError):
                apply_run(run)
        assert target.read_bytes() == before
        assert recover_run(find_run(run.id)) is RunState.ROLLED_BACK


def growing(target: Path) -> PatchSet:
    """A file that grows by two sectors, and one that is made."""
    made = target.parent / "made.log"
    return PatchSet(
        (SourceRef("disk", str(target), 8192, 9216), SourceRef("made", str(made), 0, 600, made=True)),
        (
            Patch("disk", 0, 8190, target.read_bytes()[8190:] + bytes(500), b"grown" * 100 + b"!!"),
            Patch("made", 0, 0, bytes(600), b"made" * 150),
            Patch("disk", 1, 0, target.read_bytes()[:4], b"head"),
        ),
    )


def test_growing_and_made_files_come_and_go() -> None:
    with scene() as target:
        before = target.read_bytes()
        patchset = growing(target)
        made = target.parent / "made.log"
        run = repair(target, patchset)
        assert target.read_bytes() == b"head" + before[4:8190] + b"grown" * 100 + b"!!" + bytes(9216 - 8190 - 502)
        assert made.read_bytes() == b"made" * 150
        undo = undo_run(run)
        assert target.read_bytes() == before
        assert not made.exists()
        undo_run(undo)
        assert made.read_bytes() == b"made" * 150
        assert target.stat().st_size == 9216


def test_growing_and_made_files_go_again_when_writing_fails() -> None:
    for number in range(3):
        with scene() as target:
            before = target.read_bytes()
            run = begin_run(growing(target), target=str(target))
            faults = Faults(failing_writes=frozenset({number}))
            with pytest.raises(ApplyError):
                apply_run(run, faults.open)
            assert target.read_bytes() == before
            assert not (target.parent / "made.log").exists()


def test_a_file_to_be_made_that_is_there_is_refused() -> None:
    with scene() as target:
        run = begin_run(growing(target), target=str(target))
        (target.parent / "made.log").write_bytes(b"mine")
        with pytest.raises(RefusedError, match="it is there already"):
            apply_run(run)
        assert (target.parent / "made.log").read_bytes() == b"mine"


def allocated(path: Path) -> int:
    return path.stat().st_blocks


def test_sparse_stays_sparse_through_undo_and_roll_back() -> None:
    with scene() as target:
        with target.open("r+b") as file:
            file.truncate(1 << 20)
        size, before = allocated(target), target.read_bytes()
        patchset = make_patchset(target, [(0, 700_000, b"in the middle of a hole"), (1, 5, b"not in a hole")])
        run = repair(target, patchset)
        if allocated(target) == size:
            pytest.skip("this file system does not count blocks")
        undo_run(run)
        assert target.read_bytes() == before
        assert allocated(target) == size
        run = begin_run(patchset, target=str(target))
        apply_run(run)
        roll_back(run)
        assert target.read_bytes() == before
        assert allocated(target) == size


def test_a_hole_that_cannot_be_filled_is_not_filled_on_the_way_back_either() -> None:
    """A full host: writing into the hole fails, and so would writing zeros there."""
    with scene() as target:
        with target.open("r+b") as file:
            file.truncate(1 << 20)
        before = target.read_bytes()
        patchset = make_patchset(target, [(0, 5, b"first"), (1, 700_000, b"no room")])
        run = begin_run(patchset, target=str(target))
        faults = Faults(failing_writes=frozenset({1, 2}), write_error=errno.ENOSPC)
        with pytest.raises(RollbackError):  # write 2 is the one that takes "first" back
            apply_run(run, faults.open)
        assert recover_run(find_run(run.id)) is RunState.ROLLED_BACK
        run = begin_run(patchset, target=str(target))
        faults = Faults(failing_writes=frozenset({1}), write_error=errno.ENOSPC)
        with pytest.raises(ApplyError):
            apply_run(run, faults.open)
        assert faults.writes == 3  # "first", the failure, and "first" taken back: nothing into the hole
        assert durable(faults) == before


def test_the_run_folder_is_private() -> None:
    with scene() as target:
        run = repair(target, hive_commit(target))
        folder = Path(run.folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
