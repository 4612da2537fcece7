"""What the engine and the ledger share of DBOS: the library made quiet, its serializer, its database, its rows.

Nothing of it leaves this package: what others see are the values of the port.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bootmend.engine.state import PRIVATE_FILE, make_private_folder, state_refusal
from bootmend.errors import ReadError, UnsupportedError, UsageError
from bootmend.rescue.workflow import CancelledRunError, Record, State
from bootmend.rescue.workflow_lock import workflows_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbos import DBOS, Serializer, WorkflowStatus

PARTS = "parts/"
STATES = {"SUCCESS": State.FINISHED, "ERROR": State.CANCELLED, "CANCELLED": State.CANCELLED}


def to_entry(status: WorkflowStatus) -> Record:
    """A row of the library as a record of the port."""
    workflow, text = (status.input or {"args": ("", "{}")})["args"]
    state = STATES.get(status.status, State.UNFINISHED)
    inputs, started, updated = json.loads(text), time_text(status.created_at), time_text(status.updated_at)
    return Record(status.workflow_id, workflow, state, started, updated, inputs, status.output)


def number_of(record: Record) -> int:
    """The number of a workflow among those of its subject; 0 for a part."""
    last = record.id.rpartition("/")[2]
    return int(last) if last.isdigit() else 0


def time_text(milliseconds: int | None) -> str:
    """Milliseconds since 1970 as UTC, ISO 8601."""
    if milliseconds is None:
        return ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}Z"


# -- the library -------------------------------------------------------------------------------------


def load_library() -> type[DBOS]:
    """The library, imported when first needed, and made to be quiet."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    try:
        from dbos import DBOS
    except ImportError as error:
        raise UnsupportedError("durable runs need the extra fleet", hint='pip install "bootmend[fleet]"') from error
    return DBOS


def plain_json() -> Serializer:
    """What the library keeps values with: JSON, and no pickle."""
    from dbos import Serializer

    class PlainJson(Serializer):
        """JSON and nothing else."""

        def serialize(self, data: Any) -> str:  # noqa: ANN401 (the library's signature)
            return json.dumps(data, default=str)

        def deserialize(self, serialized_data: str) -> Any:  # noqa: ANN401 (likewise)
            return json.loads(serialized_data)

        def name(self) -> str:
            return "bootmend_json"

    return PlainJson()


def default_file() -> str:
    """The database where none is named."""
    return os.path.join(workflows_dir(), "record.sqlite")


def url_of(database: str) -> str:
    """The URL as the library wants it; the default file is made where it is missing.

    Raises:
        UsageError: it is no PostgreSQL URL.
        RefusedError: the state folder cannot be written.
    """
    if not database:
        return _sqlite_url(default_file())
    if not database.startswith(("postgresql://", "postgres://")):
        raise UsageError("the database is no PostgreSQL URL", hint="write it like  postgresql://user@host/name")
    return database.replace("postgres://", "postgresql://", 1)


def _sqlite_url(path: str) -> str:
    """The file is made here, for this user alone, before anybody writes into it."""
    from sqlalchemy import URL

    try:
        make_private_folder(os.path.dirname(path))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), PRIVATE_FILE))
    except OSError as error:
        raise state_refusal(error, os.path.dirname(path)) from error
    return URL.create("sqlite", database=path).render_as_string()


@contextmanager
def database_errors() -> Iterator[None]:
    """What the library and the database raise, as one of our errors."""
    from dbos import error as dbos_error
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except dbos_error.DBOSAwaitedWorkflowCancelledError as error:  # seen only when the end was to be recorded
        raise CancelledRunError(f"{error.workflow_id} was cancelled") from error
    except (SQLAlchemyError, dbos_error.DBOSException) as error:
        what = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise ReadError(f"the record of workflows cannot be used: {what}") from error
