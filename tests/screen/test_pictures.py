"""Pictures that are broken, huge, empty or something else: a clear error or ``unknown``, quickly and in little memory."""

from __future__ import annotations

import io
import struct
import zlib

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bootmend.errors import BootmendError, CorruptError, ReadError, TruncatedError, UnsupportedError, UsageError
from bootmend.screen import UNKNOWN, Reader, read_screens
from tests.screen.drawing import draw, encoded, font
from tests.support import fuzz_cases

READER = Reader(engines=["serial", "glyphs"])
FRAME = draw(["BOOTMGR is missing", "Press Ctrl+Alt+Del to restart"], font("vga 9x16"))
FORMS = ("PNG", "BMP", "JPEG", "GIF", "PPM")


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG of any stated size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str) -> None:
    assert READER.read("x", encoded(FRAME, form)).state == "bootmgr_missing"


@pytest.mark.parametrize("size", [(50_000, 50_000), (100_000, 1_000), (1, 2**31 - 1)])
def test_huge_pictures_are_refused_by_their_header(size: tuple[int, int]) -> None:
    with pytest.raises(ReadError):
        READER.read("huge.png", png(*size))


@pytest.mark.parametrize("form", FORMS)
def test_truncated_pictures(form: str) -> None:
    data = encoded(FRAME, form)
    with pytest.raises((CorruptError, TruncatedError), match="short"):
        READER.read("short", data[: len(data) // 2])


@pytest.mark.parametrize(
    ("data", "what"), [(b"%PDF-1.7\n", "PDF"), (b"PK\x03\x04", "ZIP"), (b"II*\0", "TIFF"), (b"<svg xmlns=''>", "SVG")]
)
def test_other_files_are_named(data: bytes, what: str) -> None:
    with pytest.raises(UnsupportedError, match=what) as caught:
        READER.read("x", data)
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"", b"\0" * 1000, b"\n\n"])
def test_nothing(data: bytes) -> None:
    assert READER.read("x", data).state == "blank"


@pytest.mark.parametrize("colour", [(0, 0, 0), (0, 120, 215), (255, 255, 255)])
def test_one_colour_is_blank(colour: tuple[int, int, int]) -> None:
    frame = np.full((480, 640, 3), colour, dtype=np.uint8)
    frame[100:102, 200:208] = 170
    assert READER.read("x", encoded(frame)).state == "blank"


def test_a_pixel() -> None:
    reading = READER.read("x", png(1, 1, b"\0\xff\0\0"))
    assert (reading.state, reading.stop_code) == (UNKNOWN, None)
    assert "too few" in reading.remarks[0]


def test_transparency_lies_on_black() -> None:
    alpha = np.zeros((400, 720, 4), dtype=np.uint8)
    assert READER.read("x", encoded(alpha)).state == "blank"
    alpha[:, :, :3] = 255
    alpha[:, :, 3] = FRAME[:, :, 0]
    assert READER.read("x", encoded(alpha)).state == "bootmgr_missing"


def test_a_turned_jpeg_is_turned_back() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(np.rot90(FRAME).copy()).save(buffer, "JPEG", quality=95, exif=exif)
    assert READER.read("x", buffer.getvalue()).state == "bootmgr_missing"


def test_an_animation_is_read_from_its_end_and_a_long_one_not_whole() -> None:
    blank = Image.fromarray(np.zeros_like(FRAME))
    buffer = io.BytesIO()
    other = draw(["Missing operating system"], font("vga 9x16"))
    frames = [
        Image.fromarray(other),
        *(Image.fromarray(np.where(FRAME == 0, number, FRAME).astype(np.uint8)) for number in range(3)),
        blank,
    ]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert READER.read("x", buffer.getvalue()).state == "bootmgr_missing"


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_mode(mode: str) -> None:
    picture = Image.fromarray(FRAME)
    grey = picture.convert("L")
    made = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        if mode == "I;16"
        else grey.point(lambda value: 255 * (value > 80)).convert("1")
        if mode == "1"
        else picture.convert(mode)
    )
    buffer = io.BytesIO()
    made.save(buffer, "JPEG" if mode == "CMYK" else "PNG", **({"quality": 95} if mode == "CMYK" else {}))
    assert READER.read("x", buffer.getvalue()).state == "bootmgr_missing"


def test_an_engine_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="tea"):
        Reader(engines=["tea leaves"])


def test_what_cannot_be_read_becomes_unknown_with_the_reason() -> None:
    bad, good = read_screens([("bad", b"%PDF"), ("good", encoded(FRAME))], engines=["glyphs"])
    assert (bad.file, bad.state) == ("bad", UNKNOWN)
    assert "PDF" in bad.remarks[0]
    assert (good.file, good.state) == ("good", "bootmgr_missing")


@given(st.data())
@settings(max_examples=fuzz_cases(150), deadline=None)
def test_changed_bytes_never_crash(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMS))
    picture = bytearray(encoded(FRAME[:64, :360], form))
    for _ in range(data.draw(st.integers(1, 6))):
        picture[data.draw(st.integers(0, len(picture) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(picture)))
    try:
        reading = READER.read("x", bytes(picture[: cut if cut % 3 == 0 else None]))
    except BootmendError:
        return
    assert reading.stop_code is None
