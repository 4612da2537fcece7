"""The rescue of one machine, from "it does not boot" to "it answers", step by step, each of which may be interrupted.

What was recorded is never done again; what was begun is adopted: names are made from the run's id, operations are
finished by their tokens.  Grants to bytes are asked for anew in every step that needs one, and are never recorded.
What the run comes to is a value with an ``outcome``:

``healthy`` nothing was found; ``findings`` there is nothing that may be repaired without asking further;
``refused`` something speaks against it; ``planned`` it was to stop at consent; ``declined`` there was none;
``changed`` the disk of the stopped machine needs another plan; ``failed`` Azure did not do it, and the machine is as
it was; ``repaired`` (with the ``verdict`` of :mod:`bootmend.rescue.vm_watch`); ``reverted`` still failing, and back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from bootmend.cloud.azure.blob import fill, page_ranges, without
from bootmend.cloud.azure.client import PassingError
from bootmend.cloud.azure.names import run_name
from bootmend.cloud.provider import Disk, Operation, Power, Vm
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.errors import (
    BootmendError,
    CloudError,
    CorruptError,
    MissingError,
    RefusedError,
    TruncatedError,
    UnsupportedError,
    VerificationError,
)
from bootmend.rescue.vm_back import Back, waited
from bootmend.rescue.vm_look import disk_name, look_at, opened, pages_of, plan_record, see
from bootmend.rescue.vm_names import Names
from bootmend.rescue.vm_watch import FAILING, Patience, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.cloud.provider import Provider
    from bootmend.rescue.vm_look import Look
    from bootmend.rescue.workflow import Flow

FOOTER = 512
RETRIES_OF_ACCESS = 3
#: what will be the same the next time; a plain ReadError may be the network
FINAL = (CloudError, VerificationError, RefusedError, MissingError, CorruptError, TruncatedError, UnsupportedError)
T = TypeVar("T")


class GivenUpError(BootmendError):
    """A step came to its final failure, which is on record."""

    def __init__(self, kept: dict[str, Any]) -> None:
        super().__init__(str(kept["message"]))
        self.kept = kept


class Desk(NamedTuple):
    """Where a run meets the people: how they consent, and what is shown to them.

    ``consent`` is asked with what is at stake and answers yes or no; ``back`` likewise, whether a machine that still
    fails goes back to its old disk; ``text`` and ``articles`` make what is kept and shown of a look
    at the disk.
    """

    consent: Callable[[dict[str, Any]], bool]
    back: Callable[[dict[str, Any]], bool]
    text: Callable[[Look], str]
    articles: Callable[[Look], dict[str, str]]
    who: str = ""


class Rescue:
    """One run on one machine; :meth:`run` is the workflow."""

    def __init__(self, flow: Flow, provider: Provider, desk: Desk, patience: Patience) -> None:
        self.flow = flow
        self.provider = provider
        self.desk = desk
        self.patience = patience
        self.vm_id: str = flow.inputs["vm"]
        self.request = request_of(flow.inputs["request"])

    # -- the whole -----------------------------------------------------------------------------------
    def run(self) -> dict[str, Any]:
        """All steps; plain JSON."""
        try:
            start = self._step("preflight", self._preflight)
        except GivenUpError as error:
            return {"outcome": "failed", "run": run_name(self.flow.id), "vm_id": self.vm_id, "error": error.kept}
        self.vm, self.disk = Vm(**start["vm"])._replace(power=Power(start["vm"]["power"])), disk_from(start["disk"])
        self.names = Names.of(self.flow.id, self.vm.name, self.disk.name)
        refusals = [one for one in start["hindrances"] if one["refuses"]]
        if refusals:
            return self._result("refused", hindrances=start["hindrances"])
        try:
            owner = self._step("claim", self._claim)
            if owner.partition(" ")[0] != self.names.run:
                return self._result("refused", hindrances=[_claimed(self.vm, owner)])
            if self.flow.inputs.get("diagnostics") and not self.vm.note("diagnostics"):
                self._step("diagnostics", lambda: self.provider.enable_diagnostics(self.vm_id))
            result = self._repair(start)
        except GivenUpError as error:
            result = self._result("refused" if error.kept["exit_code"] == RefusedError.exit_code else "failed", error=error.kept)
        self.flow.step("release", lambda: self.provider.release(self.vm_id, self.names.run))
        return result

    def _preflight(self) -> dict[str, Any]:
        vm = self.provider.vm(self.vm_id)
        if not vm.os_disk:
            raise RefusedError(f"{vm.name} has no managed OS disk", hint="convert it to managed disks first")
        disk = self.provider.disk(vm.os_disk)
        if disk is None:
            raise CloudError(f"the OS disk {vm.os_disk_name} cannot be found")
        found = self.provider.hindrances(vm, disk, reading_only=False)
        return {"vm": vm._asdict(), "disk": disk._asdict(), "hindrances": [one.to_json() for one in found]}

    def _claim(self) -> str:
        return self.provider.claim(self.vm_id, f"{self.names.run} {self.desk.who}".strip())

    def _repair(self, start: dict[str, Any]) -> dict[str, Any]:
        first = self._made("look", self.names.first_snapshot, self.disk, full=False)
        try:
            found = self._step("diagnose", lambda: self._diagnose(first))
        except GivenUpError:
            self._delete("look", first)
            raise
        self._delete("look", first)
        if found["plan"]["verdict"] == "healthy" or found["plan"]["empty"]:
            outcome = "healthy" if found["plan"]["verdict"] == "healthy" else "findings"
            return self._result(outcome, found=found)
        wanted = self.flow.inputs.get("patches")
        if wanted is not None and wanted != found["plan"]["patches"]:
            return self._result("changed", found=found)
        if self.flow.inputs["dry_run"]:
            return self._result("planned", found=found, hindrances=start["hindrances"])
        if not self.flow.step("consent", lambda: self.desk.consent(self._stake(start, found))):
            return self._result("declined", found=found)
        try:
            return self._change(found)
        except GivenUpError as error:  # what cannot be done is not left half done
            self.flow.step("gives up: close", self._close)
            self._put_back("gives up")
            return self._result("failed", found=found, error=error.kept)

    def _stake(self, start: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """What consent is asked for."""
        return {
            "vm": self.vm.name,
            "power": str(self.vm.power),
            "run": self.names.run,
            "text": found["text"],
            "hindrances": start["hindrances"],
            "made": [
                {"kind": "snapshot", "name": self.names.snapshot, "size": self.disk.size, "sku": "Standard"},
                {"kind": "disk", "name": self.names.new_disk, "size": self.disk.size, "sku": self.disk.sku},
            ],
            "allocated": found["allocated"],
        }

    # -- looking -------------------------------------------------------------------------------------
    def _diagnose(self, snapshot: str) -> dict[str, Any]:
        shown, remarks = see(self.provider, self.vm)
        for remark in remarks:
            self.flow.say(remark)
        look = look_at(self.provider, snapshot, self.request, vm=self.vm, disk=self.disk, shown=shown)
        with self.provider.open_read(snapshot) as grant:
            allocated = sum(length for _, length in page_ranges(grant.url))
        kept = {"plan": plan_record(look), "text": self.desk.text(look), "articles": self.desk.articles(look)}
        return kept | {"remarks": list(remarks), "allocated": allocated}

    def _request(self, found: dict[str, Any]) -> Request:
        """What was asked for, with the codes that the screen showed."""
        return replace(self.request, codes=tuple(found["plan"]["codes"]))

    # -- changing ------------------------------------------------------------------------------------
    def _change(self, found: dict[str, Any]) -> dict[str, Any]:
        self._power("stop", self.provider.begin_stop)
        snapshot = self._made("snapshot", self.names.snapshot, self.disk, full=True)
        again = self._step("plan again", lambda: self._plan_again(snapshot, found))
        if not again["same"]:
            self._put_back("plan changed")
            return self._result("changed", found=found)
        new = self._new_disk()
        filled = self._step("fill", lambda: self._fill(snapshot, new, found))
        checked = self._step("verify disk", lambda: self._verify(snapshot, new, found))
        self._power("swap", lambda vm_id: self.provider.begin_swap(vm_id, new))
        self._power("start", self.provider.begin_start)
        return self._watched(found, {"snapshot": snapshot, "new_disk": new, "filled": filled, "checked": checked})

    def _power(self, step: str, begin: Callable[[str], Operation]) -> None:
        """Begin an operation on the machine and wait for it; one that fails late is begun once more."""
        begun = self._step(f"{step}: begin", lambda: begin(self.vm_id).to_json())
        self._step(f"{step}: wait", lambda: self._waited(Operation.from_json(begun), lambda: begin(self.vm_id)))

    def _waited(self, operation: Operation, again: Callable[[], Operation]) -> bool:
        return waited(self.provider, operation, again, self.flow.say)

    def _made(self, step: str, name: str, disk: Disk, *, full: bool) -> str:
        """A snapshot that is there and ready; its resource."""

        def begin() -> Operation:
            return self.provider.begin_snapshot(disk, name, self.names.run, full=full)

        begun = self._step(f"{step}: begin", lambda: begin().to_json(), intent={"snapshot": name})
        self._step(f"{step}: wait", lambda: self._waited(Operation.from_json(begun), begin))
        return str(begun["resource"])

    def _new_disk(self) -> str:
        def begin() -> Operation:
            return self.provider.begin_disk(self.disk, self.names.new_disk, self.names.run)

        begun = self._step("disk: begin", lambda: begin().to_json(), intent={"disk": self.names.new_disk})
        self._step("disk: wait", lambda: self._waited(Operation.from_json(begun), begin))
        return str(begun["resource"])

    def _delete(self, step: str, resource: str) -> None:
        self.flow.step(f"{step}: delete", lambda: self.provider.finish(self.provider.begin_delete(resource)))

    def _plan_again(self, snapshot: str, found: dict[str, Any]) -> dict[str, Any]:
        """The plan of the disk as it is now that nothing writes to it: the same changes, if perhaps not to the same bytes."""
        request = self._request(found)
        look = look_at(self.provider, snapshot, request, vm=self.vm, disk=self.disk)
        record = plan_record(look)
        wanted = self.flow.inputs.get("patches")
        same = record["changes"] == found["plan"]["changes"] and (wanted is None or wanted == record["patches"])
        return {"same": same, "patches": record["patches"], "identical": record["patches"] == found["plan"]["patches"]}

    def _fill(self, snapshot: str, new: str, found: dict[str, Any]) -> dict[str, Any]:
        disk = self.provider.disk(new)
        if disk is not None and disk.state in {"Unattached", "Reserved", "Attached"}:
            return {"way": "before", "copied": 0, "changed": 0}  # filled and closed by a process that is gone
        for attempt in range(1, RETRIES_OF_ACCESS + 1):
            try:
                return self._fill_once(snapshot, new, found)
            except PassingError as error:
                if attempt == RETRIES_OF_ACCESS:
                    raise  # the network, perhaps: the same command goes on
                self.flow.say(f"{error.message}; once more")
        raise AssertionError

    def _fill_once(self, snapshot: str, new: str, found: dict[str, Any]) -> dict[str, Any]:
        with opened(self.provider, snapshot, disk_name(self.vm, self.disk)) as target:
            pages = pages_of(make_plan(target, self._request(found)), target)
            size = target.remote.size
        told = [0]

        def progress(done: int, total: int) -> None:
            if done * 10 // total > told[0] or done == total:
                told[0] = done * 10 // total
                self.flow.say(f"copied {done >> 20} of {total >> 20} MiB")

        with self.provider.open_read(snapshot) as source, self.provider.open_write(new) as grant:
            filled = fill(source.url, grant.url, size, pages, progress)
        return filled._asdict()

    def _verify(self, snapshot: str, new: str, found: dict[str, Any]) -> dict[str, Any]:
        """Read the new disk: the faults are gone, the patched bytes are there, and nothing else is allocated.

        Raises:
            VerificationError: it is not so.
        """
        with self.provider.open_read(snapshot) as grant:
            before = page_ranges(grant.url)
        with self.provider.open_read(new) as grant:
            after = page_ranges(grant.url)
        with opened(self.provider, snapshot, "snapshot") as target:
            pages = pages_of(make_plan(target, self._request(found)), target)
        with opened(self.provider, new, disk_name(self.vm, self.disk)) as target:
            report = diagnose(target, rules=self.request.rules)
            wrong = [offset for offset, page in pages.items() if target.remote.read_at(offset, len(page)) != page]
        chosen = {(one["rule"], one["subject"]) for one in found["plan"]["findings"]}
        staying = [one.rule for one in report.problems if one.key in chosen]
        extra = without(after, before + [(offset, FOOTER) for offset in sorted(pages)])
        missing = without(before, after)
        if staying or wrong or extra or missing:
            what = f"{staying[0]} is still there" if staying else "other bytes than the plan's differ"
            raise VerificationError(f"the new disk is not what it should be: {what}")
        return {"pages": len(pages), "ranges": len(after)}

    # -- the end -------------------------------------------------------------------------------------
    def _watched(self, found: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
        seen = self.flow.step("watch", lambda: Watch(self.provider, self.vm_id, self.patience, self.flow.say).run())
        result = self._result(
            "repaired", found=found, made=made, verdict=seen["verdict"], evidence=seen["evidence"], screen=seen["screen"]
        )
        if seen["verdict"] != FAILING:
            return result
        if not self.flow.step("consent to go back", lambda: self.desk.back(result)):
            return result
        self._put_back("still failing")
        return result | {"outcome": "reverted"}

    def _close(self) -> None:
        """Take back whatever access there is to the new disk; one that was not finished has no footer, and Azure says so."""
        resource = self.disk.id.rpartition("/")[0] + "/" + self.names.new_disk
        try:
            if self.provider.disk(resource) is not None:
                self.provider.revoke(resource)
        except PassingError:
            raise
        except CloudError as error:
            self.flow.say(error.message)

    def _put_back(self, why: str) -> None:
        """The machine gets its old disk, and runs if it ran."""
        back = Back(self.flow, self.provider, self.vm_id, why)
        back.to(self.disk.id, start=self.vm.power is Power.RUNNING)

    def _step(self, name: str, action: Callable[[], T], *, intent: Any = None) -> T:  # noqa: ANN401 (plain JSON)
        """A step whose final failure is a result, too: it is on record, and the run goes another way from there each time."""

        def act() -> dict[str, Any]:
            try:
                return {"value": action()}
            except PassingError:
                raise
            except FINAL as error:
                return {"error": {"message": str(error), "hint": error.hint or "", "exit_code": error.exit_code}}

        kept = self.flow.step(name, act, intent=intent)
        if "error" in kept:
            raise GivenUpError(kept["error"])
        return cast("T", kept["value"])

    def _result(self, outcome: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (plain JSON)
        return {"outcome": outcome, "run": self.names.run, "vm": self.vm.name, "vm_id": self.vm_id, "disk": self.disk.id} | more


def _claimed(vm: Vm, owner: str) -> dict[str, object]:
    return {
        "what": "another run",
        "sentence": f"{vm.name} is being worked on by run {owner or 'of somebody else'}",
        "hint": "wait for it; if it is dead,  bootmend azure cleanup  removes its mark",
        "refuses": True,
    }


def request_of(data: dict[str, Any]) -> Request:
    """A request from its JSON form."""
    return Request(**data | {"rules": tuple(data["rules"]), "codes": tuple(data["codes"])})


def disk_from(data: dict[str, Any]) -> Disk:
    """A disk from the record."""
    return Disk(**data | {"zones": tuple(data["zones"])})
