# ruff: noqa: E402 - the checkout is put on the path first
"""Reading boot screens: ours, plain rapidocr and tesseract, on the same pictures in one run.

    python benchmarks/bench_screen.py [--positives 20] [--negatives 10] [--sets real,captured,synthetic] [--fonts held-out]

Rivals read with their default settings; what they read goes through our matcher, so only the eyes are compared.  Beside
it stands what a plain search for ``Stop code: NAME`` and ``0x...`` makes of it.  Times are warm, one picture at a time.
Real, captured and synthetic screens are never added up.
"""

from __future__ import annotations

import argparse
import io
import logging
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import numpy as np
from PIL import Image
from tests.screen.evaluate import shared_cases, synthetic_cases
from tests.screen.judge import judge

from bootmend.errors import BootmendError
from bootmend.screen import Line, Page, Reader, Reading
from bootmend.screen.codes import default_table
from bootmend.screen.matcher import interpret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.screen.evaluate import Case

NAIVE_NAME = re.compile(r"[Ss]top code:\s*([A-Z0-9_ ]+)")
NAIVE_NUMBER = re.compile(r"STOP:\s*0x([0-9A-F]{8})\b|(?:Status|Error code):\s*0x([0-9a-f]{8})\b")


class Look(NamedTuple):
    """What one reader made of one picture: the reading, the text, the seconds."""

    reading: Reading
    text: str
    seconds: float


def ours() -> Callable[[bytes], Look]:
    reader = Reader()

    def look(data: bytes) -> Look:
        start = time.perf_counter()
        try:
            reading = reader.read("x", data)
        except BootmendError as error:
            reading = Reading(file="x", remarks=(error.message,))
        return Look(reading, "\n".join(reading.text), time.perf_counter() - start)

    return look


def rapidocr() -> Callable[[bytes], Look]:
    from rapidocr import RapidOCR

    logging.disable(logging.CRITICAL)
    engine = RapidOCR()

    def look(data: bytes) -> Look:
        start = time.perf_counter()
        pixels = np.asarray(last_frame(data).convert("RGB"))
        result = engine(pixels[:, :, ::-1].copy())
        seconds = time.perf_counter() - start
        return matched([] if result.txts is None else list(result.txts), seconds)

    return look


def tesseract() -> Callable[[bytes], Look] | None:
    """Grey, light on dark turned, twice the size, as the better of its known settings for screens."""
    if shutil.which("tesseract") is None:
        return None

    def look(data: bytes) -> Look:
        start = time.perf_counter()
        grey = np.asarray(last_frame(data).convert("L"))
        grey = 255 - grey if grey.mean() < 128 else grey
        buffer = io.BytesIO()
        Image.fromarray(grey).resize((grey.shape[1] * 2, grey.shape[0] * 2), Image.Resampling.BICUBIC).save(buffer, "PNG")
        done = subprocess.run(["tesseract", "-", "-", "--psm", "6"], input=buffer.getvalue(), capture_output=True, check=False)
        return matched(done.stdout.decode("utf-8", "replace").splitlines(), time.perf_counter() - start)

    return look


