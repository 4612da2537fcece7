"""The templates: volumes as lists of the blocks that are not zero, all in one compressed archive.

The archive (``data/templates.xz``, made by ``tools/make_templates.py``) is, unpacked: a 32-bit little-endian
length, so many bytes of JSON, then the distinct blocks one after the other.  The JSON gives the ``block``
size, the number of ``blocks``, and for each of the ``volumes`` its ``size`` and its ``runs``: ``[place, block,
count, step]`` puts ``count`` blocks from place ``place`` on, beginning with block number ``block`` and going on
to the next (step 1) or repeating it (step 0), as in the 0xFF of an empty NTFS log.
"""

from __future__ import annotations

import json
import lzma
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE = os.path.join(os.path.dirname(__file__), "data", "templates.xz")
LENGTH = 4


class Templates:
    """All templates of the package, unpacked in memory (about 3 MiB)."""

    def __init__(self, path: str = ARCHIVE) -> None:
        with lzma.open(path) as file:
            raw = file.read()
        start = LENGTH + int.from_bytes(raw[:LENGTH], "little")
        head: dict[str, Any] = json.loads(raw[LENGTH:start])
        self.block: int = head["block"]
        self._volumes: dict[str, dict[str, Any]] = head["volumes"]
        self._data = memoryview(raw)[start:]

    def names(self) -> list[str]:
        """The names of the volumes."""
        return list(self._volumes)

    def size(self, name: str) -> int:
        """The size of a volume in bytes."""
        return int(self._volumes[name]["size"])

    def extents(self, name: str) -> Iterator[tuple[int, bytes]]:
        """Yield offset and bytes of each stretch of a volume that is not zero, ascending."""
        for place, first, count, step in self._volumes[name]["runs"]:
            start = first * self.block
            if step:
                yield place * self.block, bytes(self._data[start : start + count * self.block])
            else:
                yield place * self.block, bytes(self._data[start : start + self.block]) * count
