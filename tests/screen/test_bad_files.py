"""Files that are no sound screenshot, given on the command line: what is said, the exit code, the memory and the time.

Every run is a process of its own with a limit on its processor time; what it took of memory it says itself at its end.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, NamedTuple

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")
pytest.importorskip("resource")

import resource

import numpy as np
from PIL import Image

from bootmend.cli.screenshot import UNREAD
from tests.cli.running import environment
from tests.screen.drawing import draw, encoded, font
from tests.screen.pages import CLASSIC

if TYPE_CHECKING:
    from pathlib import Path

#: runs the command line, then says on the last line of standard error how many KiB it took at most: by its own high-water
#: mark, for ru_maxrss counts what the process was that it was forked from
CHILD = """
import sys
from bootmend.cli.main import run
code = run(sys.argv[1:])
sys.stdout.flush()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")), file=sys.stderr)
sys.exit(code)
"""
LITTLE = 220
"""MiB: Python with NumPy and Pillow takes 60, the largest picture that is read is 60 more, and what is computed of it."""
SECONDS = 20
FRAME = draw(["BOOTMGR is missing", "Press Ctrl+Alt+Del to restart"], font("vga 9x16"))


class Said(NamedTuple):
    """What came of one file."""

    code: int
    state: str
    stop_code: str | None
    remark: str
    mebibytes: float


def look(path: Path, *options: str) -> Said:
    """Read a file with the engines that need no network."""
    engines = () if "ocr" in options else ("--engine", "serial", "--engine", "glyphs")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "screenshot", str(path), "--format", "json", *engines],
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS)),
        timeout=6 * SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    reading = json.loads(done.stdout)["readings"][0]
    taken = int(done.stderr.splitlines()[-1]) / 1024
    return Said(done.returncode, reading["state"], reading["stop_code"], " ".join(reading["remarks"]), taken)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of one colour whose rows are all there, packed a thousand to one."""
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(1 + width // 8)) for _ in range(min(height, 20_000))) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def gif(width: int, height: int, frames: int) -> bytes:
    """An animation whose frames after the first change one pixel."""
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "GIF")
    first = buffer.getvalue().rstrip(b";")
    pixel = b"," + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return first + pixel * (frames - 1) + b";"


def alpha_only() -> bytes:
    """A picture whose colours are all black, with the text in its transparency: on a black screen nothing is seen."""
    pixels = np.zeros((400, 720, 4), dtype=np.uint8)
    pixels[:, :, 3] = FRAME[:, :, 0]
    return encoded(pixels)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 8
    buffer = io.BytesIO()
    Image.fromarray(np.rot90(FRAME, 3).copy()).save(buffer, "JPEG", quality=92, exif=exif)
    return buffer.getvalue()


BAD = {
    "empty": (b"", "blank", 0, "holds nothing"),
    "text.png": (b"this is no picture\n", "unknown", UNREAD, ""),
    "noise.png": (random.Random(3).randbytes(200_000), "unknown", UNREAD, "binary noise"),
    "noise.log": (bytes(random.Random(4).choices(range(128, 256), k=300_000)), "unknown", UNREAD, "binary noise"),
    "document.pdf": (
        b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\n",
        "unknown",
        UNREAD,
        "this is a PDF: save the screenshot as PNG",
    ),
    "truncated.png": (encoded(FRAME)[:700], "unknown", UNREAD, "the PNG ends too early"),
    "truncated.jpg": (encoded(FRAME, "JPEG")[:2000], "unknown", UNREAD, "ends too early"),
    "header.png": (encoded(FRAME)[:20], "unknown", UNREAD, "PNG"),
    "huge.png": (png_bomb(50_000, 50_000), "unknown", UNREAD, "too large"),
    "wide.png": (png_bomb(2_000_000, 16), "unknown", UNREAD, "million are read"),
    "dot.png": (encoded(np.full((1, 1, 3), 200, dtype=np.uint8)), "unknown", UNREAD, "1 x 1 pixels are too few"),
    "alpha.png": (alpha_only(), "blank", 0, "one colour all over"),
    "turned.jpg": (turned(), "bootmgr_missing", 0, ""),
    "frames.gif": (gif(32, 32, 400_000), "unknown", UNREAD, "more than 5000 frames"),
    "area.gif": (gif(4000, 4000, 100), "unknown", UNREAD, "100 frames of 16000000 pixels"),
    "largest.png": (encoded(np.zeros((4000, 5000, 3), dtype=np.uint8)), "blank", 0, "one colour"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_or_unknown_in_little_memory(name: str, tmp_path: Path) -> None:
    data, state, code, remark = BAD[name]
    (tmp_path / name).write_bytes(data)
    said = look(tmp_path / name)
    assert (said.state, said.code, said.stop_code) == (state, code, None)
    assert remark in said.remark
    assert said.mebibytes < LITTLE * (2 if name == "largest.png" else 1)


def test_a_log_of_200_mib_is_read_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "serial.log"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b"[   12.345678] something of no interest happened again and again\r\n" * 16131)
        file.write(CLASSIC.encode())
    assert os.path.getsize(path) > 200 << 20
    said = look(path)
    assert (said.state, said.stop_code, said.code) == ("stop", "0x0000007B", 0)
    assert said.mebibytes < LITTLE


def test_a_large_photograph_takes_the_network_no_longer_than_allowed(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("onnxruntime")
    pixels = np.random.default_rng(1).integers(0, 255, (3000, 4000, 3), dtype=np.uint8)
    (tmp_path / "photo.png").write_bytes(encoded(pixels))
    said = look(tmp_path / "photo.png", "ocr")
    assert (said.stop_code, said.state) == (None, "unknown")
    assert said.mebibytes < 1500
