"""``bootmend hive``: registry hives, in files of their own or inside a disk."""

from __future__ import annotations

import click

from bootmend.cli.hive_change import delete, import_, set_
from bootmend.cli.hive_mend import check, recover
from bootmend.cli.hive_read import diff, export, find, get, info, ls
from bootmend.cli.settings import Group


@click.group("hive", cls=Group)
def command() -> None:
    """Read, check, mend and edit registry hives.

    HIVE is a hive file; or DISK:SYSTEM, DISK:SOFTWARE, DISK:BCD ..., a hive of the Windows on a disk; or a DISK with
    --path, or with a key that names its hive (HKLM\\SYSTEM\\Select). KEY is written as in Windows, or from the hive's
    root; CurrentControlSet is the control set that the hive's own Select names. Every change is journaled, and
    `bootmend undo` takes it back.
    """


for _command in (info, check, ls, get, set_, delete, find, export, import_, diff, recover):
    command.add_command(_command)
