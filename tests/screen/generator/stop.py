"""Stop screens: Windows 8, 10, 11 (blue, black, green, customised) and the text of Windows XP to 7.

Proportions were measured on real captures: Windows 10 at 640 x 480, the black screen of 2025 at 1920 x 1080, Windows XP's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .canvas import BLACK, WHITE, Canvas, Colour, Grid, Page
from .fonts import FontSet, console_font, drawn_font
from .labels import BugCheck, Label, blocks, code_text, codes_of_name

if TYPE_CHECKING:
    import random

RESOLUTIONS = ((640, 480), (800, 600), (1024, 768), (1024, 768), (1280, 720), (1366, 768), (1920, 1080))
DRIVERS = dict(blocks("stop.txt"))["drivers"].split()


@dataclass(frozen=True, slots=True)
class Wording:
    """A language's sentences of the graphical stop screen; names, numbers and hex are never translated."""

    problem: str
    complete: str
    more: str
    call: str
    stop_code: str
    what_failed: str
    search: str
    brief: str


WORDINGS = {
    "en": Wording(
        "Your {device} ran into a problem and needs to restart. We're just collecting some error info, and then we'll restart "
        "for you.",
        "{n}% complete",
        "For more information about this issue and possible fixes, visit https://www.windows.com/stopcode",
        "If you call a support person, give them this info:",
        "Stop code: ",
        "What failed: ",
        "If you'd like to know more, you can search online later for this error: ",
        "Your device ran into a problem and needs to restart.",
    ),
    "de": Wording(
        "Auf Ihrem PC ist ein Problem aufgetreten. Er muss neu gestartet werden. Es werden einige Fehlerinformationen gesammelt, "
        "und dann wird ein Neustart ausgeführt.",
        "{n} % abgeschlossen",
        "Weitere Informationen zu diesem Problem und mögliche Lösungen finden Sie unter https://www.windows.com/stopcode",
        "Halten Sie folgende Informationen bereit, wenn Sie sich an den Support wenden:",
        "Stillstandcode: ",
        "Fehlerursache: ",
        "Falls Sie weitere Informationen wünschen, können Sie später online nach diesem Fehler suchen: ",
        "Auf Ihrem Gerät ist ein Problem aufgetreten, und es muss neu gestartet werden.",
    ),
    "ja": Wording(
        "問題が発生したため、PC を再起動する必要があります。エラー情報を収集しています。自動的に再起動します。",
        "{n}% 完了",
        "この問題と可能な解決方法の詳細については、https://www.windows.com/stopcode を参照してください",
        "サポート担当者に連絡する場合は、この情報を伝えてください:",
        "停止コード: ",
        "失敗した内容: ",
        "詳細については、次のエラーを後からオンラインで検索してください: ",
        "デバイスに問題が発生したため、再起動する必要があります。",
    ),
}

BLUES: tuple[Colour, ...] = ((16, 112, 168), (17, 113, 170), (0, 120, 215), (0, 120, 215))
CUSTOM: tuple[Colour, ...] = ((160, 20, 20), (90, 30, 110), (60, 60, 60), (0, 90, 90), (120, 60, 0))


def stop_label(check: BugCheck, layout: str, state: str = "stop") -> Label:
    """The label of a screen that names a bug check and so lets every code of its name be right."""
    codes = tuple(code_text(code) for code in codes_of_name(check.name))
    return Label("stop", layout, state, stop_code=code_text(check.code), stop_codes=codes, stop_name=check.name)


def _name_shown(check: BugCheck, rng: random.Random) -> str:
    """The name with underscores, or with the wide blanks that the low-resolution face of Windows 10 puts for them."""
    return check.name if rng.random() < 0.5 else check.name.replace("_", rng.choice((" ", "  ")))


def _face(fonts: FontSet, language: str, rng: random.Random) -> str:
    return rng.choice(fonts.japanese if language == "ja" else fonts.sans)


def _language(rng: random.Random) -> str:
    return rng.choices(("en", "de", "ja"), (80, 12, 8))[0]


def _unit(size: tuple[int, int], rng: random.Random) -> float:
    """Pixels for one pixel of the 640 x 480 layout: larger screens draw somewhat smaller than in proportion."""
    unit = min(size[0] / 640, size[1] / 480)
    return unit if unit <= 1.05 else unit * rng.uniform(0.72, 1.0)


