"""Editing a hive in memory, such that only what is named changes and nothing new is broken."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bootmend.errors import MissingError, RefusedError, UnsupportedError
from bootmend.registry.base import SECTOR, parse_base, read_base
from bootmend.registry.check import Violation, check_buffer, new_violations
from bootmend.registry.commit import Commit, build_commit, has_changes, next_sequence, set_sequences
from bootmend.registry.edit_keys import add_key, remove_key, stamp
from bootmend.registry.edit_values import add_values, change_value, remove_value
from bootmend.registry.editable import EditableCells
from bootmend.registry.hive import DEEPEST, Hive
from bootmend.registry.keys import key_at
from bootmend.registry.layout import NIL, NK_LAYERED, PAGE, KeyFlag
from bootmend.registry.names import unit_count
from bootmend.registry.recover import FILE_LIMIT, Recovery, is_dirty, log_sequence, recover
from bootmend.registry.space import Space
from bootmend.registry.upcase import upcase
from bootmend.registry.values import find_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bootmend.registry.edit_values import NewValue
    from bootmend.registry.keys import Key
    from bootmend.registry.values import Value
    from bootmend.source import Source

OLDEST_MINOR = 3
LAYERED_MINOR = 6
LONGEST_KEY_NAME = 255
LONGEST_VALUE_NAME = 16_383
FILETIME_END = 1 << 64


class HiveEditor(Hive):
    """A hive that can be changed.  Nothing is written: :meth:`commit` returns what would have to be.

    ``now`` is the FILETIME (100 ns since 1601, UTC) that changed keys are stamped with.  ``logs`` are the
    hive's transaction logs in the order LOG, LOG1, LOG2: a dirty hive is recovered from them first (see
    :attr:`recovery`), and the sequence number of a commit exceeds all of theirs, so that Windows never
    applies them to the edited hive; they themselves stay as they are.  ``room`` is how many bytes the
    file may have in all; without it, it keeps its length.

    An operation that raises has changed nothing.  Keys that were looked up before stay usable as long as
    they exist; values are to be looked up again.

    Raises:
        ReadError: as :class:`Hive`; besides, :class:`UnsupportedError` for versions before 1.3.
        RefusedError: a dirty hive that its logs do not make whole.
    """

    def __init__(self, source: Source, *, now: int, logs: Sequence[Source] = (), room: int | None = None) -> None:
        self.source = source
        self.recovery: Recovery | None = None
        if not 0 <= now < FILETIME_END:
            raise RefusedError(f"{now} is no FILETIME")
        if source.size >= FILE_LIMIT:
            raise UnsupportedError(f"a hive file of {source.size} bytes is too large to be edited")
        data = self._read(source, logs)
        self.base = parse_base(data)
        if self.base.minor < OLDEST_MINOR:
            raise UnsupportedError(f"hives of version 1.{self.base.minor} cannot be edited", at="base block")
        limit = self._limit(strict=True) if self.recovery is None else self.base.bins_size
        self._buffer = self._cells = EditableCells(data, limit, self.base.minor)
        self._room = source.size if room is None else room
        self._now = now
        self._before: list[Violation] | None = None
        self._free_space: Space | None = None
        self._trail: list[tuple[str, Key]] = []

    def _read(self, source: Source, logs: Sequence[Source]) -> bytearray:
        """The bytes of the hive, made whole from its logs where it needs them."""
        if source.size > SECTOR and is_dirty(source):
            self.recovery = recover(source, logs)
            self._log_sequence = self.recovery.log_sequence
            return bytearray(self.recovery.data)
        read_base(source)
        self._log_sequence = log_sequence(logs)
        return bytearray(source.read_at(0, source.size))

    # -- values -----------------------------------------------------------------------------------

    def set_value(self, key_path: str, name: str, kind: int, data: bytes) -> None:
        """Give a value its type and data, making it where it is not there; "" names the default value.

        A value that has both already stays untouched, its key's time stamp too.

        Raises:
            MissingError: no such key.
            RefusedError: a name that is too long, no room, or a hive that should not be edited.
            CorruptError: what must be changed is broken.
        """
        _refuse_value(name, kind)
        with self._editing() as space:
            key = self._require(key_path)
            value = find_value(self._cells, key.start, name)
            self._put(space, key, {upcase(name): value} if value is not None else {}, [(name, kind, data)])

    def set_values(self, key_path: str, values: Iterable[NewValue]) -> None:
        """Give many values of one key their types and data, as :meth:`set_value` does one; each name is to come once.

        Raises:
            MissingError, RefusedError, CorruptError: as :meth:`set_value`.
        """
        wanted = {upcase(name): (name, kind, data) for name, kind, data in values}
        for name, kind, _ in wanted.values():
            _refuse_value(name, kind)
        with self._editing() as space:
            key = self._require(key_path)
            present: dict[str, Value] = {}
            for value in key.values():
                present.setdefault(upcase(value.name), value)
            self._put(space, key, present, list(wanted.values()))

    def _put(self, space: Space, key: Key, present: dict[str, Value], wanted: list[NewValue]) -> None:
        """Change those values that are ``present``, by their names in upper case, and add the others."""
        new, changed = [], False
        for name, kind, data in wanted:
            value = present.get(upcase(name))
            if value is None:
                new.append((name, kind, bytes(data)))
            elif value.type != kind or value.data != data:
                change_value(space, key.offset, value, kind, bytes(data))
                changed = True
        if new:
            add_values(space, key.offset, new)
        if new or changed:
            stamp(space, key.offset, self._now)

    def delete_value(self, key_path: str, name: str) -> None:
        """Delete a value.

        Raises:
            MissingError: no such key or value.
            RefusedError, CorruptError: as :meth:`set_value`.
        """
        with self._editing() as space:
            key = self._require(key_path)
            value = find_value(self._cells, key.start, name)
            if value is None:
                raise MissingError(f"the key has no value {name!r}", at=key_path)
            remove_value(space, key.offset, value)
            stamp(space, key.offset, self._now)

    # -- keys -------------------------------------------------------------------------------------

    def create_key(self, path: str) -> Key:
        """Return the key at a path, made with all its missing parents where it is not there.

        A new key has the security of its parent and no class.

        Raises:
            RefusedError: a name that is too long, nesting that is too deep, no room, or a hive that should not be edited.
            CorruptError: what must be changed is broken.
        """
        key = self.key(path)
        if key is not None:
            return key
        names = _names(path)
        if len(names) >= DEEPEST or any(unit_count(name) > LONGEST_KEY_NAME for name in names):
            raise RefusedError(f"a key has at most {LONGEST_KEY_NAME} characters and {DEEPEST} levels")
        with self._editing() as space:
            for name in names[len(self._trail) :]:
                parent = self._trail[-1][1] if self._trail else self.root
                key = key_at(self._cells, add_key(space, parent.offset, name, self._now), parent)
                self._trail.append((name, key))
        assert key is not None
        return key

    def delete_key(self, path: str, recursive: bool = False) -> None:
        """Delete a key, and with ``recursive`` all that is below it.

        Raises:
            MissingError: no such key.
            RefusedError: the root, a key that is marked against deletion, one with subkeys where not ``recursive``, or as
                :meth:`set_value`.
            CorruptError: what must be changed is broken.
        """
        with self._editing() as space:
            key = self._require(path)
            parent = key.parent
            if parent is None or key.flags & (KeyFlag.NO_DELETE | KeyFlag.HIVE_ENTRY):
                raise RefusedError("this key cannot be deleted", at=path)
            if key.subkey_count and not recursive:
                raise RefusedError(f"the key has {key.subkey_count} subkeys", at=path, hint="delete them first, or with it")
            self._trail.clear()
            remove_key(space, key, parent.offset, self._now)

    def key(self, path: str) -> Key | None:
        """As :meth:`Hive.key`; a path that begins as the last one did is followed from where they part."""
        names, trail = _names(path), self._trail
        shared = 0
        while shared < min(len(names), len(trail)) and names[shared] == trail[shared][0]:
            shared += 1
        del trail[shared:]
        key = trail[-1][1] if trail else self.root
        for name in names[shared:]:
            found = key.subkey(name)
            if found is None:
                return None
            key = found
            trail.append((name, key))
        return key

    def _require(self, path: str) -> Key:
        key = self.key(path)
        if key is None:
            raise MissingError(f"the hive has no key {path}")
        return key

    # -- before and after -------------------------------------------------------------------------

    @contextmanager
    def _editing(self) -> Iterator[Space]:
        """Free space to edit with; when the block raises, nothing has changed."""
        if self._before is None:
            self._before = self._examine()
        try:
            with self._buffer.transaction():
                if self._free_space is None:
                    self._free_space = Space(self._buffer, self._room)
                yield self._free_space
        except BaseException:
            self._free_space = None
            self._trail.clear()
            raise

    def _examine(self) -> list[Violation]:
        """What is broken before the edit; refuses hives in which it could change what nobody named."""
        violations = check_buffer(self._buffer.bytes)
        shared = next((each for each in violations if each.code == "reference-twice"), None)
        if shared is not None:
            message = f"parts of the hive overlap, so that a change of one would change another: {shared}"
            raise RefusedError(message, hint="mend it first:  bootmend hive check HIVE --repair")
        if self.base.minor >= LAYERED_MINOR:
            self._refuse_layers()
        self._buffer.sorted = not violations
        return violations

    def _refuse_layers(self) -> None:
        """Differencing hives of containers hide keys and values of a lower layer in ways that are not handled here."""
        for path, key in self.walk():
            if self._buffer.bytes[key.start + NK_LAYERED] or any(value.tombstone for value in key.values()):
                raise RefusedError("the hive has layered keys, which cannot be edited", at=path)

    def commit(self) -> Commit:
        """Return what must be written to make the edit real; it may be called again, also after it was written.

        Raises:
            RefusedError: the edited hive breaks a rule of the format that the hive did not break before.
        """
        data, touched = self._buffer.bytes, self._buffer.touched
        if self.recovery is not None:
            touched = set(range(-(-len(data) // PAGE)))
        elif not has_changes(self.source, data, touched):
            return Commit(((), (), ()), len(data))
        old = parse_base(self.source.read_at(0, SECTOR)) if self.recovery is None or self._sound() else None
        numbers = (old.sequence1, old.sequence2) if old else (self.base.sequence1,)
        sequence = next_sequence((*numbers, self._log_sequence))
        sector = data[:SECTOR]
        set_sequences(sector, sequence, sequence)
        data[:SECTOR] = sector
        self._refuse_new_violations()
        return build_commit(self.source, data, touched, sound=old is not None)

    def _sound(self) -> bool:
        """Whether the base block of the source can be believed."""
        sector = self.source.read_at(0, SECTOR)
        return sector.startswith(b"regf") and parse_base(sector).checksum_ok

    def _refuse_new_violations(self) -> None:
        moved = self._buffer.moved
        after = [each._replace(offset=moved.get(each.offset, each.offset)) for each in check_buffer(self._buffer.bytes)]
        new = new_violations(self._before or (), after) if self._before is not None else []
        if new:
            message = f"the edit would break the hive in {len(new)} places, first: {new[0]}"
            raise RefusedError(message, hint="this is a fault of the editor or of a damaged hive; nothing was written")


def _names(path: str) -> list[str]:
    """The names of a path below the root."""
    return [name for name in path.split("\\") if name]


def _refuse_value(name: str, kind: int) -> None:
    if unit_count(name) > LONGEST_VALUE_NAME or not 0 <= kind <= NIL:
        raise RefusedError(f"no value can have the type {kind} or a name of {unit_count(name)} characters")
