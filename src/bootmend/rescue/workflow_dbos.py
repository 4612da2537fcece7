"""The adapter of the workflow port over DBOS, which keeps inputs and step results in SQLite or PostgreSQL.

What was measured of DBOS 3.4, and what follows:

* A second process with the same executor id takes over workflows that still run.  So every process has an id of its
  own, and takes over only what it was asked for, under the subject's lock.
* What is taken over goes through a queue that every process of the same application version looks at, once a second.
  So the version that a workflow is recorded with names its subject: nobody but the lock's holder picks it up.
* A step's exception is recorded as its result, and a workflow's as its end.  So ours travel in ``_Left``, which is no
  ``Exception``: then nothing is recorded, and the workflow stays pending.
* Values are pickled unless a serializer is given; ours is JSON, so nothing that is read from the database is executed.
* It logs to standard error; its logger is given a handler that does nothing before it looks for one.
"""

from __future__ import annotations

import contextvars
import json
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from bootmend.errors import BootmendError, UnsupportedError
from bootmend.rescue.workflow import CancelledRunError, Event, Finished, Moment, Record, State, to_record
from bootmend.rescue.workflow_library import PARTS, database_errors, load_library, number_of, plain_json, to_entry, url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bootmend.rescue.workflow import Function, Json, Watcher

T = TypeVar("T")
#: goes up when a record of before can no longer be gone on with; then the code for the old number must be kept
SCHEMA = 1
_NAME = "bootmend"
_PATIENCE = 2.0  # the queue is looked at once a second


class _Left(BaseException):
    """Leaves a workflow unfinished; its cause is what was raised.  DBOS records every ``Exception`` as an end."""


class _Loan:
    """A workflow that this process goes on with: DBOS calls us in a thread of its own, which lends its context.

    The function itself runs where it was asked for, so that Ctrl-C ends it there.
    """

    def __init__(self) -> None:
        self.borrower = threading.get_ident()
        self.lent = threading.Event()
        self.returned = threading.Event()
        self.context: contextvars.Context | None = None
        self.call: tuple[str, str] = ("", "")
        self.result: Json = None
        self.is_done = False

    def lend(self, workflow: str, text: str) -> Json:
        """In the thread of DBOS: wait until the function has ended in the other; leave unless it has a result."""
        self.context, self.call = contextvars.copy_context(), (workflow, text)
        self.lent.set()
        self.returned.wait()
        if not self.is_done:
            raise _Left
        return self.result


