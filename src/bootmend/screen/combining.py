"""Several pictures of one machine, oldest first: whether they agree, and whether the percentage moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.errors import UsageError
from bootmend.screen.phrases import KINDS
from bootmend.screen.reading import CERTAIN, LIKELY, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.screen.reading import Reading

_RANK = {CERTAIN: 2, LIKELY: 1, UNKNOWN: 0}


def combine(readings: Sequence[Reading]) -> Reading:
    """One reading for frames of one machine, oldest first.

    The newest frame that shows something is kept.  Where two frames name different codes, none is claimed for sure;
    where the last two agree, the remark says so; a percentage that grows is work, one that stands still may be stuck.

    Raises:
        UsageError: there are no readings.
    """
    if not readings:
        raise UsageError("there is no reading to combine")
    shown = [reading for reading in readings if reading.recognised and reading.state != "blank"]
    if not shown:
        return readings[-1]
    same = [reading for reading in shown if reading.state == shown[-1].state]
    best = max(
        reversed(same),
        key=lambda reading: (reading.stop_code is not None or reading.status_code is not None, _RANK[reading.confidence]),
    )
    remarks = [*best.remarks, *_agreement(readings, shown), *_progress(same)]
    codes = dict.fromkeys(code for reading in same if (code := reading.stop_code or reading.status_code))
    confidence = best.confidence
    if len(codes) > 1:
        confidence = UNKNOWN
        remarks.append(f"the frames name different codes: {', '.join(codes)}")
    elif len({reading.engines for reading in same if reading.stop_code or reading.status_code}) > 1 and codes:
        confidence = CERTAIN
    percentage = next((reading.percentage for reading in reversed(same) if reading.percentage is not None), None)
    engines = tuple(dict.fromkeys(engine for reading in same for engine in reading.engines))
    kept = replace(best, confidence=confidence, percentage=percentage, engines=engines, remarks=tuple(dict.fromkeys(remarks)))
    return (
        replace(kept, stop_code=None, stop_name=None, status_code=None, possible_codes=tuple(codes)) if len(codes) > 1 else kept
    )


def _agreement(readings: Sequence[Reading], shown: Sequence[Reading]) -> list[str]:
    if len(readings) < 2:
        return []
    if len({reading.state for reading in readings[-2:]}) > 1:
        return [f"the screen is still changing: {readings[-2].state}, then {readings[-1].state}; look again"]
    return [f"the last two of {len(readings)} frames agree"] if len(shown) >= 2 else []


def _progress(same: Sequence[Reading]) -> list[str]:
    numbers = [reading.percentage for reading in same if reading.percentage is not None]
    if len(numbers) < 2:
        return []
    if numbers[-1] > numbers[0]:
        return [f"the percentage is moving: {numbers[0]}% to {numbers[-1]}%"]
    if numbers[-1] < numbers[0]:
        return [f"the percentage went back: {numbers[0]}% to {numbers[-1]}%"]
    waits = KINDS.get(same[-1].state) == "waiting" or same[-1].state == "stop"
    return [f"the percentage stands at {numbers[-1]}% in {len(numbers)} frames" + ("; it may be stuck" if waits else "")]
