"""Discard a saved session: Windows then starts afresh instead of resuming it over our changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change

if TYPE_CHECKING:
    from bootmend.machine import Workspace

HIBERNATION_FILE = "\\hiberfil.sys"


class DiscardHibernation(NamedTuple):
    """Overwrite the signature of ``\\hiberfil.sys`` on ``volume``: its first four bytes, and nothing else.

    A hibernation file without its signature is ignored by the boot manager and by NTFS drivers.
    """

    volume: int
    kind: str = "discard-hibernation"

    def do(self, workspace: Workspace) -> list[Change]:
        """Overwrite it; nothing to do where it is zeros already."""
        volume = workspace.machine.volume(self.volume)
        file = volume.tree.open(HIBERNATION_FILE)
        before = file.read_at(0, 4)
        if not any(before):
            return []
        file.write_at(0, bytes(4))
        file.barrier()
        workspace.touched.append((volume, HIBERNATION_FILE))
        shown = before.decode("ascii", "replace")
        return [Change(volume.where(HIBERNATION_FILE), "saved session", "signature", shown, "discarded")]
