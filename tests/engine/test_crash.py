"""Power lost at every write and every flush of a run, of its undo and of its recovery: before or after, or untouched."""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.engine.begin import begin_run
from bootmend.engine.history import History
from bootmend.engine.recovery import recover_run, undo_run
from bootmend.engine.runs import Run, RunState, find_run, list_runs, unfinished_runs
from bootmend.engine.writer import apply_run, commit_run
from bootmend.errors import RollbackError
from tests.engine.faulty import Chooser, Faults, PowerLossError, keep_last
from tests.engine.scene import after_of, hive_commit, make_patchset, repair, scene
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.journal import PatchSet


def operations_of_a_run() -> int:
    """How many operations a whole run of the hive commit makes."""
    faults = Faults()
    with scene() as target:
        repair(target, hive_commit(target), opener=faults.open)
    return faults.operations


def every_choice(sectors: dict[int, int]) -> Iterator[Chooser]:
    """All ways in which the medium may have kept the pending sectors."""
    names = list(sectors)
    for choice in itertools.product(*(range(sectors[name]) for name in names)):
        kept = dict(zip(names, choice, strict=True))
        yield partial(_kept, kept)


def _kept(kept: dict[int, int], sector: int, _count: int) -> int:
    return kept.get(sector, 0)


def pending_at(point: int) -> dict[int, int]:
    """Which sectors are in the air at an operation, and how many contents each may have."""
    seen: dict[int, int] = {}

    def watch(sector: int, count: int) -> int:
        seen[sector] = count
        return 0

    with scene() as target, pytest.raises(PowerLossError):
        repair(target, hive_commit(target), opener=Faults(power_loss_at=point, keep=watch).open)
    return seen


def pending_in_undo(point: int) -> dict[int, int]:
    """The same for the undo of that run."""
    seen: dict[int, int] = {}

    def watch(sector: int, count: int) -> int:
        seen[sector] = count
        return 0

    with scene() as target:
        run = repair(target, hive_commit(target))
        with pytest.raises(PowerLossError):
            undo_run(run, Faults(power_loss_at=point, keep=watch).open)
    return seen


def crash_in_apply(target: Path, point: int, keep: Chooser) -> Run:
    run = begin_run(hive_commit(target), target=str(target))
    with pytest.raises(PowerLossError):
        apply_run(run, Faults(power_loss_at=point, keep=keep).open)
    return find_run(run.id)


@pytest.mark.parametrize("point", range(9))
def test_every_subset_of_sectors_at_every_operation_of_apply(point: int) -> None:
    outcomes = set()
    for keep in every_choice(pending_at(point)):
        with scene() as target:
            before = target.read_bytes()
            after = after_of(hive_commit(target), before)
            run = crash_in_apply(target, point, keep)
            torn = target.read_bytes()
            outcome = recover_run(run)
            assert target.read_bytes() == (after if outcome is RunState.COMMITTED else before)
            assert (outcome is RunState.COMMITTED) == (torn == after)
            assert not unfinished_runs(str(target))
            outcomes.add(outcome)
    assert RunState.ROLLED_BACK in outcomes
    # Only when the last flush may have kept everything can the whole change be found.
    assert (RunState.COMMITTED in outcomes) == (point == 8)


def test_the_points_above_are_all_there_are() -> None:
    assert operations_of_a_run() == 9  # six writes, three flushes


@pytest.mark.parametrize("point", range(9))
def test_every_subset_of_sectors_at_every_operation_of_undo(point: int) -> None:
    for keep in every_choice(pending_in_undo(point)):
        with scene() as target:
            before = target.read_bytes()
            run = repair(target, hive_commit(target))
            after = target.read_bytes()
            with pytest.raises(PowerLossError):
                undo_run(run, Faults(power_loss_at=point, keep=keep).open)
            (undo,) = unfinished_runs(str(target))
            outcome = recover_run(undo)
            run.refresh()
            assert target.read_bytes() == (before if outcome is RunState.COMMITTED else after)
            assert run.state is (RunState.UNDONE if outcome is RunState.COMMITTED else RunState.COMMITTED)


@pytest.mark.parametrize("first", range(9))
def test_power_lost_again_at_every_operation_of_the_recovery(first: int) -> None:
    def halves(sector: int, count: int) -> int:
        return (count - 1) * (sector % 2)

    for second in itertools.count():
        with scene() as target:
            before = target.read_bytes()
            after = after_of(hive_commit(target), before)
            run = crash_in_apply(target, first, halves)
            faults = Faults(power_loss_at=second, keep=halves)
            try:
                recover_run(run, faults.open)
            except PowerLossError:
                pass
            else:
                break
            run = find_run(run.id)
            outcome = recover_run(run)
            assert target.read_bytes() == (after if outcome is RunState.COMMITTED else before)
    assert second < 40


def test_a_run_that_had_not_begun_to_write_is_forgotten_even_where_the_target_changed() -> None:
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        target.write_bytes(b"Windows was here".ljust(512 * 16))
        assert recover_run(run) is RunState.ROLLED_BACK
        assert target.read_bytes().startswith(b"Windows was here")
        assert list_runs() == []
        assert sorted(path.name for path in target.parent.iterdir()) == ["disk.img", "state"]


