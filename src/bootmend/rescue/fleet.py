"""A fleet: many disks examined, one consent a group of findings, many disks repaired; each disk once, whatever happens.

The fleet is a workflow, and each disk is a part of it, once for examining and once for repairing.  What a killed
process had finished is on record; what it had begun is adopted from the disk's own journal.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.errors import ReadError, RefusedError
from bootmend.rescue.fleet_work import examine_disk, prepare_worker, repair_disk
from bootmend.rescue.workflow import open_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from bootmend.cloud.local import LocalDisk
    from bootmend.rescue.workflow import Flow, Json

WORKFLOW, EXAMINE, REPAIR = "fleet", "examine", "repair"
PREFIX = "fleet/"


class Group(NamedTuple):
    """Disks on which the same repair is planned; ``fixes`` say what it changes."""

    cures: tuple[str, ...]
    fixes: tuple[str, ...]
    disks: tuple[str, ...]

    @property
    def name(self) -> str:
        """The rules that it cures."""
        return " + ".join(self.cures) or "serial console"


class Progress(NamedTuple):
    """How far a phase (``examine`` or ``repair``) has come, and what the last disk came to."""

    phase: str
    done: int
    total: int
    state: str


class Fleet(NamedTuple):
    """What a run of a fleet came to; ``result`` is what the record holds of it."""

    id: str
    continued: bool
    result: dict[str, Any]


class Asked(NamedTuple):
    """What is asked for; with the disks it determines the fleet."""

    rules: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    unsafe: bool = False
    serial_console: bool = False
    discard_hibernation: bool = False
    diagnose_only: bool = False


def subject_of(disks: Sequence[LocalDisk], asked: Asked) -> str:
    """The same disks and the same wishes are the same fleet, wherever the command was typed."""
    text = json.dumps([[disk.path, *disk.codes] for disk in disks] + [list(asked)])
    return PREFIX + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def run_fleet(
    disks: Sequence[LocalDisk],
    asked: Asked,
    *,
    consent: Callable[[Group], bool],
    made_at: int,
    jobs: int = 0,
    database: str = "",
    restart: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Fleet:
    """Examine and repair a fleet, or go on with it where it was interrupted.

    ``consent`` is asked once for each group, and what it said is on record.  ``jobs`` processes share the work, by
    default one a processor.  ``restart`` gives up what was interrupted, and begins anew.

    Raises:
        BusyError: somebody else runs this fleet.
        RefusedError: there was nobody to ask for consent; the same command with consent goes on from there.
        ReadError: the record cannot be kept, or a worker died.
    """
    inputs = {"disks": [disk.to_json() for disk in disks], "asked": asked._asdict() | {"made_at": made_at}}
    work = _Work(consent, progress, jobs or os.cpu_count() or 1)
    workflows = {WORKFLOW: work.fleet, EXAMINE: work.examine, REPAIR: work.repair}
    with open_engine(subject_of(disks, asked), workflows, database=database) as engine, work.crew():
        unfinished = engine.unfinished(WORKFLOW)
        if restart and unfinished is not None:
            engine.cancel(unfinished.id)
        done = engine.run(WORKFLOW, inputs)
    return Fleet(done.id, done.continued, done.result)


class _Work:
    """The functions of the workflows, and who does the work.

    Disks are worked on in processes, since reading hives keeps a processor busy; the threads only wait for them.
    """

    def __init__(self, consent: Callable[[Group], bool], progress: Callable[[Progress], None], jobs: int) -> None:
        self._consent = consent
        self._progress = progress
        self._jobs = jobs
        self._processes = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=prepare_worker)
        self._threads = ThreadPoolExecutor(jobs)

    @contextmanager
    def crew(self) -> Iterator[None]:
        """What is begun inside the block is finished when it ends; what only waits is not begun."""
        try:
            yield
        finally:
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._processes.shutdown(wait=True, cancel_futures=True)

    def fleet(self, flow: Flow) -> Json:
        """The whole of it."""
        disks, asked = flow.inputs["disks"], flow.inputs["asked"]
        examined = self._each(flow, EXAMINE, {number: {"disk": disk, "asked": asked} for number, disk in enumerate(disks)})
        groups = groups_of(disks, examined)
        agreed: list[str] = []
        if groups and not asked["diagnose_only"]:
            agreed = flow.step("consent", lambda: [group.name for group in groups if self._consent(group)])
        chosen = [number for number, one in examined.items() if _group_name(one) in agreed]
        plans = {number: {"disk": disks[number], "asked": asked, "plan": examined[number]["plan"]["id"]} for number in chosen}
        repaired = self._each(flow, REPAIR, plans)
        # The end of the work goes on record, so that a report does not depend on when it is asked for.
        ended = flow.step("end", lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        return {"agreed": agreed, "ended": ended, "disks": _outcomes(disks, examined, repaired)}

    def examine(self, flow: Flow) -> Json:
        """One disk is looked at."""
        inputs = flow.inputs
        return self._processes.submit(examine_disk, inputs["disk"], inputs["asked"]).result()

    def repair(self, flow: Flow) -> Json:
        """One disk is repaired."""
        inputs = flow.inputs
        asked = inputs["asked"] | {"continued": flow.continued}
        return self._processes.submit(repair_disk, inputs["disk"], asked, inputs["plan"]).result()

    def _each(self, flow: Flow, phase: str, work: Mapping[int, dict[str, Json]]) -> dict[int, Json]:
        """A part for each disk, as many at a time as there are processes; the results in order of the disks.

        An error of the program's own stops the rest; what a disk has to say is a result and does not.
        """
        waiting = iter(work.items())
        running: dict[Future[Json], int] = {}
        results: dict[int, Json] = {}
        try:
            while len(results) < len(work):
                while len(running) < self._jobs and (following := next(waiting, None)) is not None:
                    number, inputs = following
                    running[self._threads.submit(flow.part, f"{phase}/{number:05}", phase, inputs)] = number
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    results[running.pop(future)] = result = future.result()
                    self._progress(Progress(phase, len(results), len(work), result["state"]))
        except BrokenProcessPool as error:
            raise ReadError("a worker process died", hint="the same command goes on with the rest") from error
        return dict(sorted(results.items()))


def groups_of(disks: Sequence[Mapping[str, Json]], examined: Mapping[int, Json]) -> list[Group]:
    """The disks that can be repaired, by what is repaired; the largest group first."""
    members: dict[str, list[int]] = {}
    for number, one in examined.items():
        if one.get("plan"):
            members.setdefault(_group_name(one), []).append(number)
    groups = []
    for numbers in members.values():
        first = examined[numbers[0]]
        cures = tuple(first["plan"]["cures"])
        fixes = tuple(dict.fromkeys(one["fix"] for one in first["findings"] if one["rule"] in cures))
        groups.append(Group(cures, fixes, tuple(disks[number]["path"] for number in numbers)))
    return sorted(groups, key=lambda group: (-len(group.disks), group.name))


def _group_name(examined: Json) -> str:
    return Group(tuple(examined["plan"]["cures"]), (), ()).name if examined.get("plan") else ""


def _outcomes(disks: Sequence[Json], examined: Mapping[int, Json], repaired: Mapping[int, Json]) -> list[Json]:
    """One entry a disk: what was found, and what became of it."""
    return [disk | outcome_of(examined.get(number), repaired.get(number)) for number, disk in enumerate(disks)]


def outcome_of(examined: Json, repaired: Json) -> dict[str, Json]:
    """What became of one disk, from its parts; a part that is not done is None."""
    if examined is None:
        return {"state": "waiting"}
    outcome: dict[str, Json] = examined if repaired is None else examined | repaired
    return outcome


def refuse_to_ask(group: Group) -> bool:
    """Consent where there is nobody to ask.

    Raises:
        RefusedError: always.
    """
    raise RefusedError(
        f"{len(group.disks)} disks can be repaired ({group.name}), and there is no terminal to ask on",
        hint="repeat with --yes to consent: what was examined is kept",
    )
