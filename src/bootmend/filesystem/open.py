"""Which file system a volume has, and its file tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import UnsupportedError

if TYPE_CHECKING:
    from bootmend.filesystem.tree import FileTree
    from bootmend.source.base import Source

WHY_NOT = {
    "BitLocker": "the volume is encrypted with BitLocker: its files cannot be read without the key",
    "ReFS": "the volume has the ReFS file system, which is not supported",
    "exFAT": "the volume has the exFAT file system; Windows does not boot from it",
    "empty": "the volume is empty: its first sectors hold only zeros",
    "unknown": "no file system is recognised on the volume",
}


def open_volume(volume: Source) -> FileTree:
    """Open the file system of a volume.

    Raises:
        UnsupportedError: the volume is encrypted, empty, or has a file system that bootmend does not read.
        CorruptError: the file system is recognised, but damaged.
    """
    from bootmend.volume import identify

    kind = identify(volume)
    if kind == "NTFS":
        from bootmend.filesystem.ntfs import NtfsTree

        return NtfsTree(volume)
    if kind.startswith("FAT"):
        from bootmend.filesystem.fat import FatTree

        return FatTree(volume)
    raise UnsupportedError(WHY_NOT.get(kind, f"the volume holds {kind}, not a file system of Windows"))
