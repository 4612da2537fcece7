"""What bcdedit says, word for word as seen in public transcripts (``docs/formats/bcd.md`` names them).

Sentences marked *ours* were never seen; they follow the pattern of the others.
"""

from __future__ import annotations

from bootmend.errors import UsageError

SUCCESS = "The operation completed successfully.\n"

_RUN = 'Run "bcdedit /?" for command line assistance.\n'
_PARAMETER = "The parameter is incorrect.\n"
_NOT_FOUND = "Element not found.\n"

NOT_DELETED = f"An error occurred while attempting to delete the specified data element.\n{_NOT_FOUND}"
NOT_RECOGNIZED = (
    f"The element data type specified is not recognized, or does not apply to the\nspecified entry.\n{_RUN}{_NOT_FOUND}"
)
BAD_INTEGER = f"The integer data is not valid as specified.\n{_RUN}{_PARAMETER}"
BAD_BOOLEAN = f"The boolean data is not valid as specified.\n{_RUN}{_PARAMETER}"
"""ours"""
BAD_LIST = f"The list data is not valid as specified.\n{_RUN}{_PARAMETER}"
"""ours"""
BAD_DEVICE = f"The device is not valid as specified.\n{_RUN}{_PARAMETER}"
BAD_ENTRY_TYPE = f"The specified entry type is invalid.\n{_RUN}{_PARAMETER}"
BAD_SET = "The set command specified is not valid.\n"
BAD_ARGUMENTS = f"{_RUN}{_PARAMETER}"
UNKNOWN_COMMAND = f"An unknown command was specified.\n{_RUN}"
NOT_SUPPORTED = "An error has occurred setting the element data.\nThe request is not supported.\n"
ALREADY_THERE = "The specified entry already exists.\n"
"""ours"""
WELL_KNOWN_NEEDS_FORCE = f"The specified entry is well known: add /f to delete it.\n{_RUN}"
"""ours"""


def bad_switch(word: str) -> str:
    """Return what is said of a switch that nobody knows."""
    return f"Invalid command line switch: {word}\n{_RUN}{_PARAMETER}"


def copied(object_id: str) -> str:
    """Return what is said of a copied entry."""
    return f"The entry was successfully copied to {object_id}.\n"


def created(name: str) -> str:
    """Return what is said of a new entry."""
    return f"The entry {name} was successfully created.\n"


class CommandError(UsageError):
    """A command that bcdedit refuses; ``text`` is all that it prints, ``status`` its exit code."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(" ".join(text.split()))
        self.text = text
        self.status = status
