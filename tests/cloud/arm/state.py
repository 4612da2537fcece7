"""What the stand-in for Azure's Resource Manager keeps: machines, disks, snapshots, operations, faults, counts.

Shapes and rules are those of the published REST specification (Microsoft.Compute: virtual machines 2026-04-01, disks
and snapshots 2026-03-02) and of Microsoft's documentation on managed disks; nothing here imports what it tests.
"""

from __future__ import annotations

import copy
import re
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.arm.azurite import Blobs

SUBSCRIPTION = "0b5c1f2e-67ab-4c3e-9d0f-00155d010067"
GROUP = "rescue-rg"
PREFIX = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
GIB = 1 << 30
UPLOAD_LEAST, UPLOAD_MOST = 20_972_032, 35_183_298_347_520


class Refusal(Exception):  # noqa: N818 (an answer, not a mistake)
    """An error answer: status, code and sentence of the Resource Manager."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Fault:
    """Something that goes wrong with requests whose ``METHOD path`` matches.

    ``kind``: ``status`` answers with it before anything happens; ``lost`` does the work and breaks the connection;
    ``late`` lets the operation end as failed; ``expired`` gives out an access that is over already; ``call`` calls.
    """

    pattern: str
    kind: str
    status: int = 500
    code: str = "InternalServerError"
    times: int = 1
    call: Callable[[], object] | None = None
    hit: int = 0


@dataclass
class Operation:
    """A long-running operation: it takes effect when its time has come, whoever asks."""

    id: str
    ends: float
    finish: Callable[[], Any]
    error: tuple[str, str] | None = None
    result: Any = None
    done: bool = False


@dataclass
class State:
    """The cloud; :meth:`settle` lets what is due take effect."""

    blobs: Blobs
    delay: float = 0.05
    vms: dict[str, dict[str, Any]] = field(default_factory=dict)
    disks: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)
    grants: set[str] = field(default_factory=set)
    screens: dict[str, tuple[bytes | None, bytes | None]] = field(default_factory=dict)
    permissions: list[dict[str, Any]] = field(default_factory=lambda: [{"actions": ["*"], "notActions": []}])
    locks: list[dict[str, Any]] = field(default_factory=list)
    usages: list[dict[str, Any]] = field(default_factory=list)
    on_swap: Callable[[str], None] = lambda _: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    # -- scenes ------------------------------------------------------------------------------------
    def add_vm(self, name: str, *, generation: int, blob: str, size: int, **more: Any) -> dict[str, Any]:
        """A running machine with an OS disk whose bytes are a blob's."""
        disk = self.add_disk(
            f"{name}-os", blob=blob, size=size, generation=generation, owner=f"{PREFIX}/Microsoft.Compute/virtualMachines/{name}"
        )
        vm = {
            "id": f"{PREFIX}/Microsoft.Compute/virtualMachines/{name}",
            "name": name,
            "location": "westeurope",
            "zones": ["2"],
            "etag": '"1"',
            "tags": {"team": "web"},
            "properties": {
                "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
                "provisioningState": "Succeeded",
                "storageProfile": {
                    "osDisk": {
                        "osType": "Windows",
                        "name": disk["name"],
                        "createOption": "FromImage",
                        "managedDisk": {"id": disk["id"]},
                    },
                    "dataDisks": [],
                    "diskControllerType": "SCSI",
                },
                "networkProfile": {"networkInterfaces": [{"id": f"{PREFIX}/Microsoft.Network/networkInterfaces/{name}-nic"}]},
                "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            }
            | more,
            "power": "running",
            "generation": f"V{generation}",
        }
        self.vms[name.lower()] = vm
        self.others[f"{PREFIX}/Microsoft.Network/networkInterfaces/{name}-nic".lower()] = {
            "properties": {"ipConfigurations": [{"properties": {"privateIPAddress": "127.0.0.1"}}]}
        }
        return vm

    def add_disk(self, name: str, *, blob: str, size: int, generation: int, owner: str = "", **more: Any) -> dict[str, Any]:
        """A disk that is there already."""
        disk = {
            "id": f"{PREFIX}/Microsoft.Compute/disks/{name}",
            "name": name,
            "location": "westeurope",
            "zones": ["2"],
            "sku": {"name": "Premium_LRS", "tier": "Premium"},
            "tags": {"team": "web"},
            "managedBy": owner or None,
            "properties": {
                "osType": "Windows",
                "hyperVGeneration": f"V{generation}",
                "diskSizeGB": size // GIB,
                "diskSizeBytes": size,
                "diskState": "Attached" if owner else "Unattached",
                "provisioningState": "Succeeded",
                "networkAccessPolicy": "AllowAll",
                "publicNetworkAccess": "Enabled",
                "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
                "creationData": {"createOption": "FromImage"},
                "uniqueId": str(uuid.uuid4()),
            }
            | more,
            "blob": blob,
        }
        self.disks[name.lower()] = disk
        return disk

    def fail(self, pattern: str, kind: str, **more: Any) -> Fault:
        """Let something go wrong."""
        fault = Fault(pattern, kind, **more)
        self.faults.append(fault)
        return fault

    def fault_for(self, request: str) -> Fault | None:
        """The fault that a request meets, counted."""
        for fault in self.faults:
            if fault.hit < fault.times and re.search(fault.pattern, request):
                fault.hit += 1
                return fault
        return None

    # -- operations ----------------------------------------------------------------------------------
    def begin(self, finish: Callable[[], Any], error: tuple[str, str] | None = None) -> Operation:
        """An operation that will take effect after a while."""
        operation = Operation(uuid.uuid4().hex, time.monotonic() + self.delay, finish, error)
        self.operations[operation.id] = operation
        return operation

    def settle(self) -> None:
        """Let everything that is due happen."""
        for operation in list(self.operations.values()):
            if not operation.done and operation.ends <= time.monotonic():
                operation.done = True
                try:
                    operation.result = operation.finish() if operation.error is None else self._failed(operation)
                except Refusal as refusal:
                    operation.error = (refusal.code, refusal.message)

    @staticmethod
    def _failed(operation: Operation) -> None:
        cleanup = getattr(operation.finish, "failed", None)
        if cleanup:
            cleanup()

    # -- machines ------------------------------------------------------------------------------------
    def vm(self, name: str) -> dict[str, Any]:
        """A machine, or the answer that there is none."""
        if name.lower() not in self.vms:
            raise Refusal(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.Compute/virtualMachines/{name}' under resource group '{GROUP}' was not found.",
            )
        return self.vms[name.lower()]

    def show_vm(self, vm: dict[str, Any], *, view: bool) -> dict[str, Any]:
        """The answer to GET."""
        shown = {key: copy.deepcopy(value) for key, value in vm.items() if key not in {"power", "generation"}}
        if view:
            shown["properties"]["instanceView"] = self.view(vm)
        return shown

    def view(self, vm: dict[str, Any]) -> dict[str, Any]:
        """The instance view."""
        state = vm["power"]
        return {
            "hyperVGeneration": vm["generation"],
            "statuses": [
                {"code": "ProvisioningState/succeeded", "level": "Info"},
                {"code": f"PowerState/{state}", "level": "Info", "displayStatus": f"VM {state}"},
            ],
            "extensions": vm["properties"].get("_extensions", []),
        }

    def touched(self, vm: dict[str, Any]) -> None:
        """A new ETag."""
        vm["etag"] = f'"{int(vm["etag"].strip(chr(34))) + 1}"'

    def patch_vm(self, name: str, body: dict[str, Any], match: str) -> Callable[[], Any]:
        """PATCH: tags, boot diagnostics, OS disk."""
        vm = self.vm(name)
        if match and match != vm["etag"]:
            raise Refusal(412, "PreconditionFailed", "The condition specified using HTTP conditional header(s) is not met.")
        properties = body.get("properties", {})
        os_disk = properties.get("storageProfile", {}).get("osDisk")
        if os_disk is not None:
            self._check_swap(vm, os_disk)
        if "tags" in body:
            vm["tags"] = dict(body["tags"])
            self.effects["tag"] += 1
        if "diagnosticsProfile" in properties:
            vm["properties"]["diagnosticsProfile"] = properties["diagnosticsProfile"]
        self.touched(vm)

        def finish() -> dict[str, Any]:
            if os_disk is not None:
                self._swap(vm, os_disk)
            return self.show_vm(vm, view=False)

        return finish

    def _check_swap(self, vm: dict[str, Any], wanted: dict[str, Any]) -> None:
        disk = self.disk(wanted["managedDisk"]["id"].rpartition("/")[2])
        if vm["power"] != "deallocated":
            raise Refusal(409, "OperationNotAllowed", "OS disk swap needs the virtual machine to be stopped (deallocated).")
        if disk["properties"]["diskState"] not in {"Unattached", "Reserved"} and disk["managedBy"] != vm["id"]:
            raise Refusal(409, "OperationNotAllowed", f"Disk {disk['name']} is in the state {disk['properties']['diskState']}.")
        if disk["properties"].get("hyperVGeneration") != vm["generation"]:
            raise Refusal(400, "BadRequest", "The hypervisor generation of the disk and of the virtual machine differ.")
        if disk.get("zones") != vm.get("zones"):
            raise Refusal(400, "BadRequest", "The disk is in another zone than the virtual machine.")

    def _swap(self, vm: dict[str, Any], wanted: dict[str, Any]) -> None:
        current = vm["properties"]["storageProfile"]["osDisk"]
        old = self.disk(current["name"])
        new = self.disk(wanted["managedDisk"]["id"].rpartition("/")[2])
        old["managedBy"], old["properties"]["diskState"] = None, "Unattached"
        new["managedBy"], new["properties"]["diskState"] = vm["id"], "Reserved"
        current["name"], current["managedDisk"] = new["name"], {"id": new["id"]}
        self.effects["swap"] += 1
        self.on_swap(new["name"])
        self.touched(vm)

    def power(self, name: str, to: str) -> Callable[[], None]:
        """Deallocate or start."""
        vm = self.vm(name)
        disk = self.disk(vm["properties"]["storageProfile"]["osDisk"]["name"])
        if vm["power"] != to:
            vm["power"] = {"deallocated": "deallocating", "running": "starting"}[to]

        def finish() -> None:
            if vm["power"] != to:
                vm["power"] = to
                disk["properties"]["diskState"] = "Attached" if to == "running" else "Reserved"
                self.effects[{"deallocated": "deallocate", "running": "start"}[to]] += 1

        def failed() -> None:
            vm["power"] = "running" if to == "deallocated" else "deallocated"

        finish.failed = failed  # type: ignore[attr-defined]
        return finish

    # -- disks and snapshots ---------------------------------------------------------------------------
    def disk(self, name: str) -> dict[str, Any]:
        """A disk."""
        if name.lower() not in self.disks:
            raise Refusal(404, "ResourceNotFound", f"Disk {name} is not found.")
        return self.disks[name.lower()]

    def of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """Disks or snapshots."""
        return self.disks if kind == "disks" else self.snapshots

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """A disk or a snapshot."""
        found = self.of_kind(kind).get(name.lower())
        if found is None:
            raise Refusal(404, "ResourceNotFound", f"{kind} {name} is not found.")
        return found

    @staticmethod
    def show_disk(disk: dict[str, Any]) -> dict[str, Any]:
        """The answer to GET."""
        return {key: value for key, value in disk.items() if key != "blob" and value is not None}

    def put(self, kind: str, name: str, body: dict[str, Any]) -> Callable[[], Any]:
        """PUT of a disk or a snapshot; of one that is there: nothing new."""
        there = self.of_kind(kind).get(name.lower())
        if there is not None:
            return lambda: self.show_disk(there)
        properties = body.get("properties", {})
        creation = properties.get("creationData", {})
        if not body.get("location") or "createOption" not in creation:
            raise Refusal(400, "InvalidParameter", "Required parameter is missing.")
        made: dict[str, Any] = {
            "id": f"{PREFIX}/Microsoft.Compute/{kind}/{name}",
            "name": name,
            "blob": f"{kind}-{name}-{uuid.uuid4().hex[:6]}",
            "managedBy": None,
            **{key: value for key, value in body.items() if key != "properties"},
            "properties": properties | {"provisioningState": "Creating"},
        }
        source = self._creation(made, creation)
        self.of_kind(kind)[name.lower()] = made
        self.effects[f"create {kind}"] += 1

        def finish() -> dict[str, Any]:
            if source is not None and kind == "snapshots":
                made["blob"] = self.blobs.freeze(source["blob"])
            elif source is not None:
                self.blobs.clone(source["blob"], made["blob"])
            made["properties"]["provisioningState"] = "Succeeded"
            return self.show_disk(made)

        def failed() -> None:
            made["properties"]["provisioningState"] = "Failed"

        finish.failed = failed  # type: ignore[attr-defined]
        return finish

    def _creation(self, made: dict[str, Any], creation: dict[str, Any]) -> dict[str, Any] | None:
        properties = made["properties"]
        if creation["createOption"] == "Copy":
            kind, name = creation["sourceResourceId"].split("/")[-2:]
            source = self.one(kind, name)
            copied = ("diskSizeBytes", "diskSizeGB", "hyperVGeneration", "osType")
            made["properties"] = {key: source["properties"][key] for key in copied if key in source["properties"]} | properties
            made["properties"]["diskState"] = "Unattached"
            return source
        if creation["createOption"] == "Upload":
            size = creation.get("uploadSizeBytes", 0)
            if size % 512 or not UPLOAD_LEAST <= size <= UPLOAD_MOST:
                raise Refusal(400, "InvalidParameter", "The value of parameter uploadSizeBytes is invalid.")
            self.blobs.create(made["blob"], size)
            properties |= {"diskState": "ReadyToUpload", "diskSizeBytes": size - 512, "diskSizeGB": (size - 512) // GIB}
            return None
        raise Refusal(400, "InvalidParameter", f"createOption {creation['createOption']} is not supported.")

    def delete(self, kind: str, name: str) -> Callable[[], None]:
        """DELETE."""
        found = self.of_kind(kind).get(name.lower())
        if found is not None and found.get("managedBy"):
            raise Refusal(409, "OperationNotAllowed", f"Disk {name} is attached to VM {found['managedBy']}.")

        def finish() -> None:
            if self.of_kind(kind).pop(name.lower(), None) is not None:
                self.effects[f"delete {kind}"] += 1

        return finish

    def grant(self, kind: str, name: str, body: dict[str, Any], *, expired: bool) -> Callable[[], Any]:
        """beginGetAccess."""
        found = self.one(kind, name)
        write = body.get("access") == "Write"
        state = found["properties"].get("diskState", "Unattached")
        if write and state not in {"ReadyToUpload", "ActiveUpload"}:
            raise Refusal(
                409, "OperationNotAllowed", f"Write access is only for disks that are made by upload; {name} is {state}."
            )
        if not write and kind == "disks" and state not in {"Unattached", "Reserved", "ActiveSAS"}:
            raise Refusal(409, "OperationNotAllowed", f"Disk {name} is {state}: no access can be given.")
        if found["properties"].get("networkAccessPolicy") == "DenyAll":
            raise Refusal(409, "OperationNotAllowed", f"Disk {name} has the network access policy DenyAll.")

        def finish() -> dict[str, Any]:
            if write:
                found["properties"]["diskState"] = "ActiveUpload"
            self.grants.add(f"{kind}/{name}".lower())
            self.effects[f"grant {kind}"] += 1
            return {"accessSAS": self.blobs.sas(found["blob"], write=write, seconds=-60 if expired else 3600)}

        return finish

    def revoke(self, kind: str, name: str) -> Callable[[], None]:
        """endGetAccess; of an upload: look at the footer."""
        found = self.one(kind, name)

        def finish() -> None:
            self.grants.discard(f"{kind}/{name}".lower())
            if found["properties"].get("diskState") != "ActiveUpload":
                return
            size = self.blobs.size(found["blob"])
            if not self.blobs.read(found["blob"], size - 512, 512).startswith(b"conectix"):
                raise Refusal(400, "InvalidVhd", "The VHD has an invalid footer.")
            found["properties"]["diskState"] = "Unattached"
            self.effects["upload closed"] += 1

        return finish
