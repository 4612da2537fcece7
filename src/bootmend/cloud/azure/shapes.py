"""From the Resource Manager's JSON to our values, and to the JSON that asks for new resources.

Shapes: Azure REST API, Microsoft.Compute: virtual machines 2026-04-01, disks and snapshots 2026-03-02.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend.cloud.provider import RUN_TAG, Disk, Power, Vm

if TYPE_CHECKING:
    from bootmend.cloud.azure.names import ResourceId

FOOTER = 512
GIB = 1 << 30


def vm_of(data: dict[str, Any]) -> Vm:
    """A machine from the answer to GET with ``$expand=instanceView``."""
    properties = data.get("properties", {})
    storage = properties.get("storageProfile", {})
    os_disk = storage.get("osDisk", {})
    view = properties.get("instanceView", {})
    return Vm(
        id=data["id"],
        name=data["name"],
        location=data["location"],
        power=power_of(view.get("statuses", [])),
        size=properties.get("hardwareProfile", {}).get("vmSize", ""),
        os_type=os_disk.get("osType", ""),
        generation=2 if view.get("hyperVGeneration") == "V2" else 1,
        security_type=properties.get("securityProfile", {}).get("securityType", "Standard"),
        controller=storage.get("diskControllerType", "SCSI"),
        os_disk=os_disk.get("managedDisk", {}).get("id", ""),
        os_disk_name=os_disk.get("name", ""),
        zone=next(iter(data.get("zones") or ()), ""),
        tags=dict(data.get("tags") or {}),
        etag=data.get("etag", ""),
        notes={
            "state": properties.get("provisioningState", ""),
            "scale_set": properties.get("virtualMachineScaleSet", {}).get("id", ""),
            "ephemeral": bool(os_disk.get("diffDiskSettings")),
            "delete_option": os_disk.get("deleteOption", ""),
            "encryption": bool(os_disk.get("encryptionSettings", {}).get("enabled")),
            "host_encryption": bool(properties.get("securityProfile", {}).get("encryptionAtHost")),
            "diagnostics": bool(properties.get("diagnosticsProfile", {}).get("bootDiagnostics", {}).get("enabled")),
            "priority": properties.get("priority", "Regular"),
            "plan": (data.get("plan") or {}).get("name", ""),
            "extensions": [each.get("type", each.get("name", "")) for each in view.get("extensions", [])],
            "temporary_disk": not storage.get("osDisk", {}).get("diffDiskSettings") and has_temporary_disk(properties),
            "interfaces": [
                each["id"] for each in properties.get("networkProfile", {}).get("networkInterfaces", []) if "id" in each
            ],
            "data_disks": storage.get("dataDisks", []),
        },
    )


def power_of(statuses: list[dict[str, Any]]) -> Power:
    """What the ``PowerState/…`` among the statuses says."""
    codes = [str(each.get("code", "")) for each in statuses]
    state = next((code.partition("/")[2] for code in codes if code.startswith("PowerState/")), "")
    known = {"running": Power.RUNNING, "stopped": Power.STOPPED, "deallocated": Power.DEALLOCATED}
    return known.get(state, Power.CHANGING)


def has_temporary_disk(properties: dict[str, Any]) -> bool:
    """Whether the size has a temporary disk: a ``d`` in the letters behind its number (``Standard_D2ds_v5``), or an old size."""
    size = str(properties.get("hardwareProfile", {}).get("vmSize", ""))
    parts = size.split("_")
    letters = parts[1].lstrip("ABCDEFGHLMN") if len(parts) > 1 else ""
    version = int(parts[-1][1:]) if len(parts) > 2 and parts[-1][:1] == "v" and parts[-1][1:].isdigit() else 1
    return "d" in letters.lower() or version < 4


def disk_of(data: dict[str, Any]) -> Disk:
    """A disk or a snapshot from the answer to GET."""
    properties = data.get("properties", {})
    encryption = properties.get("encryption", {})
    size = properties.get("diskSizeBytes") or int(properties.get("diskSizeGB", 0)) * GIB
    return Disk(
        id=data["id"],
        name=data["name"],
        location=data["location"],
        size=int(size),
        sku=(data.get("sku") or {}).get("name", ""),
        state=properties.get("diskState", ""),
        ready=properties.get("provisioningState", ""),
        os_type=properties.get("osType", ""),
        generation=properties.get("hyperVGeneration", "V1"),
        zones=tuple(data.get("zones") or ()),
        security_type=(properties.get("securityProfile") or {}).get("securityType", "Standard"),
        encryption_set=encryption.get("diskEncryptionSetId", ""),
        network_policy=properties.get("networkAccessPolicy", "AllowAll"),
        access_mode=properties.get("dataAccessAuthMode", ""),
        tags=dict(data.get("tags") or {}),
        notes={
            "unique_id": properties.get("uniqueId", ""),
            "public_access": properties.get("publicNetworkAccess", "Enabled"),
            "ade": bool((properties.get("encryptionSettingsCollection") or {}).get("enabled")),
            "shares": int(properties.get("maxShares") or 1),
            "sector": int((properties.get("creationData") or {}).get("logicalSectorSize") or 512),
            "owner": data.get("managedBy", ""),
            "encryption": encryption,
            "plan": properties.get("purchasePlan"),
            "capabilities": properties.get("supportedCapabilities"),
            "hibernation": properties.get("supportsHibernation"),
            "tier": properties.get("tier", ""),
            "disk_access": properties.get("diskAccessId", ""),
        },
    )


def snapshot_body(disk: Disk, run: str, *, full: bool) -> dict[str, Any]:
    """What asks for a snapshot of a disk, with its encryption and its network policy."""
    properties: dict[str, Any] = {"creationData": {"createOption": "Copy", "sourceResourceId": disk.id}, "incremental": not full}
    if disk.notes["encryption"]:
        properties["encryption"] = disk.notes["encryption"]
    return {"location": disk.location, "tags": {RUN_TAG: run}, "sku": {"name": _snapshot_sku(disk)}, "properties": properties}


def _snapshot_sku(disk: Disk) -> str:
    """Zone-redundant storage where the disk has zones, as the portal does; else the cheapest."""
    return "Standard_ZRS" if disk.zones else "Standard_LRS"


def upload_body(like: Disk, run: str) -> dict[str, Any]:
    """What asks for an empty disk that is like another, to be written: the footer of a VHD is counted."""
    return _disk_body(like, run, {"createOption": "Upload", "uploadSizeBytes": like.size + FOOTER})


def copy_body(snapshot: ResourceId, like: Disk, run: str) -> dict[str, Any]:
    """What asks for a disk with a snapshot's content."""
    return _disk_body(like, run, {"createOption": "Copy", "sourceResourceId": str(snapshot)})


def _disk_body(like: Disk, run: str, creation: dict[str, Any]) -> dict[str, Any]:
    """Size, SKU, tier, zone, generation, capabilities, tags, purchase plan and encryption are those of the other disk."""
    properties: dict[str, Any] = {"creationData": creation, "osType": like.os_type, "hyperVGeneration": like.generation}
    optional = {
        "encryption": like.notes["encryption"],
        "supportedCapabilities": like.notes["capabilities"],
        "purchasePlan": like.notes["plan"],
        "supportsHibernation": like.notes["hibernation"],
    }
    if like.sku.startswith("Premium"):
        optional["tier"] = like.notes["tier"]
    if like.security_type not in {"", "Standard"} and creation["createOption"] == "Copy":
        optional["securityProfile"] = {"securityType": like.security_type}
    properties |= {name: value for name, value in optional.items() if value}
    body: dict[str, Any] = {"location": like.location, "tags": like.tags | {RUN_TAG: run}, "sku": {"name": like.sku}}
    return body | {"properties": properties} | ({"zones": list(like.zones)} if like.zones else {})
