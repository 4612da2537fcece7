"""Measures the screen reader on real, captured and synthetic screens, each by itself.

python -m tests.screen.evaluate                                   # 40 + 20 synthetic ones, real and captured ones
python -m tests.screen.evaluate --positives 600 --negatives 300   # the long run: every bug check at least once
python -m tests.screen.evaluate --fonts tuning --sets synthetic --keep FOLDER
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.capture_screens import QEMU, capture

from bootmend.errors import BootmendError
from bootmend.screen import Reader, Reading
from tests.screen.captured import captured_pages
from tests.screen.generator import NEGATIVE_KINDS, generate
from tests.screen.generator.labels import Label
from tests.screen.judge import RIGHT, Readable, Tally, table
from tests.support import shared_folder

HELD_OUT_SEED = 500_000
"""Seeds from here on were never looked at while the reader was tuned."""


class Case(NamedTuple):
    """A picture and its truth."""

    name: str
    image: bytes
    suffix: str
    label: Mapping[str, Any]


Read = Callable[[str, bytes], Readable]


def reader(engines: Sequence[str] | None = None) -> Read:
    """The product's reader, kept warm; a picture that it refuses is an abstention."""
    warm = Reader(engines=engines)

    def read(name: str, image: bytes) -> Readable:
        try:
            return warm.read(name, image)
        except BootmendError as error:
            return Reading(file=name, remarks=(error.message,))

    return read


def plan(positives: int, negatives: int, seed: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Seeds and kinds: nine in ten positives are stop screens, the tenth the boot manager's; negatives show no code at all.

    Consecutive stop screens take consecutive seeds, so that each bug check has its turn.
    """
    quiet = tuple(kind for kind in NEGATIVE_KINDS if kind != "bootmgr")
    for number in range(positives):
        stops = number * 9 // 10
        stop = stops != (number + 1) * 9 // 10
        yield (seed + stops, ("stop",)) if stop else (seed + positives + number, ("bootmgr",))
    for number in range(negatives):
        yield seed + 10_000 + number, quiet


def synthetic_cases(positives: int, negatives: int, fonts: str, seed: int = HELD_OUT_SEED) -> Iterator[Case]:
    """Generated screens of a plan."""
    for own, kinds in plan(positives, negatives, seed):
        sample = generate(own, kinds=kinds, fonts=fonts)
        yield Case(f"{sample.label['kind']}-{own}", sample.image, sample.suffix, sample.label)


MBR_STATES = (
    *("bootmgr_missing", "bootmgr_compressed", "bootmgr_corrupt", "disk_read_error", "os_not_found", "missing_os"),
    *("invalid_partition_table", "error_loading_os", "ntldr_missing", "remove_disks"),
)
STATES = {
    "": ("",),
    "boot_menu": ("boot_menu_graphical", "boot_menu_text"),
    "advanced_options": ("advanced_boot_options",),
    "linux": ("grub_menu", "linux_text"),
    "session": ("please_wait",),
    "loading": ("windows_loading",),
    "setup": ("windows_setup",),
    "mbr": MBR_STATES,
    "firmware_none": ("ipxe_text", "no_bootable_device", "boot_failed_not_bootable"),
    "unknown": ("imitation_stop",),
}


def _state_of(row: Mapping[str, str]) -> str:
    if row["kind"] == "stop":
        return "stop"
    return next((state for state, names in STATES.items() if row["state"] in names), "")


def shared_cases(folder: str) -> Iterator[Case]:
    """The third-party pictures of a folder (``real`` or ``qemu``), as their list labels them; none where they are absent."""
    base = shared_folder("data")
    if base is None or not (base / "screenshots" / "labels.tsv").is_file():
        return
    with (base / "screenshots" / "labels.tsv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["file"].startswith(folder + "/")]
    for row in rows:
        path = base / "screenshots" / row["file"]
        code = row["stop_code"]
        label = Label(row["kind"], row["state"], _state_of(row), stop_code=code, stop_codes=(code,) if code else ())
        label.status_code, label.failing_file = row["status_code"], row["failing_file"]
        # The one picture whose type is four pixels high: nobody can read it, so only a wrong answer would count.
        label.readable = "unexpected-restart.png" not in path.name
        yield Case(row["file"], path.read_bytes(), path.suffix.lower(), label.as_dict())


def captured_cases(font_rows: Sequence[int] = (16, 14, 8)) -> Iterator[Case]:
    """Text screens of our own in the ROM's fonts, shown by a boot sector in QEMU now; none where it is not installed."""
    if shutil.which(QEMU) is None:
        return
    pages = [(label, page) for label, page in captured_pages() if page.font_rows in font_rows]
    for (label, page), picture in zip(pages, capture([page for _, page in pages]), strict=True):
        yield Case(f"qemu-{label['layout']}-{page.font_rows}", picture, ".ppm", label)


def evaluate(cases: Iterator[Case], read: Read, keep: Path | None = None) -> Tally:
    """Read every picture and judge it; pictures that were not read right are kept in a folder."""
    tally = Tally()
    for case in cases:
        start = time.perf_counter()
        reading = read(case.name + case.suffix, case.image)
        verdict = tally.add(case.name, case.label, reading, time.perf_counter() - start)
        if keep and (verdict.code not in ("", RIGHT) or verdict.state == "wrong"):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / (case.name.replace("/", "-").removesuffix(case.suffix) + case.suffix)).write_bytes(case.image)
    return tally


def sets(options: argparse.Namespace) -> Iterator[tuple[str, Iterator[Case]]]:
    """The sets asked for, each with its name."""
    if "real" in options.sets:
        yield "real", shared_cases("real")
    if "captured" in options.sets:
        yield "captured (others')", shared_cases("qemu")
        yield "captured (own)", captured_cases()
    if "synthetic" in options.sets:
        yield f"synthetic ({options.fonts})", synthetic_cases(options.positives, options.negatives, options.fonts, options.seed)


def main(arguments: list[str]) -> int:
    """Print the table and every picture that was not read right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positives", type=int, default=40)
    parser.add_argument("--negatives", type=int, default=20)
    parser.add_argument("--fonts", choices=("tuning", "held-out"), default="held-out")
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--sets", default="real,captured,synthetic")
    parser.add_argument("--engines", type=lambda text: text.split(","), help="serial,glyphs,ocr; default: all that are installed")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    read = reader(options.engines)
    tallies = [(name, evaluate(cases, read, options.keep)) for name, cases in sets(options)]
    for name, tally in tallies:
        for failure in tally.failures:
            print(f"{name}\t{failure}")  # noqa: T201
    print(table(tallies))  # noqa: T201
    if options.json:
        data = {name: tally.as_dict() for name, tally in tallies}
        options.json.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    return 1 if any(tally.wrong for _, tally in tallies) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
