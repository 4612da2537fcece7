"""Lists while they are being built, and the joining of numbered lists that authors interrupt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.article.nodes import Block, Heading, Item, Listing, Remark

if TYPE_CHECKING:
    from collections.abc import Iterable


class DraftList:
    """A list that is being built; ``items`` are their blocks and first line."""

    def __init__(self, start: int, line: int) -> None:
        self.start = start
        self.line = line
        self.items: list[tuple[list[Block | DraftList], int]] = []


def finish(blocks: Iterable[Block | DraftList], remarks: list[Remark]) -> tuple[Block, ...]:
    """Freeze lists and join the numbered ones that were interrupted, within one heading."""
    done: list[Block] = []
    last = -1  # where in done the last numbered list stands that may still go on
    for block in blocks:
        frozen = _freeze(block, remarks) if isinstance(block, DraftList) else block
        if isinstance(frozen, Heading):
            last = -1
        if isinstance(frozen, Listing) and frozen.ordered:
            if last >= 0 and _goes_on(done[last], frozen):
                done[last:] = [_joined(done[last], done[last + 1 :], frozen, remarks)]
                continue
            last = len(done)
        done.append(frozen)
    return tuple(done)


def _freeze(listing: DraftList, remarks: list[Remark]) -> Listing:
    return Listing(listing.start, tuple(Item(finish(blocks, remarks), line) for blocks, line in listing.items), listing.line)


def _goes_on(before: Block, after: Listing) -> bool:
    assert isinstance(before, Listing)
    end = before.start + len(before.items) - 1
    return after.start > 1 and after.start in (end, end + 1)


def _joined(before: Block, between: list[Block], after: Listing, remarks: list[Remark]) -> Listing:
    assert isinstance(before, Listing)
    if after.start != before.start + len(before.items):
        remarks.append(Remark("list-number", after.line, f"two steps are written as {after.start}"))
    last = before.items[-1]
    owner = Item((*last.blocks, *between), last.line)
    return Listing(before.start, (*before.items[:-1], owner, *after.items), before.line)
