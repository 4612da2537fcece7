"""Reparse points: files and directories whose content is elsewhere or otherwise ([MS-FSCC] 2.1.2)."""

from __future__ import annotations

from typing import NamedTuple

from bootmend.errors import CorruptError
from bootmend.filesystem.ntfs import layout

_WOF_ALGORITHMS = {0: "XPRESS4K", 1: "LZX", 2: "XPRESS8K", 3: "XPRESS16K"}
_KINDS = {
    0x80000013: "replaced by data deduplication",
    0x80000018: "a placeholder of a container image (WCI)",
    0x8000001B: "an alias of a packaged app",
    0x8000001E: "a placeholder of a OneDrive file",
    0x80000021: "a placeholder of a projected file system",
    0xA000001D: "a symbolic link of the Windows Subsystem for Linux",
    0xC0000004: "a placeholder of hierarchical storage",
}
FILE_PROVIDER = 2
"""WOF_PROVIDER_FILE: the bytes are compressed in a stream of the file itself."""
_CLOUD, _CLOUD_MASK = 0x9000001A, 0xFFFF0FFF


class ReparsePoint(NamedTuple):
    """What a reparse point is: its tag, a phrase that goes on "the file is ...", and how CompactOS compressed it."""

    tag: int
    phrase: str
    algorithm: int | None = None

    @property
    def is_link(self) -> bool:
        """Whether it stands for another named file or directory: a junction, a symbolic link."""
        return bool(self.tag & layout.TAG_IS_NAME_SURROGATE)


def parse_reparse_point(data: bytes) -> ReparsePoint:
    """Name a reparse point by the value of its attribute.

    Raises:
        CorruptError: it is shorter than it says.
    """
    if len(data) < layout.REPARSE_HEAD.size:
        raise CorruptError(f"a reparse point of {len(data)} bytes cannot be")
    tag, length = layout.REPARSE_HEAD.unpack_from(data)
    body = data[layout.REPARSE_HEAD.size : layout.REPARSE_HEAD.size + length]
    compact = tag == layout.TAG_WOF and int.from_bytes(body[4:8], "little") == FILE_PROVIDER and len(body) >= 16
    algorithm = int.from_bytes(body[12:16], "little")
    return ReparsePoint(tag, _phrase(tag, body), algorithm if compact and algorithm in _WOF_ALGORITHMS else None)


def _phrase(tag: int, body: bytes) -> str:
    if tag == layout.TAG_WOF:
        return _wof(body)
    if tag == layout.TAG_MOUNT_POINT:
        return f"a junction or mount point to {_target(body, 8)}"
    if tag == layout.TAG_SYMLINK:
        return f"a symbolic link to {_target(body, 12)}"
    if tag & _CLOUD_MASK == _CLOUD:
        return "a placeholder of a cloud file"
    return _KINDS.get(tag, f"a reparse point with the tag {tag:#010x}")


def _wof(body: bytes) -> str:
    """WOF_EXTERNAL_INFO (version, provider), then the provider's own (version, algorithm)."""
    provider = int.from_bytes(body[4:8], "little")
    if provider == 1:
        return "stored in a WIM file (WOF, WIMBoot)"
    algorithm = int.from_bytes(body[12:16], "little")
    return f"compressed by CompactOS (WOF {_WOF_ALGORITHMS.get(algorithm, f'algorithm {algorithm}')})"


def _target(body: bytes, names: int) -> str:
    """The print name, or the substitute name where there is none; ``names`` is where the names begin."""
    fields = [int.from_bytes(body[at : at + 2], "little") for at in (0, 2, 4, 6)]
    for start, length in ((fields[2], fields[3]), (fields[0], fields[1])):
        raw = body[names + start : names + start + length]
        if length and len(raw) == length and length % 2 == 0:
            return raw.decode("utf-16-le", "replace").removeprefix("\\??\\")
    return "a place that it does not name"
