"""The version resource of a program: VS_VERSIONINFO, found through the resource directory (PE Format, section ".rsrc")."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootmend.source import Source

RT_VERSION = 16
_DIRECTORY = Struct("<12xHH")
_ENTRY = Struct("<II")
_DATA = Struct("<II")
_BLOCK = Struct("<HHH")
_FIXED = Struct("<I4x4I")
_FIXED_SIGNATURE = 0xFEEF04BD
_SUBDIRECTORY = 1 << 31
MOST_ENTRIES = 4096
LARGEST = 64 << 10
DEEPEST = 4
_NAMES = ("CompanyName", "FileDescription", "FileVersion", "ProductName", "OriginalFilename")


class Version(NamedTuple):
    """What a version resource says: ``file`` and ``product`` by their numbers (``10.0.17763.1``), the texts as written."""

    file: str = ""
    product: str = ""
    texts: tuple[tuple[str, str], ...] = ()

    def text(self, name: str) -> str:
        """One of the texts, such as ``CompanyName``; "" where it is not there."""
        return next((text for key, text in self.texts if key == name), "")

    def to_json(self) -> dict[str, object]:
        """The JSON form: the numbers, and the texts that tell where a file is from."""
        return {
            "file_version": self.file,
            "product_version": self.product,
            "company": self.text("CompanyName"),
            "description": self.text("FileDescription"),
            "file_version_text": self.text("FileVersion"),
        }


NO_VERSION = Version()


def read_version(source: Source, resources: int, offset_of: Callable[[int], int]) -> Version:
    """Read the first version resource; ``resources`` is where the resource directory begins in the file.

    ``offset_of`` maps an address of the image to the file.

    Raises:
        CorruptError: a resource directory that cannot be, or none with a version.
        TruncatedError: the file ends before it does.
    """
    entry = _find(source, resources, resources, RT_VERSION)
    for _level in range(2):  # name, language: the first of each
        if not entry & _SUBDIRECTORY:
            break
        entry = next(_entries(source, resources + (entry & ~_SUBDIRECTORY)))[1]
    if entry & _SUBDIRECTORY:
        raise CorruptError("the resource directory is nested too deep")
    address, size = _DATA.unpack(source.read_at(resources + entry, _DATA.size))
    return parse_version(source.read_at(offset_of(address), min(size, LARGEST)))


def _find(source: Source, resources: int, directory: int, wanted: int) -> int:
    for name, entry in _entries(source, directory):
        if name == wanted and entry & _SUBDIRECTORY:
            return entry
    raise CorruptError("it has no version resource", at=f"resources at {resources:#x}")


def _entries(source: Source, directory: int) -> Iterator[tuple[int, int]]:
    named, numbered = _DIRECTORY.unpack(source.read_at(directory, _DIRECTORY.size))
    count = named + numbered
    if not 0 < count <= MOST_ENTRIES:
        raise CorruptError(f"a resource directory of {count} entries cannot be")
    yield from _ENTRY.iter_unpack(source.read_at(directory + _DIRECTORY.size, count * _ENTRY.size))


def parse_version(data: bytes) -> Version:
    """Read a VS_VERSIONINFO block.

    Raises:
        CorruptError: it is none.
    """
    root = next(_blocks(data, 0, len(data)), None)
    if root is None or root.key != "VS_VERSION_INFO":
        raise CorruptError("this is no version resource")
    numbers = ("", "")
    if len(root.value) >= _FIXED.size:
        signature, *words = _FIXED.unpack_from(root.value)
        if signature == _FIXED_SIGNATURE:
            numbers = (_dotted(*words[:2]), _dotted(*words[2:]))
    texts = tuple((key, text) for key, text in _texts(data, root, DEEPEST) if key in _NAMES)
    return Version(*numbers, texts)


class _Block(NamedTuple):
    key: str
    value: bytes
    children: int
    end: int


def _blocks(data: bytes, start: int, end: int) -> Iterator[_Block]:
    """The blocks that follow one another; each begins at a multiple of four and says how long it is."""
    while start + _BLOCK.size <= end:
        length, value_length, kind = _BLOCK.unpack_from(data, start)
        stop = start + length
        if length < _BLOCK.size or stop > end:
            return
        close = start + _BLOCK.size
        while close + 2 <= stop and data[close : close + 2] != b"\0\0":
            close += 2
        value = _aligned(close + 2)
        after = min(value + value_length * (2 if kind == 1 else 1), stop)
        key = data[start + _BLOCK.size : close].decode("utf-16-le", "replace")
        yield _Block(key, data[value:after], _aligned(after), stop)
        start = _aligned(stop)


def _texts(data: bytes, block: _Block, depth: int) -> Iterator[tuple[str, str]]:
    """The texts of all tables below a block; of several languages the first wins."""
    for child in _blocks(data, block.children, block.end):
        if depth and child.children < child.end:
            yield from _texts(data, child, depth - 1)
        elif child.value:
            yield child.key, child.value.decode("utf-16-le", "replace").split("\0", 1)[0]


def _aligned(offset: int) -> int:
    return offset + 3 & ~3


def _dotted(high: int, low: int) -> str:
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"
