"""What a command gets to work with, and what it gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import identifiers
from bootmend.bcd.commands import messages
from bootmend.bcd.commands.messages import CommandError
from bootmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd.devices import Device, PartitionDevice
    from bootmend.bcd.edit import Edit, StoreEditor
    from bootmend.bcd.store import BcdObject, Store


class Surroundings(NamedTuple):
    """What lies outside the store and only some commands need; each may be None.

    ``name_partition`` gives the printed name of a partition, ``find_partition`` the partition that a
    typed name means, ``find_virtual_disk`` the partition to start from inside a virtual disk, which is a file (its
    path) of a device; all return None for "not known".  ``new_id`` makes a fresh ``{guid}``, ``new_key`` a fresh key
    for network debugging: four numbers in base 36, joined by dots.
    """

    name_partition: Callable[[PartitionDevice], str | None] | None = None
    find_partition: Callable[[str], PartitionDevice | None] | None = None
    new_id: Callable[[], str] | None = None
    new_key: Callable[[], str] | None = None
    find_virtual_disk: Callable[[Device, str], PartitionDevice | None] | None = None


class Result(NamedTuple):
    """What a command printed (``text``), its exit code, what it changed, and our own ``notes`` for the error stream."""

    text: str
    exit_code: int = 0
    edits: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()


class Call(NamedTuple):
    """One command at work: the store that was opened for it, its arguments, and the notes it takes."""

    opened: Store | None
    arguments: tuple[str, ...]
    verbose: bool
    surroundings: Surroundings
    notes: list[str]

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            UsageError: the command was given none.
        """
        if self.opened is None:
            raise UsageError("this command needs a store")
        return self.opened

    @property
    def editor(self) -> StoreEditor:
        """The store, for changing it.

        Raises:
            UsageError: the store was opened for reading only.
        """
        from bootmend.bcd.edit import StoreEditor

        if not isinstance(self.store, StoreEditor):
            raise UsageError("this command changes the store, which is open for reading only")
        return self.store

    def resolve(self, word: str) -> str:
        """Return the id that a typed identifier means; ``{current}`` is the default entry, which is noted.

        Raises:
            CommandError: the word is no identifier, or there is no default entry.
        """
        object_id = identifiers.parse_identifier(word)
        if object_id == identifiers.CURRENT:
            return self.default(f"{word} means nothing in a store that no Windows is running from")
        if object_id is None:
            raise CommandError(messages.BAD_ENTRY_TYPE)
        resolved = self.store.resolve(word)
        if resolved is None:
            raise CommandError(messages.NOT_RECOGNIZED)
        return resolved

    def default(self, reason: str) -> str:
        """Return the id of the default entry, noting the reason why it is meant."""
        object_id = self.store.default_id
        if object_id is None:
            raise CommandError(messages.NOT_RECOGNIZED)
        self.notes.append(f"{reason}: the default entry {object_id} is meant")
        return object_id

    def target(self, word: str | None) -> BcdObject:
        """Return the object that a command is about: the one named, or the default entry.

        Raises:
            CommandError: there is no such object.
        """
        object_id = self.default("no identifier was given") if word is None else self.resolve(word)
        found = self.store.get(object_id)
        if found is None:
            raise CommandError(messages.NOT_RECOGNIZED)
        return found


def is_identifier(word: str) -> bool:
    """Say whether a word can only be an identifier: it has braces, or is a whole GUID."""
    return word.startswith("{") or identifiers.parse_guid(word) is not None


def is_alias(word: str) -> bool:
    """Say whether a word is an identifier, the braces of an alias left out."""
    return identifiers.parse_identifier(word) is not None


def is_switch(word: str) -> bool:
    """Say whether a word is a switch: ``/v``, ``-v``."""
    return len(word) > 1 and word[0] in "/-"


def switch_name(word: str) -> str:
    """Return the name of a switch, lower case: ``/addFirst`` -> ``addfirst``."""
    return word.lstrip("/-").lower() if is_switch(word) else ""
