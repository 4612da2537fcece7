"""Bring a hive up to date from its transaction logs, as Windows does when it loads it.

Source: M. Suhanov, "Windows registry file format specification", "Dirty state of a hive" and "Multiple
transaction log files"; the results were compared with Windows' own (``docs/formats/regf.md``).

Where Windows would guess, this refuses: a log whose base block is damaged, an old log whose time stamp
is not the hive's, a result whose hive bins do not follow one another.  Windows would then repair the
hive by throwing parts of it away ("self-healing"), or not start.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from bootmend.errors import CorruptError, RefusedError, TruncatedError, UnsupportedError
from bootmend.registry.layout import (
    BASE_BINS_SIZE,
    BASE_CHECKSUM,
    BASE_FLAGS,
    BASE_SEQUENCE_1,
    BASE_SIZE,
    BASE_TYPE,
    BASE_WRITTEN,
    FLAG_TRANSACTION_LOCKED,
    HBIN,
    NIL,
    REGF,
    checksum,
)
from bootmend.registry.translog import SECTOR, Entry, Log, base_bins_size, is_bins_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bootmend.source import Source

FILE_LIMIT: Final = 0x80000000
"""A hive file of 2 GiB or more is not read whole."""

_NUMBER: Final = Struct("<I")
_PAIR: Final = Struct("<II")
_STAMP: Final = Struct("<Q")
_BIN: Final = Struct("<4sII")
_BIN_STAMP: Final = BASE_SIZE + 20
_HINT: Final = "give its transaction logs (.LOG, .LOG1, .LOG2) that lie beside it, or let Windows load it once"


class Recovery(NamedTuple):
    """A hive as Windows would see it.

    ``data`` is the whole file, base block to tail, clean: equal sequence numbers above every log's, right
    checksum.  ``entries`` counts what was applied, ``applied`` says it in sentences; both are empty
    for a hive that was clean, whose ``data`` are its own bytes.  ``log_sequence`` is the highest
    sequence number in any usable log (0: none), which an editor must exceed; ``grew`` is true when
    the file has become longer.
    """

    data: bytes
    entries: int
    log_sequence: int
    applied: tuple[str, ...]
    grew: bool


def is_dirty(source: Source) -> bool:
    """Return True if the hive needs its logs: a wrong checksum of the base block, or unequal sequence numbers.

    Raises:
        CorruptError, TruncatedError: not a hive.
    """
    _require_hive(source)
    head = source.read_at(0, SECTOR)
    return not _has_good_base(head) or not _is_finished(head)


def log_sequence(logs: Iterable[Source]) -> int:
    """Return the highest sequence number in any of the usable logs, 0 where there is none."""
    return _highest([Log(source, number) for number, source in enumerate(logs, 1)])


def recover(source: Source, logs: Sequence[Source]) -> Recovery:
    """Return the hive in ``source`` with all that its ``logs`` hold applied; neither is changed.

    Logs are given in the order LOG, LOG1, LOG2 (missing ones left out); empty ones do no harm.

    Raises:
        CorruptError, TruncatedError: not a hive, or what the logs make of it is none.
        UnsupportedError: a file of 2 GiB or more.
        RefusedError: the hive is dirty and no log can be applied; the message says why for each.
    """
    _require_hive(source)
    if source.size >= FILE_LIMIT:
        raise UnsupportedError(f"a hive file of {source.size} bytes is too large")
    image = bytearray(source.read_at(0, source.size))
    parsed = [Log(log, number) for number, log in enumerate(logs, 1)]
    sequence = _highest(parsed)
    if _has_good_base(image) and _is_finished(image):
        return Recovery(bytes(image), 0, sequence, (), grew=False)
    usable = [log for log in parsed if not log.fault]
    if any(log.is_new for log in usable):
        entries, applied = _apply_new(image, [log for log in usable if log.is_new])
    else:
        entries, applied = _apply_old(image, parsed)
    _finish(image, sequence)
    _require_bins(image)
    return Recovery(bytes(image), entries, sequence, tuple(applied), len(image) > source.size)


def _require_hive(source: Source) -> None:
    """Refuse what has neither 'regf' at its beginning nor, where just that page is damaged, a hive bin after it."""
    if source.size < BASE_SIZE + SECTOR:
        raise TruncatedError(f"{source.size} bytes are too few for a hive")
    if source.read_at(0, len(REGF)) != REGF and source.read_at(BASE_SIZE, len(HBIN)) != HBIN:
        raise CorruptError("it is not a registry hive: 'regf' is missing")


def _has_good_base(head: bytes | bytearray) -> bool:
    return head[: len(REGF)] == REGF and _NUMBER.unpack_from(head, BASE_CHECKSUM)[0] == checksum(head)


def _is_finished(head: bytes | bytearray) -> bool:
    first, second = _PAIR.unpack_from(head, BASE_SEQUENCE_1)
    return bool(first == second)


def _highest(logs: list[Log]) -> int:
    return max((log.last_sequence() for log in logs if not log.fault), default=0)


# -- new logs -----------------------------------------------------------------------------------------


def _apply_new(image: bytearray, logs: list[Log]) -> tuple[int, list[str]]:
    """Apply the chain of entries that continues the hive, over one log or two."""
    logs.sort(key=lambda log: log.sequence)
    applied: list[str] = []
    skipped: list[str] = []
    if _has_good_base(image):
        secondary = _PAIR.unpack_from(image, BASE_SEQUENCE_1)[1]
        skipped = [f"log {log.number} is older than the hive" for log in logs if log.sequence < secondary]
        logs = [log for log in logs if log.sequence >= secondary]
    else:
        logs = logs[-1:]
        _restore_base(image, logs[0])
        applied.append(f"base block restored from log {logs[0].number}")
    entries = 0
    last = None
    for log in logs:
        if last is not None and log.sequence != last + 1:
            skipped.append(f"log {log.number} begins at {log.sequence} and does not continue {last}")
            continue
        count = 0
        for entry in log.entries():
            _apply(image, entry, log.number)
            count += 1
        last = log.sequence + count - 1
        entries += count
        if count:
            which = f"entry {last}" if count == 1 else f"entries {log.sequence} to {last}"
            applied.append(f"{which} of log {log.number} applied")
        else:
            skipped.append(f"log {log.number} has no entry that can be used")
        if log.remark:
            skipped.append(log.remark)
    if not entries:
        raise _refusal(skipped)
    return entries, applied + skipped


def _restore_base(image: bytearray, log: Log) -> None:
    """Take the base block from a log's copy of it; the file type becomes that of a hive again."""
    image[:SECTOR] = log.base
    _NUMBER.pack_into(image, BASE_TYPE, 0)


