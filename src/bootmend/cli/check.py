"""``bootmend check``: say why a disk does not boot."""

from __future__ import annotations

import click

from bootmend.cli.output import code_option, colour_option, data_style, format_option, normal_codes, rule_option, show_data, vm_option


@click.command("check")
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
    from bootmend.catalog import find_rule
    from bootmend.engine.diagnose import diagnose
    from bootmend.engine.target import Target
    from bootmend.views import render_report

    for rule in rules:
        find_rule(rule)
    with Target(disk) as target:
        report = diagnose(target, rules=rules, codes=normal_codes(codes), vm=vm)
    show_data(render_report(report, output_format, data_style(colour), name=disk))
    return 0 if exit_zero and report.exit_code == 1 else report.exit_code
