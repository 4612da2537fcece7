"""Files inside disks, for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend.errors import BootmendError
from bootmend.views.hives import time_text
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bootmend.engine.disk_files import Change, Piece
    from bootmend.filesystem import Entry
    from bootmend.machine import Machine, Volume

REGBACK = "\\Windows\\System32\\config\\RegBack"
LETTERS = (("READONLY", "r"), ("HIDDEN", "h"), ("SYSTEM", "s"), ("ARCHIVE", "a"), ("COMPRESSED", "c"), ("REPARSE_POINT", "l"))


def disk_document(path: str, machine: Machine, image_format: str, remarks: Sequence[str]) -> dict[str, Any]:
    """What a disk is, as ``bootmend.disk/1``."""
    table = machine.table
    return {
        "schema": "bootmend.disk/1",
        "path": path,
        "format": image_format,
        "size": machine.disk.size if machine.disk is not None else 0,
        "scheme": table.scheme if table is not None else "directory",
        "disk_id": table.disk_id if table is not None else "",
        "firmware": machine.firmware,
        "remarks": [*remarks, *(table.remarks if table is not None else ())],
        "volumes": [_volume(machine, volume) for volume in machine.volumes],
    }


def _volume(machine: Machine, volume: Volume) -> dict[str, Any]:
    part = volume.partition
    return {
        "number": volume.number,
        "offset": part.offset if part else 0,
        "size": volume.size,
        "file_system": volume.kind,
        "label": volume.label,
        "type": (part.type if isinstance(part.type, str) else f"{part.type:#04x}") if part else "",
        "active": bool(part and part.active),
        "roles": list(machine.roles(volume)),
        "bitlocker": _bitlocker(volume),
        "hive_sources": _hive_sources(machine, volume),
    }


def _hive_sources(machine: Machine, volume: Volume) -> list[dict[str, Any]]:
    """Where healthy hives may be had from: Windows' own copies in RegBack that are not empty, and shadow copies."""
    found: list[dict[str, Any]] = []
    if "windows" in machine.roles(volume) and volume.tree.exists(REGBACK):
        copies = [entry for entry in volume.tree.list(REGBACK) if not entry.is_directory and entry.size]
        found += [
            {"kind": "RegBack", "name": f"{REGBACK}\\{entry.name}", "size": entry.size, "time": time_text(entry.modified)}
            for entry in copies
        ]
    if volume.kind == "NTFS" and volume.source is not None:
        from bootmend.volume.shadow import list_shadow_copies

        try:
            shadows = list_shadow_copies(volume.source)
        except BootmendError:
            shadows = []
        found += [{"kind": "shadow copy", "name": copy.id, "size": 0, "time": time_text(copy.created)} for copy in shadows]
    return found


def _bitlocker(volume: Volume) -> dict[str, Any] | None:
    """How an encrypted volume is encrypted, and what would unlock it; None for others."""
    if volume.kind != "BitLocker" or volume.source is None:
        return None
    from bootmend.volume.bitlocker import read_bitlocker

    try:
        found = read_bitlocker(volume.source)
    except BootmendError as error:
        return {"method": "", "suspended": False, "protectors": [], "problem": str(error)}
    protectors = [{"id": one.id, "kind": one.kind} for one in found.protectors]
    return {"method": found.method, "suspended": found.suspended, "protectors": protectors, "problem": ""}


def disk_text(document: dict[str, Any]) -> str:
    """The same for people."""
    name = f"{plain(document['path'])}   {document['format']}, {document['size']:,} bytes"
    scheme = document["scheme"] + (f" {document['disk_id']}" if document["disk_id"] else "")
    lines = [f"{name} · {scheme} · {document['firmware']}"]
    for volume in document["volumes"]:
        marks = [*volume["roles"], *(["active"] if volume["active"] else [])]
        label = f'"{plain(volume["label"])}"' if volume["label"] else "-"
        size = f"{volume['size']:>18,} bytes at {volume['offset']:,}"
        row = f"  {volume['number']:>3}  {volume['file_system']:<10} {label:<22} {size}"
        lines.append(row + (f"   {', '.join(marks)}" if marks else ""))
        lines += _bitlocker_lines(volume["bitlocker"])
        lines += [f"       {one['kind']} {plain(one['name'])} of {one['time']}" for one in volume["hive_sources"]]
    lines += [f"  note: {plain(remark)}" for remark in document["remarks"]]
    return "\n".join(lines) + "\n"


def _bitlocker_lines(encryption: dict[str, Any] | None) -> list[str]:
    if encryption is None:
        return []
    if encryption["problem"]:
        return [f"       encrypted; what would unlock it cannot be told: {plain(encryption['problem'])}"]
    head = f"       encrypted with {encryption['method']}" + ("; protection is suspended" if encryption["suspended"] else "")
    return [head, *(f"       unlocked by {plain(one['kind'])} {one['id']}" for one in encryption["protectors"])]


def entry_document(path: str, entry: Entry) -> dict[str, Any]:
    """One file."""
    return {
        "path": path,
        "directory": entry.is_directory,
        "size": entry.size,
        "attributes": [name.lower() for name, _ in LETTERS if name in _names(entry)],
        "modified": time_text(entry.modified),
    }


def files_document(place: str, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Some files, as ``bootmend.files/1``."""
    return {"schema": "bootmend.files/1", "place": place, "files": list(entries)}


def entry_text(path: str, entry: Entry) -> str:
    """One file, as a line."""
    names = _names(entry)
    letters = "".join(letter if name in names else "-" for name, letter in LETTERS)
    size = "<DIR>" if entry.is_directory else f"{entry.size:,}"
    return f"{time_text(entry.modified):<20}  {letters}  {size:>15}  {plain(path)}\n"


def _names(entry: Entry) -> set[str]:
    return {str(flag.name) for flag in entry.attributes}


def map_document(place: str, pieces: Iterable[Piece]) -> dict[str, Any]:
    """Where a file lies, as ``bootmend.map/1``."""
    return {"schema": "bootmend.map/1", "place": place, "pieces": [piece._asdict() for piece in pieces]}


def map_text(pieces: Iterable[Piece]) -> str:
    """The same for people."""
    lines = [
        f"{piece.start:>14,}  {piece.length:>14,} bytes  "
        + (f"at {piece.offset:,} of {plain(piece.source)}" if piece.source else "nowhere as they are: zeros, or packed")
        for piece in pieces
    ]
    return "\n".join(lines) + "\n" if lines else "The file is empty.\n"


def change_document(path: str, change: Change) -> dict[str, Any]:
    """What came of a change, as ``bootmend.disk-change/1``."""
    return {"schema": "bootmend.disk-change/1", "path": path, "changes": list(change.changes), "run": change.run_id}
