"""Targets that are no files: a disk behind a URL, a snapshot in a cloud.  They can be looked at and planned on, not written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from bootmend.engine.target import Target
from bootmend.source.url import is_url

if TYPE_CHECKING:
    from bootmend.source import FileSource
    from bootmend.source.http import HttpSource


class RemoteTarget(Target):
    """A disk that ``source`` reads; its path is the source's, in which nothing is secret."""

    def __init__(self, source: HttpSource) -> None:
        self.path = source.path
        self.is_directory = False
        self.remote = source
        # The base class keeps its files by path, and asks of them what both kinds of source have.
        self._files = {source.path: cast("FileSource", source)}

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rstrip("/").rpartition("/")[2] or self.path


def open_target(path: str) -> Target:
    """A file, a block device, a directory, or a URL.

    Raises:
        UsageError: no such kind of URL.
        MissingError, ReadError, UnsupportedError: it cannot be read.
    """
    if not is_url(path):
        return Target(path)
    from bootmend.source.http import HttpSource

    return RemoteTarget(HttpSource(path, sleep=time.sleep))
