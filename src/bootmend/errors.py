"""Every error bootmend raises, with its exit code.

::

    BootmendError            3  (an unknown code means failure)
    ├── UsageError           2  the command line or a plan cannot be understood
    ├── ReadError            3  the target cannot be read
    │   ├── CorruptError        bytes that break their format
    │   ├── TruncatedError      bytes that should be there and are not
    │   ├── UnsupportedError    a valid feature that this version cannot handle
    │   └── MissingError        a file, key, object or element that is not there
    ├── RefusedError         4  possible, but not safe: nothing was written
    ├── ApplyError           5  writing failed; what was written has been rolled back
    ├── RollbackError        6  writing failed and rolling back is incomplete
    ├── CloudError           7
    ├── VerificationError    8  the fault is still there after the repair
    └── NothingToUndoError   9

An error knows *where* it happened as a chain of places, outermost first
(``disk.vhd -> volume 2 -> \\Boot\\BCD -> cell 0x1a40``): the code that finds the fault names
the innermost place, and each layer on the way out adds its own with :func:`place`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class BootmendError(Exception):
    """The root of the tree; ``message`` is one sentence, ``hint`` says what to do about it."""

    exit_code = 3

    def __init__(self, message: str, *, at: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.places: list[str] = [] if at is None else [at]

    def __str__(self) -> str:
        """The places, outermost first, and the sentence."""
        return f"{' -> '.join(self.places)}: {self.message}" if self.places else self.message


class UsageError(BootmendError):
    """The command line, a plan file or a setting cannot be understood."""

    exit_code = 2


class ReadError(BootmendError):
    """The target cannot be read."""


class CorruptError(ReadError):
    """Bytes that break the rules of their format."""


class TruncatedError(ReadError):
    """Bytes that should be there end too early."""


class UnsupportedError(ReadError):
    """A valid feature that this version does not handle."""


class MissingError(ReadError):
    """A file, key, value, object or element that is not there."""


class RefusedError(BootmendError):
    """What was asked is possible but not safe; nothing was written."""

    exit_code = 4


class ApplyError(BootmendError):
    """Writing failed; the target is byte for byte as it was before."""

    exit_code = 5


class RollbackError(BootmendError):
    """Writing failed and the way back could not be finished."""

    exit_code = 6


class CloudError(BootmendError):
    """A cloud provider refused or failed."""

    exit_code = 7


class VerificationError(BootmendError):
    """The change was written, but the check afterwards does not agree."""

    exit_code = 8


class NothingToUndoError(BootmendError):
    """No run is left that could be undone."""

    exit_code = 9


@contextmanager
def place(name: str) -> Iterator[None]:
    """Add ``name`` as the next outer place to any of our errors raised inside the block."""
    try:
        yield
    except BootmendError as error:
        error.places.insert(0, name)
        raise
