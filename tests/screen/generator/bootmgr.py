"""Boot manager: its grey-on-black text screens and the blue graphical pages since Windows 8; every status has its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .canvas import BLACK, GREY, Canvas, Grid, Page
from .fonts import CellFont, FontSet, console_font, drawn_font
from .labels import Label, blocks
from .stop import RESOLUTIONS

if TYPE_CHECKING:
    import random


def _statuses() -> dict[int, tuple[str, str]]:
    lines = (Path(__file__).parent / "statuses.tsv").read_text("utf-8").splitlines()[1:]
    return {int(status, 16): (page, text) for status, page, text in (line.split("\t") for line in lines)}


STATUSES = _statuses()
"""Of each status the sentence of the graphical page and that of the text screen."""

TEXTS = dict(blocks("bootmgr.txt"))
"""Title, foot (left|right), body; an error's third line is its word for File."""

FILES = (
    r"\Boot\BCD",
    r"\EFI\Microsoft\Boot\BCD",
    r"\Windows\system32\winload.exe",
    r"\windows\system32\winload.efi",
    r"\Windows\system32\winresume.exe",
    r"\Windows\system32\ntoskrnl.exe",
    r"\Windows\System32\config\SYSTEM",
    r"\Windows\system32\hal.dll",
    r"\Windows\System32\drivers\WdBoot.sys",
    r"\Windows\system32\drivers\storport.sys",
    r"\Windows\System32\drivers\cng.sys",
    r"\Windows\System32\drivers\CI.dll",
    r"\hiberfil.sys",
)


def boot_font(fonts: FontSet, rng: random.Random) -> tuple[CellFont, tuple[int, int], tuple[int, int]]:
    """A cell font, the screen and where its 80 x 25 cells begin: BIOS text mode, or the boot library's own face in graphics."""
    way = rng.choice(("vga", "vga", "graphics", "graphics", "psf"))
    if way == "vga":
        return console_font("Lat15-VGA16", 9, 16), (720, 400), (0, 0)
    if way == "psf":
        return console_font(rng.choice(fonts.console), 8, 19), (640, 480), (0, 2)
    width, height, size, origin = rng.choice(((8, 19, (640, 480), (0, 2)), (12, 30, (1024, 768), (32, 9))))
    return drawn_font(rng.choice(fonts.mono), width, height, smooth=False), size, origin


def boot_error_text(fonts: FontSet, rng: random.Random, status: int | None = None, language: str = "") -> tuple[Canvas, Label]:
    """``Windows failed to start`` with File, Status and Info between two reversed bars."""
    font, size, origin = boot_font(fonts, rng)
    grid = Grid(font, rng, ink=rng.choice((GREY, (170, 170, 170), (192, 192, 192))))
    language = language or rng.choices(("en", "de"), (88, 12))[0]
    title, foot, file_word, *advice = TEXTS[f"error {language}"].split("\n")
    status = status or rng.choice(list(STATUSES))
    label = Label("bootmgr", "bootmgr-text", "bootmgr_error", status_code=f"0x{status:08x}", language=language)
    label.fixed_font = font.bitmap
    label.failing_file = rng.choice(FILES) if rng.random() < 0.7 else ""
    grid.bar(0, "", centre=title)
    grid.row = 2
    for words in advice:
        grid.line(words)
    grid.row += 1
    if label.failing_file:
        grid.line(f"{file_word}: {label.failing_file}", indent=4, key=True)
        grid.row += 1
    grid.line(f"Status: {label.status_code}", indent=4, key=True)
    grid.row += 1
    words = "Info: " + (STATUSES[status][1] if language == "en" else "Unerwarteter Fehler.")
    cut = words.rfind(" ", 0, 70) if len(words) > 70 else len(words)
    grid.line(words[:cut], indent=4)
    grid.line(words[cut + 1 :], indent=4)
    if rng.random() < 0.3:
        grid.bar(24, "ENTER=OS Selection", right="ESC=Exit" if rng.random() < 0.5 else "F8=Startup Settings")
    else:
        grid.bar(24, foot.strip("|"), right="ESC=Exit" if rng.random() < 0.5 else "")
    grid.finish(size, origin)
    return grid, label


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of the blue page in a language; an empty explanation stands for the status' own English one."""

    recovery: str
    titles: tuple[str, ...]
    explanation: str
    file: str
    code: str
    tools: str
    keys: tuple[str, ...]


