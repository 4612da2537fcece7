"""A boot loader must not name an Initial Machine Configuration (IMC) hive that cannot be loaded.

Windows stops with 0x67 CONFIG_INITIALIZATION_FAILED when ``imcdevice`` and ``imchivename`` of its boot
loader name a hive that is missing, empty or damaged, or whose registry side
(``Control\\InitialMachineConfig``) is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import LocateDevice
from bootmend.errors import BootmendError, MissingError, UnsupportedError
from bootmend.filesystem import normalise
from bootmend.machine import (
    device_value,
    element_text,
    installation_of,
    is_default,
    listed,
    loader_text,
    open_hive,
    text_value,
    volumes_named,
)
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import DeleteElement, SetElement, SetValue
from bootmend.registry import is_hive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject
    from bootmend.machine import BootStore, Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="imc-config-init-failed",
    title="The boot loader names an Initial Machine Configuration that cannot be loaded",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    stop_codes=("0x00000067",),
    names=("CONFIG_INITIALIZATION_FAILED",),
    screen_texts=("Stop code: CONFIG_INITIALIZATION_FAILED", "Stop code: CONFIG INITIALIZATION FAILED", "0x00000067"),
    references=("bug check 0x67 CONFIG_INITIALIZATION_FAILED (Windows debugger documentation)",),
)
ELEMENTS = ("imcdevice", "imchivename")
#: the element that ``imcdevice`` is located by
IMC_HIVE_NAME = 0x22000137
POLICY_KEYS = ("_Global", "System")


class Fault(NamedTuple):
    """Why the configuration cannot be loaded; ``discards`` when deleting the reference drops a valid hive."""

    state: str
    sentence: str
    evidence: tuple[Evidence, ...]
    discards: bool


def detect(machine: Machine) -> Iterator[Finding]:
    """Judge each loader of each store on its own."""
    for store in machine.sound_stores:
        for loader in store.store.loaders():
            if any(loader.element(name) for name in ELEMENTS):
                fault = _fault(machine, store, loader)
                if fault is not None:
                    yield _finding(machine, store, loader, fault)


def _fault(machine: Machine, store: BootStore, loader: BcdObject) -> Fault | None:
    path = _hive_path(loader)
    missing = [name for name in ELEMENTS if loader.element(name) is None]
    holders, blind = _holders(machine, store, loader, path)
    if missing:
        return _incomplete(missing[0], path, holders)
    if not holders:
        if blind:
            names = listed(volume.name for volume in blind)
            raise UnsupportedError(f"{path} may be on {names}, which cannot be read ({blind[0].kind})")
        looked = _looked(machine, store, loader, path)
        return Fault("absent", "that is not there", (looked,), discards=False)
    bad = _why_no_hive(holders[0], path)
    if bad is not None:
        return bad
    return _unregistered(machine, store, loader, holders[0], path)


def _hive_path(loader: BcdObject) -> str:
    name = text_value(loader, "imchivename")
    device = device_value(loader, "imcdevice")
    if not name and isinstance(device, LocateDevice):
        name = device.path
    return normalise(name) if name else ""


def _holders(machine: Machine, store: BootStore, loader: BcdObject, path: str) -> tuple[list[Volume], list[Volume]]:
    """The volumes that hold the file where the loader looks for it, and those that could not be looked into.

    Where the device is missing or names a partition that is not there, every volume is looked at:
    a valid hive on one of them is somebody's configuration.
    """
    if not path:
        return [], []
    device = device_value(loader, "imcdevice")
    named = volumes_named(machine, store, device)
    anywhere = not named or isinstance(device, LocateDevice)
    searched = machine.readable_volumes if anywhere else named
    holders = []
    for volume in searched:
        entry = volume.tree.lookup(path)
        if entry is not None and not entry.is_directory:
            holders.append(volume)
    return holders, machine.bitlocker if anywhere else []


def _incomplete(missing: str, path: str, holders: list[Volume]) -> Fault:
    valid = [volume for volume in holders if _why_no_hive(volume, path) is None]
    evidence = [Evidence("element", missing, "not there", "imcdevice and imchivename together, or neither")]
    if path:
        where = f"{valid[0].name}: a valid hive" if valid else "no valid hive"
        evidence.append(Evidence("file", path, where))
    return Fault("incomplete", f"whose {missing} is missing", tuple(evidence), discards=bool(valid))


def _looked(machine: Machine, store: BootStore, loader: BcdObject, path: str) -> Evidence:
    named = volumes_named(machine, store, device_value(loader, "imcdevice"))
    searched = named or machine.readable_volumes
    where = listed(volume.name for volume in searched)
    unknown = "" if named else " (imcdevice itself names nothing on this disk)"
    return Evidence("file", path, f"not found on {where}{unknown}", "a registry hive")


def _why_no_hive(volume: Volume, path: str) -> Fault | None:
    file = volume.tree.open(path)
    where = volume.where(path)
    if file.size == 0:
        return Fault("empty", "that is empty", (Evidence("file", where, "0 bytes", "a registry hive"),), discards=False)
    if not is_hive(file):
        found = f"{file.size} bytes that are no registry hive"
        evidence = (Evidence("file", where, found, "a registry hive"),)
        return Fault("not-a-hive", "that is no registry hive", evidence, discards=False)
    try:
        list(open_hive(volume, path).hive.root.values())
    except BootmendError as error:
        evidence = (Evidence("file", where, str(error), "a registry hive"),)
        return Fault("damaged", "that is damaged", evidence, discards=False)
    return None


def _unregistered(machine: Machine, store: BootStore, loader: BcdObject, holder: Volume, path: str) -> Fault | None:
    installation = installation_of(machine, store, loader)
    if installation is None:
        raise MissingError(f"{store.where} {loader.id}: its osdevice leads to no Windows, so the registry side cannot be judged")
    if installation.control_key("InitialMachineConfig") is not None:
        return None
    key = f"{installation.control_set}\\Control\\InitialMachineConfig"
    evidence = (
        Evidence("file", holder.where(path), "a valid hive"),
        Evidence("registry key", f"{installation.where} SYSTEM {key}", "not there", "the registry side of the configuration"),
    )
    return Fault("unregistered", "that is there, but missing in the registry", evidence, discards=True)


def _finding(machine: Machine, store: BootStore, loader: BcdObject, fault: Fault) -> Finding:
    name = loader_text(store.store, loader)
    path = _hive_path(loader)
    present = [element for element in ELEMENTS if loader.element(element)]
    shown = tuple(Evidence("element", element, element_text(machine, store.store, loader, element) or "") for element in present)
    count = f"{len(present)} element{'s' if len(present) > 1 else ''}"
    fix = f"deletes {count} of 1 loader" + (f", and with them the use of {path}" if fault.discards else "")
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR if is_default(store, loader) else Severity.WARNING,
        applicability=Applicability.UNSAFE if fault.discards else Applicability.SAFE,
        subject=f"{store.where} {loader.id}",
        sentence=f"{name} loads an Initial Machine Configuration hive {fault.sentence}.",
        evidence=(Evidence("store", store.where, "the loader's store"), *shown, *fault.evidence),
        stop_codes=RULE.stop_codes,
        fix=fix,
        details={
            "state": fault.state,
            "volume": str(store.volume.number),
            "path": store.path,
            "loader": loader.id,
            "loadername": loader.text("description") or "",
            "imcpath": path,
        },
    )


def offer(machine: Machine) -> Iterator[Finding]:
    """For a 0x67 that nothing on the disk explains: let Windows go on when an IMC hive fails to load.

    ``ErrorControlPolicy`` = 0 in the control set that the offline ``Select`` names, never the running machine's.
    """
    for installation in machine.windows:
        base = f"{installation.control_set}\\Control\\InitialMachineConfig"
        hive = installation.system.hive
        missing = [f"{base}\\{name}" for name in POLICY_KEYS if not _is_zero(hive.key(f"{base}\\{name}"))]
        if not missing:
            continue
        yield Finding(
            rule=RULE.id,
            title="Let Windows ignore a failing Initial Machine Configuration",
            severity=Severity.NOTE,
            applicability=Applicability.UNSAFE,
            subject=f"{installation.where} ErrorControlPolicy",
            sentence="No loader names an Initial Machine Configuration; "
            f"Windows on {installation.volume.name} can be told to go on when one fails to load.",
            evidence=tuple(Evidence("registry value", f"{key} ErrorControlPolicy", "not 0", "0") for key in missing),
            stop_codes=RULE.stop_codes,
            fix=f"sets ErrorControlPolicy = 0 in {len(missing)} keys of the SYSTEM hive",
            details={
                "state": "policy",
                "volume": str(installation.volume.number),
                "path": installation.hive_path("SYSTEM"),
                "base": base,
            },
        )


def _is_zero(key: object) -> bool:
    from bootmend.registry import Key

    value = key.value("ErrorControlPolicy") if isinstance(key, Key) else None
    return value is not None and value.type == 4 and value.integer() == 0


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Delete the reference; for an accepted offer, set the policy instead."""
    details = finding.details
    volume, path = int(details["volume"]), details["path"]
    if details["state"] == "policy":
        for name in POLICY_KEYS:
            yield SetValue.dword(volume, path, f"{details['base']}\\{name}", "ErrorControlPolicy", 0)
        return
    loader = workspace.store(volume, path).get(details["loader"])
    for element in ELEMENTS:
        if loader is not None and loader.element(element) is not None:
            yield DeleteElement(volume, path, details["loader"], element)


def break_(workspace: Workspace) -> None:
    """Let the default loader of every store that is not recovery's name a hive that does not exist."""
    for store in workspace.machine.stores:
        default = store.store.default_id
        if store.recovery or default is None:
            continue
        number = store.volume.number
        SetElement(number, store.path, default, "imchivename", "\\IMC.hiv").do(workspace)
        SetElement(number, store.path, default, "imcdevice", LocateDevice("element", IMC_HIVE_NAME)).do(workspace)
