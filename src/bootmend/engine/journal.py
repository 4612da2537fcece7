"""The journal of a run: what will be written over what, complete before the first byte is.

A run's folder holds ``journal.json`` (this module's :class:`Journal`: never changed once written) and
``journal.bin`` (the bytes of every patch, ``before`` then ``after``, in the order of writing).  The JSON
carries a SHA-256 of each of those and of the whole sidecar, so that damage is noticed before use.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from bootmend.errors import CorruptError
from bootmend.source import Patch

SCHEMA = "bootmend.journal/1"


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A file or block device that patches belong to, with its length in bytes before and after.

    ``made``: the run makes the file; ``removed``: it takes it away (its patches then turn every byte into zero).
    """

    name: str
    path: str
    size_before: int
    size_after: int
    made: bool = False
    removed: bool = False

    def inverse(self) -> SourceRef:
        """The same source for the run that undoes this one."""
        return SourceRef(self.name, self.path, self.size_after, self.size_before, self.removed, self.made)

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class PatchSet:
    """Patches of some sources, ordered by step; within a step by the order of writing.

    ``before`` and ``after`` of a patch are equally long; bytes past a file's end count as zeros.
    A byte may be patched in several steps: ``before`` is what the steps before it left.
    """

    sources: tuple[SourceRef, ...]
    patches: tuple[Patch, ...]

    def path_of(self, name: str) -> str:
        """The path of a source, or of a file that is none and is named by its path."""
        return next((source.path for source in self.sources if source.name == name), name)

    def inverse(self) -> PatchSet:
        """What takes the bytes back: the same steps in reverse order."""
        last = max((patch.step for patch in self.patches), default=0)
        turned = (
            patch._replace(step=last - patch.step, before=patch.after, after=patch.before) for patch in reversed(self.patches)
        )
        return PatchSet(tuple(source.inverse() for source in self.sources), tuple(turned))


@dataclass(frozen=True, slots=True)
class Witness:
    """Bytes that must not have changed when a run is undone: they tell that the patched bytes still mean the same.

    ``source`` is the name of one of the patch set's sources, or the path of another file.
    ``sha256`` is of the bytes as they are when the run is done, its own patches included; ``before``
    is of the bytes as they were, and is filled in when the run begins.
    """

    source: str
    what: str
    offset: int
    length: int
    sha256: str = ""
    before: str = ""

    def inverse(self) -> Witness:
        """The same witness for the run that undoes this one."""
        return replace(self, sha256=self.before, before=self.sha256)

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of a sparse file that took no space on the host before the run (or after it, in the run that undoes it)."""

    source: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Journal:
    """Everything that is fixed when a run begins.

    ``kind`` is ``apply``, ``undo`` (of an apply) or ``redo`` (of an undo); ``undoes`` is the folder of the
    run that is undone.  ``info`` is the caller's: operations, findings, what a person wants to read later.
    """

    id: str
    kind: str
    undoes: str
    started: str
    version: str
    target: str
    patchset: PatchSet
    witnesses: tuple[Witness, ...]
    holes_before: tuple[Hole, ...]
    holes_after: tuple[Hole, ...]
    info: dict[str, Any]

    def encode(self) -> tuple[bytes, list[bytes]]:
        """The bytes of ``journal.json``, and the parts of ``journal.bin``."""
        parts: list[bytes] = []
        patches: list[dict[str, object]] = []
        for patch in self.patchset.patches:
            parts += [patch.before, patch.after]
            patches.append(_patch_to_json(patch))
        whole = hashlib.sha256(b"".join(parts)).hexdigest()
        text = json.dumps(self._head() | {"sidecar_sha256": whole, "patches": patches}, indent=1)
        return text.encode("ascii") + b"\n", parts

    def _head(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "id": self.id,
            "kind": self.kind,
            "undoes": self.undoes,
            "started": self.started,
            "version": self.version,
            "target": self.target,
            "sources": [source.to_json() for source in self.patchset.sources],
            "witnesses": [witness.to_json() for witness in self.witnesses],
            "holes_before": [[hole.source, hole.offset, hole.length] for hole in self.holes_before],
            "holes_after": [[hole.source, hole.offset, hole.length] for hole in self.holes_after],
            "info": self.info,
        }


def decode(text: bytes, sidecar: bytes) -> Journal:
    """Read a journal back.

    Raises:
        CorruptError: it is not one, or it is damaged: no byte of it may be used then.
    """
    try:
        raw = json.loads(text)
        if raw["schema"] != SCHEMA:
            raise CorruptError(f"the journal has the unknown schema {raw['schema']}")
        if hashlib.sha256(sidecar).hexdigest() != raw["sidecar_sha256"]:
            raise CorruptError("the journal's bytes do not have the checksum that was recorded")
        journal = _from_json(raw, sidecar)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptError(f"the journal cannot be read: {type(error).__name__} {error}") from error
    names = [source.name for source in journal.patchset.sources]
    users = {patch.source for patch in journal.patchset.patches} | {
        hole.source for hole in journal.holes_before + journal.holes_after
    }
    if len(set(names)) != len(names) or not users <= set(names):
        raise CorruptError("the journal's patches and sources do not belong together")
    return journal


def _from_json(raw: dict[str, Any], sidecar: bytes) -> Journal:
    patches = []
    position = 0
    for patch in raw["patches"]:
        length = _number(patch["length"])
        before, after = sidecar[position : position + length], sidecar[position + length : position + 2 * length]
        read = Patch(patch["source"], _number(patch["step"]), _number(patch["offset"]), before, after)
        if _patch_to_json(read) != patch:
            raise CorruptError(f"the journal's patch at {read.offset:#x} is damaged")
        patches.append(read)
        position += 2 * length
    return Journal(
        **{name: str(raw[name]) for name in ("id", "kind", "undoes", "started", "version", "target")},
        patchset=PatchSet(tuple(_source(source) for source in raw["sources"]), tuple(patches)),
        witnesses=tuple(_witness(witness) for witness in raw["witnesses"]),
        holes_before=tuple(Hole(str(name), _number(offset), _number(length)) for name, offset, length in raw["holes_before"]),
        holes_after=tuple(Hole(str(name), _number(offset), _number(length)) for name, offset, length in raw["holes_after"]),
        info=dict(raw["info"]),
    )


def _source(raw: dict[str, Any]) -> SourceRef:
    sizes = _number(raw["size_before"]), _number(raw["size_after"])
    return SourceRef(str(raw["name"]), str(raw["path"]), *sizes, made=raw["made"] is True, removed=raw["removed"] is True)


def _witness(raw: dict[str, Any]) -> Witness:
    where = str(raw["source"]), str(raw["what"]), _number(raw["offset"]), _number(raw["length"])
    return Witness(*where, sha256=str(raw["sha256"]), before=str(raw["before"]))


def _number(value: object) -> int:
    """A count of bytes or steps; whatever else stands there is damage."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no number of bytes")
    return value


def _patch_to_json(patch: Patch) -> dict[str, object]:
    """The form that plans publish as well."""
    return {
        "source": patch.source,
        "step": patch.step,
        "offset": patch.offset,
        "length": len(patch.after),
        "before_sha256": hashlib.sha256(patch.before).hexdigest(),
        "after_sha256": hashlib.sha256(patch.after).hexdigest(),
    }