def test_a_written_run_that_nobody_committed_is_found_to_be_whole() -> None:
    with scene() as target:
        patchset = hive_commit(target)
        after = after_of(patchset, target.read_bytes())
        run = begin_run(patchset, target=str(target))
        apply_run(run)
        assert recover_run(find_run(run.id)) is RunState.COMMITTED
        assert target.read_bytes() == after


def test_a_whole_run_is_committed_only_when_it_could_be_flushed() -> None:
    """After a mere kill everything may still be in the system's cache alone."""
    with scene() as target:
        run = begin_run(hive_commit(target), target=str(target))
        apply_run(run)
        with pytest.raises(RollbackError, match="recovering failed"):
            recover_run(find_run(run.id), Faults(failing_flushes=frozenset({0})).open)
        assert find_run(run.id).is_unfinished


def test_a_damaged_journal_stops_recovery_before_the_first_write() -> None:
    for name in ("journal.json", "journal.bin"):
        with scene() as target:
            run = crash_in_apply(target, 5, keep_last)
            torn = target.read_bytes()
            path = Path(run.folder) / name
            damaged = bytearray(path.read_bytes())
            damaged[len(damaged) // 2] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(RollbackError):
                recover_run(find_run(run.id))
            assert target.read_bytes() == torn


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[int, int, bytes]]:
    """Patches of one to four steps, disjoint within a step, that may lie over those of other steps."""
    result: list[tuple[int, int, bytes]] = []
    for step in range(draw(st.integers(1, 4))):
        taken: list[tuple[int, int]] = []
        for _ in range(draw(st.integers(1, 3))):
            offset = draw(st.integers(0, 6 * 512))
            length = draw(st.sampled_from([1, 4, 16, 100, 512, 600, 1500]))
            if all(offset + length <= start or end <= offset for start, end in taken):
                taken.append((offset, offset + length))
                result.append((step, offset, draw(st.sampled_from([b"\0", b"\xff", b"a", b"b"])) * length))
    return result


def chooser(seed: int) -> Chooser:
    dice = random.Random(seed)
    return lambda _sector, count: dice.randrange(count)


@settings(max_examples=fuzz_cases(150), deadline=None)
@given(changes(), st.integers(0, 20), st.lists(st.integers(0, 12), max_size=3), st.integers())
def test_any_patches_any_subset_any_number_of_crashes(
    what: list[tuple[int, int, bytes]], point: int, again: list[int], seed: int
) -> None:
    with scene(seed) as target:
        before = target.read_bytes()
        patchset = make_patchset(target, what)
        after = after_of(patchset, before)
        run = begin_run(patchset, target=str(target))
        try:
            apply_run(run, Faults(power_loss_at=point, keep=chooser(seed)).open)
            commit_run(run)
        except PowerLossError:
            for number, second in enumerate(again):
                try:
                    recover_run(find_run(run.id), Faults(power_loss_at=second, keep=chooser(seed + number)).open)
                    break
                except PowerLossError:
                    continue
        run = find_run(run.id)
        if run.is_unfinished:
            recover_run(run)
        run = find_run(run.id)
        assert target.read_bytes() == (after if run.state is RunState.COMMITTED else before)


@settings(max_examples=fuzz_cases(100), deadline=None)
@given(changes(), st.integers(0, 12), st.integers(), st.data())
def test_a_foreign_byte_in_a_patched_place_is_never_written_over(
    what: list[tuple[int, int, bytes]], point: int, seed: int, data: st.DataObject
) -> None:
    with scene(seed) as target:
        patchset = make_patchset(target, what)
        run = begin_run(patchset, target=str(target))
        with suppress(PowerLossError):
            apply_run(run, Faults(power_loss_at=point, keep=chooser(seed)).open)
        patch = data.draw(st.sampled_from(patchset.patches))
        position = data.draw(st.integers(patch.offset, patch.offset + len(patch.after) - 1))
        content = bytearray(target.read_bytes())
        content[position] = data.draw(st.sampled_from(sorted(set(range(256)) - _known(patchset, position))))
        target.write_bytes(content)
        with pytest.raises(RollbackError) as error:
            recover_run(find_run(run.id))
        assert error.value.exit_code == 6
        assert "nothing was written" in error.value.message
        assert target.read_bytes() == bytes(content)
        assert find_run(run.id).is_unfinished


def _known(patchset: PatchSet, position: int) -> set[int]:
    """Every value that a byte has in the course of a run."""
    values = set()
    for patch in patchset.patches:
        if patch.offset <= position < patch.offset + len(patch.after):
            values |= {patch.before[position - patch.offset], patch.after[position - patch.offset]}
    return values


def test_versions_of_a_sector_are_its_contents_after_each_write() -> None:
    with scene() as target:
        before = target.read_bytes()
        patchset = make_patchset(target, [(0, 10, b"aa"), (0, 20, b"bb"), (1, 10, b"cc")])
        history = History(patchset)
        contents = list(history.versions(("disk", 0), before[:512]))
        steps = [[], [(10, b"aa")], [(10, b"aa"), (20, b"bb")], [(10, b"cc"), (20, b"bb")]]
        for content, writes in zip(contents, steps, strict=True):
            expected = bytearray(before[:512])
            for offset, data in writes:
                expected[offset : offset + 2] = data
            assert content == bytes(expected)
