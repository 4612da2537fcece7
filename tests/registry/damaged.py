"""A sound hive to be damaged field by field."""

from __future__ import annotations

import struct

from tests.registry.raw_hive import store, summed


class Damaged:
    """A sound hive to be damaged field by field; offsets count inside the data of a cell."""

    def __init__(self, minor: int) -> None:
        self.hive = store(minor)
        self.data = self.hive.data
        self.place: int | None = None

    def at(self, path: str) -> int:
        return self.hive.where[path]

    def set(self, cell: int, offset: int, value: int, form: str = "<I") -> None:
        struct.pack_into(form, self.data, 4096 + 4 + cell + offset, value)
        self.place = cell

    def get(self, cell: int, offset: int, form: str = "<I") -> int:
        value: int = struct.unpack_from(form, self.data, 4096 + 4 + cell + offset)[0]
        return value

    def key(self, path: str, offset: int, value: int, form: str = "<I") -> None:
        self.set(self.at(path), offset, value, form)

    def base(self, offset: int, value: int) -> None:
        struct.pack_into("<I", self.data, offset, value)
        summed(self.data)
        self.place = offset

    def size(self, cell: int, form: str = "<i") -> int:
        value: int = struct.unpack_from(form, self.data, 4096 + cell)[0]
        return value

    def resize(self, cell: int, size: int) -> None:
        struct.pack_into("<i", self.data, 4096 + cell, size)
        self.place = cell

    def leaf(self, path: str) -> int:
        """The (first) leaf of a key's list of subkeys."""
        listed = self.hive.lists[path]
        return self.get(listed, 4) if self.data[4096 + 4 + listed :][:2] == b"ri" else listed
