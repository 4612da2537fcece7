"""Plans kept in a file: what was asked, for which disk, and hashes of every byte it would change."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.engine.plan import Plan, Request, identity
from bootmend.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from bootmend.engine.target import Target
    from bootmend.source import Patch

SCHEMA = "bootmend.plan/1"


def plan_json(plan: Plan) -> dict[str, Any]:
    """The published JSON form of a plan."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "id": plan.id,
        "target": {
            "path": os.path.abspath(plan.report.path),
            "size": plan.report.machine.size,
            "identity": plan.identity,
        },
        "request": plan.request.to_json(),
        "findings": [finding.to_json() for finding in plan.chosen],
        "left": [finding.to_json() for finding in plan.left],
        "operations": [step.to_json() for step in plan.steps],
        "sources": [
            {"name": ref.name, "path": ref.path, "size_before": ref.size_before, "size_after": ref.size_after, "made": ref.made}
            for ref in plan.patchset.sources
        ],
        "patches": [patch_json(patch) for patch in plan.patchset.patches],
        "witnesses": [
            {"source": one.source, "what": one.what, "offset": one.offset, "length": one.length, "sha256": one.sha256}
            for one in plan.witnesses
        ],
        "notes": list(plan.notes),
        "bytes_changed": plan.bytes_changed,
    }


def patch_json(patch: Patch) -> dict[str, Any]:
    """A patch by its hashes."""
    return {
        "source": patch.source,
        "step": patch.step,
        "offset": patch.offset,
        "length": len(patch.after),
        "before_sha256": hashlib.sha256(patch.before).hexdigest(),
        "after_sha256": hashlib.sha256(patch.after).hexdigest(),
    }


def write_plan(plan: Plan, path: str) -> None:
    """Write a plan file."""
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(plan_json(plan), file, indent=1, ensure_ascii=False)
            file.write("\n")
    except OSError as error:
        raise UsageError(f"the plan cannot be kept as {path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan as read from its file."""

    file: str
    path: str
    size: int
    identity: str
    request: Request
    patches: tuple[dict[str, Any], ...]

    def check_identity(self, target: Target) -> None:
        """Refuse a plan that was made for another disk."""
        if target.size != self.size or identity(target) != self.identity:
            raise RefusedError(f"{self.file} was made for another disk than the one that {self.path} is now")

    def check_patches(self, plan: Plan) -> None:
        """Refuse a plan that would not write the same bytes over the same bytes any more."""
        if tuple(patch_json(patch) for patch in plan.patchset.patches) != self.patches:
            raise RefusedError(
                f"{self.path} has changed since {self.file} was made: the plan is stale",
                hint=f"look at it again:  bootmend plan {self.path} -o {self.file}",
            )


def read_plan(path: str) -> KeptPlan:
    """Read a plan file.

    Raises:
        UsageError: it is no plan file, or of a version that is not known.
    """
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a plan file: {error}") from error
    try:
        if data["schema"] != SCHEMA:
            raise UsageError(f"{path} is a {data['schema']}, not a {SCHEMA}")
        return _kept(path, data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is not a complete plan: {error!r}") from error


def _kept(path: str, data: dict[str, Any]) -> KeptPlan:
    request = data["request"]
    return KeptPlan(
        file=path,
        path=str(data["target"]["path"]),
        size=int(data["target"]["size"]),
        identity=str(data["target"]["identity"]),
        request=Request(
            made_at=int(request["made_at"]),
            rules=tuple(map(str, request["rules"])),
            codes=tuple(map(str, request["codes"])),
            offer=str(request["offer"]),
            unsafe=bool(request["unsafe"]),
            serial_console=bool(request["serial_console"]),
            discard_hibernation=bool(request["discard_hibernation"]),
        ),
        patches=tuple(dict(patch) for patch in data["patches"]),
    )