WORDINGS = {
    "en": Wording(
        "Recovery",
        ("Your PC/Device needs to be repaired", "Your PC needs to be repaired", "Your device needs to be repaired"),
        "",
        "File: ",
        "Error code: ",
        "You'll need to use recovery tools. If you don't have any installation media (like a disc or USB device), contact your "
        "PC administrator or PC/Device manufacturer.",
        ("Press Enter to try again", "Press F1 to enter Recovery Environment", "Press F8 for Startup Settings"),
    ),
    "de": Wording(
        "Wiederherstellung",
        ("Der PC muss repariert werden", "Ihr PC/Gerät muss repariert werden"),
        "Die Anwendung oder das Betriebssystem konnte nicht geladen werden, da eine erforderliche Datei fehlt oder Fehler enthält.",
        "Datei: ",
        "Fehlercode: ",
        "Sie müssen Wiederherstellungstools verwenden. Wenn Sie keine Installationsmedien (z. B. einen Datenträger oder ein "
        "USB-Gerät) haben, wenden Sie sich an Ihren PC-Administrator oder PC-/Gerätehersteller.",
        (
            "Drücken Sie die EINGABETASTE, um es erneut zu versuchen.",
            "Drücken Sie F1, um die Wiederherstellungsumgebung aufzurufen.",
            "Drücken Sie F8, um die Starteinstellungen zu öffnen.",
        ),
    ),
    "ja": Wording(
        "回復",
        ("PC/デバイスを修復する必要があります", "お使いの PC を修復する必要があります"),
        "必要なファイルが存在しないかエラーが含まれているため、アプリケーションまたはオペレーティング システムを読み込めませんでした。",
        "ファイル: ",
        "エラー コード: ",
        "回復ツールを使用する必要があります。インストール メディア (ディスクや USB デバイスなど) がない場合は、PC 管理者または "
        "PC/デバイスの製造元に問い合わせてください。",
        (
            "Enter キーを押してもう一度お試しください",
            "F1 キーを押して回復環境に入ります",
            "F8 キーを押してスタートアップ設定を表示します",
        ),
    ),
}


def boot_error_page(fonts: FontSet, rng: random.Random, language: str = "") -> tuple[Canvas, Label]:
    """The blue ``Recovery`` page: ``Your PC/Device needs to be repaired`` with File and Error code."""
    language = language or rng.choices(("en", "de", "ja"), (84, 10, 6))[0]
    wording = WORDINGS[language]
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 1024, size[1] / 768) * rng.uniform(0.95, 1.15)
    blue = rng.choice(((0, 120, 215), (32, 103, 178), (16, 90, 170), (0, 99, 177)))
    page = Page(size, blue, rng.choice(fonts.japanese if language == "ja" else fonts.sans), rng)
    status = rng.choice(list(STATUSES))
    label = Label("bootmgr", "bootmgr-page", "bootmgr_error", status_code=f"0x{status:08x}", language=language)
    label.failing_file = rng.choice(FILES) if rng.random() < 0.7 else ""
    left, width, body = size[0] * 0.1, size[0] * 0.78, max(11.0, 16 * unit)
    page.text((left, size[1] * 0.07), wording.recovery, 46 * unit)
    y = page.paragraph((left, size[1] * 0.2), rng.choice(wording.titles), 24 * unit, width=width) + 10 * unit
    y = page.paragraph((left, y), wording.explanation or STATUSES[status][0], body, width=width) + body
    if label.failing_file:
        y = page.paragraph((left, y), f"{wording.file}{label.failing_file}", body, width=width, key=True)
    y = page.paragraph((left, y), f"{wording.code}{label.status_code}", body, width=width, key=True) + body
    y = page.paragraph((left, y), wording.tools, body, width=width) + body
    for words in wording.keys[: rng.choice((0, 2, 3))]:
        y = page.paragraph((left, y), words, body, width=width)
    return page, label


MENUS = tuple(head for head in TEXTS if not head.startswith("error "))


def boot_menu_text(fonts: FontSet, rng: random.Random, state: str = "") -> tuple[Canvas, Label]:
    """The boot manager's menus with one reversed entry."""
    state = state or rng.choice(list(MENUS))
    font, size, origin = boot_font(fonts, rng)
    grid = Grid(font, rng, ink=rng.choice((GREY, (170, 170, 170), (192, 192, 192))))
    title, foot, *body = TEXTS[state].split("\n")
    grid.bar(0, "", centre=title)
    grid.row = 2
    for words in body:
        if words.startswith("*"):
            grid.bar(grid.row, words[5:].rstrip(), start=4, stop=72)
            grid.row += 1
        else:
            grid.line(words)
    left, _, right = foot.partition("|")
    grid.bar(24, left, right=right)
    grid.finish(size, origin, BLACK)
    return grid, Label("menu", f"{state}-text", state, fixed_font=font.bitmap)
