"""``Select`` must name control sets that are there.

``Current`` and ``Default`` are numbers of control sets.  A well-known recipe ("last known good") raises them without
a look; since Windows 8 there is usually only ``ControlSet001``, and then the loader has nothing to start from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import MissingError
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.operations import Operation
    from bootmend.registry import Hive

RULE = Rule(
    id="lkgc-wrong-controlset",
    title="The registry names a control set that is not there",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    stop_codes=("0x00000074",),
    status_codes=("0xC0000225",),
    names=("BAD_SYSTEM_CONFIG_INFO",),
    screen_texts=("BAD_SYSTEM_CONFIG_INFO",),
    references=("Start an Azure Windows VM with Last Known Good Configuration (Microsoft Learn)",),
    phase=Phase.WINLOAD,
)
NAMES = ("Current", "Default")
#: without these a control set cannot start a Windows
PARTS = ("Control", "Services")


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the ``Select`` of every installation."""
    for installation in machine.windows:
        wrong = _wrong(installation.system.hive)
        if wrong:
            yield _finding(installation, wrong)


def _wrong(hive: Hive) -> dict[str, int]:
    """The values of ``Select`` that name no control set that could be started from."""
    select = hive.key("Select")
    values = {name: select.value(name) for name in NAMES} if select else {}
    numbers = {name: value.integer() for name, value in values.items() if value is not None}
    return {name: number for name, number in numbers.items() if not _is_whole(hive, number)}


def _is_whole(hive: Hive, number: int) -> bool:
    return all(hive.key(f"ControlSet{number:03d}\\{part}") is not None for part in PARTS)


def _choice(hive: Hive) -> int | None:
    """The control set to start from: the other of the two if it is whole, else the last known good one, else the only one."""
    select = hive.key("Select")
    for name in (*NAMES, "LastKnownGood"):
        value = select.value(name) if select else None
        if value is not None and _is_whole(hive, value.integer()):
            return value.integer()
    whole = [number for number in range(1, 10) if _is_whole(hive, number)]
    return whole[0] if len(whole) == 1 else None


def _finding(installation: WindowsInstallation, wrong: dict[str, int]) -> Finding:
    choice = _choice(installation.system.hive)
    path = installation.hive_path("SYSTEM")
    names = " and ".join(wrong)
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=RULE.severity,
        applicability=Applicability.MANUAL if choice is None else Applicability.SAFE,
        subject=installation.where,
        sentence=f"{names} of Select in the registry of {installation.where} "
        f"name{'s' if len(wrong) == 1 else ''} a control set that is not there.",
        evidence=tuple(
            Evidence(
                "registry value",
                f"{installation.volume.where(path)} Select\\{name}",
                f"{number}, and there is no whole ControlSet{number:03d}",
                "the number of a control set" if choice is None else str(choice),
            )
            for name, number in wrong.items()
        ),
        stop_codes=RULE.stop_codes,
        fix="restore the SYSTEM hive from a backup: which control set is right cannot be told"
        if choice is None
        else f"sets {names} to {choice}",
        details={
            "volume": str(installation.volume.number),
            "path": path,
            "names": " ".join(wrong),
            "set": "" if choice is None else str(choice),
        },
        hides=True,
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Name the control set that is there; never one that is not."""
    details = finding.details
    if not details["set"]:
        raise MissingError("it cannot be told which control set is right")
    for name in details["names"].split():
        yield SetValue.dword(int(details["volume"]), details["path"], "Select", name, int(details["set"]))


def break_(workspace: Workspace) -> None:
    """Raise the numbers without a look, as the recipe does."""
    for installation in workspace.machine.windows:
        for name in NAMES:
            SetValue.dword(installation.volume.number, installation.hive_path("SYSTEM"), "Select", name, 2).do(workspace)
