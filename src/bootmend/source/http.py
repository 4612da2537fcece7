"""A file behind HTTP: a page blob, an object of any store, any server that answers to byte ranges.

Only what is asked for crosses the network, in blocks that are kept.  RFC 9110 is followed: ``Range`` (section 14),
``If-Match`` (13.1.1), ``Retry-After`` (10.2.3).
"""

from __future__ import annotations

import http.client
import re
import ssl
import threading
from collections import OrderedDict
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple, Self

from bootmend.errors import MissingError, ReadError, RefusedError, TruncatedError, UnsupportedError
from bootmend.source.base import Source
from bootmend.source.url import redact, split_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from bootmend.source.url import Url

BLOCK = 32 << 10
READ_AHEAD = 64 << 10
MOST_AT_ONCE = 16
LARGEST_REQUEST = 4 << 20
CACHED_BLOCKS = 2048
TIMEOUT = 30.0
ATTEMPTS = 6
LONGEST_WAIT = 60.0
MOST_REDIRECTS = 5
_AGAIN = {408, 429, 500, 502, 503, 504}
_ELSEWHERE = {301, 302, 303, 307, 308}
_FAILURES = (OSError, http.client.HTTPException)


class Answer(NamedTuple):
    """A response to one range: the bytes, and what tells whether the file is still the same."""

    data: bytes
    total: int
    tag: str