def _apply(image: bytearray, entry: Entry, number: int) -> None:
    """Write an entry's pages; the file grows where its bins need it, but only by what the log holds."""
    end = BASE_SIZE + entry.bins_size
    if end > len(image):
        _require_cover(entry, len(image) - BASE_SIZE, number)
        image.extend(bytes(end - len(image)))
    for offset, data in entry.pages:
        image[BASE_SIZE + offset : BASE_SIZE + offset + len(data)] = data
    _NUMBER.pack_into(image, BASE_BINS_SIZE, entry.bins_size)
    if entry.locked is not None:
        image[BASE_FLAGS] = image[BASE_FLAGS] & ~FLAG_TRANSACTION_LOCKED | entry.locked


def _require_cover(entry: Entry, start: int, number: int) -> None:
    """Refuse to fill with zeros what lies past the end of the file and is not in the log."""
    for offset, data in sorted(entry.pages, key=lambda page: page[0]):
        if offset <= start:
            start = max(start, offset + len(data))
    if start < entry.bins_size:
        missing = f"the bytes {start:#x} to {entry.bins_size:#x} of its hive bins"
        message = f"cannot be recovered: {missing} are neither in the file nor in log {number}"
        raise TruncatedError(message)


# -- old logs -----------------------------------------------------------------------------------------


def _apply_old(image: bytearray, logs: list[Log]) -> tuple[int, list[str]]:
    """Apply the first log that was written for just this state of the hive."""
    good = _has_good_base(image)
    stamp = _STAMP.unpack_from(image, BASE_WRITTEN if good else _BIN_STAMP)[0]
    reasons = []
    for log in logs:
        entry = log.fault or log.dirty_pages()
        if not log.fault and log.written != stamp:
            whose = "the hive's" if good else "that of the first hive bin, and the base block is damaged"
            reasons.append(f"the time stamp of log {log.number} is not {whose}")
        elif isinstance(entry, str):
            reasons.append(entry)
        else:
            size = sum(len(data) for _, data in entry.pages)
            applied = [f"{size} bytes of dirty pages of log {log.number} applied"]
            if not good:
                _restore_base(image, log)
                applied.insert(0, f"base block restored from log {log.number}")
            _apply(image, entry, log.number)
            return 1, applied
    raise _refusal(reasons)


def _refusal(reasons: list[str]) -> RefusedError:
    why = "; ".join(reasons) or "it has no transaction log"
    return RefusedError(f"it was not closed properly and cannot be recovered: {why}", hint=_HINT)


# -- the end --------------------------------------------------------------------------------------------


def _finish(image: bytearray, sequence: int) -> None:
    """Make the base block that of a clean hive, numbered above what it and all logs had."""
    following = max(sequence, *_PAIR.unpack_from(image, BASE_SEQUENCE_1)) + 1 & NIL
    _PAIR.pack_into(image, BASE_SEQUENCE_1, following, following)
    _NUMBER.pack_into(image, BASE_CHECKSUM, checksum(image))


def _require_bins(image: bytearray) -> None:
    """Refuse a result whose hive bins do not follow one another up to their end: the logs were not this hive's."""
    limit = base_bins_size(image)
    offset = 0
    while offset < limit:
        signature, position, size = _BIN.unpack_from(image, BASE_SIZE + offset)
        if signature != HBIN or position != offset or not is_bins_size(size) or size > limit - offset:
            raise CorruptError("cannot be recovered: after its logs the hive has a bad hive bin", at=f"bin {offset:#x}")
        offset += size
