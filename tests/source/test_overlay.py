"""The overlay against the simplest model there is: a bytearray."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.errors import RefusedError, TruncatedError
from bootmend.source import FileSource, MemorySource, Overlay, StepClock, Window
from bootmend.source.overlay import GRAIN
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 10_000


def noise(length: int, seed: int) -> bytes:
    """Not drawn byte by byte: that is slow, and hypothesis gains nothing from it."""
    return random.Random(seed).randbytes(length)


Action = tuple[int, bytes] | None  # a write, or a barrier

writes = st.tuples(
    st.one_of(st.integers(0, SIZE - 1), st.sampled_from([0, 4080, 4096, 8191, 8192, SIZE - 1])),
    st.one_of(
        st.binary(max_size=64),
        st.builds(bytes, st.integers(0, 6000)),
        st.builds(noise, st.integers(3000, 5000), st.integers(0, 9)),
    ),
)
actions = st.lists(st.one_of(writes, st.none()), max_size=25)


def played(overlay: Overlay, todo: list[Action]) -> tuple[bytes, list[bytes]]:
    """Do it on the overlay and on a model; return the model and its state at the end of every step."""
    model = bytearray(overlay.base.read_at(0, SIZE))
    steps: list[bytes] = []
    for action in todo:
        if action is None:
            overlay.barrier()
            steps.append(bytes(model))
            continue
        offset, data = action[0], action[1][: SIZE - action[0]]
        overlay.write_at(offset, data)
        model[offset : offset + len(data)] = data
    steps.append(bytes(model))
    return bytes(model), steps


@settings(max_examples=fuzz_cases(150), deadline=None)
@given(base=st.sampled_from([bytes(SIZE), noise(SIZE, 99)]), todo=actions)
def test_patches_lead_from_before_to_after_and_back(base: bytes, todo: list[Action]) -> None:
    overlay = Overlay(MemorySource(base), "disk")
    model, steps = played(overlay, todo)
    assert overlay.read_at(0, SIZE) == model
    patches = overlay.patches()
    state = bytearray(base)
    for patch in patches:
        end = patch.offset + len(patch.before)
        assert patch.source == "disk"
        assert len(patch.before) == len(patch.after) > 0
        assert patch.before != patch.after
        assert state[patch.offset : end] == patch.before
        state[patch.offset : end] = patch.after
    assert bytes(state) == model
    for patch in reversed(patches):
        assert state[patch.offset : patch.offset + len(patch.after)] == patch.after
        state[patch.offset : patch.offset + len(patch.after)] = patch.before
    assert bytes(state) == base
    for number in {patch.step for patch in patches}:  # within a step: sorted, apart from one another
        spans = [(patch.offset, patch.offset + len(patch.after)) for patch in patches if patch.step == number]
        assert all(first[1] < second[0] for first, second in itertools.pairwise(spans))
    assert [patch.step for patch in patches] == sorted(patch.step for patch in patches)
    for at in sorted({patch.step for patch in patches}):  # after every step the bytes are a state that really was
        state = bytearray(base)
        for patch in (patch for patch in patches if patch.step <= at):
            state[patch.offset : patch.offset + len(patch.after)] = patch.after
        assert bytes(state) in steps


@settings(max_examples=fuzz_cases(60), deadline=None)
@given(todo=actions, reads=st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=10))
def test_any_stretch_reads_right(todo: list[Action], reads: list[tuple[int, int]]) -> None:
    overlay = Overlay(MemorySource(bytes(range(250)) * 40), "disk")
    model, _ = played(overlay, todo)
    for offset, length in reads:
        length = min(length, SIZE - offset)
        assert overlay.read_at(offset, length) == model[offset : offset + length]


def test_writing_what_is_there_leaves_no_trace_and_no_step() -> None:
    overlay = Overlay(MemorySource(bytes(SIZE)), "disk")
    overlay.write_at(5, bytes(900))
    overlay.barrier()
    overlay.write_at(700, b"x")
    overlay.barrier()
    overlay.barrier()
    overlay.write_at(9000, b"y")
    assert [(patch.step, patch.after.strip(b"\0")) for patch in overlay.patches()] == [(0, b"x"), (1, b"y")]


def test_a_change_taken_back_in_the_same_step_is_no_patch() -> None:
    overlay = Overlay(MemorySource(bytes(SIZE)), "disk")
    overlay.write_at(100, b"abc")
    overlay.write_at(100, bytes(3))
    assert overlay.patches() == []
    overlay.write_at(100, b"abc")
    overlay.barrier()
    overlay.write_at(100, bytes(3))
    assert len(overlay.patches()) == 2


def test_only_the_neighbourhood_of_a_change_is_in_the_patch() -> None:
    base = bytes(range(256)) * 39
    overlay = Overlay(MemorySource(base), "disk")
    changed = bytearray(base)
    changed[1000] ^= 1
    overlay.write_at(0, bytes(changed))
    (patch,) = overlay.patches()
    assert len(patch.after) == GRAIN


def test_overlays_of_one_clock_share_their_steps() -> None:
    clock = StepClock()
    one, two = (Overlay(MemorySource(bytes(100)), name, clock) for name in ("one", "two"))
    one.write_at(0, b"a")
    two.barrier()
    two.write_at(0, b"b")
    assert (one.patches()[0].step, two.patches()[0].step) == (0, 1)


def test_the_base_is_never_written() -> None:
    base = MemorySource(bytes(SIZE), writable=True)
    overlay = Overlay(base, "disk")
    Window(overlay, 100, 500).write_at(3, b"x" * 400)
    assert bytes(base.data) == bytes(SIZE)
    assert overlay.locate(0, 10) == [(overlay, 0, 10)]


def test_megabytes_take_no_time_to_speak_of() -> None:
    size = 16 << 20
    overlay = Overlay(MemorySource(bytes(size)), "disk")
    begin = time.process_time()
    for offset in range(0, size, 4096):
        overlay.write_at(offset, b"\x01" * 4096)
    for offset in range(2048, size - 4096, 8192):
        overlay.write_at(offset, b"\x02" * 4096)
    (patch,) = overlay.patches()
    assert len(patch.after) == size
    assert time.process_time() - begin < 10  # a byte at a time took minutes; this takes about one second


def test_a_grown_overlay_is_zeros_behind_its_base_until_it_is_written() -> None:
    base = MemorySource(b"a" * 5000)
    overlay = Overlay(base, "disk")
    overlay.write_at(4990, b"b" * 10)  # a page that the base ends in
    overlay.grow(20_000)
    assert (overlay.size, base.size) == (20_000, 5000)
    assert overlay.read_at(4980, 40) == b"a" * 10 + b"b" * 10 + bytes(20)
    assert overlay.read_at(12_000, 8000) == bytes(8000)
    overlay.write_at(4995, b"c" * 10)
    overlay.write_at(19_990, b"d" * 10)
    assert overlay.read_at(4990, 20) == b"b" * 5 + b"c" * 10 + bytes(5)
    assert overlay.read_at(19_985, 15) == bytes(5) + b"d" * 10
    assert [(patch.offset, patch.before) for patch in overlay.patches()][-1] == (19_990, bytes(10))
    with pytest.raises(TruncatedError):
        overlay.read_at(19_995, 6)


def test_an_overlay_never_shrinks_and_grows_only_over_what_could() -> None:
    overlay = Overlay(MemorySource(b"a" * 100), "disk")
    overlay.grow(50)
    assert overlay.size == 100
    fixed = Overlay(Window(MemorySource(b"a" * 100), 0, 50), "partition")
    with pytest.raises(RefusedError, match="grow"):
        fixed.grow(51)
    fixed.grow(50)
    assert fixed.size == 50


def test_a_file_can_grow_and_memory_does_when_it_is_writable(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a")
    with FileSource(path) as source:
        assert source.can_grow
        with pytest.raises(RefusedError):
            source.grow(2)  # the engine does that, through the journal
    memory = MemorySource(b"a", writable=True)
    memory.grow(3)
    assert bytes(memory.data) == b"a\0\0"
    with pytest.raises(RefusedError):
        MemorySource(b"a").grow(2)
