"""Diagnosis: every rule looks at the machine; what it finds, and what could not be told, is a report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bootmend.catalog import rules_named
from bootmend.engine.ranking import codes_of, ranked
from bootmend.engine.state import may_have_runs
from bootmend.errors import BootmendError
from bootmend.machine.boot_sectors import boot_sector
from bootmend.machine.system_volume import system_volumes
from bootmend.model import Finding, Severity
from bootmend.partition.boot_code import is_dummy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.catalog import RuleModule
    from bootmend.engine.recorded import MachineEvidence
    from bootmend.engine.screen_and_disk import Screen
    from bootmend.engine.target import Target
    from bootmend.machine import BootStore, Machine


THE_DISK = "(the disk)"
"""among the timings: opening volumes and stores, which no rule is to blame for"""


class VolumeSummary(NamedTuple):
    """A volume as a report shows it."""

    number: int
    kind: str
    label: str
    size: int
    roles: tuple[str, ...]
    contents: str
    offset: int = 0

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "number": self.number,
            "kind": self.kind,
            "label": self.label,
            "size": self.size,
            "roles": list(self.roles),
            "contents": self.contents,
            "offset": self.offset,
        }


class MachineSummary(NamedTuple):
    """What kind of computer it is."""

    format: str
    size: int
    scheme: str
    disk_id: str
    firmware: str
    volumes: tuple[VolumeSummary, ...]
    stores: tuple[str, ...]
    windows: tuple[dict[str, str], ...]

    @property
    def generation(self) -> int:
        """1 for BIOS, 2 for UEFI, as Hyper-V and Azure count."""
        return 2 if self.firmware == "UEFI" else 1

    @property
    def computer(self) -> str:
        """The name of the first installation's computer."""
        return next((one["computer"] for one in self.windows if one["computer"]), "")

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "format": self.format,
            "size": self.size,
            "scheme": self.scheme,
            "disk_id": self.disk_id,
            "firmware": self.firmware,
            "generation": self.generation,
            "volumes": [volume.to_json() for volume in self.volumes],
            "stores": list(self.stores),
            "windows": [dict(one) for one in self.windows],
        }


