"""Shadow copies: listed from a volume's catalogue."""

from __future__ import annotations

import io
import os
import random
import struct
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.errors import BootmendError, CorruptError
from bootmend.image import open_image
from bootmend.source import FileSource, MemorySource
from bootmend.volume.shadow import list_shadow_copies
from tests.support import fuzz_cases, shared_data

if TYPE_CHECKING:
    from bootmend.source import Source

GUID = uuid.UUID("3808876b-c176-4e48-b7ae-04046e6cc752").bytes_le
FIRST, SECOND = uuid.UUID(int=0x1111), uuid.UUID(int=0x2222)


def volume(*, following: int = 0) -> bytearray:
    """A volume after libvshadow's description, with two copies in a catalogue of one block."""
    data = bytearray(0x10000)
    struct.pack_into("<16sIIQQQQQ", data, 0x1E00, GUID, 1, 1, 0x1E00, 0, 0, 0x4000, 0)
    struct.pack_into("<16sIIQQQ", data, 0x4000, GUID, 1, 2, 0, 0x4000, following)
    struct.pack_into("<QQ16sQQQ", data, 0x4080, 2, 0x10000, SECOND.bytes_le, 2, 0, 130305262689190583)
    struct.pack_into("<QQ16sQQQ", data, 0x4100, 3, 0, SECOND.bytes_le, 0, 0, 0)
    struct.pack_into("<QQ16sQQQ", data, 0x4180, 2, 0x10000, FIRST.bytes_le, 1, 0, 130305261097363787)
    return data


def test_copies_are_listed_oldest_first() -> None:
    found = list_shadow_copies(MemorySource(bytes(volume())))
    assert [(copy.id, copy.created) for copy in found] == [
        (f"{{{FIRST}}}", 130305261097363787),
        (f"{{{SECOND}}}", 130305262689190583),
    ]


def test_a_volume_without_copies() -> None:
    assert list_shadow_copies(MemorySource(bytes(0x10000))) == []
    assert list_shadow_copies(MemorySource(bytes(100))) == []


@pytest.mark.parametrize("following", [0x4000, 0x7FFFFFFF, 0x8000])
def test_a_catalogue_that_leads_nowhere(following: int) -> None:
    with pytest.raises(CorruptError, match="catalogue"):
        list_shadow_copies(MemorySource(bytes(volume(following=following))))


def test_damage_ends_in_our_errors_only() -> None:
    rng = random.Random(5)
    for _ in range(fuzz_cases(300)):
        data = volume()
        for _ in range(rng.randint(1, 5)):
            data[rng.choice((0x1E00, 0x4000, 0x4080)) + rng.randrange(64)] = rng.randrange(256)
        try:
            list_shadow_copies(MemorySource(bytes(data)))
        except BootmendError:
            continue


class Stream(io.RawIOBase):
    """A source as the file object that libvshadow wants."""

    def __init__(self, source: Source) -> None:
        self._source, self._position = source, 0

    def read(self, size: int = -1) -> bytes:
        size = min(size, self._source.size - self._position)
        data = self._source.read_at(self._position, size)
        self._position += size
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def get_size(self) -> int:
        return self._source.size


@pytest.mark.oracle
def test_a_volume_of_windows_beside_libvshadow() -> None:
    pyvshadow: Any = pytest.importorskip("pyvshadow")
    with FileSource(shared_data("disks") / "plaso-vsstest.qcow2") as source:
        image = open_image(source)
        theirs = pyvshadow.volume()
        theirs.open_file_object(Stream(image))
        stores = [theirs.get_store(index) for index in range(theirs.number_of_stores)]
        expected = [(f"{{{store.get_identifier()}}}", store.get_creation_time_as_integer()) for store in stores]
        assert [(copy.id, copy.created) for copy in list_shadow_copies(image)] == expected
        assert len(expected) == 2
