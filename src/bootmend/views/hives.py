"""Hives for people and programs: keys, values, differences, what the checker finds and what mending did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bootmend.registry.regfile import single_line
from bootmend.registry.regfile_values import show_data, type_name, typed_data
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bootmend.registry import BaseBlock, Key, Value, Violation
    from bootmend.registry.hive_diff import Content, Difference
    from bootmend.registry.mend import Mending

LONGEST_LINE: Final = 100
MOST_LINES: Final = 200
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_LAST: Final = 2_650_467_744_000_000_000  # the year 10000


def time_text(filetime: int) -> str:
    """A FILETIME as UTC; empty where it is none."""
    if not 0 < filetime < _LAST:
        return ""
    return (_EPOCH + timedelta(microseconds=filetime // 10)).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- keys and values -------------------------------------------------------------------------------------
def key_document(path: str, key: Key) -> dict[str, Any]:
    """A key with its values, as JSON has it."""
    return {
        "path": path,
        "written": time_text(key.written),
        "class": key.class_name,
        "subkeys": [child.name for child in key.subkeys()],
        "values": [value_document(value) for value in key.values()],
    }


def value_document(value: Value) -> dict[str, Any]:
    """A value as JSON has it."""
    return {
        "name": value.name,
        "type": value.type,
        "type_name": type_name(value.type),
        "data": typed_data(value),
        "raw": value.data.hex(),
    }


def keys_document(hive: str, keys: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Some keys of a hive, as ``bootmend.hive/1``."""
    return {"schema": "bootmend.hive/1", "hive": hive, "keys": list(keys)}


