"""Steps that have been done: which operation a step stands for, and the tick with its evidence.

A step of our own articles names what does it, directly behind its number, in a comment that other readers pass over::

    5. <!--step: repair-->Repair it.
        * <!--step: delete-element imcdevice imchivename-->Deletes both settings.

An operation is a word, and what it is done to where that matters (a name with blanks has hyphens for them); several stand with
commas between them.  Besides the
catalogue's kinds of operation (``set-element``, ``delete-element``, ``set-value``...) there are those of :data:`DEEDS`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from bootmend.article.nodes import Block, Break, Inline, Item, Listing, Paragraph, Quote, Strong, Text, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bootmend.article.filling import Filled

DEEDS = {
    "check": "the disk was looked at",
    "repair": "the repair of the article's fault is on the disk",
    "undo": "the last run was taken back",
}
"""What a step may name besides kinds of operation, and what it means."""
TICK = "✓ Done"
MOST_OPERATIONS = 12

_MARKER = re.compile(r"<!--\s{0,9}step:([^<>]{0,300}?)-->[ \t]*", re.IGNORECASE)


class Deed(NamedTuple):
    """Something that was done on the machine: its operation, to what ("" for the whole), by whom and with what outcome.

    ``by`` is what several deeds share, such as ``run 7c1e, 2026-11-22 18:00:52 UTC``; ``outcome`` is a phrase.
    """

    operation: str
    subject: str
    by: str
    outcome: str = ""


def step_marker(text: str) -> tuple[tuple[str, ...], str]:
    """The operations that a step's text begins with, each as ``delete-element imcdevice``, and the rest of the text."""
    found = _MARKER.match(text)
    return (operations_in(found.group(1)), text[found.end() :]) if found else ((), text)


def operations_in(written: str) -> tuple[str, ...]:
    """``set-element a b, check`` as ``("set-element a", "set-element b", "check")``."""
    named: list[str] = []
    for part in written.split(","):
        word, *subjects = part.split() or [""]
        named += [f"{word} {subject}" for subject in subjects] or ([word] if word else [])
    return tuple(named[:MOST_OPERATIONS])


def tick(filled: Filled, deeds: Iterable[Deed]) -> Filled:
    """Tick every step all of whose operations are among the deeds, and say by what."""
    known: dict[str, Deed] = {}
    for deed in reversed(tuple(deeds)):  # the first of several counts
        known[deed.operation.lower()] = known[f"{deed.operation} {deed.subject}".strip().lower()] = deed
    if not known:
        return filled
    article = filled.article
    sections = tuple(replace(section, blocks=_ticked(section.blocks, known)) for section in article.sections)
    return replace(filled, article=replace(article, sections=sections))


def _ticked(blocks: tuple[Block, ...], known: dict[str, Deed]) -> tuple[Block, ...]:
    return tuple(_block(block, known) for block in blocks)


def _block(block: Block, known: dict[str, Deed]) -> Block:
    if isinstance(block, Listing):
        return replace(block, items=tuple(_item(item, known) for item in block.items))
    return replace(block, blocks=_ticked(block.blocks, known)) if isinstance(block, Quote) else block


def _item(item: Item, known: dict[str, Deed]) -> Item:
    inner = replace(item, blocks=_ticked(item.blocks, known))
    found = [known.get(operation.lower()) for operation in item.operations]
    deeds = [deed for deed in found if deed is not None]
    if not deeds or len(deeds) < len(found):
        return inner
    evidence = evidence_of(deeds)
    return replace(inner, blocks=_with_evidence(inner.blocks, evidence), done=evidence)


def evidence_of(deeds: Collection[Deed]) -> str:
    """One line: who, and each outcome once; ``run 7c1e: a; b``."""
    by: dict[str, dict[str, None]] = {}
    for deed in deeds:
        by.setdefault(printable(deed.by), {}).update({printable(deed.outcome): None} if deed.outcome else {})
    return "; ".join(f"{who}: {', '.join(outcomes)}" if outcomes else who for who, outcomes in by.items())


def _with_evidence(blocks: tuple[Block, ...], evidence: str) -> tuple[Block, ...]:
    """The step's blocks and the tick: on a line of its own in a step of one paragraph, else in a paragraph at the end."""
    line: tuple[Inline, ...] = (Strong((Text(TICK),)), Text(f": {evidence}"))
    if len(blocks) == 1 and isinstance(blocks[0], Paragraph):
        return (replace(blocks[0], children=(*blocks[0].children, Break(), *line)),)
    return (*blocks, Paragraph(line))
