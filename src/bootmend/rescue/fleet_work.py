"""What is done with one disk of a fleet, in a process of its own: examine it, repair it.  Plain JSON in and out.

Both may be asked for again after a crash.  Examining writes nothing; repairing first looks for what the fleet itself
had begun on the disk, and adopts it.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from bootmend.errors import ApplyError, BootmendError, MissingError, ReadError, RefusedError, RollbackError, VerificationError

if TYPE_CHECKING:
    from bootmend.engine.diagnose import Report
    from bootmend.engine.plan import Plan, Request
    from bootmend.engine.runs import Run

#: how long a worker of a fleet that was killed a moment ago may still hold its last disk
PATIENCE = 15.0
_busy = threading.Lock()  # held while a disk is worked on: one job at a time in each process


def prepare_worker() -> None:
    """In a new worker: Ctrl-C is the main process's business, and when that dies the worker ends after its disk."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        import os

        wait([parent.sentinel])
        with _busy:
            os._exit(0)

    threading.Thread(target=follow, daemon=True).start()


def examine_disk(disk: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """What is wrong with a disk, and what a repair would change."""
    with _busy:
        try:
            return _examined(disk["path"], _request(disk, asked))
        except BootmendError as error:
            return {"state": _state_of(error), "reason": str(error), "hint": error.hint or ""}


def _examined(path: str, request: Request) -> dict[str, Any]:
    from bootmend.engine.diagnose import diagnose
    from bootmend.engine.plan import make_plan
    from bootmend.engine.target import Target

    try:
        with Target(path) as target:
            plan = make_plan(target, request)
            return _seen(plan.report) | _planned(plan)
    except RefusedError as error:
        with Target(path) as target:  # what is wrong with it is worth knowing all the same
            report = diagnose(target, rules=request.rules, codes=request.codes)
        return _seen(report) | {"state": "refused", "reason": str(error), "hint": error.hint or ""}


def _seen(report: Report) -> dict[str, Any]:
    findings = [
        {
            "rule": one.rule,
            "severity": str(one.severity),
            "applicability": str(one.applicability),
            "sentence": one.sentence,
            "fix": one.fix,
        }
        for one in report.problems
    ]
    computer = report.machine.computer
    doubts = [one.to_json() for one in report.inconclusive]
    return {"state": report.verdict, "computer": computer, "findings": findings, "inconclusive": doubts}


def _planned(plan: Plan) -> dict[str, Any]:
    if plan.is_empty:
        return {}
    cures = sorted({finding.rule for finding in plan.chosen})
    left = sorted({finding.rule for finding in plan.left})
    return {"plan": {"id": plan.id, "cures": cures, "left": left, "changes": len(plan.changes), "bytes": plan.bytes_changed}}


def repair_disk(disk: dict[str, Any], asked: dict[str, Any], plan_id: str) -> dict[str, Any]:
    """Repair a disk as it was planned, or say why not; ``run`` is the id of the run in the journal."""
    with _busy:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return _repaired(disk["path"], _request(disk, asked), plan_id)
            except BootmendError as error:
                if asked.get("continued") and isinstance(error, RefusedError) and time.monotonic() < until:
                    time.sleep(0.5)  # perhaps the last job of a worker whose fleet was killed
                    continue
                return {"state": _state_of(error), "reason": str(error), "hint": error.hint or ""}


def _repaired(path: str, request: Request, plan_id: str) -> dict[str, Any]:
    from bootmend.engine.plan import make_plan
    from bootmend.engine.repair import apply_plan
    from bootmend.engine.target import Target

    adopted = _adopted(path, request)
    if adopted is not None:
        return {"state": "repaired", "run": adopted.id, "adopted": True}
    with Target(path) as target:
        plan = make_plan(target, request)
    if plan.is_empty:
        return {"state": "changed", "reason": "there is nothing to repair any more: somebody else did"}
    if plan.id != plan_id:
        return {"state": "changed", "reason": "the disk has changed since it was examined", "hint": "run the fleet again"}
    outcome = apply_plan(plan, path)
    return {"state": "repaired", "run": outcome.run_id, "left": sorted({finding.rule for finding in outcome.left})}


def _adopted(path: str, request: Request) -> Run | None:
    """The run that this fleet has committed on the disk; one that it left unfinished is brought to its end first."""
    from bootmend.engine.lock import lock_sources
    from bootmend.engine.recovery import recover_run
    from bootmend.engine.runs import RunState, find_runs_for

    for run in find_runs_for(path):
        if run.kind == "undo" or not (run.is_unfinished or run.state is RunState.COMMITTED) or not _is_ours(run, request):
            continue
        if run.is_unfinished:
            with lock_sources(run.paths):
                if recover_run(run) is not RunState.COMMITTED:
                    continue
        return run
    return None


def _is_ours(run: Run, request: Request) -> bool:
    """A fleet stamps its request with the moment of its beginning, and a run's journal holds the request."""
    try:
        return bool(run.info.get("request") == request.to_json())
    except ReadError:  # a damaged journal: the engine says so when it is asked to plan
        return False


def _request(disk: dict[str, Any], asked: dict[str, Any]) -> Request:
    from bootmend.engine.plan import Request

    return Request(
        made_at=int(asked["made_at"]),
        rules=tuple(asked["rules"]),
        codes=tuple(dict.fromkeys([*asked["codes"], *disk["codes"]])),
        unsafe=bool(asked["unsafe"]),
        serial_console=bool(asked["serial_console"]),
        discard_hibernation=bool(asked["discard_hibernation"]),
    )


def _state_of(error: BootmendError) -> str:
    kinds: list[tuple[type[BootmendError], str]] = [
        (RollbackError, "half-written"),
        (ApplyError, "rolled-back"),
        (VerificationError, "rolled-back"),
        (RefusedError, "refused"),
        (MissingError, "unreadable"),
        (ReadError, "unreadable"),
    ]
    return next((state for kind, state in kinds if isinstance(error, kind)), "unreadable")
