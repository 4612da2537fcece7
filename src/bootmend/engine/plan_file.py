"""Plans kept in a file: what was asked, for which disk, and hashes of every byte it would change."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.engine.plan import Plan, Request, identity
from bootmend.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from bootmend.engine.target import Target
    from bootmend.source import Patch

SCHEMA = "bootmend.plan/1"
LARGEST = 64 << 20
"""A plan is some kilobytes of text; what is larger is a disk image, given by mistake."""
_CODE = re.compile(r"0x[0-9A-F]{8}")
_MAKE_ONE = "make one with  bootmend plan DISK -o FILE"


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
            {
                "name": os.path.abspath(ref.name),
                "path": ref.path,
                "size_before": ref.size_before,
                "size_after": ref.size_after,
                "made": ref.made,
            }
            for ref in plan.patchset.sources
        ],
        "patches": [patch_json(patch) for patch in plan.patchset.patches],
        "witnesses": [
            {
                "source": os.path.abspath(one.source),
                "what": one.what,
                "offset": one.offset,
                "length": one.length,
                "sha256": one.sha256,
            }
            for one in plan.witnesses
        ],
        "notes": list(plan.notes),
        "bytes_changed": plan.bytes_changed,
    }


def patch_json(patch: Patch) -> dict[str, Any]:
    """A patch by its hashes; its file by the whole path, however the user named it."""
    return {
        "source": os.path.abspath(patch.source),
        "step": patch.step,
        "offset": patch.offset,
        "length": len(patch.after),
        "before_sha256": hashlib.sha256(patch.before).hexdigest(),
        "after_sha256": hashlib.sha256(patch.after).hexdigest(),
    }


def write_plan(plan: Plan, path: str) -> None:
    """Write a plan file, whole or not at all; an older plan of that name is replaced, anything else is not.

    Raises:
        UsageError: it cannot be written there, or the file is something else.
    """
    if os.path.lexists(path) and not _is_plan_file(path):
        raise UsageError(f"{path} is there and is no plan: it is not overwritten", hint="choose another name for the plan")
    text = json.dumps(plan_json(plan), indent=1) + "\n"  # names that are not UTF-8 become escaped surrogates
    temporary = f"{path}.new"
    try:
        with open(temporary, "x", encoding="ascii") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        if not isinstance(error, FileExistsError) and os.path.exists(temporary):
            os.unlink(temporary)
        raise UsageError(f"the plan cannot be kept as {path}: {error.strerror}") from error


def _is_plan_file(path: str) -> bool:
    try:
        _read(path)
    except UsageError:
        return False
    return True


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
            raise RefusedError(
                f"{self.file} was made for another disk than the one that {self.path} is now",
                hint="make a plan for this disk with  bootmend plan",
            )

    def check_patches(self, plan: Plan) -> None:
        """Refuse a plan that would not write the same bytes over the same bytes any more."""
        if tuple(patch_json(patch) for patch in plan.patchset.patches) != self.patches:
            raise RefusedError(
                f"{self.path} has changed since {self.file} was made: the plan is stale",
                hint=f"look at it again with bootmend plan, and keep a new plan as {self.file}",
            )


def read_plan(path: str) -> KeptPlan:
    """Read a plan file.

    Raises:
        UsageError: it is no plan file, or of a version that is not known.
    """
    data = _read(path)
    try:
        return _kept(path, data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(f"{path} is not a complete plan: {error!r}", hint=_MAKE_ONE) from error


def _read(path: str) -> dict[str, Any]:
    if not os.path.exists(path):
        raise UsageError(f"there is no file {path}")
    if not os.path.isfile(path) or os.path.getsize(path) > LARGEST:
        raise UsageError(f"{path} is not a plan file", hint=_MAKE_ONE)
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not a plan file: it is not JSON", hint=_MAKE_ONE) from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        found = f"a {schema}" if isinstance(schema, str) else "something else"
        raise UsageError(f"{path} is {found}, not a {SCHEMA}", hint=_MAKE_ONE)
    return dict(data)


def _kept(path: str, data: dict[str, Any]) -> KeptPlan:
    request = data["request"]
    made_at = int(request["made_at"])
    codes = tuple(map(str, request["codes"]))
    if not 0 <= made_at < 1 << 63:
        raise ValueError("made_at is no FILETIME")
    if not all(_CODE.fullmatch(code) for code in codes):
        raise ValueError("codes are eight hex digits each")
    return KeptPlan(
        file=path,
        path=str(data["target"]["path"]),
        size=int(data["target"]["size"]),
        identity=str(data["target"]["identity"]),
        request=Request(
            made_at=made_at,
            rules=tuple(map(str, request["rules"])),
            codes=codes,
            offer=str(request["offer"]),
            unsafe=request["unsafe"] is True,
            serial_console=request["serial_console"] is True,
            discard_hibernation=request["discard_hibernation"] is True,
        ),
        patches=tuple(dict(patch) for patch in data["patches"]),
    )
