"""``bootmend check``: say why a disk does not boot."""

from __future__ import annotations

import click

from bootmend.cli.options import code_option, colour_option, format_option, known_rules, normal_codes, rule_option, vm_option
from bootmend.cli.output import about, data_style, show_data
from bootmend.cli.settings import Command


@click.command("check", cls=Command)
@click.argument("disk")
@rule_option
@code_option
@vm_option
@format_option
@colour_option
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also where problems were found.")
def command(
    *, disk: str, rules: tuple[str, ...], codes: tuple[str, ...], vm: str, output_format: str, colour: str, exit_zero: bool
) -> int:
    """Say why DISK does not boot, with the evidence. Opens nothing for writing.

    DISK is a disk image (raw, VHD), a block device, or a directory that holds the files of a system
    volume and a Windows volume.
    """
    from bootmend.engine.diagnose import diagnose
    from bootmend.engine.target import Target
    from bootmend.views import render_report

    rules, codes = known_rules(*rules), normal_codes(codes)
    with about(disk), Target(disk) as target:
        report = diagnose(target, rules=rules, codes=codes, vm=vm)
    show_data(render_report(report, output_format, data_style(colour), name=disk))
    return 0 if exit_zero and report.exit_code == 1 else report.exit_code
