"""Images that build on another one: a checkpoint's disk, a linked clone.

Changing the image below would change what they show, or break them; so an image that has such children
in its own folder is not written.  A child elsewhere cannot be seen from here.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from bootmend.errors import BootmendError
from bootmend.image.vhdx import SIGNATURE, data_write_guid, parent_of
from bootmend.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source import Source

MOST_FILES = 2000
HEAD = 64 << 10
# VHD 1.0 specification: offsets in the footer and in the dynamic disk header; numbers are big endian.
FOOTER_SIZE, FOOTER_DATA_OFFSET, FOOTER_TYPE, FOOTER_ID, DIFFERENCING = 512, 16, 60, 68, 4
HEADER_PARENT_ID = 40
QCOW2, QCOW2_BACKING_OFFSET, QCOW2_BACKING_SIZE, QCOW2_LONGEST = b"QFI\xfb", 8, 16, 1023
PARENT_HINT = re.compile(rb'parentFileNameHint="([^"\r\n]{1,1023})"')


def children_of(path: str) -> Iterator[str]:
    """Yield the images beside ``path`` that name it as their parent; of the formats VHD, VHDX, qcow2 and VMDK."""
    folder, name = os.path.split(os.path.realpath(path))
    own_id = _own_id(path)
    with os.scandir(folder) as entries:
        for _, entry in zip(range(MOST_FILES), entries, strict=False):
            if entry.name != name and entry.is_file(follow_symlinks=False):
                try:
                    with FileSource(entry.path) as source:
                        if _names(source, name, own_id):
                            yield entry.path
                except BootmendError:  # what cannot be read cannot be in use as a child by this user either
                    continue


def tracking_notes(path: str) -> tuple[str, ...]:
    """What to know where Hyper-V tracks the changes of a disk, in files beside it: of ours it learns nothing."""
    if any(os.path.lexists(path + suffix) for suffix in (".rct", ".mrt")):
        return ("Hyper-V tracks changes of this disk and does not see this one: make the next backup a full one",)
    return ()


def _own_id(path: str) -> bytes:
    """What children know an image by: a VHD's unique id, a VHDX's data write GUID."""
    with FileSource(path) as source:
        if source.size >= FOOTER_SIZE and source.read_at(0, len(SIGNATURE)) == SIGNATURE:
            return data_write_guid(source)
        footer = _footer(source)
    return footer[FOOTER_ID : FOOTER_ID + 16] if footer else b""


def _footer(source: Source) -> bytes:
    if source.size < FOOTER_SIZE:
        return b""
    footer = source.read_at(source.size - FOOTER_SIZE, FOOTER_SIZE)
    return footer if footer.startswith(b"conectix") else b""


def _names(source: Source, parent: str, parent_id: bytes) -> bool:
    head = source.read_at(0, min(HEAD, source.size))
    if head.startswith(QCOW2):
        return _same_name(_qcow2_backing(source, head), parent)
    if head.startswith(SIGNATURE):
        return _vhdx_names(source, parent, parent_id)
    hint = PARENT_HINT.search(head) if head.startswith(b"KDMV") or b"# Disk DescriptorFile" in head[:512] else None
    if hint:
        return _same_name(hint[1], parent)
    footer = _footer(source)
    return bool(footer and parent_id) and _vhd_parent(source, footer) == parent_id


def _qcow2_backing(source: Source, head: bytes) -> bytes:
    offset = int.from_bytes(head[QCOW2_BACKING_OFFSET : QCOW2_BACKING_OFFSET + 8], "big")
    size = int.from_bytes(head[QCOW2_BACKING_SIZE : QCOW2_BACKING_SIZE + 4], "big")
    if not offset or size > QCOW2_LONGEST or offset + size > source.size:
        return b""
    return source.read_at(offset, size)


def _vhd_parent(source: Source, footer: bytes) -> bytes:
    if int.from_bytes(footer[FOOTER_TYPE : FOOTER_TYPE + 4], "big") != DIFFERENCING:
        return b""
    offset = int.from_bytes(footer[FOOTER_DATA_OFFSET : FOOTER_DATA_OFFSET + 8], "big")
    return source.read_at(offset + HEADER_PARENT_ID, 16) if offset + 1024 <= source.size else b""


def _vhdx_names(source: Source, parent: str, parent_id: bytes) -> bool:
    """A child that was made before its parent was last written to knows it by its name only; it is a child all the same."""
    names, linkages = parent_of(source)
    return parent_id in linkages or any(_last_part(name).casefold() == parent.casefold() for name in names)


def _same_name(found: bytes, parent: str) -> bool:
    return _last_part(found.decode("utf-8", "replace")) == parent


def _last_part(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
