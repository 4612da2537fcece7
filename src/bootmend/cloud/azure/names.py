"""Names of Azure's resources: taken apart, checked, and made so that the same run makes the same ones.

Rules: "Naming rules and restrictions for Azure resources", Microsoft.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

from bootmend.errors import UsageError

LONGEST = 80
_ID = re.compile(
    r"/subscriptions/([0-9a-fA-F-]{36})/resourceGroups/([^/]{1,90})/providers/(Microsoft\.[A-Za-z]+/[A-Za-z]+)/([^/]{1,80})",
    re.IGNORECASE,
)
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,78}[A-Za-z0-9_])?", re.ASCII)
_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
VM, DISK, SNAPSHOT = "virtualMachines", "disks", "snapshots"


class ResourceId(NamedTuple):
    """The parts of a resource id; ``kind`` without its namespace: ``disks``."""

    subscription: str
    group: str
    kind: str
    name: str

    def __str__(self) -> str:
        """The whole id."""
        head = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{head}/providers/Microsoft.Compute/{self.kind}/{self.name}"

    def sibling(self, kind: str, name: str) -> ResourceId:
        """Another resource of the same group."""
        return self._replace(kind=kind, name=name)

    @property
    def subject(self) -> str:
        """What a workflow's lock and record are named by: the same for every way of writing the id."""
        lowered = str(self).lower()
        plain = re.sub(r"[^a-z0-9._-]", "_", f"{self.group}.{self.name}".lower())[:120]
        return f"azure/{plain}-{sha256(lowered.encode()).hexdigest()[:8]}"


def parse_id(text: str) -> ResourceId:
    """A resource id of Microsoft.Compute in its parts.

    Raises:
        UsageError: it is none.
    """
    match = _ID.fullmatch(text.strip())
    if match is None or not match[3].lower().startswith("microsoft.compute/"):
        raise UsageError(
            f"{text!r} is no resource id",
            hint="it looks like /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/…/NAME",
        )
    kind = match[3].partition("/")[2]
    known = {each.lower(): each for each in (VM, DISK, SNAPSHOT)}
    return ResourceId(match[1], match[2], known.get(kind.lower(), kind), match[4])


def vm_id(*, subscription: str, group: str, name: str) -> ResourceId:
    """A machine's id from its parts, or from ``name`` alone where that is a whole id.

    Raises:
        UsageError: a part is missing, or is no name.
    """
    if name.startswith("/"):
        found = parse_id(name)
        if found.kind != VM:
            raise UsageError(f"{name} is no virtual machine")
        return found
    if not group:
        raise UsageError("the VM's resource group is missing", hint="add -g GROUP, or give the VM's whole resource id with -n")
    if not subscription:
        hint = "add --subscription ID, or set AZURE_SUBSCRIPTION_ID, or give the VM's whole resource id with -n"
        raise UsageError("the subscription is missing", hint=hint)
    return ResourceId(checked_subscription(subscription), checked_group(group), VM, checked_name(name))


def checked_subscription(text: str) -> str:
    """The subscription's id, if it looks like one."""
    if not _SUBSCRIPTION.fullmatch(text):
        raise UsageError(f"{text!r} is no subscription's id", hint="it looks like 00000000-0000-0000-0000-000000000000")
    return text


def checked_group(text: str) -> str:
    """The resource group's name, if it can be one."""
    if not _GROUP.fullmatch(text):
        raise UsageError(f"{text!r} cannot be the name of a resource group")
    return text


def checked_name(text: str) -> str:
    """A resource's name, if it can be one."""
    if not _NAME.fullmatch(text):
        raise UsageError(f"{text!r} cannot be the name of a resource")
    return text


def run_name(workflow_id: str) -> str:
    """Eight hex digits that name a run, the same each time."""
    return sha256(f"bootmend {workflow_id}".encode()).hexdigest()[:8]


def made_name(base: str, run: str, what: str) -> str:
    """The name of what a run makes: ``web01-os-br1a2b3c4d-snap``, never longer than Azure allows."""
    tail = f"-br{run}-{what}"
    return base[: LONGEST - len(tail)].rstrip("-._") + tail
