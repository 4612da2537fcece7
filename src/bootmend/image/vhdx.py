"""VHDX: find its current header, its regions and its metadata, and open the disk that they describe."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, TruncatedError
from bootmend.image.base import Reference

if TYPE_CHECKING:
    from bootmend.image.base import Image
    from bootmend.image.open import Links
    from bootmend.image.vhdx_disk import Parts
    from bootmend.image.vhdx_layout import Geometry, Header, Regions
    from bootmend.source.base import Source

SIGNATURE = b"vhdxfile"
_NAMES = ("relative_path", "volume_path", "absolute_win32_path")
_LINKAGES = ("parent_linkage", "parent_linkage2")


def open_vhdx(base: Source, head: bytes, _tail: bytes, links: Links, seed: bytes) -> Image | None:
    """Open ``base`` as a VHDX, or return None if it is none.

    Reads some 80 KiB, most of it a region table whose checksum is over all of it; the block table is read as it is needed.

    Raises:
        CorruptError: a structure is unsound: a checksum, a log that cannot be replayed, a parent that is another disk.
        TruncatedError: the file ends before its structures do.
        UnsupportedError: it requires what is not known.
        MissingError: the parent of a differencing disk is not to be had.
    """
    if not head.startswith(SIGNATURE):
        return None
    from bootmend.image.vhdx_disk import Vhdx

    remarks: list[str] = []
    view, parts = _read_parts(base, remarks)
    _check_regions(view, parts.header, parts.regions, parts.geometry)
    locator = parts.geometry.locator
    parent = _open_parent(locator, links) if locator is not None else None
    remarks += [f"its parent: {remark}" for remark in (parent.remarks if parent else ())]
    return Vhdx(base, view, parts, remarks, seed=seed, parent=parent)


def parent_of(base: Source) -> tuple[tuple[str, ...], set[bytes]]:
    """What a VHDX calls its parent, and the data write GUIDs that it knows it by; nothing where it has none.

    Raises:
        ReadError: it is no sound VHDX.
    """
    _, parts = _read_parts(base, [])
    return _parent(parts.geometry.locator) if parts.geometry.locator is not None else ((), set())


def data_write_guid(base: Source) -> bytes:
    """What the children of a VHDX know it by.

    Raises:
        ReadError: it is no sound VHDX.
    """
    from bootmend.image.vhdx_layout import read_header

    return read_header(base).data_write_guid


def _read_parts(base: Source, remarks: list[str]) -> tuple[Source, Parts]:
    """The file with its log laid over it, and its structures."""
    from bootmend.image.vhdx_disk import Parts
    from bootmend.image.vhdx_layout import NO_GUID, read_geometry, read_header, read_regions

    header = read_header(base)
    replay = None
    view = base
    if header.log_guid != NO_GUID:
        from bootmend.image.vhdx_log import read_log

        replay = read_log(base, header)
        view = replay.view(base)
        remarks.append("the host stopped before it had written all changes to the VHDX: its log was replayed in memory")
    regions = read_regions(view, remarks)
    return view, Parts(header, regions, read_geometry(view, regions.metadata), replay)


def _check_regions(view: Source, header: Header, regions: Regions, geometry: Geometry) -> None:
    """See that the structures lie in the file, the table is long enough, and none lies over another."""
    if geometry.entries * 8 > regions.bat[1]:
        message = f"the block table has room for {regions.bat[1] // 8} entries, the disk needs {geometry.entries}"
        raise CorruptError(message, at="VHDX region table")
    if regions.bat[0] + geometry.entries * 8 > view.size:
        raise TruncatedError(f"the VHDX is cut short: the file ends at {view.size:#x}, inside its block table")
    parts = sorted([regions.bat, regions.metadata, *([(header.log_offset, header.log_length)] if header.log_length else [])])
    for (offset, length), (other, _) in pairwise(parts):
        if offset + length > other:
            raise CorruptError(f"the structures at {offset:#x} and {other:#x} lie over one another", at="VHDX region table")


def _open_parent(locator: bytes, links: Links) -> Image:
    """Open what a differencing disk builds on, and see that nobody has written to it since.

    Raises:
        MissingError: it is not to be had.
        CorruptError: another disk lies there by that name, or it has been changed.
    """
    names, linkages = _parent(locator)
    reference = Reference("parent", names)
    parent = links.image(reference)
    if parent.linkage not in linkages:
        message = f"{reference} is another disk than the one that this VHDX builds on, or has been written to since"
        raise CorruptError(message, hint="name the right one with  --parent FILE, or restore it as it was")
    return parent


def _parent(locator: bytes) -> tuple[tuple[str, ...], set[bytes]]:
    from bootmend.image.vhdx_layout import guid, read_locator

    pairs = read_locator(locator)
    linkages = {value.strip("{} ").lower() for name in _LINKAGES if (value := pairs.get(name))}
    names = tuple(dict.fromkeys(pairs[name] for name in _NAMES if pairs.get(name)))
    return names, {guid(text) for text in linkages if _is_guid(text)}


def _is_guid(text: str) -> bool:
    parts = text.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(letter in "0123456789abcdef-" for letter in text)
