"""What all operations share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bootmend.machine import Workspace
    from bootmend.model import Change


class Operation(Protocol):
    """One change of one thing."""

    @property
    def kind(self) -> str:
        """A stable word: ``delete-element``, ``set-value`` ..."""

    def do(self, workspace: Workspace) -> list[Change]:
        """Make the change on the workspace's overlay.

        Returns what changed, empty where nothing had to.

        Raises:
            MissingError: what should be changed is not there.
            RefusedError: it must not, or cannot, be changed in place.
        """
