"""Azure as a provider: every verb of the protocol, each harmless when it is done twice."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bootmend.cloud.azure import shapes
from bootmend.cloud.azure.client import ModifiedError
from bootmend.cloud.azure.hindrances import hindrances
from bootmend.cloud.azure.names import DISK, SNAPSHOT, parse_id
from bootmend.cloud.azure.operations import begin, finish
from bootmend.cloud.provider import RUN_TAG, Disk, Grant, Hindrance, Operation, Owned, Power, Vm
from bootmend.errors import CloudError, MissingError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.cloud.azure.client import Client
    from bootmend.cloud.azure.names import ResourceId

GRANT_SECONDS = 3600
PICTURE_MINUTES = 5
LOOKS = 3
"""How often a machine is looked at anew when somebody else has written to it meanwhile."""
NETWORK = "2024-05-01"


class AzureProvider:
    """The machines of one subscription."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._compute = client.compute

    # -- looking -----------------------------------------------------------------------------------
    def vm(self, vm_id: str) -> Vm:
        """A machine as it is now.

        Raises:
            MissingError: there is none, or it may not be seen.
        """
        where = parse_id(vm_id)
        machines = self._compute.virtual_machines
        data = self._client.ask(lambda: machines.get(where.group, where.name, expand="instanceView").as_dict())
        return shapes.vm_of(data)

    def disk(self, disk_id: str) -> Disk | None:
        """A disk or a snapshot as it is now; None where there is none."""
        where = parse_id(disk_id)
        operations = self._compute.snapshots if where.kind == SNAPSHOT else self._compute.disks
        try:
            return shapes.disk_of(self._client.ask(lambda: operations.get(where.group, where.name).as_dict()))
        except MissingError:
            return None

    def hindrances(self, vm: Vm, disk: Disk, *, reading_only: bool) -> list[Hindrance]:
        """See :mod:`bootmend.cloud.azure.hindrances`."""
        return hindrances(self._client, vm, disk, reading_only=reading_only)

    def screenshot(self, vm_id: str) -> bytes | None:
        """The picture of boot diagnostics, a BMP."""
        return self._diagnostics(vm_id, "consoleScreenshotBlobUri")

    def serial_log(self, vm_id: str) -> bytes | None:
        """The serial log of boot diagnostics."""
        return self._diagnostics(vm_id, "serialConsoleLogBlobUri")

    def _diagnostics(self, vm_id: str, which: str) -> bytes | None:
        from bootmend.cloud.azure.blob import download

        where = parse_id(vm_id)
        machines = self._compute.virtual_machines
        try:
            found = self._client.ask(
                lambda: machines.retrieve_boot_diagnostics_data(
                    where.group, where.name, sas_uri_expiration_time_in_minutes=PICTURE_MINUTES
                ).as_dict()
            )
        except CloudError as error:
            if "diagnostics" in error.message.lower():  # switched off
                return None
            raise
        uri = found.get(which)
        return download(str(uri)) if uri else None

    def addresses(self, vm: Vm) -> list[str]:
        """The machine's addresses, public ones first."""
        public: list[str] = []
        private: list[str] = []
        for interface in vm.note("interfaces") or []:
            for configuration in self._client.get(interface, NETWORK).get("properties", {}).get("ipConfigurations", []):
                properties = configuration.get("properties", {})
                private += [properties["privateIPAddress"]] if properties.get("privateIPAddress") else []
                address = properties.get("publicIPAddress", {}).get("id")
                found = self._client.get(address, NETWORK).get("properties", {}).get("ipAddress") if address else None
                public += [found] if found else []
        return [*public, *private]

    def agent_status(self, vm_id: str) -> str:
        """``Ready`` … as the agent inside the machine reports it; empty where it does not."""
        where = parse_id(vm_id)
        view = self._client.ask(lambda: self._compute.virtual_machines.instance_view(where.group, where.name).as_dict())
        return next((str(each.get("displayStatus", "")) for each in view.get("vmAgent", {}).get("statuses", [])), "")

    def owned(self, scope: str) -> list[Owned]:
        """The disks and snapshots in a resource group that carry a run's tag."""
        disks = [each.as_dict() for each in self._client.ask(lambda: list(self._compute.disks.list_by_resource_group(scope)))]
        snapshots = [
            each.as_dict() for each in self._client.ask(lambda: list(self._compute.snapshots.list_by_resource_group(scope)))
        ]
        found = [(DISK, shapes.disk_of(each)) for each in disks] + [(SNAPSHOT, shapes.disk_of(each)) for each in snapshots]
        return [
            Owned(one.id, kind, one.name, one.tags[RUN_TAG].split()[0], one.size, one.sku, one.state, bool(one.notes["owner"]))
            for kind, one in found
            if one.tags.get(RUN_TAG)
        ]

    # -- whose it is -------------------------------------------------------------------------------
    def claim(self, vm_id: str, run: str) -> str:
        """Mark the machine with the run's tag, unless another run's is there; returns the owner's.

        The tag is written on condition of the machine's ETag, so of two who try at once one wins.
        """
        for _ in range(LOOKS):
            vm = self.vm(vm_id)
            owner = vm.tags.get(RUN_TAG, "")
            if owner and owner.partition(" ")[0] != run.partition(" ")[0]:
                return owner
            if owner or self._write_tags(vm, vm.tags | {RUN_TAG: run}):
                return run
        return self.vm(vm_id).tags.get(RUN_TAG, "")

    def release(self, vm_id: str, run: str) -> None:
        """Take the mark away, where it is the run's."""
        for _ in range(LOOKS):
            vm = self.vm(vm_id)
            if vm.tags.get(RUN_TAG, "").partition(" ")[0] != run.partition(" ")[0]:
                return
            if self._write_tags(vm, {name: value for name, value in vm.tags.items() if name != RUN_TAG}):
                return

    def _write_tags(self, vm: Vm, tags: dict[str, str]) -> bool:
        """Whether the tags could be written before anybody else wrote to the machine."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError

        where = parse_id(vm.id)
        body: Any = {"tags": tags}
        options: dict[str, Any] = {"etag": vm.etag, "match_condition": MatchConditions.IfNotModified} if vm.etag else {}

        def write() -> bool:
            try:
                self._compute.virtual_machines.begin_update(where.group, where.name, body, **options).result()
            except ResourceModifiedError:
                return False
            return True

        return self._client.ask(write, done=lambda: True if self.vm(vm.id).tags == tags else None)

    # -- making ------------------------------------------------------------------------------------
    def begin_snapshot(self, disk: Disk, name: str, run: str, *, full: bool) -> Operation:
        """A snapshot beside the disk."""
        where = parse_id(disk.id).sibling(SNAPSHOT, name)
        return self._create(where, shapes.snapshot_body(disk, run, full=full), run)

    def begin_disk(self, like: Disk, name: str, run: str) -> Operation:
        """An empty disk beside the one that it is like, in the state ``ReadyToUpload``."""
        return self._create(parse_id(like.id).sibling(DISK, name), shapes.upload_body(like, run), run)

    def begin_copy(self, snapshot: Disk, like: Disk, name: str, run: str) -> Operation:
        """A disk of a snapshot, made by Azure."""
        return self._create(parse_id(like.id).sibling(DISK, name), shapes.copy_body(parse_id(snapshot.id), like, run), run)

    def _create(self, where: ResourceId, body: dict[str, Any], run: str) -> Operation:
        resource = str(where)

        def adopted() -> Operation | None:
            found = self.disk(resource)
            if found is None:
                return None
            if found.tags.get(RUN_TAG) != run:
                raise RefusedError(f"there is a {where.name} already, and this run did not make it", at=where.group)
            if found.ready in {"Failed", "Canceled"}:
                finish(self._client, self.begin_delete(resource))
                return None
            return Operation("create", resource)

        return begin(self._client, "create", resource, body, done=adopted)

    def begin_delete(self, resource: str) -> Operation:
        """Delete a disk or a snapshot; one that is not there is deleted."""
        done = Operation("delete", resource)
        return begin(self._client, "delete", resource, done=lambda: done if self.disk(resource) is None else None)

    # -- the machine -------------------------------------------------------------------------------
    def begin_stop(self, vm_id: str) -> Operation:
        """Deallocate: the disk's lease is given back."""
        done = Operation("stop", vm_id)
        return begin(self._client, "stop", vm_id, done=lambda: done if self.vm(vm_id).power is Power.DEALLOCATED else None)

    def begin_start(self, vm_id: str) -> Operation:
        """Start."""
        done = Operation("start", vm_id)
        return begin(self._client, "start", vm_id, done=lambda: done if self.vm(vm_id).power is Power.RUNNING else None)

    def begin_swap(self, vm_id: str, disk_id: str) -> Operation:
        """Exchange the OS disk, on condition that nobody else has written to the machine since it was looked at."""
        for _ in range(LOOKS - 1):
            try:
                return self._begin_swap(vm_id, disk_id)
            except ModifiedError:
                continue
        return self._begin_swap(vm_id, disk_id)

    def _begin_swap(self, vm_id: str, disk_id: str) -> Operation:
        from azure.core import MatchConditions

        vm = self.vm(vm_id)
        done = Operation("update", vm_id)
        if vm.os_disk.lower() == disk_id.lower():
            return done
        name = parse_id(disk_id).name
        body = {
            "properties": {
                "storageProfile": {"osDisk": {"name": name, "createOption": "FromImage", "managedDisk": {"id": disk_id}}}
            }
        }
        options: dict[str, Any] = {"etag": vm.etag, "match_condition": MatchConditions.IfNotModified} if vm.etag else {}

        def swapped() -> Operation | None:
            return done if self.vm(vm_id).os_disk.lower() == disk_id.lower() else None

        return begin(self._client, "update", vm_id, body, done=swapped, **options)

    def begin_attach(self, vm_id: str, disk_id: str) -> Operation:
        """Attach a disk to the first free LUN."""
        return self._exchange(vm_id, disk_id, "dataDisksToAttach", attached=True)

    def begin_detach(self, vm_id: str, disk_id: str) -> Operation:
        """Detach a disk."""
        return self._exchange(vm_id, disk_id, "dataDisksToDetach", attached=False)

    def _exchange(self, vm_id: str, disk_id: str, what: str, *, attached: bool) -> Operation:
        done = Operation("attach", vm_id)

        def there() -> Operation | None:
            disks = self.vm(vm_id).note("data_disks") or []
            found = any(str(each.get("managedDisk", {}).get("id", "")).lower() == disk_id.lower() for each in disks)
            return done if found is attached else None

        return begin(self._client, "attach", vm_id, {what: [{"diskId": disk_id}]}, done=there)

    def enable_diagnostics(self, vm_id: str) -> None:
        """Boot diagnostics with managed storage; the machine is not restarted."""
        body = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": True}}}}
        done = Operation("update", vm_id)
        self.finish(begin(self._client, "update", vm_id, body, done=lambda: done if self.vm(vm_id).note("diagnostics") else None))

    def finish(self, operation: Operation) -> None:
        """Wait for an operation."""
        finish(self._client, operation)

    # -- bytes -------------------------------------------------------------------------------------
    @contextmanager
    def open_read(self, resource: str) -> Iterator[Grant]:
        """A read grant of an hour; anew for whoever has to read longer."""
        try:
            yield self.read_grant(resource)
        finally:
            self.revoke(resource)

    def read_grant(self, resource: str) -> Grant:
        """A read grant; whoever asks for it sees to it that it is taken back."""
        return self._grant(resource, "Read")

    @contextmanager
    def open_write(self, resource: str) -> Iterator[Grant]:
        """A write grant; when it is taken back Azure checks the footer."""
        yield self._grant(resource, "Write")
        self.revoke(resource)  # not after a failure: the disk is half written then, and is written again, or deleted

    def _grant(self, resource: str, access: str) -> Grant:
        where = parse_id(resource)
        operations = self._compute.snapshots if where.kind == SNAPSHOT else self._compute.disks
        body: Any = {"access": access, "durationInSeconds": GRANT_SECONDS}

        def ask() -> str:
            answer = operations.begin_grant_access(where.group, where.name, body).result().as_dict()
            return str(answer.get("accessSAS") or "")

        url = self._client.ask(ask)
        if not url:
            raise CloudError("Azure gave no access to its bytes", at=where.name)
        return Grant(url)

    def revoke(self, resource: str) -> None:
        """Take back what was granted on a disk or snapshot."""
        where = parse_id(resource)
        operations = self._compute.snapshots if where.kind == SNAPSHOT else self._compute.disks
        self._client.ask(lambda: operations.begin_revoke_access(where.group, where.name).result())