def sad_face(check: BugCheck, fonts: FontSet, rng: random.Random, language: str = "") -> tuple[Canvas, Label]:
    """Windows 10 and 11 with ``:(``, square code and ``Stop code:`` line; blue, black, insider green or customised."""
    language, size = language or _language(rng), rng.choice(RESOLUTIONS)
    wording, insider = WORDINGS[language], rng.random() < 0.08
    background = (0, 120, 60) if insider else rng.choices((rng.choice(BLUES), BLACK, rng.choice(CUSTOM)), (80, 12, 8))[0]
    unit = _unit(size, rng)
    page = Page(size, background, _face(fonts, language, rng), rng)
    label = stop_label(check, "10-insider" if insider else "10")
    label.language, label.percentage = language, rng.choice((0, 0, 5, 20, 35, 55, 80, 100))
    label.failing_file = rng.choice(DRIVERS) if rng.random() < 0.4 else ""
    left, width = size[0] * rng.uniform(0.09, 0.14), size[0] * 0.76
    page.text((left, size[1] * 0.115), ":(", 78 * unit)
    device = "Windows Insider Build" if insider else rng.choice(("PC", "device"))
    problem = wording.problem.format(device=device)
    if language == "en" and rng.random() < 0.15:
        problem = f"Your {device} ran into a problem and needs to restart as soon as we're finished collecting some error info."
    y = page.paragraph((left, size[1] * 0.35), problem, 16.5 * unit, width=width, pitch=1.63)
    y = page.paragraph((left, y + 17 * unit), wording.complete.format(n=label.percentage), 16.5 * unit, width=width, pitch=1.63)
    _support_lines(page, wording, check, label, left, y + 22 * unit, unit)
    return page, label


def _support_lines(page: Page, wording: Wording, check: BugCheck, label: Label, left: float, top: float, unit: float) -> None:
    """The square code and the small lines beside it, of which the last one or two decide."""
    rng, side = page.rng, rng_side(page.rng) * unit
    if page.rng.random() < 0.92:
        page.square_code(left, top, side, *((BLACK, WHITE) if rng.random() < 0.3 else (page.background, WHITE)))
        left += side + 10 * unit
    width = page.width - left - 12
    y = page.paragraph((left, top - 5 * unit), wording.more, 13 * unit, width=min(width, 330 * unit), pitch=1.75)
    y = page.paragraph((left, y + 14 * unit), wording.call, 11.3 * unit, width=width, pitch=1.75)
    lines = [wording.stop_code + _name_shown(check, rng)]
    if label.failing_file:
        lines.insert(rng.choice((0, 1, 1, 1)), wording.what_failed + label.failing_file)
    small = 11.3 * unit
    for words in lines:
        y = page.paragraph((left, y), words, small, width=width, pitch=1.75, key=True)


def rng_side(rng: random.Random) -> float:
    """The side of the square code in the 640 x 480 layout: the real one is 114, the documentation's drawing 60."""
    return rng.choice((114.0, 114.0, 92.0, 60.0))


def windows_8(check: BugCheck, fonts: FontSet, rng: random.Random, language: str = "") -> tuple[Canvas, Label]:
    """Windows 8 and Server 2012: percentage in the paragraph, name after ``search online later for this error``."""
    language, size = language or _language(rng), rng.choice(RESOLUTIONS)
    wording, unit = WORDINGS[language], _unit(size, rng)
    page = Page(size, rng.choice(((32, 103, 178), (32, 125, 174), (0, 120, 200))), _face(fonts, language, rng), rng)
    label = stop_label(check, "8")
    label.language, label.percentage = language, rng.randrange(0, 101, 5)
    label.failing_file = rng.choice(DRIVERS) if rng.random() < 0.3 else ""
    left, width = size[0] * 0.135, size[0] * 0.74
    page.text((left, size[1] * 0.12), ":(", 84 * unit)
    text = f"{wording.problem.format(device='PC')} ({wording.complete.format(n=label.percentage)})"
    y = page.paragraph((left, size[1] * 0.42), text, 17 * unit, width=width, pitch=1.55)
    found = _name_shown(check, rng) + (f" ({label.failing_file})" if label.failing_file else "")
    page.paragraph((left, y + 12 * unit), wording.search + found, 10.8 * unit, width=width, pitch=1.6, key=True)
    return page, label


