"""What happens to a screen on its way to a user's file: viewer frames, borders, marks, scaling, JPEG."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from .canvas import BLACK, WHITE, Box, Canvas, Page

if TYPE_CHECKING:
    import random

    from .fonts import FontSet
    from .labels import Label

LEAST_CAP = 10.0
"""The least size in pixels of deciding text that a person still reads with ease."""
MARKS = ((230, 30, 30), (255, 160, 0), (20, 20, 255), (0, 170, 80))


def degrade(canvas: Canvas, label: Label, fonts: FontSet, rng: random.Random) -> tuple[bytes, str]:
    """The picture's bytes and its suffix; the label tells what was done to it."""
    label.resolution = f"{canvas.image.width}x{canvas.image.height}"
    label.font = canvas.face.rsplit("/", 1)[-1]
    if rng.random() < 0.35:
        return _encode(canvas.image, "png", 0), ".png"
    _mark(canvas, label, rng)
    _frame(canvas, label, fonts, rng)
    _scale(canvas, label, rng)
    if label.degradations:
        label.fixed_font = label.fixed_font and label.degradations == ["border"]
    return _save(canvas, label, rng)


def _save(canvas: Canvas, label: Label, rng: random.Random) -> tuple[bytes, str]:
    if rng.random() < 0.4:
        least = 40 if canvas.key_size >= 14 else 60 if canvas.key_size >= 11 else 75
        quality = rng.randrange(least, 91)
        label.degradations.append(f"jpeg-{quality}")
        label.fixed_font = False
        return _encode(canvas.image, "jpeg", quality), ".jpg"
    return _encode(canvas.image, "png", 0), ".png"


def _encode(image: Image.Image, form: str, quality: int) -> bytes:
    stream = BytesIO()
    if form == "jpeg":
        image.save(stream, "JPEG", quality=quality)
    else:
        image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _mark(canvas: Canvas, label: Label, rng: random.Random) -> None:
    """A pointer beside the text, or a person's box, underline or arrow at it."""
    draw = ImageDraw.Draw(canvas.image)
    if rng.random() < 0.3:
        _pointer(canvas, draw, rng)
        label.degradations.append("pointer")
    if canvas.key is None or rng.random() > 0.22:
        return
    key, ink, way = canvas.key, rng.choice(MARKS), rng.choice(("box", "underline", "arrow"))
    gap = canvas.key_size * rng.uniform(0.35, 0.8)
    if way == "box":
        draw.rectangle((key.left - gap, key.top - gap, key.right + gap, key.bottom + gap), outline=ink, width=rng.randrange(2, 5))
    elif way == "underline":
        y, middle = key.bottom + gap * 0.3, (key.left + key.right) / 2
        draw.line((key.left, y, middle, y + 3, key.right, y), fill=ink, width=3)
    else:
        x, y = key.right + gap, (key.top + key.bottom) / 2
        draw.line((x, y, x + 70, y - 30), fill=ink, width=4)
        draw.polygon(((x, y), (x + 14, y - 12), (x + 18, y + 3)), fill=ink)
    label.degradations.append(f"annotation-{way}")


def _pointer(canvas: Canvas, draw: ImageDraw.ImageDraw, rng: random.Random) -> None:
    for _ in range(20):
        x, y = rng.randrange(canvas.image.width), rng.randrange(canvas.image.height)
        key = canvas.key
        if key and key.left - 16 < x < key.right + 4 and key.top - 22 < y < key.bottom + 4:
            continue
        arrow = ((0, 0), (0, 16), (4, 12), (7, 18), (9, 17), (6, 11), (11, 11))
        draw.polygon([(x + dx, y + dy) for dx, dy in arrow], fill=WHITE, outline=BLACK)
        return


def _frame(canvas: Canvas, label: Label, fonts: FontSet, rng: random.Random) -> None:
    """A border, the window of a console viewer, or the portal's page around the screen."""
    way = rng.choices(("none", "border", "console", "portal"), (55, 20, 13, 12))[0]
    if way == "none":
        return
    size = canvas.image.size
    if way == "border":
        edge = [rng.randrange(1, 14) for _ in range(4)]
        ground = rng.choice((BLACK, WHITE, (128, 128, 128)))
        page = Page((size[0] + edge[0] + edge[2], size[1] + edge[1] + edge[3]), ground, fonts.sans[0], rng)
        origin = (edge[0], edge[1])
    elif way == "console":
        page, origin = _console_window(size, fonts, rng)
    else:
        page, origin = _portal(size, fonts, rng)
    page.image.paste(canvas.image, origin)
    canvas.image = page.image
    if canvas.key:
        dx, dy = origin
        canvas.key = Box(canvas.key.left + dx, canvas.key.top + dy, canvas.key.right + dx, canvas.key.bottom + dy)
    label.degradations.append(way)


def _console_window(size: tuple[int, int], fonts: FontSet, rng: random.Random) -> tuple[Page, tuple[int, int]]:
    page = Page((size[0] + 4, size[1] + 78), (240, 240, 240), rng.choice(fonts.sans), rng)
    page.draw.rectangle((0, 0, page.width, 28), fill=rng.choice((WHITE, (200, 215, 235))))
    server = f"web{rng.randrange(1, 99):02}"
    title = rng.choice(("{} on HV1 - Virtual Machine Connection", "QEMU ({})", "{} - VMware Remote Console", "{} Console"))
    page.text((12, 5), title.format(server), 13, fill=BLACK)
    page.text((12, 32), "File   Action   Media   Clipboard   View   Help", 12.5, fill=BLACK)
    page.text((8, page.height - 21), "Status: Running", 12, fill=BLACK)
    return page, (2, 52)


def _portal(size: tuple[int, int], fonts: FontSet, rng: random.Random) -> tuple[Page, tuple[int, int]]:
    page = Page((size[0] + 300, size[1] + 170), WHITE, rng.choice(fonts.sans), rng)
    ink = (50, 50, 50)
    page.draw.rectangle((0, 0, page.width, 38), fill=(0, 90, 158))
    page.text((14, 8), "Microsoft Azure", 16)
    server = f"web{rng.randrange(1, 99):02}"
    page.text((14, 48), f"Home > Virtual machines > {server}", 12, fill=(0, 90, 158))
    page.text((14, 70), f"{server} | Boot diagnostics", 21, fill=ink)
    for number, words in enumerate(("Overview", "Activity log", "Access control (IAM)", "Tags", "Connect", "Disks", "Help",
                                    "Resource health", "Boot diagnostics", "Serial console", "Reset password")):  # fmt: skip
        page.text((24, 125 + number * 30), words, 13, fill=ink)
    page.text((270, 106), "Refresh    Settings    Troubleshoot", 13, fill=ink)
    page.text((270, 132), "Screenshot      Serial log", 13, fill=(0, 90, 158))
    return page, (270, 156)


def _scale(canvas: Canvas, label: Label, rng: random.Random) -> None:
    """Zoom by 0.5 to 1.5, but never below readable text, and never beyond what a full screen holds."""
    if rng.random() < 0.6:
        return
    floor = max(0.5, LEAST_CAP / canvas.key_size)
    factor = max(floor, rng.uniform(0.5, 1.5))
    factor = min(factor, max(floor, 2200 / canvas.image.width), 1.5)
    if 0.97 < factor < 1.03:
        return
    size = (round(canvas.image.width * factor), round(canvas.image.height * factor))
    filters = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    canvas.image = canvas.image.resize(size, rng.choice(filters))
    canvas.key_size *= factor
    label.degradations.append(f"scale-{factor:.2f}")
