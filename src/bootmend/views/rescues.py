"""The rescue of a machine in a cloud, for people and for programs: what is asked, what is going on, what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.views import dump
from bootmend.views.style import plain, quoted, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bootmend.cloud.provider import Hindrance, Owned
    from bootmend.rescue.workflow import Record
    from bootmend.views.style import Style

SCHEMA = "bootmend.rescue/1"
#: MiB a second that a disk is filled with, at least and at most (Microsoft's figures for uploads), and minutes around it
SLOWEST, FASTEST = 60, 500
SHORTEST_STOP, LONGEST_STOP = 4, 12
STEPS = {
    "preflight": "looking at the VM, its disk, your rights, locks and quota",
    "claim": "marking the VM as worked on",
    "diagnostics": "switching boot diagnostics on",
    "look": "snapshot of the OS disk, to look at",
    "diagnose": "reading the screen and the disk",
    "consent": "asking for consent",
    "stop": "deallocating the VM",
    "snapshot": "full snapshot of the stopped disk",
    "plan again": "making the plan anew from it",
    "disk": "making the new disk",
    "fill": "copying the allocated pages, and changing ours",
    "verify disk": "reading the new disk and checking it",
    "swap": "exchanging the OS disk",
    "start": "starting the VM",
    "watch": "watching whether it boots",
    "release": "taking the mark off the VM",
}
VERDICTS = {
    "answers": "repaired, and Remote Desktop answers",
    "booted": "repaired, and booted; Remote Desktop could not be checked",
    "unchecked": "repaired on the disk; whether it boots could not be checked",
    "failing": "the fault is gone from the disk, but the VM still does not boot",
}
OUTCOMES = {
    "healthy": "no problem found",
    "findings": "problems were found that are not repaired without asking further",
    "refused": "refused",
    "planned": "stopped before consent, as asked",
    "declined": "declined",
    "changed": "the disk of the stopped VM needs another plan than the one that was shown",
    "failed": "Azure did not do it; the VM has its old disk",
    "reverted": "the VM still does not boot, and has its old disk again",
    "undone": "the original disk is in the VM again",
    "nothing": "the VM has its original disk already",
}


def step_text(step: str) -> str:
    """A step of a run in words; the two halves of a long one are one."""
    head, _, tail = step.rpartition(": ")
    name = head if tail in {"begin", "wait", "delete"} else step
    why, _, what = name.partition(": ")
    known = STEPS.get(what or why, what or why)
    if tail == "wait":
        return f"{known}: waiting for Azure"
    return "deleting that snapshot" if tail == "delete" else known


def hindrance_lines(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is in the way, or should be known first."""
    for one in found:
        yield plain(f"{'✗' if one['refuses'] else '!'} {one['what']}: {one['sentence']}")
        if one["hint"]:
            yield plain(f"    {one['hint']}")


def refusal_text(found: Sequence[Hindrance]) -> str:
    """One sentence for all that refuses."""
    return "; ".join(f"{one.what}: {one.sentence}" for one in found if one.refuses)


def downtime(allocated: int, *, running: bool) -> str:
    """How long the VM will be down, as a range of minutes."""
    copy = [allocated / (speed << 20) / 60 for speed in (FASTEST, SLOWEST)]
    low, high = SHORTEST_STOP + copy[0], LONGEST_STOP + copy[1]
    return f"{low:.0f} to {high:.0f} minutes" if running else f"none: it is stopped; done in {low:.0f} to {high:.0f} minutes"


def consent_text(stake: Mapping[str, Any]) -> str:
    """All that should be known before the answer."""
    lines = [stake["text"].rstrip(), "", *hindrance_lines(stake["hindrances"])]
    lines.append(f"downtime of {stake['vm']}: {downtime(stake['allocated'], running=stake['power'] == 'running')}")
    lines.append(
        f"the way: direct upload of a new disk, {size_text(stake['allocated'])} of it allocated; the original is not written to"
    )
    lines.append("made, and billed until they are deleted:")
    lines += [f"  {one['kind']:<9} {one['name']}   {size_text(one['size'])} {one['sku']}" for one in stake["made"]]
    lines.append(f"the way back:  bootmend azure undo {stake['run']}   puts the original disk back into the VM")
    return plain_lines(lines)