def black_2025(check: BugCheck, fonts: FontSet, rng: random.Random, language: str = "") -> tuple[Canvas, Label]:
    """Windows 11 of 2025: black, two sentences in the middle, name and short hex in small type at the bottom."""
    language, size = language or _language(rng), rng.choice([size for size in RESOLUTIONS if size[1] >= 720])
    wording, unit = WORDINGS[language], size[1] / 1080 * (1.25 if size[1] < 1000 else rng.choice((1.0, 1.25, 1.5)))
    green = rng.random() < 0.06
    page = Page(size, (0, 100, 50) if green else BLACK, _face(fonts, language, rng), rng)
    label = stop_label(check, "11-black")
    label.stop_codes = (label.stop_code,)
    label.language, label.percentage = language, rng.choice((0, 0, 20, 65, 100))
    label.failing_file = rng.choice(DRIVERS) if rng.random() < 0.4 else ""
    middle = size[0] / 2
    page.text((middle, size[1] * 0.45), wording.brief, 26 * unit, centred=True)
    page.text((middle, size[1] * 0.52), wording.complete.format(n=label.percentage), 26 * unit, centred=True)
    line = f"{wording.stop_code}{check.name} (0x{check.code:X})"
    page.text((middle, size[1] * 0.915), line, 13.5 * unit, centred=True, key=True)
    if label.failing_file:
        words = wording.what_failed + label.failing_file
        page.text((middle, size[1] * 0.915 + 24 * unit), words, 13.5 * unit, centred=True, key=True)
    return page, label


PARTS = ("opening", "culprit", "advice", "technical", "dump")
TEXTS = dict(blocks("stop.txt"))
"""The parts of the text stop screen in each language."""


def text_stop(check: BugCheck, fonts: FontSet, rng: random.Random, language: str = "") -> tuple[Canvas, Label]:
    """Windows XP to 7: white on dark blue, 80 columns of 8 x 14 at 640 x 480, text from the second row, no name in half."""
    face = rng.choice([f for f in (*fonts.console, *fonts.mono) if not f.endswith("16")])
    font = console_font(face) if face.startswith("Lat15") else drawn_font(face, 8, 14, smooth=False)
    grid = Grid(font, rng, rows=480 // font.height, ink=rng.choice((WHITE, (252, 252, 252))), paper=(0, 0, 128))
    language = language or rng.choices(("en", "de"), (88, 12))[0]
    opening, culprit, advice, technical, dump = (TEXTS[f"{language} {part}"] for part in PARTS)
    label = stop_label(check, "7")
    label.stop_codes, label.language, label.fixed_font = (label.stop_code,), language, font.bitmap
    label.failing_file = rng.choice(DRIVERS) if rng.random() < 0.35 else ""
    grid.row = 1
    _lines(grid, opening + "\n")
    if label.failing_file:
        _lines(grid, f"{culprit} {label.failing_file}\n", key=True)
    if rng.random() < 0.6:
        _lines(grid, check.name + "\n", key=True)
    else:
        label.stop_name = ""
    _lines(grid, f"{advice}\n\n{technical}\n")
    digits = rng.choice((8, 16))
    label.parameters = tuple(
        f"0x{rng.choice((0, rng.getrandbits(digits * 4), rng.getrandbits(12))):0{digits}X}" for _ in range(4)
    )
    grid.line(f"*** STOP: {label.stop_code} ({','.join(label.parameters)})", key=True)
    if label.failing_file:
        address = f"{rng.getrandbits(digits * 4):0{digits}X}"
        base = f"{int(address, 16) & ~0xFFFF:0{digits}X}"
        grid.row += 2
        stamp = rng.getrandbits(31)
        grid.line(f"***  {label.failing_file:>12} - Address {address} base at {base}, DateStamp {stamp:08x}", key=True)
    _lines(grid, "\n" + dump)
    grid.finish((640, 480), paper=(0, 0, 128))
    return grid, label


def _lines(grid: Grid, text: str, *, key: bool = False) -> None:
    for words in text.split("\n"):
        grid.line(words, key=key and bool(words))


def hardware_malfunction(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """The machine-check text: a stop screen without any stop code."""
    face = rng.choice([f for f in fonts.console if not f.endswith("16")] or [fonts.console[0]])
    grid = Grid(console_font(face), rng, rows=30, ink=WHITE, paper=(0, 0, 128))
    _lines(grid, TEXTS["en hardware"])
    grid.finish((640, 480), paper=(0, 0, 128))
    return grid, Label("stop-bare", "7-hardware", "stop", fixed_font=True)


def stop_screen(check: BugCheck, fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """A stop screen of any generation."""
    draw = rng.choices((sad_face, windows_8, black_2025, text_stop), (42, 16, 20, 22))[0]
    return draw(check, fonts, rng)