def key_text(path: str, key: Key) -> str:
    """A key for people: its path, its subkeys, its values."""
    lines = [f"[{plain(path) or chr(92)}]", *(f"{plain(child.name)}\\" for child in key.subkeys())]
    values = list(key.values())
    names = [plain(value.name) or "(default)" for value in values]
    width = min(40, max(map(len, names), default=0))
    lines += [
        f"{name.ljust(width)}  {type_name(value.type)}  {_short(value)}".rstrip()
        for name, value in zip(names, values, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _short(value: Value) -> str:
    text = plain(show_data(value).replace("\n", " | "))
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}... ({value.size:,} bytes)"


def hit_text(path: str, value: Value | None) -> str:
    """One place where something was found."""
    return plain(path) + (f" : {plain(value.name) or '(default)'} = {_short(value)}" if value is not None else "") + "\n"


# -- the hive itself -------------------------------------------------------------------------------------
def info_document(
    hive: str, kind: str, mounted: str, size: int, base: BaseBlock, counts: tuple[int, int] | None
) -> dict[str, Any]:
    """What a hive is, as ``bootmend.hive-info/1``; ``counts`` are its keys and values, None where they cannot be counted."""
    return {
        "schema": "bootmend.hive-info/1",
        "hive": hive,
        "kind": kind,
        "mounted_at": mounted,
        "version": f"{base.major}.{base.minor}",
        "name": base.name,
        "written": time_text(base.written),
        "dirty": base.dirty,
        "sequences": [base.sequence1, base.sequence2],
        "checksum_ok": base.checksum_ok,
        "transactions_pending": base.transaction_locked,
        "file_size": size,
        "bins_size": base.bins_size,
        "keys": counts[0] if counts else None,
        "values": counts[1] if counts else None,
    }


def info_text(document: dict[str, Any]) -> str:
    """The same for people."""
    state = "dirty: changes may wait in its logs" if document["dirty"] else "clean"
    sequences = " and ".join(map(str, document["sequences"]))
    rows = [
        ("hive", document["hive"]),
        ("kind", f"{document['kind'] or 'unknown'}, in Windows at {document['mounted_at']}"),
        ("version", document["version"]),
        ("name inside", document["name"] or "none"),
        ("last written", document["written"] or "not kept"),
        ("state", f"{state} (sequence numbers {sequences}{'' if document['checksum_ok'] else ', wrong checksum'})"),
        ("size", f"{document['file_size']:,} bytes, of which {document['bins_size']:,} in bins"),
        (
            "contents",
            f"{document['keys']:,} keys, {document['values']:,} values" if document["keys"] is not None else "cannot be counted",
        ),
    ]
    return "".join(f"{name.ljust(14)}{plain(str(text))}\n" for name, text in rows)


# -- checking and mending ----------------------------------------------------------------------------------
def check_document(hive: str, violations: Sequence[Violation], mending: Mending | None = None, run: str = "") -> dict[str, Any]:
    """What the checker finds, and what mending did, as ``bootmend.hive-check/1``."""
    return {
        "schema": "bootmend.hive-check/1",
        "hive": hive,
        "violations": [_violation(each) for each in violations],
        "repairs": [
            {"code": each.code, "offset": f"{each.offset:#x}", "sentence": each.sentence}
            for each in (mending.repairs if mending else ())
        ],
        "lost": list(mending.lost if mending else ()),
        "left": [_violation(each) for each in (mending.left if mending else violations) if each.severity == "error"],
        "run": run,
    }


def _violation(violation: Violation) -> dict[str, Any]:
    return {**violation._asdict(), "offset": f"{violation.offset:#x}"}


def violations_text(violations: Sequence[Violation]) -> str:
    """What the checker finds, for people."""
    lines = [f"{each.severity}: {each.code}: {plain(str(each))}\n" for each in violations]
    if not any(each.severity == "error" for each in violations):
        lines.append("The hive is sound.\n")
    return "".join(lines)


def mending_text(mending: Mending) -> str:
    """Every repair, everything lost, everything left, for people."""
    lines = [f"mended: {plain(str(each))}\n" for each in mending.repairs]
    lines += [f"LOST: {plain(each)}\n" for each in mending.lost]
    lines += [f"left: {each.code}: {plain(str(each))}\n" for each in mending.left]
    if not mending.repairs and not mending.left:
        lines.append("The hive is sound; there is nothing to mend.\n")
    return "".join(lines)


# -- changes and differences -------------------------------------------------------------------------------
def change_document(hive: str, changes: Sequence[str], run: str, notes: Sequence[str]) -> dict[str, Any]:
    """What a command changed, as ``bootmend.hive-change/1``."""
    return {"schema": "bootmend.hive-change/1", "hive": hive, "changes": list(changes), "run": run, "notes": list(notes)}


def changes_text(changes: Sequence[str]) -> str:
    """What would change, for people: not more than fits a few screens."""
    lines = [plain(line) for line in changes[:MOST_LINES]]
    if len(changes) > MOST_LINES:
        lines.append(f"... and {len(changes) - MOST_LINES:,} lines more")
    return "".join(f"{line}\n" for line in lines)


def diff_document(before: str, after: str, differences: Sequence[Difference]) -> dict[str, Any]:
    """What differs between two hives, as ``bootmend.hive-diff/1``."""
    return {
        "schema": "bootmend.hive-diff/1",
        "before": before,
        "after": after,
        "differences": [
            {
                "change": each.change,
                "key": each.path,
                "what": each.what or ("key" if each.name is None else "value"),
                "name": each.name,
                "before": _content(each.before),
                "after": _content(each.after),
            }
            for each in differences
        ],
    }


def _content(content: Content | None) -> dict[str, Any] | None:
    if content is None:
        return None
    return {"type": content.kind, "type_name": type_name(content.kind), "raw": content.data.hex()}


def diff_text(differences: Iterable[Difference]) -> str:
    """The same for people: keys in brackets, values as a ``.reg`` file has them, with - before and + after."""
    lines: list[str] = []
    last = None
    for each in differences:
        if each.name is None and not each.what:
            lines.append(f"{'+' if each.change == 'added' else '-'} [{each.path}]")
        elif each.path != last:
            lines.append(f"  [{each.path}]")
        last = each.path
        if each.name is None and each.what:
            lines.append(f"  its {each.what} differs")
        elif each.name is not None:
            lines += [
                f"{mark} {single_line(each.name, *content)}"
                for mark, content in (("-", each.before), ("+", each.after))
                if content is not None
            ]
    return "".join(f"{plain(line)}\n" for line in lines)
