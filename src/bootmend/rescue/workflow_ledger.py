"""The ledger of the workflow port over DBOS: the record, for looking, without a lock and without running anything."""

from __future__ import annotations

import os

from bootmend.rescue.workflow import Record, State, StepRecord
from bootmend.rescue.workflow_library import (
    PARTS,
    database_errors,
    default_file,
    load_library,
    plain_json,
    time_text,
    to_entry,
    url_of,
)
from bootmend.rescue.workflow_lock import holder_of


class DbosLedger:
    """The ledger of :func:`bootmend.rescue.workflow.open_ledger`."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._client = None
        load_library()
        if database or os.path.exists(default_file()):
            from dbos import DBOSClient

            with database_errors():
                self._client = DBOSClient(
                    system_database_url=url_of(database), serializer=plain_json(), retry_connection_errors=False
                )

    def close(self) -> None:
        """Let the database go."""
        if self._client is not None:
            self._client.destroy()

    def records(self, prefix: str, *, parts: bool = False) -> list[Record]:
        """See the port."""
        if self._client is None:
            return []
        wanted = [prefix, f"{PARTS}{prefix}"] if parts else [prefix]
        with database_errors():
            found = self._client.list_workflows(workflow_id_prefix=wanted)
        holders: dict[str, str] = {}
        return [self._with_holder(to_entry(status), status.app_version or "", holders) for status in found]

    def record(self, workflow_id: str) -> Record | None:
        """See the port."""
        return next((record for record in self.records(workflow_id) if record.id == workflow_id), None)

    def _with_holder(self, record: Record, version: str, holders: dict[str, str]) -> Record:
        subject = version.partition(":")[2]
        if record.state is not State.UNFINISHED or not subject:
            return record
        if subject not in holders:
            holders[subject] = holder_of(subject, self._database)
        return record._replace(state=State.RUNNING, holder=holders[subject]) if holders[subject] else record

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """See the port."""
        if self._client is None:
            return []
        with database_errors():
            found = self._client.list_workflow_steps(workflow_id)
        return [
            StepRecord(
                one["function_name"],
                time_text(one["started_at_epoch_ms"]),
                time_text(one["completed_at_epoch_ms"]),
                one["output"],
            )
            for one in found
        ]

    def cancel(self, workflow_id: str) -> None:
        """See the port."""
        if self._client is not None:
            with database_errors():
                self._client.cancel_workflow(workflow_id)
