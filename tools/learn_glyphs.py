"""Writes ``screen/fonts.tsv``: the glyphs of the fixed fonts that firmware and Windows draw text screens with.

    python tools/learn_glyphs.py FOLDER > src/bootmend/screen/fonts.tsv

``FOLDER`` holds screenshots of known text (``real/``).  The VGA fonts nine dots wide are captured from QEMU in text mode,
which shows all 256 characters in the ROM's fonts of 16, 14 and 8 rows; those eight dots wide are of Debian's console-setup
(public domain by its copyright file).  The font of Windows' boot video driver (stop screens up to Windows 7) and that
of the boot manager's text screens are learned from screenshots whose text is written out below.  A cell that would
stand for two characters stops the run.
"""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from capture_screens import TextPage, capture
from PIL import Image

if TYPE_CHECKING:
    from typing import BinaryIO

CONSOLE_FONTS = Path("/usr/share/consolefonts")
STOP_SCREEN = {
    1: "A problem has been detected and Windows has been shut down to prevent damage",
    2: "to your computer.",
    4: "IRQL_NOT_LESS_OR_AWESOME",
    6: "If this is the first time you've seen this Stop error screen,",
    7: "restart your computer. If this screen appears again, follow",
    8: "these steps:",
    10: "Check to make sure any new hardware or software is properly installed.",
    11: "If this is a new installation, ask your hardware or software manufacturer",
    12: "for any Windows updates you might need.",
    14: "If problems continue, disable or remove any newly installed hardware",
    15: "or software. Disable BIOS memory options such as caching or shadowing.",
    16: "If you need to use Safe Mode to remove or disable components, restart",
    17: "your computer, press F8 to select Advanced Startup Options, and then",
    18: "select Safe Mode.",
    20: "Technical information:",
    22: "*** STOP: 0x000000D1 (0x00000000,0x00000002,0x00000001,0xB242A416)",
    25: "***         4.tmp - Address B242A416 base at B2429000, DateStamp 57af8ec3",
    27: "Beginning dump of physical memory",
}
BOOT_MENU = {
    0: " " * 28 + "Windows Boot Manager",
    2: "Choose an operating system to start, or press TAB to select a tool:",
    3: "(Use the arrow keys to highlight your choice, then press ENTER.)",
    5: "     Windows 10",
    6: "     Disable Signature Enforcement Manually!!! (Press F8) [VirtualKD]",
    12: "To specify an advanced option for this choice, press F8.",
}
ROM_FONTS = (16, 14, 8)
#: video memory with all 256 characters, light grey on black
ALL_CHARACTERS = b"".join(bytes((code, 7)) for code in range(256))


def ink(path: Path | BinaryIO) -> np.ndarray:
    """True where a picture is not its background colour."""
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    flat = (picture[:, :, 0] << 16) | (picture[:, :, 1] << 8) | picture[:, :, 2]
    colours, counts = np.unique(flat, return_counts=True)
    return flat != colours[counts.argmax()]


def digits(cell: np.ndarray) -> str:
    """A cell's rows from the top, each padded to whole hexadecimal digits."""
    width = (cell.shape[1] + 3) // 4
    return "".join(
        f"{int(''.join('1' if dot else '0' for dot in row) + '0' * (-cell.shape[1] % 4), 2):0{width}x}" for row in cell
    )


def learn(mask: np.ndarray, cell: tuple[int, int], origin: tuple[int, int], rows: dict[int, str]) -> dict[str, str]:
    """Glyph -> character of the known text; ``cell`` and ``origin`` are (width, height) and (left, top)."""
    (wide, high), (left, top) = cell, origin
    glyphs: dict[str, str] = {}
    for row, text in rows.items():
        for column, character in enumerate(text):
            dots = mask[top + row * high : top + (row + 1) * high, left + column * wide : left + column * wide + wide]
            if character == " " or dots.shape != (high, wide):
                continue
            dots = ~dots if dots.mean() > 0.6 else dots
            if glyphs.setdefault(digits(dots), character) != character:
                raise SystemExit(f"row {row} column {column}: {character!r} does not fit")
    return glyphs


def console_font(name: str) -> tuple[int, dict[str, str]]:
    """Height and glyph -> character of a PSF 1 font eight dots wide, for ASCII and box drawing."""
    data = gzip.decompress((CONSOLE_FONTS / name).read_bytes())
    high, count = data[3], 512 if data[2] & 1 else 256
    table, glyphs, index, at = data[4 + count * high :], {}, 0, 0
    while at + 1 < len(table) and index < count:
        unit = int.from_bytes(table[at : at + 2], "little")
        at += 2
        if unit == 0xFFFF:
            index += 1
        elif 0x20 < unit < 0x7F or 0x2500 <= unit < 0x2580 or unit == 0xA9:
            glyphs.setdefault(data[4 + index * high : 4 + (index + 1) * high].hex(), chr(unit))
    return high, glyphs


def code_page(mask: np.ndarray, high: int) -> dict[str, str]:
    """Glyph -> character of a screen that shows the 256 characters of code page 437 in their order, 80 to a row."""
    glyphs: dict[str, str] = {}
    for code in range(0x21, 0x100):
        row, column = divmod(code, 80)
        dots = mask[row * high : row * high + high, column * 9 : column * 9 + 8]
        if dots.any() and (code < 0x7F or dots.mean() <= 0.5):  # a fuller block is an inverse cell
            glyphs.setdefault(digits(dots), bytes([code]).decode("cp437"))
    return glyphs


def show(name: str, cell: tuple[int, int], columns: int, glyphs: dict[str, str]) -> None:
    """One font: ``@name``, cell width, cell height, columns that count; then character code and rows."""
    print(f"@{name}\t{cell[0]}\t{cell[1]}\t{columns}")
    for rows, character in sorted(glyphs.items(), key=lambda item: item[1]):
        print(f"{ord(character):04x}\t{rows}")


def rom_fonts() -> dict[int, dict[str, str]]:
    """Height -> glyph -> character of the VGA ROM, as QEMU shows it."""
    pages = [TextPage(ALL_CHARACTERS + b" \7" * (80 * (400 // high) - 256), high) for high in ROM_FONTS]
    pictures = zip(ROM_FONTS, capture(pages), strict=True)
    return {high: code_page(ink(io.BytesIO(picture)), high) for high, picture in pictures}


def main(folder: Path) -> None:
    """Everything, to standard output."""
    print("# Glyphs of fixed fonts, by tools/learn_glyphs.py: character code, rows from the top in hexadecimal.")
    high16, vga16 = console_font("Lat15-VGA16.psf.gz")
    high14, vga14 = console_font("Lat15-VGA14.psf.gz")
    high8, vga8 = console_font("Lat15-VGA8.psf.gz")
    menu = np.pad(ink(folder / "real/tandasat_1ce185_VirtualKD_boot_menu.PNG"), ((4, 0), (0, 0)))
    for high, glyphs in rom_fonts().items():
        show(f"vga 9x{high}", (9, high), 8, glyphs)
    show("vga 8x16", (8, high16), 8, vga16)
    show("vga 8x14", (8, high14), 8, vga14)
    show("vga 8x8", (8, high8), 8, vga8)
    show(
        "boot video 8x14",
        (8, 14),
        8,
        learn(ink(folder / "real/mbikovitsky_b735bf_Screenshot_XP.bmp"), (8, 14), (0, 0), STOP_SCREEN),
    )
    show("boot manager 12x30", (12, 30), 12, learn(menu, (12, 30), (5, 0), BOOT_MENU))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
