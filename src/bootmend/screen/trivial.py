"""Frames that need no reading: one colour all over, or a picture in the middle and no text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bootmend.screen.picture import Pixels

#: a pixel belongs to the background if no channel differs by more
NEAR = 24
#: so small a part of the picture may differ in a blank frame (a cursor, a pointer)
SPECK = 0.0004


class Ground(NamedTuple):
    """The commonest colour, how far each pixel is from it (0 to 255), and the share of pixels that are not near it."""

    colour: tuple[int, int, int]
    apart: NDArray[np.uint8]
    share: float

    @property
    def ink(self) -> NDArray[np.bool_]:
        """Where the picture differs from its background."""
        return self.apart > NEAR

    @property
    def strong_ink(self) -> NDArray[np.bool_]:
        """Where it differs by two fifths of the greatest contrast: text without what JPEG puts around it."""
        return self.apart > max(NEAR, int(self.apart.max()) * 2 // 5)


def ground(pixels: Pixels) -> Ground:
    """The background of a frame: its commonest colour, in steps of eight, judged by every third pixel."""
    import numpy as np

    few = pixels[::3, ::3].reshape(-1, 3)
    coarse = (few[:, 0].astype(np.uint16) >> 3 << 10) | (few[:, 1].astype(np.uint16) >> 3 << 5) | (few[:, 2] >> 3)
    chosen = few[coarse == np.bincount(coarse, minlength=1 << 15).argmax()]
    red, green, blue = (int(value) for value in np.median(chosen[:: max(1, len(chosen) // 1000)], axis=0))
    apart = _apart(pixels[:, :, 0], red)
    for channel, value in ((1, green), (2, blue)):
        np.maximum(apart, _apart(pixels[:, :, channel], value), out=apart)
    return Ground((red, green, blue), apart, float(np.count_nonzero(apart > NEAR)) / max(1, apart.size))


def _apart(channel: NDArray[np.uint8], value: int) -> NDArray[np.uint8]:
    import numpy as np

    level = np.uint8(value)
    return np.maximum(channel, level) - np.minimum(channel, level)


def is_blank(found: Ground) -> bool:
    """Whether a frame shows nothing (a lone cursor counts as nothing)."""
    return found.share <= SPECK and _extent(found.ink) <= 32


def _extent(ink: NDArray[np.bool_]) -> int:
    import numpy as np

    where = np.argwhere(ink)
    return int((where.max(axis=0) - where.min(axis=0)).max()) + 1 if len(where) else 0
