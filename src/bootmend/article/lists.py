"""Lists while they are being built, and the joining of numbered lists that authors interrupt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.article.nodes import Block, Heading, Item, Listing, Remark

if TYPE_CHECKING:
    from collections.abc import Iterable


class DraftList:
    """A list that is being built; ``items`` are their blocks, first line and operations."""

    def __init__(self, start: int, line: int) -> None:
        self.start = start
        self.line = line
        self.items: list[tuple[list[Block | DraftList], int, tuple[str, ...]]] = []


def finish(blocks: Iterable[Block | DraftList], remarks: list[Remark]) -> tuple[Block, ...]:
    """Freeze lists and join the numbered ones that were interrupted, within one heading."""
    done: list[Block] = []
    last: _Numbered | None = None
    for block in blocks:
        frozen = _freeze(block, remarks) if isinstance(block, DraftList) else block
        if isinstance(frozen, Listing) and frozen.ordered:
            if last is not None and last.goes_on_with(frozen):
                last.join(frozen, done[last.place + 1 :], remarks)
                del done[last.place + 1 :]
                continue
            _replace(done, last)
            last = _Numbered(frozen, len(done))
        elif isinstance(frozen, Heading):
            _replace(done, last)
            last = None
        done.append(frozen)
    _replace(done, last)
    return tuple(done)


def _freeze(listing: DraftList, remarks: list[Remark]) -> Listing:
    items = (Item(finish(blocks, remarks), line, operations) for blocks, line, operations in listing.items)
    return Listing(listing.start, tuple(items), listing.line)


def _replace(done: list[Block], last: _Numbered | None) -> None:
    """Put a numbered list that has grown in its place."""
    if last is not None:
        done[last.place] = last.listing()


class _Numbered:
    """A numbered list that may still go on, and where it stands among the blocks."""

    def __init__(self, first: Listing, place: int) -> None:
        self.first = first
        self.place = place
        self.items = list(first.items)

    @property
    def following(self) -> int:
        """The number that its next item would have."""
        return self.first.start + len(self.items)

    def goes_on_with(self, other: Listing) -> bool:
        """Whether another list takes up its numbers; authors sometimes write one number twice."""
        return other.start > 1 and other.start in (self.following - 1, self.following)

    def join(self, other: Listing, between: list[Block], remarks: list[Remark]) -> None:
        """Take the other list's items; what stands between belongs to the step before it."""
        if other.start != self.following:
            remarks.append(Remark("list-number", other.line, f"two steps are written as {other.start}"))
        before = self.items[-1]
        self.items[-1] = replace(before, blocks=(*before.blocks, *between))
        self.items += other.items

    def listing(self) -> Listing:
        """The whole list."""
        return Listing(self.first.start, tuple(self.items), self.first.line)
