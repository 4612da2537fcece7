"""Many pictures at once: a pool of processes, each with its own warm engine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bootmend.errors import ReadError
from bootmend.screen.pipeline import Reader, read_or_say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bootmend.screen.reading import Reading

#: fewer pictures than this are read in this process: starting others would take longer
WORTH_A_POOL = 6
#: a process makes room for another after so many: the network keeps memory for every width of line that it has seen
PICTURES_A_PROCESS = 300


def read_many(items: Iterable[tuple[str, bytes]], *, engines: Sequence[str] | None = None, jobs: int = 1) -> Iterator[Reading]:
    """A reading for each (name, bytes), in order, as they come; what cannot be read is ``unknown`` with the reason.

    ``jobs`` processes share the work, one thread each; with one job it is done here.

    Raises:
        ReadError: one of the processes died.
    """
    chosen = None if engines is None else tuple(engines)
    if jobs <= 1:
        reader = Reader(engines=chosen)
        for name, data in items:
            yield read_or_say(reader, name, data)
        return
    yield from _pooled(items, chosen, jobs)


def _pooled(items: Iterable[tuple[str, bytes]], engines: tuple[str, ...] | None, jobs: int) -> Iterator[Reading]:
    from collections import deque
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=PICTURES_A_PROCESS) as pool:
        waiting: deque[Future[Reading]] = deque()
        try:
            for name, data in items:
                waiting.append(pool.submit(_read_here, name, data, engines))
                if len(waiting) >= 4 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise ReadError("a process that was reading pictures died", hint="repeat with --jobs 1") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read_here(name: str, data: bytes, engines: tuple[str, ...] | None) -> Reading:
    return read_or_say(_reader(engines), name, data)


@cache
def _reader(engines: tuple[str, ...] | None) -> Reader:
    return Reader(engines=engines, threads=1)
