"""Long-running operations: begun here or by a process that is gone, finished by their token or by the resource itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend.cloud.azure.client import PassingError, cloud_error
from bootmend.cloud.azure.names import DISK, SNAPSHOT, parse_id
from bootmend.cloud.provider import Operation
from bootmend.errors import CloudError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.polling import LROPoller

    from bootmend.cloud.azure.client import Client

#: kind of operation -> the method of Microsoft's library that begins it, and goes on with it by its token
METHODS = {
    "create": "begin_create_or_update",
    "delete": "begin_delete",
    "stop": "begin_deallocate",
    "start": "begin_start",
    "update": "begin_update",
    "attach": "begin_attach_detach_data_disks",
}
MOST_LOOKS = 2000


def begin(
    client: Client,
    kind: str,
    resource: str,
    *body: Any,  # noqa: ANN401 (the library's own arguments)
    done: Callable[[], Operation | None],
    **options: Any,  # noqa: ANN401 (likewise)
) -> Operation:
    """Begin an operation on a resource, unless ``done`` says that it need not be."""

    def start() -> Operation:
        poller = _poller(client, kind, resource, *body, **options)
        return Operation(kind, resource, "" if poller.done() else poller.continuation_token())

    return done() or client.ask(start, done=done)


def finish(client: Client, operation: Operation) -> None:
    """Wait for it.

    Raises:
        CloudError: it failed in the end.
        PassingError: it could not be asked after.
    """
    from azure.core.exceptions import AzureError, HttpResponseError

    if operation.token:
        try:
            _poller(client, operation.kind, operation.resource, continuation_token=operation.token).result()
        except HttpResponseError as error:
            failure = cloud_error(error)
            if not isinstance(failure, (MissingError, PassingError)):
                failure.places.insert(0, parse_id(operation.resource).name)
                raise failure from None
        except (AzureError, ValueError):  # an old token, or one of another version: the resource tells
            pass
    _watch(client, operation)


def _poller(client: Client, kind: str, resource: str, *body: Any, **options: Any) -> LROPoller[Any]:  # noqa: ANN401
    where = parse_id(resource)
    operations = {DISK: client.compute.disks, SNAPSHOT: client.compute.snapshots}.get(where.kind, client.compute.virtual_machines)
    method = getattr(operations, METHODS[kind])
    if "continuation_token" in options and not body and kind in {"create", "update", "attach"}:
        body = ({},)
    poller: LROPoller[Any] = method(where.group, where.name, *body, **options)
    return poller


def _watch(client: Client, operation: Operation) -> None:
    """Look at the resource until it is at rest; Azure lists what it does to it in ``provisioningState``."""
    for _ in range(MOST_LOOKS):
        state = provisioning_state(client, operation.resource)
        if operation.kind == "delete" and state is None:
            return
        if state in {"Succeeded", "Failed", "Canceled"} and operation.kind != "delete":
            break
        if state is None:
            raise CloudError("it is not there any more", at=parse_id(operation.resource).name)
        client.pace.sleep(client.pace.poll)
    else:
        raise PassingError(
            "Azure is still at it", at=parse_id(operation.resource).name, hint="repeat the same command: it goes on"
        )
    if state != "Succeeded":
        raise CloudError(f"Azure's operation ended as {state}", at=parse_id(operation.resource).name)


def provisioning_state(client: Client, resource: str) -> str | None:
    """``Succeeded``, ``Failed``, ``Creating`` …; None where there is no such resource."""
    where = parse_id(resource)
    operations = {DISK: client.compute.disks, SNAPSHOT: client.compute.snapshots}.get(where.kind, client.compute.virtual_machines)
    try:
        found = client.ask(lambda: operations.get(where.group, where.name).as_dict())  # type: ignore[attr-defined]
    except MissingError:
        return None
    return str(found.get("properties", {}).get("provisioningState", "Succeeded"))
