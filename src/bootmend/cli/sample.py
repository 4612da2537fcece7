"""``bootmend sample``: write a broken disk to try things on."""

from __future__ import annotations

import os

import click

from bootmend.cli.options import known_rules
from bootmend.cli.output import say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import UsageError

FORMATS = ("raw", "vhd-dynamic", "vhd-fixed")


@click.command("sample", cls=Command)
@click.argument("rule", metavar="RULE|healthy")
@click.option("-o", "--output", required=True, metavar="DISK", help="The disk image to write.")
@click.option("--gen", type=click.Choice(("1", "2")), default="1", show_default=True, help="1: BIOS and MBR; 2: UEFI and GPT.")
@click.option(
    "--layout", type=click.Choice(("usual", "single")), default="usual", show_default=True, help="single: one partition."
)
@click.option(
    "--format",
    "image_format",
    type=click.Choice(("", *FORMATS)),
    default="",
    metavar="F",
    help="raw, vhd-dynamic or vhd-fixed; by default as the name's ending says.",
)
@click.option("--size", default="127G", show_default=True, help="The disk's size; the file stays sparse.")
@click.option("--force", is_flag=True, help="Replace the file DISK if it is there.")
def command(*, rule: str, output: str, gen: str, layout: str, image_format: str, size: str, force: bool) -> int:
    """Write a sample disk that is broken in the way of RULE. It holds no file of Microsoft's and cannot boot."""
    from bootmend.engine.sample import make_sample
    from bootmend.samples import parse_size

    if rule != "healthy":
        known_rules(rule)
    if os.path.lexists(output) and not (force and os.path.isfile(output)):
        other = "" if not os.path.isfile(output) else ", or add --force"
        raise UsageError(f"{output} exists", hint=f"choose another name{other}")
    make_sample(
        rule,
        output,
        generation=int(gen),
        layout=layout,
        image_format=image_format or _by_name(output),
        size=parse_size(size),
        overwrite=force,
    )
    used = os.stat(output)
    occupied = getattr(used, "st_blocks", used.st_size // 512) * 512
    say(f"{output}: {size} disk, generation {gen}, {rule}; {occupied >> 10} KiB on this computer")
    show_data(f"{output}\n")
    return 0


def _by_name(path: str) -> str:
    return "vhd-dynamic" if path.lower().endswith(".vhd") else "raw"
