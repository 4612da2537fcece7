"""The values that travel between the floors: findings, plans, patches, reports, runs.

Plain frozen records and their JSON form; no behaviour, no input or output.  The JSON names are a
published contract (``schemas/``): names may be added, never changed.

They are named tuples and not dataclasses, which take ten times as long to import: every command pays for them.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    """How bad a finding is: ``error`` stops Windows from booting, ``warning`` may, ``note`` does not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Applicability(StrEnum):
    """Whether a repair is made without asking further.

    ``safe`` loses nothing; ``unsafe`` discards something of somebody's and needs ``--unsafe``;
    ``manual`` cannot be done on the disk: the article says what to do.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"


class Evidence(NamedTuple):
    """One fact: ``what`` was looked at, ``where``, what was ``found`` and what was ``expected``."""

    what: str
    where: str
    found: str
    expected: str = ""

    def to_json(self) -> dict[str, str]:
        """The JSON form."""
        return {"what": self.what, "where": self.where, "found": self.found, "expected": self.expected}


class Finding(NamedTuple):
    """One fault of one thing, named by one rule.

    ``subject`` tells findings of the same rule apart and is stable between two looks at the same
    disk (a store and an object, a partition).  ``fix`` says in a phrase what a repair would change.
    ``details`` carry values for the article and the repair: text to text.  ``hides`` is true of a fault
    behind which others may lie that cannot be seen before it is mended.
    """

    rule: str
    title: str
    severity: Severity
    applicability: Applicability
    subject: str
    sentence: str
    evidence: tuple[Evidence, ...]
    stop_codes: tuple[str, ...] = ()
    fix: str = ""
    details: Mapping[str, str] = MappingProxyType({})
    hides: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes this finding the same as one of an earlier look."""
        return (self.rule, self.subject)

    def to_json(self) -> dict[str, object]:
        """The JSON form; ``operations`` are added by the report that knows them."""
        return {
            "rule": self.rule,
            "title": self.title,
            "severity": str(self.severity),
            "applicability": str(self.applicability),
            "subject": self.subject,
            "stop_codes": list(self.stop_codes),
            "sentence": self.sentence,
            "fix": self.fix,
            "evidence": [evidence.to_json() for evidence in self.evidence],
            "details": dict(self.details),
            "hides": self.hides,
        }


class Change(NamedTuple):
    """One thing an operation changes, as a person reads it.

    ``where`` is a file of the disk, ``group`` what the change belongs to (a BCD object, a registry
    key, the partition table), ``name`` the element or value, ``before`` and ``after`` its text; None
    means that it is not there.
    """

    where: str
    group: str
    name: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"where": self.where, "group": self.group, "name": self.name, "before": self.before, "after": self.after}


class Phase(StrEnum):
    """How far a start comes before the fault stops it, in this order.

    ``preboot`` is firmware and boot sectors, ``bootmgr`` the boot manager, ``winload`` the loading of Windows,
    ``kernel`` its stop screens, ``session`` what comes before the logon.
    """

    PREBOOT = "preboot"
    BOOTMGR = "bootmgr"
    WINLOAD = "winload"
    KERNEL = "kernel"
    SESSION = "session"


class Rule(NamedTuple):
    """What is known of a boot failure before any disk is looked at.

    ``applicability`` is the usual one; a finding may be stricter.  ``firmware`` is ``BIOS`` or ``UEFI`` where only
    such a machine can have the fault.
    """

    id: str
    title: str
    severity: Severity
    applicability: Applicability
    stop_codes: tuple[str, ...] = ()
    status_codes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    screen_texts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    phase: Phase = Phase.BOOTMGR
    firmware: str = ""

    def to_json(self) -> dict[str, object]:
        """The JSON form used by the catalogue."""
        return {
            "id": self.id,
            "title": self.title,
            "severity": str(self.severity),
            "applicability": str(self.applicability),
            "stop_codes": list(self.stop_codes),
            "status_codes": list(self.status_codes),
            "names": list(self.names),
            "screen_texts": list(self.screen_texts),
            "references": list(self.references),
            "phase": str(self.phase),
            "firmware": self.firmware,
        }