class DbosEngine:
    """The engine of :func:`bootmend.rescue.workflow.open_engine`; its caller holds the subject's lock."""

    def __init__(self, subject: str, workflows: Mapping[str, Function], database: str, watcher: Watcher) -> None:
        self.subject = subject
        self.watcher = watcher
        self._workflows = dict(workflows)
        self._loans: dict[str, _Loan] = {}
        self._dbos = load_library()
        url = url_of(database)
        try:
            with database_errors():
                self._launch(url)
        except BaseException:
            self.close()  # the library has one instance a process, and would give the next engine this one
            raise

    def _launch(self, url: str) -> None:
        self._dbos(
            config={
                "name": _NAME,
                "system_database_url": url,
                "application_version": f"{SCHEMA}:{self.subject}",
                "executor_id": f"{os.getpid()}-{os.urandom(4).hex()}",
                "serializer": plain_json(),
                "log_level": "CRITICAL",
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": 0.1,  # nobody waits for notifications, but closing waits for it
            }
        )

        def call(workflow: str, text: str) -> Json:
            return self._called(workflow, text)

        # One function is registered, under a name that stays; ours are told apart by its first argument.
        self._call = self._dbos.workflow(name="bootmend.call", max_recovery_attempts=None)(call)
        self._dbos.launch()

    def close(self) -> None:
        """Let the database go; workflows that are not done stay unfinished."""
        for loan in list(self._loans.values()):
            loan.returned.set()
        self._dbos.destroy(destroy_registry=True)

    def run(self, workflow: str, inputs: Mapping[str, Json]) -> Finished:
        """See the port."""
        unfinished = self.unfinished(workflow)
        workflow_id = unfinished.id if unfinished else f"{self.subject}/{max(self._numbers(), default=0) + 1}"
        return Finished(workflow_id, self.run_as(workflow_id, workflow, inputs), unfinished is not None)

    def unfinished(self, workflow: str) -> Record | None:
        """See the port."""
        mine = [record for record in self._own_records() if record.workflow == workflow]
        return mine[-1] if mine and mine[-1].state is State.UNFINISHED else None

    def cancel(self, workflow_id: str) -> None:
        """See the port."""
        with database_errors():
            self._dbos.cancel_workflow(workflow_id)

    def _own_records(self) -> list[Record]:
        with database_errors():
            found = self._dbos.list_workflows(workflow_id_prefix=f"{self.subject}/", app_version=f"{SCHEMA}:{self.subject}")
        return sorted((to_entry(status) for status in found), key=number_of)

    def _numbers(self) -> list[int]:
        return [number_of(record) for record in self._own_records()]

    def run_as(self, workflow_id: str, workflow: str, inputs: Mapping[str, Json]) -> Json:
        """The result of the workflow of that id: from the record, or by going on with it, or by beginning it."""
        text = to_record(dict(inputs), f"the input of {workflow}")
        with database_errors():
            status = self._dbos.get_workflow_status(workflow_id)
            if status is None:
                return self._begin(workflow_id, workflow, text)
            if status.status == "SUCCESS":
                return status.output
            return self._continue(workflow_id)

    def _begin(self, workflow_id: str, workflow: str, text: str) -> Json:
        from dbos import SetWorkflowID

        with SetWorkflowID(workflow_id), _raised_inside():
            return self._call(workflow, text)

    def _continue(self, workflow_id: str) -> Json:
        loan = self._loans[workflow_id] = _Loan()
        try:
            handle = self._dbos.resume_workflow(workflow_id)
            while not loan.lent.wait(_PATIENCE):
                status = self._dbos.get_workflow_status(workflow_id)
                if status is None or status.status == "CANCELLED":
                    raise CancelledRunError(f"{workflow_id} was cancelled")
            assert loan.context is not None
            with _raised_inside():
                loan.result = loan.context.run(self._body, workflow_id, *loan.call, continued=True)
            loan.is_done = True
        finally:
            loan.returned.set()
            del self._loans[workflow_id]
        return handle.get_result(polling_interval_sec=0.05)  # DBOS has then recorded it

    def _called(self, workflow: str, text: str) -> Json:
        """What DBOS calls: in the thread that begins a workflow, or in one of its own for one that is gone on with."""
        workflow_id = self._dbos.workflow_id or ""
        loan = self._loans.get(workflow_id)
        if loan is not None and loan.borrower != threading.get_ident():
            return loan.lend(workflow, text)
        return self._body(workflow_id, workflow, text, continued=False)

    def _body(self, workflow_id: str, workflow: str, text: str, *, continued: bool) -> Json:
        from dbos import error as dbos_error

        try:
            result = self._function(workflow)(_Flow(self, workflow_id, json.loads(text), continued=continued))
            return json.loads(to_record(result, f"the result of {workflow}"))
        except dbos_error.DBOSWorkflowCancelledError:
            raise _Left from CancelledRunError(f"{workflow_id} was cancelled")
        except Exception as error:
            raise _Left from error

    def _function(self, workflow: str) -> Function:
        if workflow not in self._workflows:
            raise UnsupportedError(f"{workflow!r} was begun by another version, and cannot be gone on with by this one")
        return self._workflows[workflow]


class _Flow:
    """What a workflow's function is given; see the port."""

    def __init__(self, engine: DbosEngine, workflow_id: str, inputs: dict[str, Json], *, continued: bool) -> None:
        self._engine = engine
        self._step = ""
        self.id = workflow_id
        self.inputs = inputs
        self.continued = continued

    def step(self, name: str, action: Callable[[], T], *, intent: Json = None) -> T:
        """See the port."""
        if intent is not None:
            self._recorded(f"{name}:intent", lambda: intent)
        self._step = name
        ran: list[bool] = []

        def act() -> T:
            ran.append(True)
            self._tell(Moment.BEGINS)
            return action()

        try:
            result = self._recorded(name, act)
        except BootmendError as error:
            self._tell(Moment.FAILED, str(error))
            raise
        self._tell(Moment.DONE if ran else Moment.KEPT)
        return result

    def _recorded(self, name: str, action: Callable[[], T]) -> T:
        def act() -> Json:
            try:
                return json.loads(to_record(action(), f"the result of {name}"))
            except Exception as error:
                raise _Left from error

        with _raised_inside():
            return cast("T", self._engine._dbos.run_step({"name": name}, act))  # noqa: SLF001 (one module)

    def say(self, text: str) -> None:
        """See the port."""
        self._tell(Moment.SAYS, text)

    def _tell(self, moment: Moment, text: str = "") -> None:
        self._engine.watcher(Event(self.id, self._step, moment, text))

    def part(self, key: str, workflow: str, inputs: Mapping[str, Json]) -> Json:
        """See the port.  An empty context: to DBOS it is no child, whose beginnings would have to come in one order."""
        part_id = f"{PARTS}{self.id}/{key}"
        return contextvars.Context().run(self._engine.run_as, part_id, workflow, inputs)


@contextmanager
def _raised_inside() -> Iterator[None]:
    """What our own function raised, out of its wrapping."""
    try:
        yield
    except _Left as left:
        raise left.__cause__ or CancelledRunError("the workflow was left") from None
