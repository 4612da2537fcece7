"""Workflows that survive being killed: a small port; what keeps the record is an adapter behind it.

A *subject* is what must not be worked on twice at the same time: a virtual machine, a set of disks.  Whoever opens an
engine holds its lock; a second one is told of the first.  A workflow is a function of a :class:`Flow`::

    def repair(flow: Flow) -> Json:
        disk = flow.step("find", lambda: {"name": cloud.os_disk(vm)})
        made = flow.step("snapshot", lambda: cloud.snapshot(disk["name"], f"{vm}-{flow.id}"))
        ...

    with open_engine("azure/" + vm_id, {"repair": repair}) as engine:
        finished = engine.run("repair", {"vm": vm_id})

* A step that returned never runs again: its result is read from the record.  So results are plain JSON, and hold no
  secret: what looks like one is refused and not recorded.
* A step that raised, or in which the process died, is run again by the next ``run`` on the same subject, on any
  machine that has the database.  So a step adopts what it may have begun: names are made from ``flow.id``, and an
  ``intent`` is on record before the step begins.
* Between steps the function does the same each time: it decides by its inputs and its steps' results alone (no
  clock, no random number, no look at the world outside a step).
* What a workflow comes to is its result, failure included.  An exception is no result: the workflow stays
  unfinished, and the next ``run`` goes on with it.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeVar

from bootmend.errors import BootmendError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: dict, list, str, int, float, bool or None, all the way down
Json: TypeAlias = Any
T = TypeVar("T")
SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,200}")
#: what must never be in a database: signatures of shared access, bearer tokens, keys of accounts
SECRETS = re.compile(
    r"[?&]sig=|\bBearer ey|\b(?:Account|SharedAccess)Key=|SharedAccessSignature=|\beyJ[\w-]{8,}\.eyJ", re.IGNORECASE
)


class CancelledRunError(BootmendError):
    """The workflow was cancelled by somebody; the steps that it had finished stay done."""


class BusyError(RefusedError):
    """Somebody else works on the subject; ``holder`` says who."""

    def __init__(self, subject: str, holder: str) -> None:
        super().__init__(
            f"another run is working on {subject}: {holder}; nothing was written", hint="wait for it, or stop it, then repeat"
        )
        self.holder = holder


class State(StrEnum):
    """How far a workflow has come.  ``unfinished``: nobody is at it; the same command goes on with it."""

    RUNNING = "running"
    UNFINISHED = "unfinished"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Moment(StrEnum):
    """What an event tells of a step; ``kept``: it had been done before, its result was read from the record."""

    BEGINS = "begins"
    SAYS = "says"
    DONE = "done"
    KEPT = "kept"
    FAILED = "failed"


class Event(NamedTuple):
    """Something that happened just now, for whoever watches; ``text`` is for people."""

    workflow: str
    step: str
    moment: Moment
    text: str = ""


class StepRecord(NamedTuple):
    """A finished step as it is on record; times are UTC, ISO 8601."""

    name: str
    started: str
    ended: str
    result: Json


class Record(NamedTuple):
    """A workflow as it is on record."""

    id: str
    workflow: str
    state: State
    started: str
    updated: str
    inputs: Json
    result: Json
    holder: str = ""


class Finished(NamedTuple):
    """What ``run`` came to; ``continued``: the workflow had been begun by an earlier ``run``."""

    id: str
    result: Json
    continued: bool


class Flow(Protocol):
    """What a workflow's function is given."""

    @property
    def id(self) -> str:
        """The workflow's id, ``<subject>/<number>``: the same each time, so names of what is made are made from it."""

    @property
    def inputs(self) -> dict[str, Json]:
        """What the first ``run`` was given."""

    @property
    def continued(self) -> bool:
        """Whether an earlier process had begun the workflow."""

    def step(self, name: str, action: Callable[[], T], *, intent: Json = None) -> T:
        """The result of ``action``, which is run unless the record has it.

        ``intent`` is recorded first (as a step ``name:intent``), for whoever has to clear up after a crash.

        Raises:
            BootmendError: what ``action`` raised; nothing is recorded.
            CancelledRunError: somebody cancelled the workflow.
        """

    def say(self, text: str) -> None:
        """Tell whoever watches what is being done or waited for; not recorded."""

    def part(self, key: str, workflow: str, inputs: Mapping[str, Json]) -> Json:
        """The result of a workflow of its own, ``<id>/<key>``, run unless the record has it.

        May be called from many threads at the same time; what it raises is what its function raised.
        """


Function: TypeAlias = "Callable[[Flow], Json]"
Watcher: TypeAlias = "Callable[[Event], None]"


class Engine(Protocol):
    """Runs the workflows of one subject; nobody else can meanwhile."""

    def run(self, workflow: str, inputs: Mapping[str, Json]) -> Finished:
        """Go on with the subject's unfinished workflow of that name (with the inputs of then), or begin the next one.

        The function runs in the caller's thread.

        Raises:
            BootmendError: what the function raised; the workflow stays unfinished.
            CancelledRunError: somebody cancelled it meanwhile; the next ``run`` begins another.
        """

    def unfinished(self, workflow: str) -> Record | None:
        """The workflow that ``run`` would go on with."""

    def cancel(self, workflow_id: str) -> None:
        """Give up an unfinished workflow: the next ``run`` begins another."""


class Ledger(Protocol):
    """The record, without a lock: for looking."""

    def records(self, prefix: str, *, parts: bool = False) -> list[Record]:
        """The workflows whose ids begin so, oldest first; ``parts`` too where asked for."""

    def record(self, workflow_id: str) -> Record | None:
        """One workflow; None where there is none of that id."""

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The finished steps of a workflow, in order; intents are steps too."""

    def cancel(self, workflow_id: str) -> None:
        """Cancel a workflow: one that runs stops before its next step."""


@contextmanager
def open_engine(
    subject: str, workflows: Mapping[str, Function], *, database: str = "", watcher: Watcher | None = None
) -> Iterator[Engine]:
    """The engine for one subject: ``<provider>/<what>``, letters, digits and ``._@/-``.

    ``database`` is a PostgreSQL URL; by default a SQLite file in the state folder is used.  One engine a process.

    Raises:
        BusyError: somebody else has it.
        UnsupportedError: the extra ``fleet`` is not installed.
        ReadError: the database cannot be reached.
    """
    from bootmend.rescue.workflow_dbos import DbosEngine
    from bootmend.rescue.workflow_lock import lock_subject

    assert SUBJECT.fullmatch(subject), subject
    with lock_subject(subject, database):
        engine = DbosEngine(subject, workflows, database, watcher or (lambda _: None))
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def open_ledger(database: str = "") -> Iterator[Ledger]:
    """The record, for looking; an empty one where no workflow ever ran.

    Raises:
        UnsupportedError: the extra ``fleet`` is not installed.
        ReadError: the database cannot be reached.
    """
    from bootmend.rescue.workflow_ledger import DbosLedger

    ledger = DbosLedger(database)
    try:
        yield ledger
    finally:
        ledger.close()


def to_record(value: object, what: str) -> str:
    """A value as it goes on record.

    Raises:
        BootmendError: it is not plain JSON, or holds what looks like a secret.
    """
    import json

    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BootmendError(f"{what} cannot be recorded: it is not plain JSON") from error
    if SECRETS.search(text):
        raise BootmendError(f"{what} holds what looks like a secret (a signature, a token, a key): it was not recorded")
    return text
