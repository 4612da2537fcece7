"""The connection to Azure's Resource Manager: credentials, patience, and errors in which nothing is secret.

``DefaultAzureCredential`` finds the credential: the environment, a workload's or managed identity, ``az login``.
What Microsoft's libraries raise may carry URLs and headers, so it is never chained to what we raise.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from bootmend.cloud.azure.clouds import find_cloud
from bootmend.errors import CloudError, MissingError, UnsupportedError
from bootmend.source.url import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import TokenCredential
    from azure.core.exceptions import AzureError
    from azure.mgmt.compute import ComputeManagementClient

T = TypeVar("T")
ATTEMPTS = 6
LONGEST_WAIT = 60.0
#: conflicts that end by themselves, by the Resource Manager's code
PASSING_CONFLICTS = {
    "Conflict",
    "ConflictingOperation",
    "AnotherOperationInProgress",
    "OperationPreempted",
    "RetryableError",
    "RetryableErrorDueToAnotherOperation",
    "AttachDiskWhileBeingDetached",
}
_AGAIN = {408, 429, 500, 502, 503, 504}


class PassingError(CloudError):
    """What stands in the way is expected to pass: the same command goes on later."""


class ModifiedError(PassingError):
    """Somebody else has written to the resource since it was looked at: look again."""


class Pace(NamedTuple):
    """How often a long operation is asked after, in seconds, and how to wait."""

    poll: float = 5.0
    sleep: Callable[[float], None] = time.sleep

    @property
    def backoff(self) -> float:
        """The first wait after a failure."""
        return min(0.8, self.poll)


class Client:
    """Azure's Resource Manager for one subscription; made without a request."""

    def __init__(self, compute: ComputeManagementClient, subscription: str, pace: Pace) -> None:
        self.compute = compute
        self.subscription = subscription
        self.pace = pace

    def ask(self, action: Callable[[], T], *, done: Callable[[], T | None] = lambda: None) -> T:
        """The result of a request, with patience.

        Where an answer was lost, ``done`` looks whether the request had its effect all the same.

        Raises:
            MissingError: there is no such resource.
            PassingError: it did not go in several attempts, and may later.
            CloudError: it is refused.
        """
        from azure.core.exceptions import AzureError

        attempt = 0
        while True:
            try:
                return action()
            except AzureError as error:
                failure = cloud_error(error)
                wait = _wait(error, attempt, self.pace.backoff)
            if not isinstance(failure, PassingError) or isinstance(failure, ModifiedError):
                raise failure
            found = done()
            if found is not None:
                return found
            attempt += 1
            if attempt == ATTEMPTS:
                raise failure
            self.pace.sleep(wait)

    def get(self, path: str, version: str) -> dict[str, Any]:
        """Any resource or list of the Resource Manager, as JSON, by its path from the root."""
        from azure.core.rest import HttpRequest

        def read() -> dict[str, Any]:
            answer = self.compute.send_request(HttpRequest("GET", path, params={"api-version": version}))
            answer.raise_for_status()
            return dict(answer.json())

        return self.ask(read)


def connect(subscription: str, cloud: str, pace: Pace, credential: TokenCredential | None = None) -> Client:
    """A client of a subscription in a cloud; ``credential`` is found where none is given.

    Raises:
        UnsupportedError: the extra ``azure`` is not installed.
        UsageError, CloudError: the cloud is not known.
    """
    try:
        from azure.identity import DefaultAzureCredential
        from azure.mgmt.compute import ComputeManagementClient
    except ImportError as error:
        raise UnsupportedError(
            "Microsoft's libraries for Azure are not installed", hint='pip install "bootmend[azure,fleet]"'
        ) from error
    logging.getLogger("azure").addHandler(logging.NullHandler())  # its warnings are for us, not for the terminal
    where = find_cloud(cloud, read_metadata)
    compute = ComputeManagementClient(
        credential or DefaultAzureCredential(authority=where.authority),
        subscription,
        base_url=where.manager,
        credential_scopes=[where.scope],
        polling_interval=pace.poll,
        retry_backoff_factor=pace.backoff,
        retry_total=4,
    )
    return Client(compute, subscription, pace)


def read_metadata(url: str) -> bytes:
    """What a Resource Manager says of its cloud; nobody needs a credential for that."""
    from azure.core import PipelineClient
    from azure.core.exceptions import AzureError
    from azure.core.rest import HttpRequest

    try:
        client: Any = PipelineClient(url)
        with client:
            answer = client.send_request(HttpRequest("GET", url))
            answer.raise_for_status()
            return bytes(answer.content)
    except AzureError as error:
        failure = cloud_error(error)
    raise failure


def cloud_error(error: AzureError) -> CloudError | MissingError:
    """One of our errors for one of Microsoft's: its code and its sentence, without URLs and headers."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError, ServiceResponseError

    status = getattr(error, "status_code", None)
    if isinstance(error, ClientAuthenticationError) and status in (None, 401):
        hint = "sign in with  az login , or give the environment of a service principal or managed identity"
        return CloudError(f"no credential was accepted: {_first_line(str(error.message))}", hint=hint)
    if isinstance(error, (ServiceRequestError, ServiceResponseError)) or status is None:
        return PassingError(
            f"Azure cannot be reached: {_first_line(str(error.message))}", hint="repeat the same command: it goes on"
        )
    assert isinstance(error, HttpResponseError)
    code = _code(error)
    sentence = _first_line(_message(error))
    said = f"{code}: {sentence}" if code and code not in sentence else sentence
    if status == 404:
        return MissingError(f"Azure says: {said}")
    if status == 412:
        return ModifiedError("the VM was changed by somebody else meanwhile", hint="repeat the same command: it goes on")
    if status in _AGAIN or (status == 409 and code in PASSING_CONFLICTS):
        return PassingError(f"Azure says ({status}): {said}", hint="repeat the same command: it goes on where it stands")
    return CloudError(f"Azure says: {said}", hint=_hint(status, code))


def _code(error: Any) -> str:  # noqa: ANN401 (HttpResponseError, whose parts are untyped)
    inner = getattr(error, "error", None)
    return str(getattr(inner, "code", None) or "")


def _message(error: Any) -> str:  # noqa: ANN401 (likewise)
    inner = getattr(error, "error", None)
    return str(getattr(inner, "message", None) or error.reason or error.message)


def _first_line(text: str) -> str:
    return redact(text.strip().partition("\n")[0])[:600]


def _hint(status: int, code: str) -> str | None:
    if "quota" in code.lower() or code in {"OperationNotAllowed", "ResourceQuotaExceeded"}:
        return "the subscription's quota may be used up: ask for more, or delete what is not needed"
    if status == 403:
        return "bootmend azure role  prints the role that it needs"
    if code in {"AllocationFailed", "ZonalAllocationFailed", "SkuNotAvailable", "OverconstrainedAllocationRequest"}:
        return "Azure has no room for this size now: start the VM later, or resize it"
    return None


def _wait(error: AzureError, attempt: int, first: float) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    asked = str(headers.get("Retry-After", ""))
    return min(float(asked) if asked.isdigit() else first * 2.0**attempt, LONGEST_WAIT)
