"""Files that were shipped once and keep Windows from starting wherever they are: a list, one line a file.

Times are FILETIMEs in UTC.  A file is bad if its name fits and it was written inside the range.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.filesystem import Entry
    from bootmend.machine import WindowsInstallation


class BadFile(NamedTuple):
    """What such a file is called, below the Windows directory, and when it was written: from ``since`` to before ``until``."""

    rule: str
    folder: str
    pattern: str
    since: int
    until: int

    def fits(self, entry: Entry) -> bool:
        """Whether a file of the folder is one."""
        return (
            not entry.is_directory and self.since <= entry.modified < self.until and fnmatchcase(entry.name.lower(), self.pattern)
        )


KNOWN = (
    # 2024-07-19 04:09 to 05:27 UTC: the time in which the file was handed out, by the vendor's own statement
    BadFile(
        "crowdstrike-2024", "System32\\drivers\\CrowdStrike", "c-00000291*.sys", 133_658_357_400_000_000, 133_658_404_200_000_000
    ),
)


def bad_files(installation: WindowsInstallation, rule: str) -> Iterator[tuple[str, Entry]]:
    """Yield path and entry of every known bad file of one rule."""
    tree = installation.volume.tree
    for bad in KNOWN:
        folder = installation.path(bad.folder)
        if bad.rule == rule and tree.exists(folder):
            for entry in sorted(tree.list(folder)):
                if bad.fits(entry):
                    yield f"{folder}\\{entry.name}", entry
