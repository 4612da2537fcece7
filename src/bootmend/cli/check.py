"""``bootmend check``: say why a disk does not boot."""

from __future__ import annotations

import click

from bootmend.cli.options import (
    code_option,
    colour_option,
    format_option,
    known_rules,
    normal_codes,
    parent_option,
    rule_option,
    vm_option,
)
from bootmend.cli.output import about, data_style, say, show_data
from bootmend.cli.screens import read_screens, screen_options
from bootmend.cli.settings import Command

FIRMWARE = {None: "", "1": "BIOS", "2": "UEFI"}


@click.command("check", cls=Command)
@click.argument("disk")
@parent_option
@rule_option
@code_option
@screen_options
@vm_option
@format_option
@colour_option
@click.option(
    "--generation", type=click.Choice(("1", "2")), help="What the machine is: 1 (BIOS) or 2 (UEFI); a disk cannot tell."
)
@click.option("--evidence", is_flag=True, help="Also show what the machine recorded: dumps, event log, servicing, versions.")
@click.option("--deep", is_flag=True, help="With the evidence, read programs whole, to check their checksums.")
@click.option("--timings", is_flag=True, help="Say on standard error how long each rule took, the slowest first.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also where problems were found.")
def command(
    *,
    disk: str,
    rules: tuple[str, ...],
    codes: tuple[str, ...],
    screenshots: tuple[str, ...],
    serials: tuple[str, ...],
    vm: str,
    output_format: str,
    colour: str,
    generation: str | None,
    evidence: bool,
    deep: bool,
    timings: bool,
    exit_zero: bool,
) -> int:
    """Say why DISK does not boot, with the evidence. Opens nothing for writing.

    DISK is a disk image (raw, VHD), a block device, or a directory that holds the files of a system
    volume and a Windows volume.
    """
    from bootmend.engine.diagnose import diagnose
    from bootmend.engine.remote import open_target
    from bootmend.source.url import redact
    from bootmend.views import render_report
    from bootmend.views.timings import timing_lines

    rules, codes = known_rules(*rules), normal_codes(codes)
    screens = read_screens(screenshots, serials)
    with about(redact(disk)), open_target(disk) as target:
        report = diagnose(target, rules=rules, codes=screens.with_codes(codes), vm=vm, firmware=FIRMWARE[generation])
        if evidence or deep:
            from bootmend.engine.evidence import with_evidence

            report = with_evidence(report, target, checksums=deep)
    report = screens.beside(report)
    show_data(render_report(report, output_format, data_style(colour), name=redact(disk), pictures=screens.pictures))
    if timings:
        for line in timing_lines(report):
            say(line)
    return 0 if exit_zero and report.exit_code == 1 else report.exit_code
