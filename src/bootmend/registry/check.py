"""Is a hive sound?  The checklist of ``docs/formats/regf.md``, every rule, over the whole file.

Windows' own check (``CmCheckRegistry``) silently drops what it does not like, and so loses settings;
this check names it instead.  Hives that Windows wrote can break a rule (self-healing leaves cells
behind), so an edit is judged by what it adds: :func:`new_violations`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bootmend.registry.check_cells import BINS_SIZE_LIMIT, Buffer, check_base, map_cells
from bootmend.registry.check_keys import KeyTree
from bootmend.registry.findings import Findings, Violation
from bootmend.registry.layout import BASE_BINS_SIZE, BASE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootmend.source import Source

__all__ = ["Violation", "check", "check_buffer", "new_violations"]


def check(source: Source, *, warnings: bool = False) -> list[Violation]:
    """Return every broken rule of the hive in ``source``; see :func:`check_buffer`.

    Only the base block and the hive bins are read, never the bytes after them.

    Raises:
        ReadError: ``source`` cannot be read; broken contents are violations, never errors.
    """
    size = source.size
    head = source.read_at(0, min(size, BASE_SIZE))
    bins_size = int.from_bytes(head[BASE_BINS_SIZE : BASE_BINS_SIZE + 4], "little")
    length = min(size, BASE_SIZE + min(bins_size, BINS_SIZE_LIMIT)) - len(head)
    return _check(head + source.read_at(len(head), length) if length > 0 else head, size, warnings=warnings)


def check_buffer(buffer: Buffer, *, warnings: bool = False) -> list[Violation]:
    """Return every broken rule of the hive file in ``buffer`` (base block, hive bins, tail).

    The errors are in the order in which they were found; with ``warnings`` the oddities that Windows
    lives with follow.  An empty list means that the hive is sound.
    """
    return _check(buffer, len(buffer), warnings=warnings)


def new_violations(before: Iterable[Violation], after: Iterable[Violation]) -> list[Violation]:
    """Return what is in ``after`` and was not in ``before``.

    Two violations are the same when code and offset are; of several alike, as many are new as have
    been added.  Texts may differ: a wrong count that is wrong by another number is not new.
    """
    known = Counter((violation.code, violation.offset) for violation in before)
    new = []
    for violation in after:
        if known[violation.code, violation.offset] > 0:
            known[violation.code, violation.offset] -= 1
        else:
            new.append(violation)
    return new


def _check(buffer: Buffer, size: int, *, warnings: bool) -> list[Violation]:
    findings = Findings()
    base = check_base(buffer, size, findings)
    if base is not None:
        cells = map_cells(buffer, base, findings)
        KeyTree(cells, base.minor, findings).check(base.root)
        cells.report_leaks()
    return findings.errors + findings.warnings if warnings else findings.errors
