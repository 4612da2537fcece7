"""What mending a hive says of itself: every repair, and everything that is lost, by name."""

from __future__ import annotations

from typing import NamedTuple


class Repair(NamedTuple):
    """One thing that was mended.  ``code`` is that of the broken rule, ``offset`` the cell, bin or place in the base block."""

    code: str
    offset: int
    sentence: str

    def __str__(self) -> str:
        """Return the place and the sentence."""
        place = "base block" if self.code.startswith("base-") else "bin" if self.code.startswith("bin-") else "cell"
        return f"{place} {self.offset:#x}: {self.sentence}"


class Report:
    """Collects repairs and losses."""

    __slots__ = ("lost", "repairs")

    def __init__(self) -> None:
        self.repairs: list[Repair] = []
        self.lost: list[str] = []

    def repair(self, code: str, offset: int, sentence: str) -> None:
        """Note what was mended."""
        self.repairs.append(Repair(code, offset, sentence))

    def lose(self, sentence: str) -> None:
        """Name what cannot be had back."""
        self.lost.append(sentence)


def shown(path: str) -> str:
    """A key's path for people: the root has none."""
    return f"\\{path}"
