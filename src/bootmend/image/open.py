"""Tell which image a file is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import TruncatedError
from bootmend.image.base import FlatImage
from bootmend.image.foreign import refuse_foreign
from bootmend.image.vhd import open_vhd
from bootmend.image.vhd_layout import SECTOR

if TYPE_CHECKING:
    from bootmend.image.base import Image
    from bootmend.source.base import Source


def open_image(source: Source) -> Image:
    """Open the disk inside ``source``, by the bytes at its start and end, never by a name.

    A file that is no known format is a raw image.  Costs two reads, 1 KiB, for a raw disk and one more
    of 1 KiB for a dynamic VHD, whatever its size.

    Raises:
        TruncatedError: shorter than a sector, or than the disk that it should hold.
        CorruptError: a VHD whose footer, header or block table is unsound.
        UnsupportedError: another format, or a differencing VHD; the hint says what to do.
    """
    if source.size < SECTOR:
        what = "the file is empty" if source.size == 0 else f"the file has only {source.size} bytes"
        raise TruncatedError(f"{what}: there is no disk in it")
    head = source.read_at(0, SECTOR)
    tail = source.read_at(source.size - SECTOR, SECTOR)
    image = open_vhd(source, head, tail)
    if image is not None:
        return image
    refuse_foreign(head, tail)
    left = source.size % SECTOR
    remarks = [f"the file ends {left} bytes into a sector: it may have been cut short"] if left else []
    return FlatImage(source, "raw", source.size, remarks)
