"""Pictures that speak of stop errors, or look like them, and are none: none of it is this machine's stop code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .canvas import BLACK, GREY, WHITE, Canvas, Colour, Grid, Page
from .fonts import FontSet, drawn_font
from .labels import BugCheck, Label, blocks, code_text
from .stop import RESOLUTIONS

if TYPE_CHECKING:
    import random


def web_page(check: BugCheck, fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """A browser that shows an article about a stop error."""
    size = rng.choice([size for size in RESOLUTIONS if size[0] >= 1024])
    dark = rng.random() < 0.3
    ground, ink = ((30, 30, 30), (230, 230, 230)) if dark else (WHITE, (30, 30, 30))
    page = Page(size, ground, rng.choice(fonts.sans), rng)
    _browser(
        page, f"learn.microsoft.com/troubleshoot/azure/virtual-machines/windows-stop-error-{check.name.lower().replace('_', '-')}"
    )
    left, width, body = size[0] * rng.uniform(0.12, 0.25), size[0] * 0.6, 15.0
    hexes, spaced = code_text(check.code), check.name.replace("_", " ")
    y = page.paragraph((left, 90), f"Stop error {hexes} {check.name} on an Azure virtual machine", 28, width=width, fill=ink)
    sentences = (
        f"This article provides steps to resolve the issue where Windows cannot start because of error {hexes}.",
        "Symptom",
        "When you use Boot diagnostics to view the screenshot of the VM, the screenshot displays the following message:",
        f"Your PC ran into a problem and needs to restart. Stop code: {check.name}",
        "Cause",
        f"Bug check {hexes} indicates that the registry could not be read or that a component failed ({spaced}).",
        "Solution",
        "1. Create and access a repair VM.  2. Attach the disk.  3. Load the SYSTEM hive with reg load and compare the values.",
    )
    for words in sentences[: rng.randrange(4, 9)]:
        heading = len(words) < 10
        y = page.paragraph((left, y + 8), words, 20 if heading else body, width=width, fill=ink)
    return page, Label("imitation", "web-page", "unknown")


def _browser(page: Page, address: str) -> None:
    page.draw.rectangle((0, 0, page.width, 66), fill=(222, 225, 230))
    page.draw.rectangle((8, 6, 230, 34), fill=WHITE)
    page.text((18, 10), "Troubleshoot - Microsoft Learn", 12, fill=(60, 60, 60))
    page.draw.rectangle((90, 38, page.width - 120, 62), fill=WHITE)
    page.text((100, 41), address[: page.width // 9], 12, fill=(80, 80, 80))


def terminal(check: BugCheck, fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """A terminal: a debugger's analysis, an event log, a kernel log or source code that names a bug check."""
    columns, rows = rng.choice(((100, 30), (120, 34), (80, 30)))
    font = drawn_font(rng.choice(fonts.mono), *rng.choice(((8, 16), (9, 18), (10, 20))), smooth=rng.random() < 0.7)
    ink, paper = rng.choice(
        (((204, 204, 204), (12, 12, 12)), (BLACK, WHITE), ((220, 220, 220), (48, 10, 36)), (GREY, (1, 36, 86)))
    )
    grid = Grid(font, rng, columns=columns, rows=rows, ink=ink, paper=paper)
    words = [f"{rng.getrandbits(64):016x}" for _ in range(4)]
    facts = {"short": f"{check.code:x}", "full": f"0x{check.code:08x}"}
    facts |= {"name": check.name, "spaced": check.name.replace("_", " ")}
    text = rng.choice(blocks("terminals.txt"))[1].format(w=words, line=rng.randrange(20, 400), **facts)
    for line in text.split("\n"):
        grid.line(line)
    grid.finish(paper=paper)
    return grid, Label("imitation", "terminal", "unknown")


def look_alike(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """A program that prints a stop-like screen with its own words, or numbers that are no bug check's."""
    blue: Colour = (0, 0, rng.choice((128, 160, 170)))
    number = rng.choice(
        (f"0x{0xB000 + rng.getrandbits(8):X}00000000000E", "0x800F0922", f"0x{0x90000000 + rng.getrandbits(20):08X}", "E-1067")
    )
    if rng.random() < 0.5:
        grid = Grid(drawn_font(rng.choice(fonts.mono), 8, 16, smooth=False), rng, ink=WHITE, paper=blue)
        text = dict(blocks("look-alike.txt"))["paused"].format(number=number)
        for line in text.split("\n"):
            grid.line(line)
        grid.finish(paper=blue)
        return grid, Label("imitation", "look-alike-text", "unknown")
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 1024, size[1] / 768)
    page = Page(size, rng.choice(((0, 120, 215), (0, 0, 170), (20, 20, 20))), rng.choice(fonts.sans), rng)
    y = size[1] * 0.2
    code = rng.choice(("DW6VB36", "0x80070424", "268d3x8938", "ERR_HTTP2_PROTOCOL"))
    for words in (
        rng.choice(("Windows Defender alert: your PC is blocked", "Oops, this page ran into a problem", "Aw, Snap!")),
        f"Error code: {code}",
        rng.choice(("Call support immediately. Do not restart your computer.", "Reload the page, or ask your administrator.")),
    ):
        y = page.paragraph((size[0] * 0.12, y), words, max(13.0, 24 * unit), width=size[0] * 0.75) + 20 * unit
    return page, Label("imitation", "look-alike-page", "unknown")


def loading(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """Frames with little or nothing on them: black, one colour, a bar with a copyright line, a logo."""
    size = rng.choice(RESOLUTIONS)
    ground = rng.choice((BLACK, BLACK, (0, 120, 215), (1, 36, 86)))
    page = Page(size, ground, rng.choice(fonts.sans), rng)
    way = rng.choice(("blank", "blank", "bar", "logo"))
    x, y = size[0] / 2, size[1] * 0.72
    if way == "bar":
        page.draw.rectangle((x - 80, y, x + 80, y + 8), outline=(150, 150, 150))
        page.text((x, y + 36), "© Microsoft Corporation", 13, fill=(150, 150, 150), centred=True)
    if way == "logo":
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            left, top, side = x - 62 + dx * 64, size[1] * 0.3 + dy * 64, 60
            page.draw.rectangle((left, top, left + side, top + side), fill=(0, 160, 230))
    return page, Label("plain", f"plain-{way}", "blank" if way == "blank" else "loading")


def imitation(check: BugCheck, fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """Any of the imitations."""
    way = rng.choices(("page", "terminal", "alike"), (3, 4, 3))[0]
    if way == "alike":
        return look_alike(fonts, rng)
    return (web_page if way == "page" else terminal)(check, fonts, rng)
