"""Reports and readings for tests of what is shown: made by hand, so that each says exactly what a test needs."""

from __future__ import annotations

from typing import Any

from bootmend.catalog import rule_modules
from bootmend.engine.diagnose import Inconclusive, MachineSummary, Report, VolumeSummary
from bootmend.model import Applicability, Evidence, Finding, Severity
from bootmend.screen import CERTAIN, Box, Reading, Sight

IMC, SAFEBOOT, DEVICE = "imc-config-init-failed", "safeboot-set", "bcd-device-unknown"
MIB, GIB = 1 << 20, 1 << 30
LOADER = "{3d2f1a60-67ab-11ee-9b1c-00155d010067}"


def volume(
    number: int, offset: int, size: int, *roles: str, kind: str = "NTFS", label: str = "", contents: str = ""
) -> VolumeSummary:
    """A volume; offset and size in MiB."""
    return VolumeSummary(number, kind, label, size * MIB, roles, contents, offset * MIB)


def machine(*volumes: VolumeSummary, size: int = 127 * GIB, **more: Any) -> MachineSummary:
    """A disk with two volumes, if nothing else is said."""
    usual = (
        volume(1, 1, 500, "system", label="System Reserved", contents="\\Boot\\BCD"),
        volume(2, 501, 129_546, "windows", label="Windows", contents="Windows Server 2019 (17763), computer WEB01"),
    )
    system = {"where": "volume 2", "product": "Windows Server 2019", "build": "17763", "edition": "", "computer": "WEB01"}
    values: dict[str, Any] = {
        "format": "VHD dynamic",
        "size": size,
        "scheme": "MBR",
        "disk_id": "0x5eed0067",
        "firmware": "BIOS",
        "volumes": volumes or usual,
        "stores": ("volume 1 \\Boot\\BCD",),
        "windows": (system,),
    }
    return MachineSummary(**(values | more))


def finding(rule: str = IMC, *codes: str, severity: Severity = Severity.ERROR, subject: str = "s", **more: Any) -> Finding:
    """A finding with two pieces of evidence."""
    values: dict[str, Any] = {
        "rule": rule,
        "title": f"Title of {rule}",
        "severity": severity,
        "applicability": Applicability.SAFE,
        "subject": subject,
        "sentence": f"Sentence of {rule}.",
        "evidence": (Evidence("element", "imcdevice", "locate=\\IMC.hiv"), Evidence("file", "\\IMC.hiv", "missing", "a hive")),
        "stop_codes": codes,
        "fix": "deletes 2 elements",
        "details": {"loader": LOADER},
    }
    return Finding(**(values | more))


def report(*findings: Finding, codes: tuple[str, ...] = (), inconclusive: tuple[str, ...] = (), **more: Any) -> Report:
    """A report of a disk."""
    values: dict[str, Any] = {
        "path": "web01.vhd",
        "machine": machine(),
        "findings": findings,
        "inconclusive": tuple(Inconclusive(rule, "cannot be read") for rule in inconclusive),
        "codes": codes,
        "vm": "web01",
        "rules": tuple(module.RULE.id for module in rule_modules()),
    }
    return Report(**(values | more))


def stop(code: str | None, name: str | None = None, *, file: str = "a.png", confidence: str = CERTAIN, **more: Any) -> Reading:
    """A stop screen of 640 x 480 with its code in one line."""
    text = f"Stop code: {name} ({code})"
    values: dict[str, Any] = {
        "file": file,
        "state": "stop",
        "confidence": confidence,
        "stop_code": code,
        "stop_name": name,
        "evidence": (Sight("stop code", text, Box(60, 300, 400, 320), "ocr"),),
        "engines": ("ocr",),
        "text": (text,),
    }
    return Reading(**(values | more))


def state(name: str, *lines: str, file: str = "a.png", confidence: str = CERTAIN, **more: Any) -> Reading:
    """A screen that shows a state, and no code."""
    return Reading(file=file, state=name, confidence=confidence, text=lines, **more)
