"""``bootmend collect``: one file that tells somebody far away what is the matter with a machine."""

from __future__ import annotations

import click

from bootmend.cli.options import code_option, colour_option, parent_option, vm_option
from bootmend.cli.options import normal_codes as normal
from bootmend.cli.output import about, say, show_data
from bootmend.cli.screens import read_screens, screen_options
from bootmend.cli.settings import Command

FORMATS = ("human", "json", "jsonl")


def _size(_context: click.Context, _option: click.Parameter, text: str) -> int:
    from bootmend.samples import parse_size

    return parse_size(text) if text else 0


@click.command("collect", cls=Command)
@click.argument("disk")
@click.option("--output", "-o", required=True, metavar="FILE", type=click.Path(dir_okay=False), help="The ZIP file to write.")
@click.option(
    "--dumps", default="", metavar="SIZE", callback=_size, help="Take dumps too, up to SIZE (64M, 4G): they hold memory."
)
@click.option("--deep", is_flag=True, help="Read programs whole, to check their checksums.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@parent_option
@code_option
@screen_options
@vm_option
@click.option(
    "--format", "output_format", type=click.Choice(FORMATS), default="human", show_default=True, help="How to show the manifest."
)
@colour_option
def command(
    *,
    disk: str,
    output: str,
    dumps: int,
    deep: bool,
    force: bool,
    codes: tuple[str, ...],
    screenshots: tuple[str, ...],
    serials: tuple[str, ...],
    vm: str,
    output_format: str,
    colour: str,  # noqa: ARG001
) -> int:
    """Collect what tells why DISK does not boot into one ZIP file, to be sent. Opens nothing of DISK for writing.

    In it are the report, the evidence, the boot configuration, the System event log and the ends of the logs. Passwords,
    registry hives and users' files are never in it; manifest.json says what is, and what was left out.
    """
    from bootmend.engine.collect import collect, write_bundle
    from bootmend.engine.diagnose import diagnose
    from bootmend.engine.evidence import with_evidence
    from bootmend.engine.remote import open_target
    from bootmend.source.url import redact
    from bootmend.views import dump
    from bootmend.views.bundles import bundle_text, documents_of

    screens = read_screens(screenshots, serials)
    with about(redact(disk)), open_target(disk) as target:
        report = diagnose(target, codes=screens.with_codes(normal(codes)), vm=vm)
        report = screens.beside(with_evidence(report, target, checksums=deep))
        bundle = collect(target.machine, documents_of(report, name=redact(disk), pictures=screens.pictures), dumps=dumps)
        manifest = write_bundle(bundle, output, target, vm=vm, force=force)
    if output_format == "human":
        say(bundle_text(manifest))
        show_data(f"{output}\n")
    else:
        show_data(dump(manifest, output_format))
    return 0
