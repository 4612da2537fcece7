"""What speaks against a rescue is named before anything is changed: each hindrance once there, once not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bootmend.cloud.azure.client import Client, Pace, cloud_error
from bootmend.cloud.azure.clouds import CLOUDS, find_cloud
from bootmend.cloud.azure.hindrances import is_allowed
from bootmend.cloud.azure.names import made_name, parse_id, run_name, vm_id
from bootmend.cloud.azure.provider import AzureProvider
from bootmend.cloud.azure.role import actions, role_definition
from bootmend.cloud.azure.shapes import has_temporary_disk
from bootmend.errors import CloudError, UsageError
from tests.cloud.arm.server import serving
from tests.cloud.arm.state import GROUP, PREFIX, SUBSCRIPTION, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bootmend.cloud.provider import Hindrance, Provider

GIB = 1 << 30
NIC = f"{PREFIX}/Microsoft.Network/networkInterfaces/web01-nic".lower()
ADDRESS = f"{PREFIX}/Microsoft.Network/publicIPAddresses/web01-ip"


class Token:
    """A credential that always has a token."""

    def get_token(self, *_: str, **__: Any) -> Any:
        from azure.core.credentials import AccessToken

        from tests.cloud.arm.server import TOKEN

        return AccessToken(TOKEN, 4102444800)


@pytest.fixture
def state(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[State, AzureProvider]]:
    pytest.importorskip("azure.mgmt.compute", reason="the extra azure is not installed")
    from azure.mgmt.compute import ComputeManagementClient

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    made = State(blobs=None)  # type: ignore[arg-type]
    made.add_vm("web01", generation=2, blob="", size=127 * GIB)
    with serving(made, certificate) as arm:
        compute = ComputeManagementClient(
            Token(), SUBSCRIPTION, base_url=arm.url, credential_scopes=[arm.url], polling_interval=0.02
        )
        yield made, AzureProvider(Client(compute, SUBSCRIPTION, Pace(0.02)))


def named(found: list[Hindrance], *, refuses: bool) -> set[str]:
    return {one.what for one in found if one.refuses is refuses}


def look(state: tuple[State, AzureProvider], *, reading_only: bool = False) -> list[Hindrance]:
    provider = state[1]
    vm = provider.vm(f"{PREFIX}/Microsoft.Compute/virtualMachines/web01")
    disk = provider.disk(vm.os_disk)
    assert disk is not None
    return provider.hindrances(vm, disk, reading_only=reading_only)


def test_an_ordinary_machine(state: tuple[State, AzureProvider]) -> None:
    found = look(state)
    assert named(found, refuses=True) == set()
    assert named(found, refuses=False) == {"capacity"}
    assert look(state, reading_only=True) == []


def vm_part(path: str, value: Any) -> Callable[[State], None]:
    return lambda state: _set(state.vms["web01"], path, value)


def disk_part(path: str, value: Any) -> Callable[[State], None]:
    return lambda state: _set(state.disks["web01-os"], path, value)


def _set(thing: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split("/")
    for name in way:
        thing = thing.setdefault(name, {})
    thing[last] = value


STORAGE = "properties/storageProfile/osDisk"
REFUSALS: list[tuple[str, Callable[[State], None]]] = [
    ("operating system", vm_part(f"{STORAGE}/osType", "Linux")),
    ("ephemeral OS disk", vm_part(f"{STORAGE}/diffDiskSettings", {"option": "Local"})),
    ("Azure Disk Encryption", vm_part(f"{STORAGE}/encryptionSettings", {"enabled": True})),
    ("Azure Disk Encryption", disk_part("properties/encryptionSettingsCollection", {"enabled": True})),
    ("confidential VM", vm_part("properties/securityProfile", {"securityType": "ConfidentialVM"})),
    ("Trusted Launch", vm_part("properties/securityProfile", {"securityType": "TrustedLaunch"})),
    ("scale set", vm_part("properties/virtualMachineScaleSet", {"id": "/x"})),
    ("busy", vm_part("properties/provisioningState", "Updating")),
    ("network access policy", disk_part("properties/networkAccessPolicy", "DenyAll")),
    ("network access policy", disk_part("properties/networkAccessPolicy", "AllowPrivate")),
    ("public network access", disk_part("properties/publicNetworkAccess", "Disabled")),
    ("data access mode", disk_part("properties/dataAccessAuthMode", "AzureActiveDirectory")),
    ("disk type", disk_part("sku", {"name": "PremiumV2_LRS"})),
    ("shared disk", disk_part("properties/maxShares", 2)),
    ("4096-byte sectors", disk_part("properties/creationData", {"createOption": "Empty", "logicalSectorSize": 4096})),
    ("lock", lambda state: state.locks.append({"name": "frozen", "properties": {"level": "ReadOnly"}})),
    (
        "quota",
        lambda state: state.usages.append(
            {"name": {"value": "PremiumDiskCount"}, "currentValue": 9, "limit": 9, "unit": "Count"}
        ),
    ),
    ("rights", lambda state: state.permissions.__setitem__(0, {"actions": ["*/read"], "notActions": []})),
]
WARNINGS: list[tuple[str, Callable[[State], None]]] = [
    ("temporary disk", vm_part("properties/hardwareProfile", {"vmSize": "Standard_D2ds_v5"})),
    ("delete option", vm_part(f"{STORAGE}/deleteOption", "Delete")),
    ("purchase plan", vm_part("plan", {"name": "gold", "publisher": "p", "product": "q"})),
    ("spot VM", vm_part("properties/priority", "Spot")),
    ("boot diagnostics", vm_part("properties/diagnosticsProfile", {"bootDiagnostics": {"enabled": False}})),
    (
        "backup",
        vm_part("properties/_extensions", [{"name": "VMSnapshot", "type": "Microsoft.Azure.RecoveryServices.VMSnapshot"}]),
    ),
    (
        "site recovery",
        vm_part("properties/_extensions", [{"name": "s", "type": "Microsoft.Azure.RecoveryServices.SiteRecovery"}]),
    ),
    ("lock", lambda state: state.locks.append({"name": "keep", "properties": {"level": "CanNotDelete"}})),
    ("dynamic address", lambda state: _dynamic(state, "Dynamic")),
]


def _dynamic(state: State, method: str) -> None:
    state.others[NIC] = {"properties": {"ipConfigurations": [{"properties": {"publicIPAddress": {"id": ADDRESS}}}]}}
    state.others[ADDRESS.lower()] = {"properties": {"publicIPAllocationMethod": method, "ipAddress": "192.0.2.7"}}


@pytest.mark.parametrize(("what", "make"), REFUSALS, ids=[name for name, _ in REFUSALS])
def test_what_refuses(state: tuple[State, AzureProvider], what: str, make: Callable[[State], None]) -> None:
    make(state[0])
    assert named(look(state), refuses=True) == {what}


@pytest.mark.parametrize(("what", "make"), WARNINGS, ids=[name for name, _ in WARNINGS])
def test_what_is_warned_of(state: tuple[State, AzureProvider], what: str, make: Callable[[State], None]) -> None:
    make(state[0])
    found = look(state)
    assert named(found, refuses=True) == set()
    assert named(found, refuses=False) == {"capacity", what}


def test_a_static_address_is_nothing_to_say(state: tuple[State, AzureProvider]) -> None:
    _dynamic(state[0], "Static")
    assert named(look(state), refuses=False) == {"capacity"}


def test_a_machine_that_is_stopped_loses_nothing(state: tuple[State, AzureProvider]) -> None:
    state[0].vms["web01"]["power"] = "deallocated"
    assert look(state) == []


def test_missing_rights_are_named_by_their_action(state: tuple[State, AzureProvider]) -> None:
    state[0].permissions[:] = [{"actions": ["Microsoft.*"], "notActions": ["Microsoft.Compute/disks/write"]}]
    (found,) = [one for one in look(state) if one.what == "rights"]
    assert found.sentence == "you lack the right to Microsoft.Compute/disks/write"
    assert look(state, reading_only=True) == []


def test_diagnostics_can_be_switched_on(state: tuple[State, AzureProvider]) -> None:
    made, provider = state
    vm = f"{PREFIX}/Microsoft.Compute/virtualMachines/web01"
    made.vms["web01"]["properties"]["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": False}}
    assert provider.screenshot(vm) is None
    provider.enable_diagnostics(vm)
    assert provider.vm(vm).note("diagnostics")


def test_of_two_who_claim_at_once_one_wins(state: tuple[State, AzureProvider]) -> None:
    made, provider = state
    vm = f"{PREFIX}/Microsoft.Compute/virtualMachines/web01"

    def other() -> None:
        made.vms["web01"]["tags"]["bootmend-run"] = "00000002 bob"
        made.touched(made.vms["web01"])

    made.fail(r"PATCH .*web01$", "call", call=other)
    assert provider.claim(vm, "00000001 ann") == "00000002 bob"
    provider.release(vm, "00000001")
    assert made.vms["web01"]["tags"]["bootmend-run"] == "00000002 bob"
    provider.release(vm, "00000002")
    assert made.vms["web01"]["tags"] == {"team": "web"}
    assert provider.claim(vm, "00000001 ann") == provider.claim(vm, "00000001 ann") == "00000001 ann"


def test_it_is_a_provider(state: tuple[State, AzureProvider]) -> None:
    """For the type checker: every verb with its types."""
    provider: Provider = state[1]
    assert provider.owned(GROUP) == []


# -- values ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("size", "has"),
    [
        ("Standard_D2s_v5", False),
        ("Standard_D2ds_v5", True),
        ("Standard_DS1_v2", True),
        ("Standard_E4as_v5", False),
        ("Standard_B2ms", True),
    ],
)
def test_sizes_with_a_temporary_disk(size: str, *, has: bool) -> None:
    """ "Azure VM sizes naming conventions", Microsoft; sizes before version 4 and B have one."""
    assert has_temporary_disk({"hardwareProfile": {"vmSize": size}}) is has


def test_actions_and_patterns() -> None:
    assert is_allowed("Microsoft.Compute/disks/write", [{"actions": ["microsoft.compute/*/WRITE"]}])
    assert not is_allowed("Microsoft.Compute/disks/write", [{"actions": ["*"], "notActions": ["Microsoft.Compute/disks/*"]}])
    assert is_allowed(
        "Microsoft.Compute/disks/write", [{"actions": ["*"], "notActions": ["*/write"]}, {"actions": ["*/disks/write"]}]
    )
    assert not is_allowed("Microsoft.Compute/disks/write", [])


def test_the_role_has_no_way_into_a_machine() -> None:
    whole = role_definition(f"/subscriptions/{SUBSCRIPTION}", diagnose_only=False)
    assert not [one for one in whole["Actions"] if "runCommand" in one or "*" in one]
    assert set(actions(diagnose_only=True)) < set(actions(diagnose_only=False))
    assert not [
        one for one in actions(diagnose_only=True) if "virtualMachines" in one and not one.endswith(("read", "Data/action"))
    ]


def test_names() -> None:
    where = parse_id(f"/SUBSCRIPTIONS/{SUBSCRIPTION}/resourcegroups/{GROUP}/providers/microsoft.compute/VIRTUALMACHINES/Web01")
    assert (where.kind, where.name) == ("virtualMachines", "Web01")
    assert where.subject == vm_id(subscription=SUBSCRIPTION.upper(), group=GROUP, name="web01").subject
    assert run_name("azure/x/1") == run_name("azure/x/1") != run_name("azure/x/2")
    assert made_name("n" * 80, "0123abcd", "snap") == "n" * 64 + "-br0123abcd-snap"


@pytest.mark.parametrize(
    "name", ["", "a/b", "a;rm -rf ~", "$(id)", "../x", "a" * 81, "-a", "a\nb", "a-", f"{PREFIX}/Microsoft.Compute/disks/d"]
)
def test_what_cannot_be_a_machine(name: str) -> None:
    with pytest.raises(UsageError):
        vm_id(subscription=SUBSCRIPTION, group=GROUP, name=name)


def test_clouds() -> None:
    assert find_cloud("Fairfax", lambda _: b"") == CLOUDS["AzureUSGovernment"]
    own = find_cloud(
        "https://arm.local/",
        lambda url: b'{"authentication": {"loginEndpoint": "https://l", "audiences": ["https://a"]}}' if url else b"",
    )
    assert (own.manager, own.scope, own.authority) == ("https://arm.local", "https://a/.default", "https://l")
    with pytest.raises(UsageError):
        find_cloud("elsewhere", lambda _: b"")
    with pytest.raises(CloudError):
        find_cloud("https://arm.local", lambda _: b"[]")


def test_an_error_of_the_library_is_told_without_its_url() -> None:
    pytest.importorskip("azure.core")
    from azure.core.exceptions import ServiceRequestError

    said = cloud_error(ServiceRequestError("cannot open https://x.blob.core.windows.net/d?sv=1&sig=abc now"))
    assert "sig=" not in str(said)
    assert "blob.core" in str(said)
