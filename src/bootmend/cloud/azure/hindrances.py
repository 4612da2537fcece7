"""What speaks against a rescue, found before anything is changed: properties, locks, rights, quota.

Each is named; it either refuses, or is a warning that is shown before consent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.cloud.azure.names import parse_id
from bootmend.cloud.azure.role import actions
from bootmend.cloud.provider import Hindrance
from bootmend.errors import CloudError, MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from bootmend.cloud.azure.client import Client
    from bootmend.cloud.provider import Disk, Vm

LOCKS, PERMISSIONS, NETWORK = "2020-05-01", "2022-04-01", "2024-05-01"
ATTACH = "bootmend azure attach  gives a copy to a Linux VM, where  bootmend repair  works on it; then  bootmend azure swap"
_QUOTA = {"Premium": "PremiumDiskCount", "StandardSSD": "StandardSSDDiskCount", "Standard": "StandardDiskCount"}


def hindrances(client: Client, vm: Vm, disk: Disk, *, reading_only: bool) -> list[Hindrance]:
    """Everything that is known to be in the way, the refusals first."""
    found = [*_of_disk(vm, disk), *_of_access(disk), *_of_rights(client, vm, reading_only=reading_only)]
    if not reading_only:
        found += [
            *_of_machine(vm),
            *_of_writing(vm, disk),
            *_of_locks(client, vm),
            *_of_quota(client, disk),
            *_of_restart(client, vm),
        ]
    return sorted(found, key=lambda one: not one.refuses)


def _of_disk(vm: Vm, disk: Disk) -> Iterator[Hindrance]:
    if vm.os_type != "Windows":
        yield Hindrance("operating system", f"{vm.name} runs {vm.os_type or 'an unknown system'}, not Windows")
    if vm.note("ephemeral"):
        hint = "reimage the VM, or make it anew: nothing on an ephemeral disk is kept"
        yield Hindrance("ephemeral OS disk", "the OS disk lies on the host itself: it can be neither copied nor exchanged", hint)
    if vm.security_type == "ConfidentialVM" or disk.security_type.startswith("ConfidentialVM"):
        yield Hindrance("confidential VM", "the disk's keys are bound to this VM: its bytes cannot be read from outside")
    if vm.note("encryption") or disk.notes["ade"]:
        hint = "use a repair VM that unlocks the disk, or decrypt it first"
        yield Hindrance("Azure Disk Encryption", "the disk is encrypted inside (BitLocker with keys in a vault)", hint)
    if disk.notes["sector"] != 512:
        yield Hindrance(
            "4096-byte sectors", "snapshots of such disks are VHDX files with other sectors, which is not supported yet"
        )


def _of_access(disk: Disk) -> Iterator[Hindrance]:
    hint = f"allow access for the time of the repair, or: {ATTACH}"
    if disk.network_policy in {"DenyAll", "AllowPrivate"}:
        sentence = f"the disk's network access policy is {disk.network_policy}: its bytes cannot be read from here"
        yield Hindrance("network access policy", sentence, hint)
    elif disk.notes["public_access"] == "Disabled":
        yield Hindrance("public network access", "public network access to the disk is disabled", hint)
    if disk.access_mode == "AzureActiveDirectory":
        yield Hindrance("data access mode", "the disk gives its bytes only to signed-in users, which is not supported yet", hint)


def _of_machine(vm: Vm) -> Iterator[Hindrance]:
    if vm.note("scale_set"):
        yield Hindrance("scale set", "the VM belongs to a scale set, which may replace it", "take it out of the set first")
    if vm.security_type == "TrustedLaunch":
        sentence = "the VM has a virtual TPM: a disk filled from outside would not carry its state"
        yield Hindrance("Trusted Launch", sentence, ATTACH)
    if not vm.note("diagnostics"):
        sentence = "boot diagnostics are off: neither the screen nor the serial log can be seen, before or after"
        yield Hindrance("boot diagnostics", sentence, "--enable-diagnostics  switches them on, without a restart", refuses=False)
    if vm.note("state") in {"Updating", "Deleting", "Creating"}:
        yield Hindrance("busy", f"Azure is at work on {vm.name} ({vm.note('state')})", "wait until it is done")


def _of_writing(vm: Vm, disk: Disk) -> Iterator[Hindrance]:
    if disk.sku.startswith(("Ultra", "PremiumV2")):
        yield Hindrance(
            "disk type", f"{disk.sku} has incremental snapshots only, which cannot be copied to a new disk here", ATTACH
        )
    if disk.notes["shares"] > 1:
        yield Hindrance("shared disk", "the disk may be attached to several VMs")
    if vm.note("delete_option") == "Delete":
        sentence = "the OS disk is deleted together with the VM; the original disk is no longer, once it is exchanged"
        yield Hindrance("delete option", sentence, refuses=False)
    if vm.note("plan") or disk.notes["plan"]:
        sentence = "the VM has a purchase plan: the new disk carries it, and the price stays"
        yield Hindrance("purchase plan", sentence, refuses=False)
    kinds = " ".join(vm.note("extensions") or [])
    if "VMSnapshot" in kinds:
        yield Hindrance(
            "backup", "Azure Backup knows the OS disk by its id: look at the backup after the exchange", refuses=False
        )
    if "SiteRecovery" in kinds or "MobilityService" in kinds:
        yield Hindrance("site recovery", "replication follows the old disk: enable it anew after the exchange", refuses=False)


def _of_restart(client: Client, vm: Vm) -> Iterator[Hindrance]:
    """What deallocation loses, and what a start may lack."""
    if vm.power == "deallocated":
        return
    if vm.note("temporary_disk"):
        yield Hindrance("temporary disk", "what lies on the temporary disk is lost", refuses=False)
    for interface in vm.note("interfaces") or []:
        yield from _of_interface(client, interface)
    where = f"zone {vm.zone} of {vm.location}" if vm.zone else vm.location
    sentence = f"the VM is deallocated; should {where} have no room for {vm.size} then, it cannot be started at once"
    yield Hindrance("capacity", sentence, refuses=False)
    if vm.note("priority") in {"Spot", "Low"}:
        yield Hindrance("spot VM", "a spot VM starts only where there is spare room", refuses=False)


def _of_interface(client: Client, interface: str) -> Iterator[Hindrance]:
    try:
        configurations = client.get(interface, NETWORK).get("properties", {}).get("ipConfigurations", [])
        addresses = [each.get("properties", {}).get("publicIPAddress", {}).get("id") for each in configurations]
        found = [client.get(address, NETWORK).get("properties", {}) for address in addresses if address]
    except (CloudError, MissingError):
        yield Hindrance(
            "network", "the network interface may not be read: whether an address changes is not known", refuses=False
        )
        return
    for address in found:
        if address.get("publicIPAllocationMethod") == "Dynamic":
            sentence = f"the public address {address.get('ipAddress', '')} is dynamic: it changes when the VM is deallocated"
            yield Hindrance("dynamic address", sentence, "make it static first to keep it", refuses=False)


def _of_locks(client: Client, vm: Vm) -> Iterator[Hindrance]:
    where = parse_id(vm.id)
    path = f"/subscriptions/{where.subscription}/resourceGroups/{where.group}/providers/Microsoft.Authorization/locks"
    try:
        locks = client.get(path, LOCKS).get("value", [])
    except (CloudError, MissingError):
        yield Hindrance("locks", "locks on the resource group may not be read", refuses=False)
        return
    for lock in locks:
        level = lock.get("properties", {}).get("level", "")
        if level == "ReadOnly":
            yield Hindrance("lock", f"the lock {lock.get('name')} makes the resource group read-only", "remove it for the repair")
        elif level == "CanNotDelete":
            sentence = f"the lock {lock.get('name')} forbids deleting: snapshots and disks of the run stay, and cost money"
            yield Hindrance("lock", sentence, refuses=False)


def _of_rights(client: Client, vm: Vm, *, reading_only: bool) -> Iterator[Hindrance]:
    where = parse_id(vm.id)
    path = f"/subscriptions/{where.subscription}/resourceGroups/{where.group}/providers/Microsoft.Authorization/permissions"
    try:
        granted = client.get(path, PERMISSIONS).get("value", [])
    except (CloudError, MissingError):
        yield Hindrance(
            "rights", "your rights on the resource group may not be read: a missing one shows when it is needed", refuses=False
        )
        return
    missing = [action for action in actions(diagnose_only=reading_only) if not is_allowed(action, granted)]
    if missing:
        sentence = f"you lack the right to {', '.join(missing)}"
        yield Hindrance("rights", sentence, "bootmend azure role  prints a role that has them")


def is_allowed(action: str, granted: list[dict[str, Any]]) -> bool:
    """Whether one of the permissions allows an action: an ``actions`` pattern fits, and none of its ``notActions``."""
    return any(
        any(_fits(action, pattern) for pattern in one.get("actions", []))
        and not any(_fits(action, pattern) for pattern in one.get("notActions", []))
        for one in granted
    )


def _fits(action: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), action, re.IGNORECASE) is not None


def _of_quota(client: Client, disk: Disk) -> Iterator[Hindrance]:
    wanted = _QUOTA.get(disk.sku.partition("_")[0], "")
    try:
        usages = client.ask(lambda: [each.as_dict() for each in client.compute.usage.list(disk.location)])
    except (CloudError, MissingError):
        yield Hindrance("quota", "the subscription's quota may not be read", refuses=False)
        return
    for usage in usages:
        name = usage.get("name", {}).get("value", "")
        if name == wanted and usage.get("currentValue", 0) + 1 > usage.get("limit", 0):
            yield Hindrance("quota", f"the quota {name} is used up ({usage['currentValue']} of {usage['limit']})", "ask for more")
