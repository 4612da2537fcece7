"""The bytes of disks and snapshots: page blobs behind signed URLs.

"Put Page", "Put Page From URL", "Get Page Ranges": Azure storage REST API.  Pages have 512 bytes; a request puts at most 4 MiB.
Nothing else is done to these blobs: Put Blob would replace the one that is the disk's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bootmend.cloud.azure.client import PassingError, cloud_error
from bootmend.errors import CloudError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from azure.storage.blob import BlobClient

PAGE = 512
MOST = 4 << 20
AT_ONCE = 8
COOKIE = b"conectix"
EXPIRED = {"AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch"}
T = TypeVar("T")


class Filled(NamedTuple):
    """How a disk was filled: the way (``server`` or ``client``), and how many bytes were copied and changed."""

    way: str
    copied: int
    changed: int


def blob_of(url: str, *, retries: int = 6) -> BlobClient:
    """A client of one blob; it repeats what fails in passing."""
    from azure.storage.blob import BlobClient

    return BlobClient.from_blob_url(url, retry_total=retries, initial_backoff=1, increment_base=2)


def ask(action: Callable[[], T]) -> T:
    """The result of a storage request.

    Raises:
        CloudError: it failed; nothing secret is in it.
    """
    from azure.core.exceptions import AzureError

    try:
        return action()
    except AzureError as error:
        failure = cloud_error(error)
        found = getattr(error, "error_code", None)
        code = str(getattr(found, "value", found) or "")
    failure.message = failure.message if not code or code in failure.message else f"{failure.message} ({code})"
    if code in EXPIRED:
        failure = PassingError(
            "the access to the disk's bytes has expired or was taken back", hint="repeat the same command: it asks anew"
        )
    raise failure


def download(url: str) -> bytes | None:
    """A small blob whole; None where it is not there (yet)."""
    with blob_of(url) as blob:
        try:
            return ask(lambda: blob.download_blob(max_concurrency=1).readall())
        except MissingError:
            return None


def page_ranges(url: str) -> list[tuple[int, int]]:
    """The allocated stretches as (offset, length), in order, neighbours joined."""
    with blob_of(url) as blob:
        found = ask(lambda: [(each.start or 0, each.end or 0) for each in blob.list_page_ranges() if not each.cleared])
    return joined((start, end - start + 1) for start, end in found)


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of stretches, in order."""
    merged: list[tuple[int, int]] = []
    for offset, length in sorted(ranges):
        if merged and offset <= merged[-1][0] + merged[-1][1]:
            start = merged[-1][0]
            merged[-1] = (start, max(start + merged[-1][1], offset + length) - start)
        else:
            merged.append((offset, length))
    return merged


def pieces(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches, cut into what one request may put."""
    for offset, length in ranges:
        for start in range(offset, offset + length, MOST):
            yield start, min(MOST, offset + length - start)


def fill(source: str, target: str, size: int, pages: Mapping[int, bytes], progress: Callable[[int, int], None]) -> Filled:
    """Copy the allocated pages of a blob of ``size`` bytes to another one, with ``pages`` (by offset) in place of the source's.

    What an earlier attempt left on the target elsewhere is cleared.  ``progress`` is told bytes done and bytes in all.

    Raises:
        CloudError: the source is no fixed VHD, or a request failed.
    """
    own = without(page_ranges(source), [(size - PAGE, PAGE)])
    with blob_of(source) as reader, blob_of(target) as writer:
        footer = _read(reader, size - PAGE, PAGE)
        if not footer.startswith(COOKIE):
            raise CloudError("the snapshot's bytes do not end in the footer of a VHD: this disk cannot be rebuilt from them")
        _clear(writer, without(page_ranges(target), own))
        way = _copy(source, target, (reader, writer), list(pieces(own)), progress)
        for offset, page in sorted(pages.items()):
            ask(lambda offset=offset, page=page: writer.upload_page(page, offset, len(page), validate_content=True))  # type: ignore[misc]
        # Last, so that Azure takes no disk for whole that is not: it looks for the footer when the access ends.
        ask(lambda: writer.upload_page(footer, size - PAGE, PAGE, validate_content=True))
    return Filled(way, sum(length for _, length in own), sum(map(len, pages.values())))


def _copy(
    source: str,
    target: str,
    blobs: tuple[BlobClient, BlobClient],
    todo: list[tuple[int, int]],
    progress: Callable[[int, int], None],
) -> str:
    """Let the storage service copy; where it cannot, read and write here.  Returns which it was."""
    reader, writer = blobs
    total = sum(length for _, length in todo)
    way = "server" if _server_copies(source, target, *todo[0]) else "client"

    def copy(piece: tuple[int, int]) -> int:
        offset, length = piece
        if way == "server":
            ask(lambda: writer.upload_pages_from_url(source, offset, length, offset))
        else:
            data = _read(reader, offset, length)
            ask(lambda: writer.upload_page(data, offset, length, validate_content=True))
        return length

    done = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for length in pool.map(copy, todo):
            done += length
            progress(done, total)
    return way


def _server_copies(source: str, target: str, offset: int, length: int) -> bool:
    """Whether the storage service copies pages itself.  Incremental snapshots are refused (409), emulators cannot.

    It is tried once, with the first piece; whatever speaks against it, the bytes can go through this computer.
    """
    from azure.core.exceptions import AzureError

    with blob_of(target, retries=0) as writer:
        try:
            writer.upload_pages_from_url(source, offset, length, offset)
        except AzureError:
            return False
    return True


def _read(reader: BlobClient, offset: int, length: int) -> bytes:
    data = ask(lambda: reader.download_blob(offset, length, max_concurrency=1).readall())
    if len(data) != length:
        raise CloudError(f"the snapshot gave {len(data)} of {length} bytes at {offset:#x}")
    return data


def _clear(writer: BlobClient, ranges: Iterable[tuple[int, int]]) -> None:
    for offset, length in ranges:
        ask(lambda offset=offset, length=length: writer.clear_page(offset, length))  # type: ignore[misc]


def without(ranges: Iterable[tuple[int, int]], others: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches of ``ranges`` that lie in none of ``others``; both in order, without overlaps."""
    left: list[tuple[int, int]] = []
    taken = list(others)
    for offset, length in ranges:
        position, end = offset, offset + length
        for start, size in taken:
            if start >= end or start + size <= position:
                continue
            if start > position:
                left.append((position, start - position))
            position = max(position, start + size)
        if position < end:
            left.append((position, end - position))
    return left
