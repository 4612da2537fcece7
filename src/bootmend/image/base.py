"""What all images share, and how an image gets at the other files that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from bootmend.errors import MissingError
from bootmend.source.base import Source

if TYPE_CHECKING:
    from bootmend.source.base import Extent

MOST_LINKS = 64
"""How many images may build on one another; Hyper-V itself allows about 50 checkpoints of a disk."""
LONGEST_NAME = 200


class Image(Source):
    """A disk inside ``base``: ``size`` bytes, which the guest sees as the whole disk.

    ``format`` is its name for people ("raw", "VHD fixed", "VHDX dynamic"); ``remarks`` are sentences about
    what is not as it should be but did not stop us; ``linkage`` is what a child knows this image by
    (VHD: its unique id; VHDX: its data write GUID; b"" where the format has none); ``parent`` is the image
    that this one builds on.
    """

    def __init__(self, base: Source, image_format: str, size: int, remarks: list[str]) -> None:
        self._base = base
        self._size = size
        self.format = image_format
        self.remarks = remarks
        self.linkage = b""
        self.parent: Image | None = None

    @property
    def size(self) -> int:
        """The number of bytes of the virtual disk."""
        return self._size

    def barrier(self) -> None:
        """Pass the barrier down."""
        self._base.barrier()

    def anchors(self) -> list[tuple[str, Source, int, int]]:
        """What maps the ranges that were located, for a run's witnesses: (what, file, offset, length)."""
        return []


class FlatImage(Image):
    """The disk is the first ``size`` bytes of the file: raw images and fixed VHDs.

    A fixed VHD's footer lies behind them and is never touched by what is written to the disk.
    """

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the file, never past the disk's end."""
        self.check_range(offset, length)
        return self._base.read_at(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write to the file, never past the disk's end."""
        self.check_range(offset, len(data))
        self._base.write_at(offset, data)

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Ask the file."""
        self.check_range(offset, length)
        return self._base.locate(offset, length)


class Reference(NamedTuple):
    """Another file that an image needs.

    ``role`` is the word for people: ``parent``, ``backing file``, ``data file``, ``extent``.  ``names`` are what
    the image calls it, best first, spelled as in the image (``..\\disks\\base.vhdx``); they are the
    image's word, which nobody has to believe.  ``writable``: what is written to the image may go there.
    """

    role: str
    names: tuple[str, ...]
    writable: bool = False

    def __str__(self) -> str:
        shown = next((name for name in self.names if name), "")
        return f"its {self.role}" + (f" {printable(shown)}" if shown else ", which it does not name")


class Opened(NamedTuple):
    """A file that an :class:`Opener` found: its bytes, its name for errors, and who opens the files that it names in turn."""

    source: Source
    name: str
    opener: Opener


class Opener(Protocol):
    """Opens the files that an image names.  The image layer itself never sees a path."""

    def __call__(self, reference: Reference) -> Opened:
        """Open what ``reference`` means.

        Raises:
            MissingError: it is not where it may be taken from; the hint says how to give it.
            CorruptError: it is the image itself, or one that builds on it.
            RefusedError: it is there, and must not be opened.
        """


def no_opener(reference: Reference) -> Opened:
    """Open nothing: for images in memory or behind a source that has no neighbours."""
    raise MissingError(f"it builds on {reference}, and no other file can be opened from here")


def printable(text: str) -> str:
    """A name out of an image, fit to be shown: up to its first NUL, without control characters, not too long."""
    shown = "".join(letter for letter in text.split("\0", 1)[0] if letter.isprintable())
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}..."
