# ruff: noqa: E402 - the checkout is put on the path first
"""Reading boot screens: ours, plain rapidocr and tesseract, on the same pictures in one run.

    python benchmarks/bench_screen.py [--positives 15] [--negatives 5] [--sets real,captured,synthetic] [--json]

Rivals read with their default settings (tesseract: light on dark turned, twice the size, as suits it better); what they
read goes through our matcher, so only the eyes are compared.  Beside it stands what a plain search for ``Stop code:
NAME`` and ``0x...`` makes of it.  Times are warm, one picture at a time, in turns.  Real, captured and synthetic
screens are never added up; the synthetic ones are of fonts and seeds that were never used while the reader was tuned.
"""

from __future__ import annotations

import argparse
import io
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from measure import Row, Skipped, median, milliseconds, show, spent, times

try:
    import numpy as np
    from PIL import Image
except ImportError:
    np = Image = None
else:
    from tests.screen.evaluate import captured_cases, shared_cases, synthetic_cases
    from tests.screen.judge import judge

from bootmend.errors import BootmendError
from bootmend.screen import Line, Page, Reader, Reading
from bootmend.screen.codes import default_table
from bootmend.screen.matcher import interpret
from bootmend.screen.trivial import ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.screen.evaluate import Case

NAIVE_NAME = re.compile(r"[Ss]top code:\s*([A-Z0-9_ ]+)")
NAIVE_NUMBER = re.compile(r"STOP:\s*0x([0-9A-F]{8})\b|(?:Status|Error code):\s*0x([0-9a-f]{8})\b")
CAPTURED_STEP = 4
"""Of our own captures every fourth: a rival takes a second and more for each."""
FIXED_GOAL, NETWORK_GOAL, COLD_GOAL, CORE_GOAL = 0.020, 0.6, 1.0, 15_000_000


class Look(NamedTuple):
    """What one reader made of one picture: the reading, the text, the seconds; of ours also those of this process."""

    reading: Reading
    text: str
    seconds: float
    cpu: float = 0.0


Seen = dict[str, list[tuple["Mapping[str, Any]", Look]]]
"""Of each pair of eyes every picture's label and look."""


# -- eyes -------------------------------------------------------------------------------------------------------------


def ours() -> Callable[[bytes], Look]:
    reader = Reader()

    def look(data: bytes) -> Look:
        start, cpu = time.perf_counter(), time.process_time()
        try:
            reading = reader.read("x", data)
        except BootmendError as error:
            reading = Reading(file="x", remarks=(error.message,))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        if reading.engines == ("glyphs",):
            cpu = min(cpu, *(spent(lambda: reader.read("x", data)).cpu for _ in range(2)))
        return Look(reading, "\n".join(reading.text), seconds, cpu)

    return look


def rapidocr() -> Callable[[bytes], Look]:
    try:
        from rapidocr import RapidOCR
    except ImportError:
        raise Skipped("rapidocr is not installed") from None
    logging.disable(logging.CRITICAL)
    engine = RapidOCR()

    def look(data: bytes) -> Look:
        start = time.perf_counter()
        pixels = np.asarray(last_frame(data).convert("RGB"))
        result = engine(pixels[:, :, ::-1].copy())
        seconds = time.perf_counter() - start
        return matched([] if result.txts is None else list(result.txts), seconds, pixels)

    return look


def tesseract() -> Callable[[bytes], Look] | None:
    if shutil.which("tesseract") is None:
        return None

    def look(data: bytes) -> Look:
        start = time.perf_counter()
        picture = last_frame(data)
        grey = np.asarray(picture.convert("L"))
        grey = 255 - grey if grey.mean() < 128 else grey
        buffer = io.BytesIO()
        Image.fromarray(grey).resize((grey.shape[1] * 2, grey.shape[0] * 2), Image.Resampling.BICUBIC).save(buffer, "PNG")
        done = subprocess.run(["tesseract", "-", "-", "--psm", "6"], input=buffer.getvalue(), capture_output=True, check=False)
        seconds = time.perf_counter() - start
        return matched(done.stdout.decode("utf-8", "replace").splitlines(), seconds, np.asarray(picture.convert("RGB")))

    return look


