"""A new hive from nothing, and a whole hive laid over the file of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import RefusedError
from bootmend.registry.base import SECTOR, parse_base, read_base
from bootmend.registry.commit import Commit, build_commit, next_sequence, set_sequences
from bootmend.registry.layout import (
    BASE_HEAD,
    BASE_SIZE,
    BIN_HEAD,
    CELL_HEADER,
    CELL_SIZE,
    HBIN,
    LF,
    LIST_HEAD,
    NIL,
    NK,
    NK_HEAD,
    NK_SIZE,
    PAGE,
    REGF,
    SK,
    SK_HEAD,
    SK_SIZE,
    KeyFlag,
)
from bootmend.registry.names import encode_name, name_hint, sort_key, unit_count
from bootmend.registry.recover import log_sequence
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.source import Source

_MAJOR, _MINOR = 1, 3
_ROOT_FLAGS = KeyFlag.HIVE_ENTRY | KeyFlag.NO_DELETE | KeyFlag.COMPRESSED_NAME
_BIN_END = PAGE


def new_hive(root: str, *, now: int, security: bytes, subkeys: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """Return a clean hive of version 1.3 with a root key and, below it, empty keys.

    ``now`` is the FILETIME of all of it, ``security`` the root's self-relative security descriptor; each
    of ``subkeys`` is a name and a descriptor of its own.  Everything lies in one bin, so the file has 8,192 bytes;
    :class:`~bootmend.registry.editor.HiveEditor` fills it.  The arrangement is that of stores made by Windows.

    Raises:
        RefusedError: the keys do not fit one bin.
    """
    cells = _Bin(now)
    descriptors = dict.fromkeys((security, *(own for _, own in subkeys)))
    root_cell = cells.reserve(NK_SIZE + len(encode_name(root)[0]))
    users = [security, *(own for _, own in subkeys)]
    places = _add_security(cells, list(descriptors), users)
    children = [_add_key(cells, name, root_cell, places[own], now) for name, own in _sorted(subkeys)]
    list_cell = _add_list(cells, [name for name, _ in _sorted(subkeys)], children)
    longest = max((2 * unit_count(name) for name, _ in subkeys), default=0)
    cells.fill(root_cell, _key(root, _ROOT_FLAGS, NIL, places[security], now, (len(children), list_cell, longest)))
    return _base_block(root_cell, now) + cells.finish()


def replace_hive(file: Source, new: bytes, logs: Sequence[Source] = ()) -> Commit:
    """Return the writes that put the whole hive ``new`` in the place of the one in ``file``.

    The file keeps its length unless ``new`` is longer; bytes behind the new hive become zeros.  The sequence number
    exceeds those of the old hive and of its ``logs``, so that no log is ever applied to the new one.

    Raises:
        RefusedError: sequence numbers have come to their end.
        ReadError: ``new`` is no hive.
    """
    read_base(MemorySource(new))
    after = bytearray(new.ljust(file.size, b"\0"))
    old = file.read_at(0, SECTOR) if file.size >= SECTOR else b""
    sound = old.startswith(REGF) and parse_base(old).checksum_ok
    former = parse_base(old) if old.startswith(REGF) else None
    numbers = (former.sequence1, former.sequence2) if former is not None and sound else (1,)
    sequence = next_sequence((*numbers, log_sequence(logs)))
    sector = after[:SECTOR]
    set_sequences(sector, sequence, sequence)
    after[:SECTOR] = sector
    padded = MemorySource(file.read_at(0, file.size).ljust(SECTOR, b"\0"))
    return build_commit(padded, after, range(-(-len(after) // PAGE)), sound=sound)


def apply_commit(before: bytes, commit: Commit) -> bytes:
    """Return the bytes of a file after all steps of a commit are written."""
    after = bytearray(before.ljust(commit.size, b"\0"))
    for step in commit.steps:
        for offset, data in step:
            after[offset : offset + len(data)] = data
    return bytes(after)


class _Bin:
    """The one bin of a new hive while it is filled."""

    def __init__(self, now: int) -> None:
        self._data = bytearray(BIN_HEAD.pack(HBIN, 0, PAGE, now, 0))

    def reserve(self, length: int) -> int:
        """Take a cell for ``length`` bytes; return its offset."""
        offset = len(self._data)
        size = (CELL_HEADER + length + 7) & ~7
        self._data += CELL_SIZE.pack(-size) + bytes(size - CELL_HEADER)
        if len(self._data) > _BIN_END - CELL_HEADER - 4:
            raise RefusedError("the keys of a new hive do not fit one bin")
        return offset

    def fill(self, offset: int, data: bytes) -> None:
        """Put data into a cell."""
        start = offset + CELL_HEADER
        self._data[start : start + len(data)] = data

    def add(self, data: bytes) -> int:
        """Take a cell for these data; return its offset."""
        offset = self.reserve(len(data))
        self.fill(offset, data)
        return offset

    def finish(self) -> bytes:
        """Return the whole bin, what is left of it being free."""
        free = _BIN_END - len(self._data)
        return bytes(self._data + CELL_SIZE.pack(free) + bytes(free - CELL_HEADER))


def _sorted(subkeys: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return sorted(subkeys, key=lambda item: sort_key(item[0]))


def _add_security(cells: _Bin, descriptors: list[bytes], users: list[bytes]) -> dict[bytes, int]:
    """Add the security records, in a ring; return where each descriptor is."""
    offsets = [cells.reserve(SK_SIZE + len(descriptor)) for descriptor in descriptors]
    for index, (offset, descriptor) in enumerate(zip(offsets, descriptors, strict=True)):
        following, previous = offsets[(index + 1) % len(offsets)], offsets[index - 1]
        head = SK_HEAD.pack(SK, 0, following, previous, users.count(descriptor), len(descriptor))
        cells.fill(offset, head + descriptor)
    return dict(zip(descriptors, offsets, strict=True))


def _add_key(cells: _Bin, name: str, parent: int, security: int, now: int) -> int:
    flags = KeyFlag.COMPRESSED_NAME if encode_name(name)[1] else KeyFlag(0)
    return cells.add(_key(name, flags, parent, security, now, (0, NIL, 0)))


def _key(name: str, flags: int, parent: int, security: int, now: int, below: tuple[int, int, int]) -> bytes:
    """Return a key node; ``below`` is the number of subkeys, their list and the longest of their names."""
    stored, _ = encode_name(name)
    count, subkeys, longest = below
    back = 0 if parent == NIL else parent
    counts = (count, 0, subkeys, NIL, 0, NIL)
    return NK_HEAD.pack(NK, flags, now, 0, back, *counts, security, NIL, longest, 0, 0, 0, 0, len(stored), 0) + stored


def _add_list(cells: _Bin, names: list[str], children: list[int]) -> int:
    """Add the list of the root's subkeys: each with the first four characters of its name (``lf``)."""
    if not children:
        return NIL
    entries = [offset.to_bytes(4, "little") + name_hint(name) for name, offset in zip(names, children, strict=True)]
    return cells.add(LIST_HEAD.pack(LF, len(entries)) + b"".join(entries))


def _base_block(root: int, now: int) -> bytes:
    block = bytearray(BASE_HEAD.pack(REGF, 1, 1, now, _MAJOR, _MINOR, 0, 1, root, PAGE, 1).ljust(BASE_SIZE, b"\0"))
    set_sequences(block, 1, 1)
    return bytes(block)
