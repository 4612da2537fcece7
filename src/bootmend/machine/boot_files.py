"""The files that starting needs: whether one is whole, and whether one could be made where it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import UnsupportedError
from bootmend.filesystem import Attribute

if TYPE_CHECKING:
    from bootmend.machine.volumes import Volume

HEAD = 512
DOS_MAGIC = b"MZ"
PROGRAMS = (".exe", ".efi", ".sys", ".dll")


def file_fault(volume: Volume, path: str, *, least: int = 1, plain: bool = False) -> str:
    """What is wrong with a file, as the end of a sentence ("... is not there"); empty for one that looks whole.

    ``least`` is how many bytes it must have.  ``plain`` is for what is read without a file system driver: such a file
    must not be compressed.  Only the first sector is read: a program must begin as one, anything else not with zeros.

    Raises:
        ReadError: the volume cannot be read there.
    """
    entry = volume.tree.lookup(path)
    if entry is None:
        return "is not there"
    if entry.is_directory:
        return "is a directory"
    if entry.size < least:
        return "is empty" if not entry.size else f"is only {entry.size} bytes long"
    if plain and entry.attributes & Attribute.COMPRESSED:
        return "is compressed by NTFS"
    try:
        head = volume.tree.open(path).read_at(0, min(HEAD, entry.size))
    except UnsupportedError:
        return ""  # compressed by the system (WOF) or the like: what can start it can also read it
    if not any(head):
        return "begins with zeros"
    if path.lower().endswith(PROGRAMS) and not head.startswith(DOS_MAGIC):
        return "is no program"
    return ""


def can_create(volume: Volume) -> bool:
    """Whether files can be made on a volume; not in a directory, where another program would have to."""
    return volume.source is not None and (volume.kind == "NTFS" or volume.kind.startswith("FAT"))


def can_replace(volume: Volume, path: str, size: int) -> bool:
    """Whether a file of ``size`` bytes can be put at ``path``: over one of the same length, or as a new one."""
    entry = volume.tree.lookup(path)
    return (entry is not None and not entry.is_directory and entry.size == size) or can_create(volume)
