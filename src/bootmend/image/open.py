"""Tell which image a file is, and open the images that it builds on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, place
from bootmend.image.base import MOST_LINKS, FlatImage, no_opener
from bootmend.image.foreign import refuse_foreign
from bootmend.image.qcow2 import open_qcow2
from bootmend.image.vhd import open_vhd
from bootmend.image.vhd_layout import SECTOR
from bootmend.image.vhdx import open_vhdx
from bootmend.image.vmdk import open_vmdk

if TYPE_CHECKING:
    from bootmend.image.base import Image, Opened, Opener, Reference
    from bootmend.source.base import Source

FORMATS = (open_vhd, open_vhdx, open_qcow2, open_vmdk)
"""Each is asked in turn, with the file, its first and last sector, its links and the seed; None means another format."""


def open_image(source: Source, opener: Opener = no_opener, *, seed: bytes = b"", depth: int = 0) -> Image:
    """Open the disk inside ``source``, by the bytes at its start and end, never by a name.

    A file that is no known format is a raw image.  ``opener`` opens the files that the image names (its
    parent, its extents); ``depth`` counts how many images build on this one.  Formats that mark each writing with a
    new identifier derive it from ``seed``, so that the same change is the same bytes whenever it is made.
    Costs two reads, 1 KiB, for a raw disk, whatever its size.

    Raises:
        TruncatedError: shorter than a sector, or than the disk that it should hold.
        CorruptError: an image whose own structures are unsound; a chain of images that does not end.
        MissingError: an image that it builds on is not to be had; the hint says how to give it.
        UnsupportedError: another format, or a feature of it that is not known; the hint says what to do.
    """
    if source.size < SECTOR:
        what = "the file is empty" if source.size == 0 else f"the file has only {source.size} bytes"
        raise TruncatedError(f"{what}: there is no disk in it")
    head = source.read_at(0, SECTOR)
    tail = source.read_at(source.size - SECTOR, SECTOR)
    links = Links(opener, depth)
    for open_format in FORMATS:
        image = open_format(source, head, tail, links, seed)
        if image is not None:
            return image
    refuse_foreign(head, tail)
    return raw_image(source)


def raw_image(source: Source) -> FlatImage:
    """The file itself as a disk, whatever its first bytes look like."""
    left = source.size % SECTOR
    remarks = [f"the file ends {left} bytes into a sector: it may have been cut short"] if left else []
    return FlatImage(source, "raw", source.size, remarks)


class Links(NamedTuple):
    """How an image that is being opened gets at the files that it names; ``depth`` images build on it."""

    opener: Opener
    depth: int

    def open(self, reference: Reference) -> Opened:
        """Open a file that the image names: an extent, a data file.

        Raises:
            CorruptError: the chain is too long to be true.
            MissingError, RefusedError: as the opener says.
        """
        if self.depth >= MOST_LINKS:
            raise CorruptError(f"{MOST_LINKS} images build on one another here: that chain is taken for endless")
        return self.opener(reference)

    def image(self, reference: Reference, *, raw: bool = False) -> Image:
        """Open the image that this one builds on; ``raw`` forbids to guess its format from its bytes.

        Raises:
            ReadError: it is not to be had, or it is unsound; the error names it.
        """
        found = self.open(reference)
        with place(found.name):
            return raw_image(found.source) if raw else open_image(found.source, found.opener, depth=self.depth + 1)
