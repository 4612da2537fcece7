"""Scenes: a broken machine in the stand-in, and a client of ours that talks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.engine.sample import make_sample
from tests.cloud.arm.state import GROUP, SUBSCRIPTION, State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.arm.azurite import Blobs
    from tests.cloud.arm.server import Arm

GIB = 1 << 30
SIZE = 127 * GIB
SERIAL_ILL = b"""
A problem has been detected and windows has been shut down to prevent damage to your computer.

CONFIG_INITIALIZATION_FAILED

Technical information:

*** STOP: 0x00000067 (0x0000000000000001,0x0000000000000005,0xFFFFF80000000000,0xFFFFF80000000000)
"""
SERIAL_WELL = b'Computer is booting, SAC started and initialized.\r\n\r\nUse the "ch -?" command.\r\n\r\nSAC>'


class Scene(NamedTuple):
    """A cloud with one machine that does not boot."""

    arm: Arm
    state: State
    blobs: Blobs
    vm: str

    @property
    def os_disk(self) -> str:
        """The name of the machine's OS disk now."""
        return str(self.state.vms[self.vm]["properties"]["storageProfile"]["osDisk"]["name"])

    def disk(self, name: str) -> dict[str, Any]:
        """A disk's record."""
        return self.state.disks[name.lower()]


def sample_disks(folder: Path) -> dict[str, Path]:
    """Fixed VHDs of 127 GiB, sparse: ill and healthy, of both generations."""
    made = {}
    for rule, name in (("imc-config-init-failed", "ill"), ("healthy", "well")):
        for generation in (1, 2):
            path = folder / f"{name}{generation}.vhd"
            make_sample(rule, str(path), generation=generation, layout="usual", image_format="vhd-fixed", size=SIZE)
            made[f"{name}{generation}"] = path
    return made


def new_state(blobs: Blobs, disk: str, generation: int, vm: str = "web01") -> State:
    """A machine whose OS disk has the bytes of a blob as they are now; it stops at every start until its disk is another one."""
    state = State(blobs)
    state.add_vm(vm, generation=generation, blob=blobs.freeze(disk), size=SIZE)
    state.screens[vm] = (None, SERIAL_ILL)
    original = f"{vm}-os"

    def swapped(name: str) -> None:
        state.screens[vm] = (None, SERIAL_ILL if name == original else SERIAL_WELL)

    state.on_swap = swapped
    return state


__all__ = ["GROUP", "SIZE", "SUBSCRIPTION", "Scene", "new_state", "sample_disks"]
