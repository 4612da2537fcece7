"""``bootmend screenshot``: what boot-diagnostics screenshots and serial logs show."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from bootmend.cli.options import colour_option
from bootmend.cli.output import data_style, say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from bootmend.screen import Reading

#: of a larger file only the end is read: it can be nothing but a log
MOST_BYTES = 64 * 1024 * 1024
LOG_END = 8 * 1024 * 1024
UNREAD = 3


@click.command("screenshot", cls=Command)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...")
@click.option("--frames", is_flag=True, help="The pictures are frames of one machine, oldest first: one reading for all.")
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(("serial", "glyphs", "ocr")),
    help="Use only this engine; may be repeated.",
)
@click.option("--jobs", "-j", type=click.IntRange(0, 256), default=0, help="Processes for many pictures; 0: one per processor.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("human", "json", "jsonl")),
    default="human",
    show_default=True,
    help="How to show it.",
)
@colour_option
def command(
    *, pictures: tuple[str, ...], frames: bool, engines: tuple[str, ...], jobs: int, output_format: str, colour: str
) -> int:
    """Read what PICTUREs show: PNG, BMP, JPEG, GIF, PPM, or a serial log; ``-`` is standard input.

    ``bootmend screen`` is the same command.

    Exit code 0: every picture was read, whatever it shows; 3: one was not recognised, or could not be read.
    """
    from bootmend.screen import combine

    found = _show_progress(_read(pictures, engines, _processes(jobs, len(pictures))), len(pictures))
    readings = [combine(list(found))] if frames else found
    return _show(_with_advice(readings), output_format, colour)


def _with_advice(readings: Iterable[Reading]) -> Iterator[Reading]:
    """Each reading with the rules that it speaks for, and, of a fault, with where on the disk to look to decide."""
    from dataclasses import replace

    from bootmend.catalog import rule_modules
    from bootmend.engine.screen_hints import hints
    from bootmend.screen import rank
    from bootmend.screen.phrases import KINDS

    rules = [module.RULE for module in rule_modules()]
    for reading in readings:
        fault = KINDS.get(reading.state) == "fault"
        yield replace(reading, candidates=rank(reading, rules), look_at=tuple(hints(reading)) if fault else ())


def _read(pictures: tuple[str, ...], engines: tuple[str, ...], jobs: int) -> Iterator[Reading]:
    from bootmend.screen.batch import read_many

    return read_many(((name, file_bytes(name)) for name in pictures), engines=engines or None, jobs=jobs)


def _processes(jobs: int, pictures: int) -> int:
    from bootmend.screen.batch import WORTH_A_POOL

    return 1 if pictures < WORTH_A_POOL else min(jobs or os.cpu_count() or 1, pictures)


def file_bytes(name: str) -> bytes:
    """The bytes of a picture or log; of a very large one its end; ``-`` is standard input.

    Raises:
        MissingError, UsageError: there is no such file.
    """
    if name == "-":
        return _limited(sys.stdin.buffer)
    try:
        with open(name, "rb") as file:
            return _limited(file)
    except IsADirectoryError:
        raise UsageError(f"{name} is a folder", hint=f"name its pictures, such as  {name.rstrip('/')}/*.png") from None
    except OSError as error:
        raise MissingError(f"{name}: {error.strerror or error}", hint="check the name") from error


def _limited(file: BinaryIO) -> bytes:
    """All of a file up to a limit, else its end."""
    data = file.read(MOST_BYTES)
    more = file.read(LOG_END)
    while more:
        data = data[-LOG_END:] + more
        more = file.read(LOG_END)
    return data


def _show_progress(readings: Iterator[Reading], total: int) -> Iterator[Reading]:
    loud = total > 1 and sys.stderr.isatty()
    for number, reading in enumerate(readings, 1):
        if loud:
            click.echo(f"\r{number} of {total}", nl=number == total, err=True)
        yield reading


def _show(readings: Iterable[Reading], output_format: str, colour: str) -> int:
    import json

    from bootmend.screen.show import document, show
    from bootmend.views.style import plain

    kept: list[Reading] = []
    style = data_style(colour)
    for reading in readings:
        kept.append(reading)
        if output_format == "jsonl":
            show_data(json.dumps(reading.to_json(), ensure_ascii=False) + "\n")
        elif output_format == "human":
            show_data(show(reading, style, plain))
    if output_format == "json":
        show_data(json.dumps(document(kept), indent=2, ensure_ascii=False) + "\n")
    unread = sum(not reading.recognised for reading in kept)
    if unread and len(kept) > 1:
        say(f"{unread} of {len(kept)} pictures were not recognised")
    return UNREAD if unread else 0
