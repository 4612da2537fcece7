"""qcow2 images: opening one, with the files that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError
from bootmend.image.base import Reference

if TYPE_CHECKING:
    from bootmend.image.base import Image
    from bootmend.image.open import Links
    from bootmend.image.qcow2_layout import Header
    from bootmend.source.base import Source

MAGIC = b"QFI\xfb"


def open_qcow2(base: Source, head: bytes, _tail: bytes, links: Links, _seed: bytes) -> Image | None:
    """Open ``base`` as a qcow2 image, or return None if it is none.

    Reads the header; tables are read as they are needed.

    Raises:
        CorruptError, TruncatedError: the header is unsound.
        UnsupportedError: it is encrypted, or needs what is not known.
        MissingError: its backing file or its data file is not to be had.
    """
    if not head.startswith(MAGIC):
        return None
    from bootmend.image.qcow2_disk import Qcow2
    from bootmend.image.qcow2_layout import DATA_FILE, read_header

    header = read_header(base)
    data = base
    if header.incompatible & DATA_FILE:
        if not header.data_file:
            raise CorruptError("its data lie in another file, which it does not name", at="qcow2 header")
        data = links.open(Reference("data file", (header.data_file,), writable=True)).source
    parent = _open_backing(header, links) if header.backing else None
    return Qcow2(base, data, header, parent=parent)


def _open_backing(header: Header, links: Links) -> Image:
    """The backing file; ``file:`` before its name, and JSON instead of one, are QEMU's own ways to say where it is."""
    name = header.backing.removeprefix("file:")
    if name.startswith("json:"):
        name = _name_in_json(name)
    return links.image(Reference("backing file", (name,)), raw=header.backing_format == "raw")


def _name_in_json(text: str) -> str:
    """The file name in QEMU's JSON description of a backing file, wherever it stands; empty if there is none."""
    import json

    try:
        node = json.loads(text.removeprefix("json:"))
    except ValueError:
        return ""
    for _ in range(8):
        if not isinstance(node, dict):
            return ""
        name = node.get("filename", node.get("file.filename"))
        if isinstance(name, str):
            return name
        node = node.get("file")
    return ""
