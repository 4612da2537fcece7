"""Widths of the disk's picture."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootmend.views.disk_picture import parts_of, shares
from tests.views.stories import machine, volume


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, 1], [50, 50]),
        ([1, 3], [25, 75]),
        ([1, 999], [10, 90]),
        ([1, 1, 998], [10, 10, 80]),
        ([1, 499, 500], [10, 44.955, 45.045]),
        ([1] * 20, [5] * 20),
        ([0, 1], [10, 90]),
    ],
)
def test_to_scale_but_never_too_narrow(sizes: list[int], expected: list[float]) -> None:
    assert shares(sizes, 10) == pytest.approx(expected, abs=0.001)


@given(st.lists(st.integers(1, 1 << 50), min_size=1, max_size=130), st.floats(0.5, 30))
def test_widths_fill_the_whole_and_keep_their_order(sizes: list[int], least: float) -> None:
    widths = shares(sizes, least)
    assert sum(widths) == pytest.approx(100)
    assert min(widths) >= min(least, 100 / len(sizes)) - 1e-6
    pairs = sorted(zip(sizes, widths, strict=True))
    assert all(before[1] <= after[1] + 1e-6 for before, after in pairwise(pairs))


def test_gaps_worth_showing_are_shown_where_they_are() -> None:
    disk = machine(volume(2, 600, 200, "windows"), volume(1, 1, 300, "system"), size=1000 << 20)
    assert [(part.volume.number if part.volume else 0, part.size >> 20) for part in parts_of(disk)] == [
        (1, 300),
        (0, 299),
        (2, 200),
        (0, 200),
    ]
