"""Compares what a reader says with what is true, field by field; and counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RIGHT, ABSTAINED, FALSE_CODE = "right", "abstained", "false code"
WRONG = {"certain": "wrong at certain", "likely": "wrong at likely"}
OUTCOMES = (RIGHT, ABSTAINED, "wrong at certain", "wrong at likely")

FAMILIES: dict[str, frozenset[str]] = {
    family: frozenset(names.split())
    for family, names in {
        "stop": "stop hard_error hardware_malfunction",
        "bootmgr_error": "boot_manager_error",
        "boot_menu": "boot_menu",
        "advanced_options": "advanced_options",
        "error_recovery": "error_recovery",
        "mbr": "bootmgr_missing bootmgr_compressed bootmgr_corrupt ntldr_missing os_not_found not_bootable_disk disk_read_error "
        "remove_disks missing_os error_loading_os invalid_partition_table firmware_no_boot",
        "firmware_none": "firmware_no_boot network_boot secure_boot_violation",
        "chkdsk": "chkdsk",
        "sac": "sac",
        "bitlocker": "bitlocker_recovery bitlocker_password",
        "linux": "linux linux_panic grub grub_rescue",
        "servicing": "updating undoing_changes getting_windows_ready update_error",
        "session": "group_policy waiting_for_service applying_settings stopping_services shutting_down please_wait",
        "auto_repair": "auto_repair_preparing auto_repair_diagnosing auto_repair_failed startup_repair_failed recovery_menu",
        "setup": "setup setup_failed oobe applying_settings please_wait",
        "loading": "windows_loading logo blank",
        "healthy": "logon",
        "blank": "blank",
        "unknown": "unknown",
    }.items()
}
"""The reader's states that are right for a label's state; ``unknown`` is an abstention for all of them."""


class Readable(Protocol):
    """What is compared of a reading."""

    @property
    def state(self) -> str: ...
    @property
    def confidence(self) -> str: ...
    @property
    def stop_code(self) -> str | None: ...
    @property
    def possible_codes(self) -> tuple[str, ...]: ...
    @property
    def parameters(self) -> tuple[str, ...]: ...
    @property
    def status_code(self) -> str | None: ...
    @property
    def failing_file(self) -> str | None: ...
    @property
    def percentage(self) -> int | None: ...
    @property
    def key_id(self) -> str | None: ...


class Verdict(NamedTuple):
    """The outcome for the deciding code ("" where none is shown and none was said), for the state, and for other fields."""

    code: str
    state: str
    fields: dict[str, str]


def judge(label: Mapping[str, Any], reading: Readable) -> Verdict:
    """Compare one reading with its label."""
    fields = {name: outcome for name in FIELDS if (outcome := _field(name, label, reading))}
    return Verdict(_code(label, reading), _state(label, reading), fields)


def _code(label: Mapping[str, Any], reading: Readable) -> str:
    wrong = WRONG.get(reading.confidence, "wrong at likely")
    claimed = {code.lower() for code in (reading.stop_code, *reading.possible_codes) if code}
    if label["stop_code"]:
        if not claimed:
            return ABSTAINED
        return RIGHT if claimed <= {code.lower() for code in label["stop_codes"]} else wrong
    if claimed:
        return FALSE_CODE
    if not label["status_code"]:
        return ""
    if not reading.status_code:
        return ABSTAINED
    return RIGHT if reading.status_code.lower() == label["status_code"].lower() else wrong


def _state(label: Mapping[str, Any], reading: Readable) -> str:
    if not label["state"]:
        return ""
    if reading.state in FAMILIES[label["state"]]:
        return RIGHT
    return ABSTAINED if reading.state == "unknown" else "wrong"


FIELDS = ("failing_file", "percentage", "key_id", "parameters")


def _field(name: str, label: Mapping[str, Any], reading: Readable) -> str:
    true, read = label[name], getattr(reading, name)
    if true in ("", None, (), []):
        return ""
    if read in ("", None, ()):
        return ABSTAINED
    if name == "key_id":
        return RIGHT if true.lower().startswith(str(read).lower()) else "wrong"
    return RIGHT if _plain(true) == _plain(read) else "wrong"


def _plain(value: object) -> object:
    return tuple(str(part).lower() for part in value) if isinstance(value, (list, tuple)) else str(value).lower()


@dataclass(slots=True)
class Tally:
    """Counts over one set of pictures; ``failures`` name the pictures that were not right."""

    codes: Counter[str] = field(default_factory=Counter)
    small: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    without_code: int = 0
    false_codes: int = 0
    pictures: int = 0
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, label: Mapping[str, Any], reading: Readable, seconds: float) -> Verdict:
        """Judge and count one picture."""
        verdict = judge(label, reading)
        self.pictures += 1
        self.seconds.append(seconds)
        self.without_code += not label["stop_code"]
        self.false_codes += verdict.code == FALSE_CODE
        if label["stop_code"] or label["status_code"]:
            (self.codes if label["readable"] else self.small)[verdict.code] += 1
        self.states[verdict.state] += 1
        self.fields.update(f"{key} {outcome}" for key, outcome in verdict.fields.items())
        if verdict.code not in ("", RIGHT) or verdict.state not in ("", RIGHT) or "wrong" in verdict.fields.values():
            said = reading.stop_code or "/".join(reading.possible_codes) or reading.status_code or "-"
            truth = label["stop_code"] or label["status_code"] or label["state"]
            extra = [f"{key} {outcome}" for key, outcome in verdict.fields.items() if outcome == "wrong"]
            self.failures.append(
                f"{name}\t{label['layout']}\t{verdict.code or verdict.state}\ttrue {truth}\tread {said} {reading.state} "
                f"({reading.confidence})\t{', '.join((*label['degradations'], *extra))}"
            )
        return verdict

    @property
    def shown(self) -> int:
        """Readable pictures that show a stop or status code."""
        return self.codes.total()

    @property
    def wrong(self) -> int:
        """Wrong codes of any confidence, also on pictures too small to read, and codes where there are none."""
        return sum(count for counts in (self.codes, self.small) for outcome, count in counts.items() if "wrong" in outcome) + (
            self.false_codes
        )

    def share(self) -> float:
        """The share of right codes among the readable pictures that show one; 1 where none does."""
        return self.codes[RIGHT] / self.shown if self.shown else 1.0

    def as_dict(self) -> dict[str, Any]:
        """The counts as plain data."""
        times = sorted(self.seconds) or [0.0]
        return {
            "pictures": self.pictures,
            "codes": {outcome: self.codes[outcome] for outcome in OUTCOMES},
            "too_small": dict(self.small),
            "states": {outcome: self.states[outcome] for outcome in (RIGHT, ABSTAINED, "wrong")},
            "fields": dict(sorted(self.fields.items())),
            "without_stop_code": self.without_code,
            "false_stop_codes": self.false_codes,
            "median_seconds": round(times[len(times) // 2], 4),
            "p95_seconds": round(times[int(len(times) * 0.95)], 4),
        }


HEADINGS = ("set", "pictures", "codes", *OUTCOMES, "no stop code", "false code", "state right", "unknown", "wrong", "median s")


def table(tallies: Iterable[tuple[str, Tally]]) -> str:
    """The counts as a table in Markdown, one row for each set: real, captured and synthetic are never added up."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for name, tally in tallies:
        data = tally.as_dict()
        cells = [name, tally.pictures, tally.shown, *data["codes"].values(), tally.without_code, tally.false_codes]
        cells += [*data["states"].values(), data["median_seconds"]]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
