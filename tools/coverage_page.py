"""What is covered: every boot failure that is known to happen, and what bootmend and its peers do about it.

Run by ``docs/conf.py`` at each build.  The failures and what other tools do stand in ``failures.tsv``; what bootmend does is
asked of the catalogue, and how it is proven of the tests.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootmend.catalog import rule_modules
from bootmend.model import Applicability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.catalog import RuleModule

HERE = Path(__file__).parent
FAILURES = HERE / "failures.tsv"
TESTS = HERE.parent / "tests" / "catalog"
KINDS = {"": 9, "BIOS": 6, "UEFI": 3}
"""on how many kinds of disk the harness breaks and mends a rule's fault: layouts times image formats"""
REPAIRS = {Applicability.SAFE: "yes", Applicability.UNSAFE: "with consent", Applicability.MANUAL: "by hand"}


class Failure(NamedTuple):
    """One line of ``failures.tsv``."""

    id: str
    phase: str
    title: str
    az_repair: str
    ec2rescue: str
    startup_repair: str
    gce_rescue: str


def failures() -> list[Failure]:
    """All failures, in the order of the file."""
    with FAILURES.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    return [Failure(*row) for row in rows]


def write_coverage_page(path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(coverage_page(), encoding="utf-8")


def coverage_page() -> str:
    """The page as Markdown."""
    known = {module.RULE.id: module for module in rule_modules()}
    rows = failures()
    found = [row for row in rows if row.id in known]
    repaired = [row for row in found if known[row.id].RULE.applicability is not Applicability.MANUAL]
    lines = [
        "# What is covered",
        "",
        f"Of {len(rows)} boot failures that are known to happen, bootmend tells {len(found)} from the disk and mends",
        f"{len(repaired)} of them; for the others an empty cell is the truth. *Proven* says by what: the harness breaks and",
        "mends the fault on so many kinds of disk, and shows that undo restores every byte; *other hands* means that other",
        "programs (sgdisk, sfdisk, dd, mtools, hivexsh, ntfscp, mkntfs) made the fault as well. No Windows was started.",
        "",
        "What other tools do is what their own sources or documents say; empty means that nothing was found there, not that",
        "it is known to be missing. `az vm repair` runs scripts on a Windows machine in Azure; those with a number are pull",
        "requests of 2026. What is said of EC2Rescue and of Windows' own Startup Repair was not checked. gce-rescue reads",
        "serial ports and names Windows' errors; its repair of a boot configuration was proposed and not taken.",
        "",
        "| failure | phase | what is wrong | found | mended | proven | az vm repair | EC2Rescue | Startup Repair | gce-rescue |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(row, known.get(row.id)) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _row(row: Failure, module: RuleModule | None) -> str:
    peers = [row.az_repair, row.ec2rescue, row.startup_repair, row.gce_rescue]
    if module is None:
        cells = [f"`{row.id}`", row.phase, row.title, "", "", "", *peers]
    else:
        ours = ["yes", REPAIRS[module.RULE.applicability], "; ".join(_proofs(module))]
        cells = [f"[`{row.id}`](../rules/{row.id}.md)", row.phase, row.title, *ours, *peers]
    return f"| {' | '.join(cells)} |"


def _proofs(module: RuleModule) -> Iterator[str]:
    yield f"harness, {KINDS[module.RULE.firmware]} kinds of disk"
    if module.RULE.id in broken_by_other_hands():
        yield "other hands"
    if (TESTS / f"test_{module.RULE.id.replace('-', '_')}.py").exists():
        yield "tests of its own"


def broken_by_other_hands() -> set[str]:
    """The rules that the tests with other programs name."""
    text = (TESTS / "test_independent.py").read_text(encoding="utf-8")
    return set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', text))
