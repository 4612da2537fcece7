"""The least rights that a rescue needs, as a role definition for ``az role definition create``."""

from __future__ import annotations

from typing import Any

_LOOK = (
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/instanceView/read",
    "Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action",
    "Microsoft.Compute/disks/read",
    "Microsoft.Compute/disks/beginGetAccess/action",
    "Microsoft.Compute/snapshots/read",
    "Microsoft.Compute/snapshots/write",
    "Microsoft.Compute/snapshots/delete",
    "Microsoft.Compute/snapshots/beginGetAccess/action",
    "Microsoft.Compute/snapshots/endGetAccess/action",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
)
_CHANGE = (
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/deallocate/action",
    "Microsoft.Compute/virtualMachines/start/action",
    "Microsoft.Compute/disks/write",
    "Microsoft.Compute/disks/delete",
    "Microsoft.Compute/disks/endGetAccess/action",
    "Microsoft.Compute/locations/usages/read",
    "Microsoft.Authorization/locks/read",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Network/networkInterfaces/join/action",
    "Microsoft.Network/publicIPAddresses/read",
)


def actions(*, diagnose_only: bool) -> tuple[str, ...]:
    """The actions that are needed to look, or to look and repair."""
    return _LOOK if diagnose_only else (*_LOOK, *_CHANGE)


def role_definition(scope: str, *, diagnose_only: bool) -> dict[str, Any]:
    """A custom role in the form that ``az role definition create --role-definition`` takes.

    Running commands inside a VM is not among its rights: that would be the right to be its administrator.
    """
    what = "diagnose" if diagnose_only else "repair"
    return {
        "Name": f"bootmend {what}",
        "IsCustom": True,
        "Description": f"What bootmend needs to {what} Windows VMs that do not boot",
        "Actions": list(actions(diagnose_only=diagnose_only)),
        "NotActions": [],
        "AssignableScopes": [scope],
    }
