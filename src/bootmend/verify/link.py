"""A connection with one deadline for everything: no server can hold us longer, however slowly it drips."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from bootmend.errors import MissingError, ReadError, TruncatedError, UsageError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_CHUNK = 16 * 1024


class SilentError(ReadError):
    """Nothing came before the deadline."""


class Link:
    """A TCP connection, plain at first and under TLS after :meth:`start_tls`.

    Raises:
        MissingError: there is no such host.
        ReadError: no connection came about.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except TimeoutError as error:
            message = f"no TCP connection within {timeout:g} s: filtered on the way, or the machine is not there"
            raise ReadError(message) from error
        except ConnectionRefusedError as error:
            raise ReadError("the connection was refused: the machine is there, and nothing listens on that port") from error
        except (socket.gaierror, UnicodeError) as error:
            raise MissingError(f"there is no host {host}") from error
        except OSError as error:
            raise ReadError(f"no TCP connection: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            ReadError: the other side hung up, or does not take it.
        """
        if self._tls is not None:
            self._tls.write(data)
            self._flush()
        else:
            self._send(data)

    def receive(self, count: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            SilentError: they did not come in time.
            TruncatedError: the other side hung up before.
        """
        data = b""
        while len(data) < count:
            part = self._read_tls(count - len(data)) if self._tls is not None else self._receive(count - len(data))
            if not part:
                came = f"after {len(data)} bytes" if data else "without a word"
                raise TruncatedError(f"the other side hung up {came}")
            data += part
        return data

    def receive_some(self) -> bytes:
        """Whatever comes next; nothing where the other side has hung up.

        Raises:
            SilentError: nothing came in time.
        """
        return self._receive(_CHUNK)

    def start_tls(self, name: str) -> bytes:
        """Shake hands, whatever certificate comes, and return it in DER.

        Raises:
            ReadError: the handshake failed.
        """
        self._tls = _context().wrap_bio(self._incoming, self._outgoing, server_hostname=name or None)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLError as error:
                reason = (error.reason or str(error)).replace("_", " ").lower()
                raise ReadError(f"the TLS handshake failed: {reason}") from error
            else:
                break
        self._flush()
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def tls_version(self) -> str:
        """``TLSv1.3`` or so; empty before the handshake."""
        return (self._tls.version() or "") if self._tls is not None else ""

    def _read_tls(self, count: int) -> bytes:
        assert self._tls is not None
        while True:
            try:
                return self._tls.read(count)
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                raise ReadError(f"TLS failed: {error.reason or error}") from error

    def _feed(self) -> None:
        data = self._receive(_CHUNK)
        if not data:
            raise TruncatedError("the other side hung up in the middle of TLS")
        self._incoming.write(data)

    def _flush(self) -> None:
        self._send(self._outgoing.read())

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(data)
        except TimeoutError as error:
            raise SilentError("the other side takes nothing") from error
        except OSError as error:
            raise TruncatedError(f"the other side hung up ({error.strerror})") from error

    def _receive(self, count: int) -> bytes:
        try:
            self._socket.settimeout(self._left())
            return self._socket.recv(count)
        except TimeoutError as error:
            raise SilentError("nothing came within the time") from error
        except ConnectionResetError as error:
            raise TruncatedError("the other side hung up (reset)") from error
        except OSError as error:
            raise ReadError(f"the connection broke: {error.strerror}") from error

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise SilentError("nothing came within the time")
        return left


def _context() -> ssl.SSLContext:
    """Old machines speak TLS 1.0 with old ciphers, and sign their certificates themselves: this looks, and trusts nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def split_address(text: str, default_port: int) -> tuple[str, int]:
    """``HOST``, ``HOST:PORT``, ``[IPv6]:PORT`` or a bare IPv6 address, as host and port.

    Raises:
        UsageError: it is none of these.
    """
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    number = default_port if not port else int(port) if port.isdecimal() and port.isascii() else 0
    if not host or not 0 < number < 65536 or any(letter in host for letter in " /@"):
        raise UsageError(f"{text!r} is no host and port", hint="write it like  vm01.example.com:3389  or  [2001:db8::1]:3389")
    return host, number
