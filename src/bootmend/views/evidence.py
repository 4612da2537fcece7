"""The evidence of a machine, for people: rows of what, where and found, the same in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.article.codes import by_code
from bootmend.views.blocks import Heading, Table
from bootmend.views.human import short_code
from bootmend.views.style import plain, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.recorded import BootFile, LastStop, MachineEvidence, WindowsEvidence
    from bootmend.views.blocks import Block
    from bootmend.views.markup import Child, Markup
    from bootmend.views.style import Style

HEAD = ("What", "Where", "Found")
MICROSOFT = "microsoft"
MOST_LINES = 3
MOST_NAMED = 12
ENDS = {
    "shutdown": "shut down in order",
    "unexpected": "ended without a shutdown: power, reset or a hang",
    "stop": "ended with a stop screen",
    "not recorded": "no end is recorded",
}


class Row(NamedTuple):
    """One fact."""

    what: str
    where: str
    found: str


def evidence_lines(evidence: MachineEvidence, style: Style) -> Iterator[str]:
    """For a terminal."""
    rows = list(evidence_rows(evidence))
    yield style("Evidence", "bold")
    width = max((len(row.what) for row in rows), default=0)
    where = ""
    for row in rows:
        if row.where != where:
            where = row.where
            yield plain(f"  {where}")
        yield plain(f"    {row.what:<{width}}  {row.found}".rstrip())


def evidence_blocks(evidence: MachineEvidence) -> Iterator[Block]:
    """For a ticket."""
    yield Heading("Evidence")
    yield Table(HEAD, tuple(tuple(row) for row in evidence_rows(evidence)))


def evidence_section(evidence: MachineEvidence) -> Markup:
    """For the page."""
    from bootmend.views.report_parts import section, table

    rows: list[tuple[Child, ...]] = [(row.what, row.where, row.found) for row in evidence_rows(evidence)]
    return section("evidence", "What the machine itself recorded", table(HEAD, rows, kind="evidence", caption="Evidence"))


def evidence_rows(evidence: MachineEvidence) -> Iterator[Row]:
    """All facts, the most telling first."""
    for one in evidence.windows:
        yield from _windows_rows(one)
    yield from _file_rows(evidence)
    for name, space in evidence.space:
        yield Row("free space", name, f"{size_text(space.free_bytes)} of {size_text(space.clusters * space.cluster)}")
    for what, reason in evidence.gaps:
        yield Row("could not be read", what, reason)


def _windows_rows(one: WindowsEvidence) -> Iterator[Row]:
    last = one.last_stop
    if last is not None:
        yield Row("last stop", one.where, _stop_text(last))
    yield from _boot_rows(one)
    if one.boot_status is not None:
        status = one.boot_status
        done = "succeeded" if status.succeeded else "did not succeed"
        ended = "was shut down in order" if status.shut_down else "was not shut down in order"
        yield Row("boot status", one.where, f"the last start {done}, and {ended}")
    yield from _repair_rows(one)
    yield from _servicing_rows(one)
    if one.letters:
        letters = (f"{one.letter.letter} {one.volume or 'on another disk'}" for one in one.letters)
        yield Row("drive letters", one.where, ", ".join(letters))
    for name, lines in one.errors:
        for line in lines[-MOST_LINES:]:
            yield Row("last errors", name, line)


def _stop_text(last: LastStop) -> str:
    names = [info.name for info in by_code(f"0x{last.code:X}")]
    parameters = ", ".join(f"0x{one:X}" for one in last.parameters)
    module = f", in {last.module}" if last.module else ""
    name = f" {names[0]}" if names else ""
    return (
        f"{short_code(f'0x{last.code:X}')}{name} ({parameters}){module}, {last.time or 'at an unknown time'}; from {last.source}"
    )


def _boot_rows(one: WindowsEvidence) -> Iterator[Row]:
    if one.history is None:
        return
    for boot in one.history.boots:
        stop = f" {short_code(f'0x{boot.stop.code:X}')}" if boot.stop else ""
        ended = f" at {boot.ended}" if boot.ended else ""
        yield Row("start", one.where, f"{boot.started}, {ENDS[boot.end]}{stop}{ended}")
    if one.history.newest:
        yield Row("newest event", one.where, f"{one.history.newest}; a start that leaves no newer one did not come that far")
    for fault in one.history.services[:MOST_LINES]:
        yield Row("service", one.where, f"{fault.time}, event {fault.id}: {', '.join(filter(None, fault.values))}")


def _repair_rows(one: WindowsEvidence) -> Iterator[Row]:
    repair = one.startup_repair
    if repair is None:
        return
    for cause in repair.causes:
        yield Row("Startup Repair", one.where, cause)
    for step in repair.failed[:MOST_LINES]:
        yield Row("Startup Repair", one.where, f"{step.name}: {step.result}, error 0x{step.code:X}")
    if not repair.causes and not repair.failed:
        yield Row("Startup Repair", one.where, f"found nothing in {repair.attempts or 'some'} attempts")


def _servicing_rows(one: WindowsEvidence) -> Iterator[Row]:
    if one.servicing is not None:
        for package in one.servicing.unsettled[:MOST_LINES]:
            yield Row("servicing", one.where, f"{package.name} is {package.state}")
        more = len(one.servicing.unsettled) - MOST_LINES
        if more > 0:
            yield Row("servicing", one.where, f"and {more} more packages that are not settled")
        for mark in one.servicing.marks:
            yield Row("servicing", one.where, f"{mark.hive} {mark.path}: {mark.value}")
    for file in one.servicing_files:
        yield Row("servicing", file.where, f"{size_text(file.size)}, {file.modified}")


def _file_rows(evidence: MachineEvidence) -> Iterator[Row]:
    for file in evidence.files:
        version = file.program.version.file
        if not file.service and version:
            yield Row("version", file.where, f"{version}, {file.program.machine}")
        if file.program.checksum_fault:
            yield Row("damaged", file.where, "its checksum is not the one that it was made with")
    strange = [file for file in evidence.files if file.service and _is_foreign(file)]
    for file in strange[:MOST_NAMED]:
        resource = file.program.version
        made = " ".join(filter(None, (resource.text("CompanyName"), resource.file)))
        yield Row("boot driver", file.where, f"{file.service}: {made}")


def _is_foreign(file: BootFile) -> bool:
    """Whether a driver says that somebody else than Microsoft made it; one that says nothing is not accused."""
    company = file.program.version.text("CompanyName").lower()
    return bool(company) and MICROSOFT not in company