def connect(url: Url) -> http.client.HTTPConnection:
    """A connection that is not open yet; certificates are checked against the system's authorities."""
    if url.is_encrypted:
        return http.client.HTTPSConnection(url.host, url.port, timeout=TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(url.host, url.port, timeout=TIMEOUT)


class HttpSource(Source):
    """A file behind a URL, read in ranges; ``requests`` and ``bytes_read`` count what was asked of the server.

    Blocks of 32 KiB are kept, the last 64 MiB of them.  A read that goes on where the one before ended fetches
    64 KiB.  At most 16 requests run at once; each is repeated after connection failures and the status
    codes that ask for it.  A file that changes while it is read (its ETag, else its date or size) is an error.

    ``renew`` gives the URL anew when the server refuses the old one: a shared access signature lives an hour.
    ``sleep`` waits between attempts.  The URL's query is never part of a message.

    Raises:
        UsageError: no URL.
        UnsupportedError: the server does not answer to ranges.
        MissingError, ReadError: there is no such file, or it cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        sleep: Callable[[float], None],
        connect: Callable[[Url], http.client.HTTPConnection] = connect,
        renew: Callable[[], str] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.url = split_url(url)
        self.path = self.url.shown
        self.requests = 0
        self.retries = 0
        self.bytes_read = 0
        self._sleep, self._connect, self._renew = sleep, connect, renew
        self._headers = dict(headers)
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._idle: list[http.client.HTTPConnection] = []
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next = -1
        self._size = 0
        self._tag = ""
        try:
            first = self._ask(0, BLOCK)
        except BaseException:
            self.close()
            raise
        self._size, self._tag = first.total, first.tag
        self._blocks[0] = first.data[:BLOCK]

    @property
    def size(self) -> int:
        """The file's length in bytes, as the first answer gave it."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the blocks that are kept, and fetch those that are missing.

        Raises:
            TruncatedError: outside the file.
            ReadError: the server cannot be read any more, or the file has changed.
        """
        self.check_range(offset, length)
        if not length:
            return b""
        if length > LARGEST_REQUEST:
            return self._read_long(offset, length)
        wanted = range(offset // BLOCK, (offset + length - 1) // BLOCK + 1)
        blocks = self._gather(wanted)
        data = b"".join(blocks[number] for number in wanted)
        start = offset - wanted.start * BLOCK
        return data[start : start + length]

    def _read_long(self, offset: int, length: int) -> bytes:
        """More than a request may ask for: several at once, none of them kept."""
        from concurrent.futures import ThreadPoolExecutor

        starts = range(offset, offset + length, LARGEST_REQUEST)
        sizes = [min(LARGEST_REQUEST, offset + length - start) for start in starts]
        with ThreadPoolExecutor(min(MOST_AT_ONCE, len(starts))) as pool:
            return b"".join(answer.data for answer in pool.map(self._ask, starts, sizes))

    def _gather(self, wanted: range) -> dict[int, bytes]:
        """The blocks asked for; a gap of neighbours that are missing is one request."""
        with self._lock:
            found = {number: self._blocks[number] for number in wanted if number in self._blocks}
            for number in found:
                self._blocks.move_to_end(number)
            ahead = wanted.start in (self._next, self._next - 1)
            self._next = wanted.stop
        for first, last in _gaps(wanted, found):
            found |= self._fetch(first, self._extended(first, last) if ahead and last == wanted.stop else last)
        return found

    def _extended(self, first: int, last: int) -> int:
        """Where a gap ends when it is fetched up to the read-ahead, stopping before what is kept already."""
        end = max(last, first + READ_AHEAD // BLOCK)
        with self._lock:
            return next((number for number in range(last, end) if number in self._blocks), end)

    def _fetch(self, first: int, last: int) -> dict[int, bytes]:
        start = first * BLOCK
        data = self._ask(start, min(last * BLOCK, self._size) - start).data
        blocks = {first + index: data[index * BLOCK : (index + 1) * BLOCK] for index in range(-(-len(data) // BLOCK))}
        with self._lock:
            self._blocks |= blocks
            while len(self._blocks) > CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        return blocks

    def _ask(self, offset: int, length: int) -> Answer:
        """One range, with patience: what may pass is tried again, after as long as the server asks for."""
        renewed = redirects = failures = 0
        while True:
            status, headers, data = self._once(offset, length)
            if status == 206:
                return self._checked(headers, data, offset, length)
            if status in _ELSEWHERE and redirects < MOST_REDIRECTS:
                redirects += 1
                self._follow(headers.get("location", ""))
            elif status in {401, 403} and self._renew is not None and not renewed:
                renewed = 1
                self._move(self._renew())
            elif (status == 0 or status in _AGAIN) and failures < ATTEMPTS - 1:
                self.retries += 1
                self._sleep(_wait(headers, failures))
                failures += 1
            else:
                raise self._failure(status, headers, data)

    def _once(self, offset: int, length: int) -> tuple[int, dict[str, str], bytes]:
        """One request: the status (0: no answer came, and the data say why), the headers in small letters, the body."""
        with self._slots, self._connection() as connection:
            self.requests += 1
            try:
                connection.request("GET", self.url.target, headers=self._request_headers(offset, length))
                response = connection.getresponse()
                headers = {name.lower(): value for name, value in response.getheaders()}
                # A body that is not the range asked for may be a whole disk: it is not read.
                data = b"" if response.status == 200 else response.read(length + 1 if response.status == 206 else 4096)
            except _FAILURES as error:
                connection.close()
                return 0, {}, (str(error) or type(error).__name__).encode("utf-8", "replace")
            if not response.isclosed():  # what is left of the body would be taken for the next answer
                connection.close()
            if response.status == 206 and len(data) < min(length, _number(headers.get("content-length", ""))):
                return 0, {}, b"the connection broke off"
            self.bytes_read += len(data)
            return response.status, headers, data

    def _request_headers(self, offset: int, length: int) -> dict[str, str]:
        headers = self._headers | {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        if self._tag.startswith('"'):  # RFC 9110, 13.1.1: a weak tag never matches, so it is only compared
            headers["If-Match"] = self._tag
        return headers

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else self._connect(self.url)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if (connection.host, connection.port) == (self.url.host, self.url.port):
                self._idle.append(connection)
            else:
                connection.close()

    def _checked(self, headers: dict[str, str], data: bytes, offset: int, length: int) -> Answer:
        """The answer, when it is the range that was asked for, of the file as it was."""
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("content-range", "").strip())
        if match is None or headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedError("the server does not answer byte ranges in a form that can be understood", at=self.path)
        first, last, total = (int(number) for number in match.groups())
        expected = min(length, total - offset)
        if first != offset or last != offset + expected - 1 or len(data) != expected:
            raise ReadError(f"the server answered with other bytes than those asked for at {offset:#x}", at=self.path)
        tag = headers.get("etag") or headers.get("last-modified", "")
        if self._size and (total != self._size or tag != self._tag):
            raise self._changed()
        return Answer(data, total, tag)

    def _changed(self) -> ReadError:
        return ReadError(
            "it was changed while it was read", at=self.path, hint="read a snapshot of it, or stop what writes to it; then repeat"
        )

    def _follow(self, location: str) -> None:
        """Go where the server says; never from an encrypted connection to an open one."""
        where = location if "://" in location else f"{self.url.scheme}://{self.url.host}:{self.url.port}{location}"
        if self.url.is_encrypted and not split_url(where).is_encrypted:
            raise RefusedError("the server leads from an encrypted connection to one that is not", at=self.path)
        self._move(where)

    def _move(self, url: str) -> None:
        with self._lock:
            self.url = split_url(url)
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _failure(self, status: int, headers: dict[str, str], data: bytes) -> ReadError:
        """What a status that ends the reading means, in a sentence."""
        if status == 0:
            reason = redact(data.decode("utf-8", "replace"))
            return ReadError(f"the server cannot be reached: {reason}", at=self.path, hint="check the address and the network")
        if status == 200:
            return UnsupportedError(
                "the server ignores byte ranges and would send the whole file",
                at=self.path,
                hint="download it, and name the copy",
            )
        if status == 412:
            return self._changed()
        if status == 416:
            return TruncatedError("the file is empty, or shorter than it said", at=self.path)
        if status in {404, 410}:
            return MissingError("there is no such file on the server", at=self.path)
        code = headers.get("x-ms-error-code", "")
        said = f"{status} {http.client.responses.get(status, '')}".rstrip() + (f", {redact(code)}" if code else "")
        if status in {401, 403}:
            hint = "a signature in the URL may have expired: make a new one"
            return ReadError(f"the server refuses to let it be read ({said})", at=self.path, hint=hint)
        return ReadError(f"the server answered {said}", at=self.path)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _number(text: str) -> int:
    """A header's number, 0 where it is none."""
    return int(text) if text.isdigit() else 0


def _gaps(wanted: range, found: dict[int, bytes]) -> list[tuple[int, int]]:
    """The half-open runs of blocks that are wanted and not found."""
    gaps: list[tuple[int, int]] = []
    for number in wanted:
        if number in found:
            continue
        if gaps and gaps[-1][1] == number:
            gaps[-1] = (gaps[-1][0], number + 1)
        else:
            gaps.append((number, number + 1))
    return gaps


def _wait(headers: dict[str, str], failures: int) -> float:
    """Seconds before the next attempt: as the server asks, else doubling from half a second."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdigit():
        return min(float(asked), LONGEST_WAIT)
    if asked:
        try:
            return min(max(_seconds_until(asked, headers.get("date", "")), 0.0), LONGEST_WAIT)
        except (TypeError, ValueError):
            pass
    return min(0.5 * 2.0**failures, LONGEST_WAIT)


def _seconds_until(moment: str, now: str) -> float:
    """From the server's own clock to the moment that it names: ours is not asked."""
    return (parsedate_to_datetime(moment) - parsedate_to_datetime(now)).total_seconds()
