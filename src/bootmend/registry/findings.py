"""What the checker of hives finds, and where it is collected."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

LIMIT: Final = 10_000
"""No more findings than this are kept of one hive: what is broken that often is not worth a longer list."""


class Violation(NamedTuple):
    """One broken rule of the hive format.

    ``code`` is a stable slug (``subkey-order``).  ``offset`` is the cell or hive bin at fault, counted
    from the first hive bin as all offsets inside a hive are; for the codes ``base-...`` it is the place
    in the base block, that is in the file.  ``severity`` is ``error`` or ``warning``: Windows itself
    writes what is only warned of.
    """

    code: str
    offset: int
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Return the place and the sentence."""
        place = "base block" if self.code.startswith("base-") else "bin" if self.code.startswith("bin-") else "cell"
        return f"{place} {self.offset:#x}: {self.message}"


class Findings:
    """Collects violations, never more than :data:`LIMIT` of each severity."""

    __slots__ = ("errors", "warnings")

    def __init__(self) -> None:
        self.errors: list[Violation] = []
        self.warnings: list[Violation] = []

    def error(self, code: str, offset: int, message: str) -> None:
        """Keep a broken rule."""
        if len(self.errors) < LIMIT:
            self.errors.append(Violation(code, offset, message))

    def warning(self, code: str, offset: int, message: str) -> None:
        """Keep an oddity that Windows lives with."""
        if len(self.warnings) < LIMIT:
            self.warnings.append(Violation(code, offset, message, "warning"))