class Inconclusive(NamedTuple):
    """A rule that could not tell, and why."""

    rule: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """The JSON form."""
        return {"rule": self.rule, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one look at one target."""

    path: str
    machine: MachineSummary
    findings: tuple[Finding, ...]
    inconclusive: tuple[Inconclusive, ...]
    remarks: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    offers: tuple[Finding, ...] = ()
    vm: str = ""
    seconds: float = 0.0
    bytes_read: int = 0
    rules: tuple[str, ...] = field(default=())
    timings: tuple[tuple[str, float], ...] = ()
    screen: Screen | None = None
    evidence: MachineEvidence | None = None

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that count: notes do not."""
        return tuple(finding for finding in self.findings if finding.severity is not Severity.NOTE)

    @property
    def unexplained(self) -> tuple[str, ...]:
        """The codes that were reported and that no finding explains."""
        explained = {code for finding in self.problems for code in codes_of(finding)}
        return tuple(code for code in self.codes if code not in explained)

    @property
    def verdict(self) -> str:
        """``problems``, ``unexplained``, ``inconclusive`` or ``healthy``."""
        if self.problems:
            return "problems"
        if self.inconclusive:
            return "inconclusive"
        unexplained = self.unexplained or (self.screen is not None and self.screen.relation == "unexplained")
        return "unexplained" if unexplained else "healthy"

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 problems or an unexplained code or screen, 3 inconclusive."""
        return {"healthy": 0, "problems": 1, "unexplained": 1, "inconclusive": 3}[self.verdict]


def diagnose(
    target: Target, *, rules: Iterable[str] = (), codes: tuple[str, ...] = (), vm: str = "", firmware: str = ""
) -> Report:
    """Look at a target with all rules, or those named; ``firmware`` is what the computer is known to have.

    Raises:
        ReadError: the target is no disk that can be read at all.
    """
    started = time.perf_counter()
    target.machine.expected_firmware = firmware
    timings: dict[str, float] = {}
    findings, inconclusive = examine(target.machine, rules, timings)
    if target.machine.layout_failure is not None and not findings:
        raise target.machine.layout_failure
    summary = summarise(target, target.machine)
    offers = tuple(_offers(target.machine, codes, findings, rules))
    remarks = [*_remarks(target, target.machine)]
    return Report(
        path=target.path,
        machine=summary,
        findings=tuple(ranked(findings, codes)),
        inconclusive=tuple(inconclusive),
        remarks=tuple(remarks),
        codes=codes,
        offers=offers,
        vm=vm,
        seconds=time.perf_counter() - started,
        bytes_read=target.bytes_read,
        rules=tuple(module.RULE.id for module in _chosen(rules)),
        timings=tuple(timings.items()),
    )


def examine(
    machine: Machine, rules: Iterable[str] = (), timings: dict[str, float] | None = None
) -> tuple[list[Finding], list[Inconclusive]]:
    """Run the rules; a rule that raises one of our errors is inconclusive, never healthy.

    ``timings`` takes the seconds of each rule, and of :data:`THE_DISK`: opening what all rules look at.
    """
    findings: list[Finding] = []
    doubts: list[Inconclusive] = []
    if timings is not None:
        started = time.perf_counter()
        _open_all(machine)
        timings[THE_DISK] = time.perf_counter() - started
    for module in _chosen(rules):
        started = time.perf_counter()
        try:
            findings += module.detect(machine)
        except BootmendError as error:
            doubts.append(Inconclusive(module.RULE.id, str(error)))
        if timings is not None:
            timings[module.RULE.id] = time.perf_counter() - started
    return ranked(findings), [*_blind_spots(machine, findings), *([] if machine.layout_failure else doubts)]


def _open_all(machine: Machine) -> None:
    """Open the volumes, stores and installations; why one cannot be opened is said by those who need it."""
    try:
        for store in machine.sound_stores:
            store.store.objects()
        _ = machine.windows
    except BootmendError:
        return


def _blind_spots(machine: Machine, findings: list[Finding]) -> Iterator[Inconclusive]:
    """What no rule can judge: a disk, a volume, a store that cannot be read and that no finding speaks of."""
    if machine.layout_failure is not None:
        yield Inconclusive("partition table", str(machine.layout_failure))
        return
    spoken = {(finding.details.get("volume"), finding.details.get("path", "")) for finding in findings if finding.hides}
    for volume, error in machine.unreadable:
        if (str(volume.number), "") not in spoken:
            yield Inconclusive("volumes", str(error))
    for store in machine.stores:
        if store.failure is not None and (str(store.volume.number), store.path) not in spoken:
            yield Inconclusive("stores", str(store.failure))
    if not spoken:
        yield from _nothing_to_judge(machine)


def _nothing_to_judge(machine: Machine) -> Iterator[Inconclusive]:
    """A disk without a store or without any Windows is not healthy: there is nothing on it to call so."""
    if machine.stores:
        return
    if machine.windows:
        yield Inconclusive(
            "stores", f"there is {machine.windows[0].where}, but no boot configuration store on any volume that can be read"
        )
    else:
        yield Inconclusive("stores", "there is no boot configuration store and no Windows on any volume that can be read")


def _chosen(rules: Iterable[str]) -> Iterator[RuleModule]:
    return iter(rules_named(*dict.fromkeys(rules)))


def _offers(machine: Machine, codes: tuple[str, ...], findings: list[Finding], rules: Iterable[str]) -> Iterator[Finding]:
    found = {finding.rule for finding in findings}
    for module in _chosen(rules):
        offer = getattr(module, "offer", None)
        if (
            offer is not None
            and module.RULE.id not in found
            and set(codes) & {*module.RULE.stop_codes, *module.RULE.status_codes}
        ):
            try:
                yield from offer(machine)
            except BootmendError:  # an offer that cannot be made is not made
                continue


def _remarks(target: Target, machine: Machine) -> Iterator[str]:
    """What is worth knowing and is no problem."""
    if target.image is not None:
        yield from target.image.remarks
    if machine.layout_failure is not None:
        yield from _interrupted_runs(target.path)
        return
    if machine.table is not None:
        yield from machine.table.remarks
    for store in machine.stores:
        try:
            yield from (f"{store.where}: {done} (in memory, nothing was written)" for done in store.opened.recovered)
            yield from _bootmgr_remark(machine, store)
        except BootmendError:  # a rule says so
            continue
    for volume in system_volumes(machine, "BIOS"):
        if is_dummy(boot_sector(volume)):
            yield f"the boot code of {volume.name} is that of a tool which is not Windows: no BIOS starts Windows from it"
    yield from _interrupted_runs(target.path)
    for volume in machine.hibernated:
        yield f"Windows saved a session on {volume.name} (hiberfil.sys): a repair must discard it first"
    for volume in machine.bitlocker:
        yield f"{volume.name} is encrypted with BitLocker: its files were not looked at"


def _interrupted_runs(path: str) -> Iterator[str]:
    """The journal's code is loaded only where there is a trace of a run at all."""
    if may_have_runs(path):
        from bootmend.engine.runs import unfinished_runs

        for run in unfinished_runs(path):
            yield f"run {run.id} on it was interrupted: bring that to an end first with  bootmend undo {run.id}"


def _bootmgr_remark(machine: Machine, store: BootStore) -> Iterator[str]:
    from bootmend.bcd import PartitionDevice
    from bootmend.machine import device_value, volume_of

    bootmgr = store.store.get("{bootmgr}")
    device = device_value(bootmgr, "device") if bootmgr else None
    if machine.table is not None and isinstance(device, PartitionDevice) and volume_of(machine, device) is None:
        yield f"{store.where}: the device of {{bootmgr}} is unknown on this disk; the boot manager does not need it"


def summarise(target: Target, machine: Machine) -> MachineSummary:
    """What kind of computer it is, in values that can be shown."""
    if machine.layout_failure is not None:
        return MachineSummary(target.format, target.size, "none", "", machine.firmware, (), (), ())
    table = machine.table
    return MachineSummary(
        format=target.format,
        size=target.size,
        scheme=table.scheme if table else "none",
        disk_id=(table.disk_id if table else None) or "",
        firmware=machine.firmware,
        volumes=tuple(_volumes(machine)),
        stores=tuple(store.where for store in machine.stores),
        windows=tuple(
            {
                "where": one.where,
                "product": one.product,
                "build": one.build,
                "edition": one.edition,
                "computer": one.computer,
            }
            for one in machine.windows
        ),
    )


def _volumes(machine: Machine) -> Iterator[VolumeSummary]:
    for volume in machine.volumes:
        roles = machine.roles(volume)
        stores = [store.path for store in machine.stores if store.volume is volume]
        systems = [one for one in machine.windows if one.volume is volume]
        contents = stores + [_windows_text(one.product, one.build, one.computer) for one in systems]
        label = volume.label if volume.readable else ""
        offset = volume.partition.offset if volume.partition else 0
        yield VolumeSummary(volume.number, volume.kind, label, volume.size, roles, " · ".join(filter(None, contents)), offset)


def _windows_text(product: str, build: str, computer: str) -> str:
    text = f"{product or 'Windows'}" + (f" ({build})" if build else "")
    return f"{text}, computer {computer}" if computer else text