def last_frame(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.seek(getattr(picture, "n_frames", 1) - 1)
    return picture


def matched(texts: list[str], seconds: float, pixels: Any) -> Look:  # noqa: ANN401 - an array, where NumPy is installed
    """What our matcher makes of a rival's text; it is told the background's colour, as our own eyes tell it."""
    page = Page(tuple(Line(text) for text in texts if text.strip()), "ocr", background=ground(pixels).colour)
    return Look(interpret(page, default_table(), "x"), "\n".join(texts), seconds)


def naive(text: str) -> str:
    """The code that a plain search finds, or nothing."""
    name = NAIVE_NAME.search(text)
    if name is not None:
        found = default_table().exact(name[1])
        return found.codes[0] if found else ""
    number = NAIVE_NUMBER.search(text)
    return f"0x{(number[1] or number[2]).upper()}" if number else ""


# -- what they read ---------------------------------------------------------------------------------------------------


def see(cases: Iterable[Case], eyes: dict[str, Callable[[bytes], Look]]) -> Seen:
    """Every picture with every pair of eyes, in turns."""
    seen: Seen = {name: [] for name in eyes}
    for case in cases:
        for name, look in eyes.items():
            seen[name].append((case.label, look(case.image)))
    return seen


def accuracy(name: str, seen: Seen) -> Row:
    """Codes right, wrong or false, of each pair of eyes."""
    labels = [label for label, _ in seen["ours"]]
    codes = sum(bool(shown(label)) for label in labels)
    rivals = "; ".join(f"{rival} {score(looks)}" for rival, looks in seen.items() if rival != "ours")
    wrong = wrongs(seen["ours"])
    return Row(f"{name}: {len(labels)} pictures, {codes} codes", score(seen["ours"]), rivals, "", "0 wrong", wrong == 0)


def score(looks: list[tuple[Mapping[str, Any], Look]]) -> str:
    """``5 right, 0 wrong (plain search: 3)``."""
    right = sum(judge(label, look.reading).code == "right" for label, look in looks)
    plain = sum(naive(look.text) == code for label, look in looks if (code := shown(label)))
    return f"{right} right, {wrongs(looks)} wrong (plain search: {plain})"


def wrongs(looks: list[tuple[Mapping[str, Any], Look]]) -> int:
    """Wrong codes, and codes on screens that show none."""
    verdicts = (judge(label, look.reading).code for label, look in looks)
    return sum("wrong" in verdict or verdict == "false code" for verdict in verdicts)


def shown(label: Mapping[str, Any]) -> str:
    """The code that a picture shows, or nothing."""
    return str(label["stop_code"] or label["status_code"]).upper().replace("0X", "0x")


# -- how long it takes ------------------------------------------------------------------------------------------------


def fixed_font(name: str, seen: Seen) -> Iterator[Row]:
    """Screens that were read by glyphs: processor time, for one thread does it all; the best of three looks at each."""
    mine = [(look, index) for index, (_, look) in enumerate(seen["ours"]) if look.reading.engines == ("glyphs",)]
    if mine:
        other = median(seen["rapidocr"][index][1].seconds for _, index in mine)
        middle, longest = median(look.cpu for look, _ in mine), max(look.cpu for look, _ in mine)
        said = f"CPU {milliseconds(middle)}; the longest {milliseconds(longest)}"
        what = f"{name}: one screen of a fixed font ({len(mine)})"
        yield Row(what, said, f"rapidocr, wall {milliseconds(other)}", "", "20 ms each", longest <= FIXED_GOAL)


def network(name: str, seen: Seen) -> Iterator[Row]:
    """Screens that needed the network: our time over rapidocr's on the same picture."""
    pairs = [
        (mine.seconds, other.seconds)
        for (_, mine), (_, other) in zip(seen["ours"], seen["rapidocr"], strict=True)
        if mine.reading.engines == ("ocr",)
    ]
    if pairs:
        ratio = median(mine / other for mine, other in pairs)
        mine, other = (milliseconds(median(column)) for column in zip(*pairs, strict=True))
        what = f"{name}: one drawn screen, warm ({len(pairs)})"
        yield Row(what, mine, f"rapidocr {other}", times(ratio), "0.6 x rapidocr", ratio <= NETWORK_GOAL)


def cold_start() -> Row:
    """A new process that reads its first drawn picture: the best of three, in turns."""
    case = next(synthetic_cases(1, 0, "tuning", 3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{case.suffix}"
        path.write_bytes(case.image)
        mine = f"import sys; sys.path[:0] = {sys.path[:2]!r}; from bootmend.screen import Reader; "
        mine += f"Reader(engines=['ocr']).read('x', open({str(path)!r}, 'rb').read())"
        other = f"import logging; logging.disable(50); from rapidocr import RapidOCR; RapidOCR()({str(path)!r})"
        taken = [(cold(mine), cold(other)) for _ in range(3)]
    first, second = (min(column) for column in zip(*taken, strict=True))
    ratio = first / second
    return Row(
        "screens, cold start",
        milliseconds(first),
        f"rapidocr {milliseconds(second)}",
        times(ratio),
        "1 x rapidocr",
        ratio <= COLD_GOAL,
    )


def cold(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - start


def core_size() -> Row:
    """Bytes of an installation without extras, with bytecode."""
    what = "installed without extras"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, str(ROOT)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return Row(what, f"not measured: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return Row(what, f"{size / 1e6:.1f} MB", "", "", "15 MB", size <= CORE_GOAL)


# -- the table --------------------------------------------------------------------------------------------------------


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positives", type=int, default=15)
    parser.add_argument("--negatives", type=int, default=5)
    parser.add_argument("--seed", type=int, default=900_000)
    parser.add_argument("--sets", default="real,captured,synthetic")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure() -> Iterator[Row]:
    """Every row."""
    if np is None:
        raise Skipped("Pillow and NumPy are not installed")
    chosen = options()
    made = {"ours": ours(), "rapidocr": rapidocr(), "tesseract": tesseract()}
    eyes = {name: look for name, look in made.items() if look is not None}
    see(synthetic_cases(2, 0, "tuning", 3), eyes)  # warm
    for name, cases in sets(chosen):
        seen = see(cases, eyes)
        if seen["ours"]:
            yield accuracy(f"screens, {name}", seen)
            yield from fixed_font(f"screens, {name}", seen)
            yield from network(f"screens, {name}", seen)
    yield cold_start()
    yield core_size()


def sets(chosen: argparse.Namespace) -> Iterator[tuple[str, Iterable[Case]]]:
    """The sets asked for; what third parties gave is passed over where it is not present."""
    if "real" in chosen.sets:
        yield "real", shared_cases("real")
    if "captured" in chosen.sets:
        yield "captured", islice(captured_cases(), 0, None, CAPTURED_STEP)
    if "synthetic" in chosen.sets:
        yield "synthetic", synthetic_cases(chosen.positives, chosen.negatives, "held-out", chosen.seed)


if __name__ == "__main__":
    show(measure)
