"""What a rescue asks of a cloud: values without behaviour, and the protocol that a provider fulfils.

Whatever takes long is *begun*, which gives an :class:`Operation` that may be kept and *finished* by another process.
A URL that opens a disk's bytes is a :class:`Grant`; it lives in memory only, and is asked for anew.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

RUN_TAG = "bootmend-run"
"""On everything that a run makes, and on the machine it works on: whose it is."""


class Power(StrEnum):
    """Whether a machine runs.  A stopped one keeps its host, and so its disk's lease; a deallocated one does not."""

    RUNNING = "running"
    STOPPED = "stopped"
    DEALLOCATED = "deallocated"
    CHANGING = "changing"


class Vm(NamedTuple):
    """A virtual machine; ``id`` is the provider's full name of it, ``notes`` its other properties by name."""

    id: str
    name: str
    location: str
    power: Power
    size: str
    os_type: str
    generation: int
    security_type: str
    controller: str
    os_disk: str
    os_disk_name: str
    zone: str
    tags: dict[str, str]
    etag: str
    notes: dict[str, Any]

    def note(self, name: str) -> Any:  # noqa: ANN401 (plain JSON)
        """One of the other properties; None where it is not there."""
        return self.notes.get(name)


class Disk(NamedTuple):
    """A disk or a snapshot.  ``state`` is the provider's word for it, ``size`` is in bytes."""

    id: str
    name: str
    location: str
    size: int
    sku: str
    state: str
    ready: str
    os_type: str
    generation: str
    zones: tuple[str, ...]
    security_type: str
    encryption_set: str
    network_policy: str
    access_mode: str
    tags: dict[str, str]
    notes: dict[str, Any]


class Operation(NamedTuple):
    """Something that was begun: ``token`` lets another process wait for it; no token: the resource itself tells."""

    kind: str
    resource: str
    token: str = ""

    def to_json(self) -> dict[str, str]:
        """What goes on record."""
        return {"kind": self.kind, "resource": self.resource, "token": self.token}

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Operation:
        """Read it from the record."""
        return cls(data["kind"], data["resource"], data["token"])


class Grant:
    """A URL that opens bytes to whoever has it: never shown, never kept."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __repr__(self) -> str:
        """Without the URL."""
        return "<Grant>"

    def __reduce__(self) -> str:
        """Refuse to be kept."""
        raise TypeError("a grant is not kept")


class Hindrance(NamedTuple):
    """Something that speaks against a rescue, or that its owner should know first."""

    what: str
    sentence: str
    hint: str = ""
    refuses: bool = True

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"what": self.what, "sentence": self.sentence, "hint": self.hint, "refuses": self.refuses}


class Owned(NamedTuple):
    """A resource that a run made and that costs money while it is there."""

    id: str
    kind: str
    name: str
    run: str
    size: int
    sku: str
    state: str
    in_use: bool

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return self._asdict()


class Provider(Protocol):
    """A cloud.  All errors are :class:`~bootmend.errors.CloudError`, in which nothing is secret."""

    def vm(self, vm_id: str) -> Vm:
        """A machine as it is now."""

    def disk(self, disk_id: str) -> Disk | None:
        """A disk or a snapshot as it is now; None where there is none."""

    def hindrances(self, vm: Vm, disk: Disk, *, reading_only: bool) -> list[Hindrance]:
        """What locks, rights, quota and properties say, before anything is changed."""

    def claim(self, vm_id: str, run: str) -> str:
        """Mark the machine as worked on by a run, unless another run has it: whose it is then."""

    def release(self, vm_id: str, run: str) -> None:
        """Take the run's mark away."""

    def begin_snapshot(self, disk: Disk, name: str, run: str, *, full: bool) -> Operation:
        """A snapshot of a disk; one that is there by that name and is the run's is adopted."""

    def begin_disk(self, like: Disk, name: str, run: str) -> Operation:
        """A new disk like another one, empty, to be written through a grant."""

    def begin_copy(self, snapshot: Disk, like: Disk, name: str, run: str) -> Operation:
        """A new disk with a snapshot's content, made by the cloud."""

    def begin_stop(self, vm_id: str) -> Operation:
        """Stop a machine so that its disk can be exchanged."""

    def begin_start(self, vm_id: str) -> Operation:
        """Start a machine."""

    def begin_swap(self, vm_id: str, disk_id: str) -> Operation:
        """Give a stopped machine another OS disk."""

    def begin_attach(self, vm_id: str, disk_id: str) -> Operation:
        """Attach a data disk."""

    def begin_detach(self, vm_id: str, disk_id: str) -> Operation:
        """Detach a data disk."""

    def begin_delete(self, resource: str) -> Operation:
        """Delete a disk or a snapshot."""

    def finish(self, operation: Operation) -> None:
        """Wait until what was begun is done."""

    def open_read(self, resource: str) -> AbstractContextManager[Grant]:
        """A grant to read a snapshot or an unattached disk, taken back in the end."""

    def read_grant(self, resource: str) -> Grant:
        """The same, inside :meth:`open_read`, when the first one has expired."""

    def open_write(self, resource: str) -> AbstractContextManager[Grant]:
        """A grant to write a disk of :meth:`begin_disk`; when it is taken back the disk becomes an ordinary one."""

    def revoke(self, resource: str) -> None:
        """Take all grants back."""

    def screenshot(self, vm_id: str) -> bytes | None:
        """What the machine's screen shows; None where there is no picture."""

    def serial_log(self, vm_id: str) -> bytes | None:
        """What the machine has written to its serial port."""

    def enable_diagnostics(self, vm_id: str) -> None:
        """Switch screenshots and serial log on."""

    def addresses(self, vm: Vm) -> Sequence[str]:
        """The machine's network addresses, public ones first."""

    def agent_status(self, vm_id: str) -> str:
        """What the agent inside the machine says of itself; empty where it says nothing."""

    def owned(self, scope: str) -> list[Owned]:
        """What runs have made and left, in a group of resources."""
