"""``bootmend bcdboot``: a fresh, complete store for a Windows on a disk."""

from __future__ import annotations

import click

from bootmend.cli.options import yes_option
from bootmend.cli.output import confirm, say, show_data
from bootmend.cli.settings import Command
from bootmend.views.style import plain

MISSING = 1


@click.command("bcdboot", cls=Command)
@click.argument("disk")
@click.option("--windows", default="", metavar="VOLUME", help="The volume with the Windows: a number, C:, a GUID.")
@click.option(
    "--firmware", type=click.Choice(("BIOS", "UEFI"), case_sensitive=False), default=None, help="What starts the machine."
)
@click.option("-o", "--output", default="", metavar="FILE", help="Write the store to a new file and leave the disk alone.")
@click.option("--locale", default="en-US", show_default=True, metavar="LOCALE", help="The language of the boot menu.")
@click.option("--unsafe", is_flag=True, help="Consent to a change on a disk with BitLocker.")
@yes_option
def command(*, disk: str, windows: str, firmware: str | None, output: str, locale: str, unsafe: bool, yes: bool) -> int:
    """Make a new boot configuration store for a Windows on DISK.

    The store on the disk is replaced as a whole, and boot files that are missing are copied from where the Windows keeps
    its own; journaled, so that `bootmend undo` takes all of it back. What is still missing is named, and the exit code is 1.
    """
    from bootmend.engine.bcdboot import make_store

    question = f"Replace the boot configuration store of {disk} as a whole?  `bootmend undo` restores every byte."
    if not output and not confirm(plain(question), yes=yes):
        say("Nothing was written.")
        return 4
    made = make_store(disk, windows=windows, firmware=firmware or "", output=output, locale=locale, unsafe=unsafe)
    for note in made.notes:
        say(plain(note))
    if made.run_id:
        say(f"run {made.run_id}; to take it back:  bootmend undo {made.run_id}")
    for where in made.copied:
        say(plain(f"copied: {where}"))
    for sentence in made.missing:
        say(plain(f"missing: {sentence}"))
    if made.missing:
        show_data(plain(f"The store was made ({made.store}), but files are missing: the disk will not start yet.\n"))
        return MISSING
    show_data(plain(f"The store was made: {made.store}, {made.size} bytes.\n"))
    return 0
