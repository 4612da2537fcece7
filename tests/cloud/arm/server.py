"""The stand-in over HTTPS: routes, authorisation, long-running operations, faults."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.cloud.arm.state import GROUP, SUBSCRIPTION, Fault, Refusal, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJib290bWVuZCI6InN0YW5kLWluIn0.c2lnbmF0dXJl"
SECRET_HEADER = "the-identity-header"
GROUP_PATH = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}".lower()
COMPUTE = f"{GROUP_PATH}/providers/microsoft.compute"


class Arm(ThreadingHTTPServer):
    """The server; ``state`` is what it keeps."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, state: State, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.state = state
        self.certificate = certificate

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://127.0.0.1:{self.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """What a process needs to find it, and to be let in: the managed identity of an App Service."""
        return {
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": SECRET_HEADER,
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "REQUESTS_CA_BUNDLE": str(self.certificate),
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        }

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone is what some tests are about."""


@contextmanager
def serving(state: State, certificate: Path) -> Iterator[Arm]:
    """A stand-in that answers in a thread."""
    server = Arm(state, certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Arm
    timeout = 60

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _handle(self) -> None:
        state = self.server.state
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}") if length else {}
        parts = urlsplit(self.path)
        path = parts.path.rstrip("/")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        request = f"{self.command} {path}" + ("#osDisk" if "osDisk" in str(body) and self.command == "PATCH" else "")
        with state.lock:
            state.requests.append(request)
            fault = state.fault_for(request)
            if fault and fault.call:
                fault.call()
            state.settle()
            try:
                answer = self._fault(fault) or self._route(path, query, body, fault)
            except Refusal as refusal:
                answer = (refusal.status, {"error": {"code": refusal.code, "message": refusal.message}}, {})
            if fault and fault.kind == "lost":
                state.settle()
                self.close_connection = True
                return
        self._answer(*answer, retry="0" if fault and fault.status == 429 else "")

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 (http.server's names)

    @staticmethod
    def _fault(fault: Fault | None) -> tuple[int, Any, dict[str, str]] | None:
        if fault is None or fault.kind != "status":
            return None
        return fault.status, {"error": {"code": fault.code, "message": f"a fault of {fault.status}"}}, {}

    def _answer(self, status: int, body: Any, headers: dict[str, str], retry: str = "") -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if retry:
            self.send_header("Retry-After", retry)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    # -- routes --------------------------------------------------------------------------------------
    def _route(
        self, path: str, query: dict[str, str], body: dict[str, Any], fault: Fault | None
    ) -> tuple[int, Any, dict[str, str]]:
        lowered = path.lower()
        if lowered == "/metadata/endpoints":
            login = {"audiences": [self.server.url], "loginEndpoint": self.server.url}
            return 200, [{"authentication": login, "resourceManager": self.server.url}], {}
        if lowered == "/msi/token":
            if self.headers.get("X-IDENTITY-HEADER") != SECRET_HEADER:
                raise Refusal(401, "Unauthorized", "no identity header")
            expires = int(dt.datetime.now(dt.UTC).timestamp()) + 86400
            return (
                200,
                {"access_token": TOKEN, "expires_on": str(expires), "resource": query["resource"], "token_type": "Bearer"},
                {},
            )
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "AuthenticationFailed", "Authentication failed.")
        if lowered.startswith("/operations/"):
            return self._operation(lowered.rpartition("/")[2])
        if lowered.startswith("/results/"):
            return self._result(lowered.rpartition("/")[2])
        if "api-version" not in query:
            raise Refusal(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        return self._resource(path, lowered, query, body, fault)

    def _operation(self, name: str) -> tuple[int, Any, dict[str, str]]:
        operation = self.server.state.operations.get(name)
        if operation is None:
            raise Refusal(404, "NotFound", "The operation is not known.")
        if not operation.done:
            return 200, {"status": "InProgress"}, {}
        if operation.error:
            return 200, {"status": "Failed", "error": {"code": operation.error[0], "message": operation.error[1]}}, {}
        return 200, {"status": "Succeeded", "properties": {"output": operation.result}}, {}

    def _result(self, name: str) -> tuple[int, Any, dict[str, str]]:
        operation = self.server.state.operations[name]
        return (200, operation.result, {}) if operation.done else (202, None, {"Location": f"{self.server.url}/results/{name}"})

    def _resource(
        self, path: str, lowered: str, query: dict[str, str], body: Any, fault: Fault | None
    ) -> tuple[int, Any, dict[str, str]]:
        state, method = self.server.state, self.command
        if lowered == f"{GROUP_PATH}/providers/microsoft.authorization/locks":
            return 200, {"value": state.locks}, {}
        if lowered == f"{GROUP_PATH}/providers/microsoft.authorization/permissions":
            return 200, {"value": state.permissions}, {}
        if re.fullmatch(r"/subscriptions/[^/]+/providers/microsoft.compute/locations/[^/]+/usages", lowered):
            return 200, {"value": state.usages}, {}
        if lowered in state.others and method == "GET":
            return 200, state.others[lowered], {}
        if not lowered.startswith(f"{COMPUTE}/"):
            raise Refusal(404, "ResourceNotFound", "The resource is not found.")
        kind, *rest = path[len(COMPUTE) + 1 :].split("/")
        if kind.lower() == "virtualmachines":
            return self._machine(rest[0], rest[1].lower() if rest[1:] else "", query, body, fault)
        if not rest:
            return 200, {"value": [state.show_disk(one) for one in state.of_kind(kind).values()]}, {}
        return self._disk(kind, rest[0], rest[1].lower() if rest[1:] else "", body, fault)

    def _machine(
        self, name: str, verb: str, query: dict[str, str], body: Any, fault: Fault | None
    ) -> tuple[int, Any, dict[str, str]]:
        state, method = self.server.state, self.command
        vm = state.vm(name)
        if method == "GET" and verb == "instanceview":
            return 200, state.view(vm), {}
        if method == "GET":
            return 200, state.show_vm(vm, view=query.get("$expand") == "instanceView"), {"ETag": vm["etag"]}
        if method == "PATCH":
            return self._begun(
                state.patch_vm(name, body, self.headers.get("If-Match", "")),
                fault,
                show=state.show_vm(vm, view=False),
                status=200,
            )
        if verb == "deallocate":
            return self._begun(state.power(name, "deallocated"), fault)
        if verb == "start":
            return self._begun(state.power(name, "running"), fault)
        if verb == "retrievebootdiagnosticsdata":
            return 200, self._pictures(name, vm), {}
        if verb == "attachdetachdatadisks":
            return self._begun(self._exchange(vm, body), fault)
        raise Refusal(405, "MethodNotAllowed", f"{method} {verb}")

    def _pictures(self, name: str, vm: dict[str, Any]) -> dict[str, str]:
        state = self.server.state
        if not vm["properties"].get("diagnosticsProfile", {}).get("bootDiagnostics", {}).get("enabled"):
            raise Refusal(409, "BootDiagnosticsNotEnabled", "Boot diagnostics is not enabled on this virtual machine.")
        found = {}
        for key, data in zip(
            ("consoleScreenshotBlobUri", "serialConsoleLogBlobUri"), state.screens.get(name, (None, None)), strict=True
        ):
            blob = f"{name}-{key}-{len(state.requests)}-{id(state)}"
            if data is not None:
                state.blobs.put(blob, data)
            found[key] = state.blobs.sas(blob)
        return found

    def _exchange(self, vm: dict[str, Any], body: dict[str, Any]) -> Callable[[], None]:
        state = self.server.state

        def finish() -> None:
            disks = vm["properties"]["storageProfile"]["dataDisks"]
            for one in body.get("dataDisksToAttach") or []:
                disk = state.disk(one["diskId"].rpartition("/")[2])
                disk["managedBy"], disk["properties"]["diskState"] = vm["id"], "Attached"
                disks.append({"lun": len(disks), "name": disk["name"], "managedDisk": {"id": disk["id"]}})
                state.effects["attach"] += 1
            for one in body.get("dataDisksToDetach") or []:
                disk = state.disk(one["diskId"].rpartition("/")[2])
                disk["managedBy"], disk["properties"]["diskState"] = None, "Unattached"
                disks[:] = [each for each in disks if each["name"] != disk["name"]]
                state.effects["detach"] += 1

        return finish

    def _disk(self, kind: str, name: str, verb: str, body: Any, fault: Fault | None) -> tuple[int, Any, dict[str, str]]:
        state, method = self.server.state, self.command
        if method == "GET":
            return 200, state.show_disk(state.one(kind, name)), {}
        if method == "PUT":
            finish = state.put(kind, name, body)
            return self._begun(finish, fault, show=state.show_disk(state.one(kind, name)))
        if method == "DELETE":
            if name.lower() not in state.of_kind(kind):
                return 204, None, {}
            return self._begun(state.delete(kind, name), fault)
        if verb == "begingetaccess":
            return self._begun(state.grant(kind, name, body, expired=bool(fault and fault.kind == "expired")), fault)
        if verb == "endgetaccess":
            return self._begun(state.revoke(kind, name), fault)
        raise Refusal(405, "MethodNotAllowed", f"{method} {verb}")

    def _begun(
        self, finish: Callable[[], Any], fault: Fault | None, show: Any = None, status: int = 202
    ) -> tuple[int, Any, dict[str, str]]:
        """202 (PATCH: 200) with the addresses to ask after it, as the Resource Manager answers."""
        error = (fault.code, "the operation failed in the end") if fault and fault.kind == "late" else None
        operation = self.server.state.begin(finish, error)
        headers = {
            "Azure-AsyncOperation": f"{self.server.url}/operations/{operation.id}?api-version=2026-04-01",
            "Location": f"{self.server.url}/results/{operation.id}?api-version=2026-04-01",
        }
        return status, show, headers


def make_certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key in the same file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