def plain_lines(lines: Iterable[str]) -> str:
    """Lines of text, without control characters."""
    return "\n".join(plain(each) for line in lines for each in line.split("\n")) + "\n"


def outcome_text(result: Mapping[str, Any], style: Style) -> str:
    """What a run has come to."""
    outcome = result["outcome"]
    good = outcome in {"healthy", "undone", "nothing"} or result.get("verdict") in {"answers", "booted"}
    lines = [style(_headline(result), "green" if good else "yellow", "bold")]
    lines += [f"  {each}" for each in result.get("evidence", ())]
    lines += list(hindrance_lines(result.get("hindrances", ()))) if outcome == "refused" else []
    if result.get("error"):
        lines += [f"  {result['error']['message']}", *([f"  {result['error']['hint']}"] if result["error"]["hint"] else [])]
    if outcome == "repaired":
        lines += list(_after_repair(result))
    if outcome == "undone":
        name = result["replaced"].rpartition("/")[2]
        lines.append(f"  what was written since then stays on {name}, which is kept and billed")
    return plain_lines(lines) if not style("", "bold") else "\n".join(lines) + "\n"


def _headline(result: Mapping[str, Any]) -> str:
    name = result.get("vm") or str(result.get("vm_id", "")).rpartition("/")[2]
    what = VERDICTS[result["verdict"]] if result["outcome"] == "repaired" else OUTCOMES[result["outcome"]]
    return plain(f"{name}: {what}   (run {result['run']})")


def _after_repair(result: Mapping[str, Any]) -> Iterator[str]:
    plan, filled = result["found"]["plan"], result["made"]["filled"]
    yield f"  {plan['bytes_changed']} bytes changed, {size_text(filled['copied'])} copied ({filled['way']})"
    for rule in dict.fromkeys(one["rule"] for one in plan["findings"]):
        yield f"  what it was:  bootmend explain {rule} --vm {quoted(result['vm'])}"
    yield f"  the original disk is kept, and billed: {result['disk'].rpartition('/')[2]}"
    yield f"  to go back:   bootmend azure undo {result['run']}"
    yield f"  to clear up:  bootmend azure cleanup -g {quoted(result['disk'].split('/')[4])}"


def outcome_json(result: Mapping[str, Any], output_format: str, owned: Sequence[Owned] = ()) -> str:
    """``bootmend.rescue/1``."""
    found = {key: value for key, value in (result.get("found") or {}).items() if key != "text"}
    document = {"schema": SCHEMA, "version": __version__, **result, "left_behind": [one.to_json() for one in owned]}
    return dump(document | ({"found": found} if found else {}), output_format)


def outcome_page(result: Mapping[str, Any]) -> str:
    """A report in Markdown, with the articles of what was found, filled in with the machine's values."""
    found = result.get("found") or {}
    lines = [f"# {_headline(result)}", "", *(f"- {one}" for one in result.get("evidence", ())), ""]
    if found.get("text"):
        lines += ["```text", found["text"].rstrip(), "```", ""]
    lines += list((found.get("articles") or {}).values())
    return "\n".join(lines).rstrip() + "\n"


def owned_lines(owned: Iterable[Owned]) -> Iterator[str]:
    """Resources with what makes them cost."""
    for one in owned:
        use = "in use" if one.in_use else one.state or "-"
        yield plain(f"  {one.kind[:-1]:<9} {one.name}   {size_text(one.size)} {one.sku}   {use}   run {one.run}")


def runs_text(records: Sequence[tuple[str, Record]], style: Style) -> str:
    """The runs, newest first."""
    if not records:
        return "No rescues yet.\n"
    lines = []
    for run, record in reversed(records):
        result = record.result or {}
        came_to = (
            OUTCOMES.get(result.get("outcome", ""), VERDICTS.get(result.get("verdict", ""), ""))
            or "goes on with the same command"
        )
        vm = plain(str(record.inputs.get("vm", "")).rpartition("/")[2])
        lines.append(
            f"{style(run, 'bold')}  {record.started[:16].replace('T', ' ')} UTC  {record.workflow:<7}{record.state:<11}{vm}"
        )
        lines.append(plain(f"          {came_to}"))
    return "\n".join(lines) + "\n"
