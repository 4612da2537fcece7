"""How long each rule took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.engine.diagnose import THE_DISK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.diagnose import Report


def timing_lines(report: Report) -> Iterator[str]:
    """The rules by their time, the slowest first; opening the disk is no rule's."""
    order = sorted(report.timings, key=lambda item: -item[1])
    width = max((len(rule) for rule, _ in order), default=0)
    slowest = next((rule for rule, _ in order if rule != THE_DISK), "")
    if slowest:
        yield f"slowest rule: {slowest}; all of it {sum(seconds for _, seconds in order) * 1000:.1f} ms"
    for rule, seconds in order:
        yield f"  {rule:<{width}}  {seconds * 1000:8.2f} ms"
