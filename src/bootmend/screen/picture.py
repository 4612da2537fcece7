"""Opening pictures safely: what it is and how large is known before a pixel is decoded."""

from __future__ import annotations

import io
import warnings
from collections import deque
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Pixels = NDArray[np.uint8]

#: pixels of one frame; 4K is 8.3 million
MOST_PIXELS = 20_000_000
MOST_BYTES = 64 * 1024 * 1024
MOST_FRAMES = 8
#: pixels of all frames of an animation together: each must be unpacked to reach the last
MOST_ANIMATED = 600_000_000
MOST_ANIMATED_FRAMES = 5000
SMALLEST_SIDE = 16
INSTALL_SCREEN = "pip install 'bootmend[screen]'"
INSTALL_OCR = "pip install 'bootmend[ocr]'"

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"P6", "PPM"),
    (b"P5", "PPM"),
    (b"P4", "PPM"),
    (b"P3", "PPM"),
    (b"P2", "PPM"),
    (b"P1", "PPM"),
)
_FOREIGN = (
    (b"%PDF", "a PDF"),
    (b"RIFF", "a WebP or RIFF file"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"PK\x03\x04", "a ZIP or Office file"),
    (b"<svg", "an SVG"),
)


#: sizes of the headers that a BMP may have: two letters are too few to know a format by
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def kind_of(data: bytes) -> str | None:
    """``PNG``, ``BMP``, ``JPEG``, ``GIF`` or ``PPM`` by the first bytes; None where it is no picture that is read here.

    Raises:
        UnsupportedError: it is something known that holds a picture, but is none of these.
    """
    for magic, what in _FOREIGN:
        if data.startswith(magic):
            raise UnsupportedError(f"this is {what}", hint="save the screenshot as PNG, BMP, JPEG, GIF or PPM")
    name: str | None = next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if name == "PPM":
        return name if data[2:3] in (b" ", b"\t", b"\r", b"\n", b"#") else None
    if name == "BMP":
        return name if int.from_bytes(data[14:18], "little") in _BMP_HEADERS or len(data) < 18 else None
    return name


def frames(data: bytes) -> Iterator[Pixels]:
    """The frames of a picture, the last first, as (height, width, 3) bytes of red, green and blue.

    A GIF gives its last frames, at most eight; every other picture gives one.  Transparency is laid on black, as on a
    screen; a picture turned by its EXIF data is turned back.

    Raises:
        UnsupportedError: too large, or Pillow is not installed.
        CorruptError, TruncatedError: it cannot be decoded.
    """
    if len(data) > MOST_BYTES:
        raise UnsupportedError(f"the picture is {len(data) >> 20} MiB; at most {MOST_BYTES >> 20} MiB are read")
    pillow = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)  # the size is checked below, more strictly
            picture = pillow.open(io.BytesIO(data), formats=("PNG", "BMP", "DIB", "JPEG", "GIF", "PPM"))
        with picture:
            _check_size(picture.size)
            count = _count_frames(data) if picture.format == "GIF" else 1
            yield from _decode(picture, count)
    except pillow.DecompressionBombError as error:
        raise UnsupportedError(f"the picture is too large: at most {MOST_PIXELS // 1_000_000} million pixels are read") from error
    except pillow_errors() as error:
        raise _as_ours(error, data) from error


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError:
        raise UnsupportedError("reading pictures needs Pillow and NumPy, which are not installed", hint=INSTALL_SCREEN) from None
    return Image


def pillow_errors() -> tuple[type[Exception], ...]:
    """What Pillow raises on bytes that are no sound picture."""
    import struct
    import zlib

    return (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        TypeError,
        KeyError,
        OverflowError,
        struct.error,
        zlib.error,
        Warning,
    )


def _as_ours(error: Exception, data: bytes) -> Exception:
    said = str(error)
    name = kind_of(data) or "picture"
    if "truncated" in said or "EOF" in said or isinstance(error, EOFError):
        return TruncatedError(f"the {name} ends too early", hint="download the screenshot again")
    return CorruptError(f"the {name} cannot be decoded ({said or type(error).__name__})")


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise UnsupportedError(f"the picture has {width} x {height} pixels; at most {MOST_PIXELS // 1_000_000} million are read")


def _count_frames(data: bytes) -> int:
    """How many frames a GIF has, by its blocks (GIF89a specification, 1990), or one more than are read.

    Pillow would count all of them first, and a file can hold millions.
    """
    at, count = 13 + _colours(data[10:11]), 0
    while count <= MOST_ANIMATED_FRAMES:
        kind = data[at : at + 1]
        if kind == b",":
            count += 1
            at += 11 + _colours(data[at + 9 : at + 10])
        elif kind == b"!":
            at += 2
        else:
            break
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return max(1, count)


def _colours(flags: bytes) -> int:
    """Bytes of the table of colours that a GIF's flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _decode(picture: Image.Image, count: int) -> Iterator[Pixels]:
    if count == 1:
        yield _pixels(picture)
        return
    area = picture.size[0] * picture.size[1]
    if count > MOST_ANIMATED_FRAMES or count * area > MOST_ANIMATED:
        many = f"more than {MOST_ANIMATED_FRAMES}" if count > MOST_ANIMATED_FRAMES else f"{count}"
        raise UnsupportedError(f"the animation has {many} frames of {area} pixels", hint="give the frame that matters as a PNG")
    last: deque[Pixels] = deque(maxlen=max(1, min(MOST_FRAMES, MOST_PIXELS // max(1, area))))
    for index in range(count):  # only forwards: Pillow replays an animation to go back
        picture.seek(index)
        _check_size(picture.size)
        if index >= count - MOST_FRAMES:
            last.append(_pixels(picture))
    yield from reversed(last)


def _pixels(picture: Image.Image) -> Pixels:
    import numpy as np
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(picture) if picture.format == "JPEG" else picture
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        whole = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", whole.size, (0, 0, 0, 255)), whole)
    elif upright.mode in ("I", "F", "I;16"):
        upright = upright.point(lambda value: value / 256).convert("L")
    return np.asarray(upright.convert("RGB"), dtype=np.uint8)