def last_frame(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.seek(getattr(picture, "n_frames", 1) - 1)
    return picture


def matched(texts: list[str], seconds: float) -> Look:
    page = Page(tuple(Line(text) for text in texts if text.strip()), "ocr")
    return Look(interpret(page, default_table(), "x"), "\n".join(texts), seconds)


def naive(text: str) -> str:
    """The code that a plain search finds, or nothing."""
    name = NAIVE_NAME.search(text)
    if name is not None:
        found = default_table().exact(name[1])
        return found.codes[0] if found else ""
    number = NAIVE_NUMBER.search(text)
    return f"0x{(number[1] or number[2]).upper()}" if number else ""


def measure(name: str, cases: Iterable[Case], rivals: dict[str, Callable[[bytes], Look]]) -> None:
    """Read every picture with every pair of eyes, and print a row for each."""
    looks: dict[str, list[tuple[Any, Look]]] = {rival: [] for rival in rivals}
    for case in cases:
        for rival, look in rivals.items():
            looks[rival].append((case.label, look(case.image)))
    for rival, seen in looks.items():
        print(row(name, rival, seen), flush=True)
    if looks["ours"]:
        print(engines([look for _, look in looks["ours"]], [look for _, look in looks["rapidocr"]]), flush=True)


def row(name: str, rival: str, seen: list[tuple[Any, Look]]) -> str:
    """One line of the table."""
    verdicts = [judge(label, look.reading).code for label, look in seen]
    plain = sum(naive(look.text) == code for label, look in seen if (code := shown(label)))
    count = sum(bool(shown(label)) for label, _ in seen)
    wrong = sum("wrong" in verdict or verdict == "false code" for verdict in verdicts)
    times = sorted(look.seconds for _, look in seen) or [0.0]
    right = f"{verdicts.count('right')}/{count} | {plain}/{count} | {wrong}"
    return f"| {name} | {rival} | {len(seen)} | {right} | {statistics.median(times):.3f} | {times[int(len(times) * 0.95)]:.3f} |"


def shown(label: Mapping[str, Any]) -> str:
    """The code that a picture shows, or nothing."""
    return str(label["stop_code"] or label["status_code"]).upper().replace("0X", "0x")


def engines(ours: list[Look], theirs: list[Look]) -> str:
    """How our time on drawn text compares with rapidocr's on the same pictures, and the time of fixed fonts."""
    pairs = list(zip(ours, theirs, strict=True))
    drawn = [(mine.seconds, other.seconds) for mine, other in pairs if mine.reading.engines == ("ocr",)]
    fixed = [mine.seconds for mine, _ in pairs if mine.reading.engines == ("glyphs",)]
    said = [f"{len(fixed)} by glyphs, median {1000 * statistics.median(fixed or [0]):.1f} ms"]
    if drawn:
        ratios, whole = [mine / other for mine, other in drawn], sum(mine for mine, _ in drawn) / sum(other for _, other in drawn)
        said.append(
            f"{len(drawn)} by the network, time over rapidocr's: median {statistics.median(ratios):.2f}, in all {whole:.2f}"
        )
    return f"|  | *ours: {'; '.join(said)}* | | | | | | |"


def cold(code: str) -> float:
    """Seconds of a new process that reads its first drawn picture; the best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def cold_starts() -> None:
    """Print the cold starts of ours and of plain rapidocr."""
    case = next((case for case in synthetic_cases(1, 0, "tuning", 3)), None)
    if case is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{case.suffix}"
        path.write_bytes(case.image)
        mine = f"import sys; sys.path[:0] = {sys.path[:2]!r}; from bootmend.screen import Reader; "
        mine += f"Reader(engines=['ocr']).read('x', open({str(path)!r}, 'rb').read())"
        other = f"import logging; logging.disable(50); from rapidocr import RapidOCR; RapidOCR()({str(path)!r})"
        print(f"\ncold start: ours {cold(mine):.2f} s, rapidocr {cold(other):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positives", type=int, default=20)
    parser.add_argument("--negatives", type=int, default=10)
    parser.add_argument("--fonts", choices=("tuning", "held-out"), default="held-out")
    parser.add_argument("--sets", default="real,captured,synthetic")
    options = parser.parse_args()
    made = {"ours": ours(), "rapidocr": rapidocr(), "tesseract": tesseract()}
    rivals = {name: look for name, look in made.items() if look is not None}
    for case in synthetic_cases(1, 0, "tuning", 3):
        for look in rivals.values():
            look(case.image)
    print("| set | eyes | pictures | codes right | by a plain search | wrong or false | median s | p95 s |")
    print("|---|---|---|---|---|---|---|---|")
    if "real" in options.sets:
        measure("real", shared_cases("real"), rivals)
    if "captured" in options.sets:
        measure("captured", shared_cases("qemu"), rivals)
    if "synthetic" in options.sets:
        measure(f"synthetic ({options.fonts})", synthetic_cases(options.positives, options.negatives, options.fonts), rivals)
    cold_starts()


if __name__ == "__main__":
    main()
