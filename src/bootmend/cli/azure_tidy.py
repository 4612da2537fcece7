"""``bootmend azure runs|cleanup|attach|swap``: what was done, what is left, and the classic way over another VM."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.azure_repair import database_option
from bootmend.cli.azure_shared import Teller, machine_and_disk, named_vm, place_options, provider_for, vm_options
from bootmend.cli.options import colour_option, yes_option
from bootmend.cli.output import confirm, data_style, say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import CloudError, MissingError, RefusedError, UsageError

if TYPE_CHECKING:
    from bootmend.cloud.azure.provider import AzureProvider
    from bootmend.cloud.provider import Owned
    from bootmend.rescue.workflow import Record


def _records(database: str) -> list[tuple[str, Record]]:
    from bootmend.cloud.azure.names import run_name
    from bootmend.rescue.workflow import open_ledger

    with open_ledger(database) as ledger:
        return [(run_name(record.id), record) for record in ledger.records("azure/")]


@click.command("runs", cls=Command)
@click.option(
    "--format", "output_format", type=click.Choice(("human", "json")), default="human", show_default=True, help="How to show it."
)
@database_option
@colour_option
def runs(*, output_format: str, database: str, colour: str) -> int:
    """List the rescues that this record knows, newest first."""
    import json

    from bootmend.views.rescues import runs_text

    records = _records(database)
    if output_format == "human":
        show_data(runs_text(records, data_style(colour)))
        return 0
    found = [
        {"run": run, "vm": record.inputs.get("vm", ""), "kind": record.workflow, "state": str(record.state),
         "started": record.started} | {key: (record.result or {}).get(key, "") for key in ("outcome", "verdict")}
        for run, record in records
    ]  # fmt: skip
    show_data(json.dumps({"schema": "bootmend.rescues/1", "runs": found}, indent=1) + "\n")
    return 0


@click.command("cleanup", cls=Command)
@click.option("-g", "--resource-group", "group", required=True, metavar="GROUP", help="Where the runs left things.")
@click.option("-n", "--name", "--vm-name", "name", default="", metavar="VM", help="Also take a dead run's mark off this VM.")
@click.option("--run", "only", default="", metavar="RUN", help="Only what this run left.")
@place_options
@yes_option
@database_option
def cleanup(
    *,
    group: str,
    name: str,
    only: str,
    subscription: str,
    cloud: str,
    poll: float,
    yes: bool,
    database: str,
    colour: str,  # noqa: ARG001 (it has been remembered)
) -> int:
    """List the disks and snapshots that runs made and no VM uses, and delete them after a question.

    A run that is not over keeps what it has made. Original disks are never listed: they are yours.
    """
    from bootmend.cloud.azure.names import checked_group, checked_subscription
    from bootmend.rescue.vm_back import left_behind
    from bootmend.views.rescues import owned_lines

    subscription = subscription or os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    provider = provider_for(checked_subscription(subscription), cloud, poll)
    going_on = {run for run, record in _records(database) if str(record.state) in {"running", "unfinished"}}
    owned = provider.owned(checked_group(group))
    found = [one for one in left_behind(owned, going_on) if not only or one.run == only]
    kept = [one for one in owned if one.run in going_on]
    if kept:
        show_data("\n".join(["kept, because their runs are not over:", *owned_lines(kept)]) + "\n")
    _unmark(provider, group, name, subscription, going_on, yes=yes)
    if not found:
        show_data(f"Nothing is left to delete in {group}.\n")
        return 0
    show_data("\n".join(["left by runs, and billed:", *owned_lines(found)]) + "\n")
    if not confirm(f"Delete these {len(found)}?", yes=yes):
        say("Nothing was deleted.")
        return RefusedError.exit_code
    _delete(provider, found)
    return 0


def _unmark(provider: AzureProvider, group: str, name: str, subscription: str, going_on: set[str], *, yes: bool) -> None:
    from bootmend.cloud.provider import RUN_TAG

    if not name:
        return
    vm = provider.vm(str(named_vm(group, name, subscription)))
    owner = vm.tags.get(RUN_TAG, "")
    run = owner.partition(" ")[0]
    if (
        owner
        and run not in going_on
        and confirm(f"{vm.name} is marked by run {owner}, which is not on record here. Take the mark off?", yes=yes)
    ):
        provider.release(vm.id, run)


def _delete(provider: AzureProvider, found: list[Owned]) -> None:
    tell = Teller().tell
    for one in found:
        tell(f"deleting {one.name}")
        if one.state in {"ActiveUpload", "ActiveSAS"}:
            try:
                provider.revoke(one.id)
            except CloudError as error:  # an upload that was not finished has no footer
                tell(f"  {error.message}")
        provider.finish(provider.begin_delete(one.id))


@click.command("attach", cls=Command)
@vm_options
@click.option("--repair-vm", required=True, metavar="VM", help="A running VM of the same group, region and zone; Linux is safe.")
@yes_option
def attach(*, group: str, name: str, subscription: str, cloud: str, poll: float, repair_vm: str, yes: bool, colour: str) -> int:  # noqa: ARG001 (it has been remembered)
    """Attach a copy of the VM's OS disk to another VM: the classic way, for what azure repair refuses.

    On that VM run `bootmend repair` on the new disk, and do not mount it; then `bootmend azure swap`.
    """
    from bootmend.cloud.azure.names import DISK, SNAPSHOT, made_name, run_name

    where = named_vm(group, name, subscription)
    helper = where.sibling(where.kind, repair_vm)
    provider = provider_for(where.subscription, cloud, poll)
    vm, disk = machine_and_disk(provider, where)
    run = run_name(f"attach {where} {disk.id} {helper}")
    copy = where.sibling(DISK, made_name(disk.name, run, "copy"))
    _warn(provider, str(helper), repair_vm)
    if not confirm(f"Copy {disk.name} to {copy.name} ({disk.sku}, billed) and attach it to {repair_vm}?", yes=yes):
        return RefusedError.exit_code
    tell = Teller().tell
    snapshot = where.sibling(SNAPSHOT, made_name(disk.name, run, "snap"))
    if provider.disk(str(copy)) is None:
        tell("snapshot")
        provider.finish(provider.begin_snapshot(disk, snapshot.name, run, full=True))
        made = provider.disk(str(snapshot))
        if made is None:
            raise MissingError(f"{snapshot.name} was made and is gone")
        tell("disk")
        provider.finish(provider.begin_copy(made, disk, copy.name, run))
    tell("attaching")
    provider.finish(provider.begin_attach(str(helper), str(copy)))
    provider.finish(provider.begin_delete(str(snapshot)))
    device = f"/dev/disk/azure/scsi1/lun{_lun(provider, str(helper), str(copy))}"
    show_data(f"{copy.name} is attached to {repair_vm}. There, without mounting it:\n  sudo bootmend repair {device}\n")
    show_data(f"then here:\n  bootmend azure swap -n {vm.id} --disk {copy.name} --repair-vm {repair_vm}\n")
    return 0


def _lun(provider: AzureProvider, vm: str, disk: str) -> int:
    """Where the disk is attached: its number among the VM's data disks."""
    disks = provider.vm(vm).note("data_disks") or []
    return next((int(one.get("lun", 0)) for one in disks if one.get("managedDisk", {}).get("id", "").lower() == disk.lower()), 0)


def _warn(provider: AzureProvider, helper: str, name: str) -> None:
    if provider.vm(helper).os_type == "Windows":
        say(f"{name} runs Windows: should its disk have the same identity as the copy (made from one image), Windows gives")
        say("the copy another one as soon as it is brought online, and breaks its boot configuration. Leave the copy offline.")


@click.command("swap", cls=Command)
@vm_options
@click.option("--disk", required=True, metavar="DISK", help="The disk that becomes the VM's OS disk; of the same resource group.")
@click.option("--repair-vm", default="", metavar="VM", help="Detach the disk from this VM first.")
@yes_option
def swap(
    *,
    group: str,
    name: str,
    subscription: str,
    cloud: str,
    poll: float,
    disk: str,
    repair_vm: str,
    yes: bool,
    colour: str,  # noqa: ARG001 (it has been remembered)
) -> int:
    """Exchange a VM's OS disk: detach the other one, stop the VM, exchange, start."""
    from bootmend.cloud.azure.names import DISK

    where = named_vm(group, name, subscription)
    provider = provider_for(where.subscription, cloud, poll)
    vm, old = machine_and_disk(provider, where)
    wanted = where.sibling(DISK, disk)
    new = provider.disk(str(wanted))
    if new is None:
        raise UsageError(f"there is no disk {disk} in {where.group}")
    if (new.generation, new.security_type) != (old.generation, old.security_type):
        raise RefusedError(
            f"{disk} is {new.generation} {new.security_type}, and the OS disk is {old.generation} {old.security_type}"
        )
    if not confirm(f"Stop {vm.name}, exchange {old.name} for {disk}, and start it?", yes=yes):
        return RefusedError.exit_code
    tell = Teller().tell
    steps: list[tuple[str, Any]] = [
        ("stopping", lambda: provider.begin_stop(str(where))),
        ("exchanging", lambda: provider.begin_swap(str(where), str(wanted))),
        ("starting", lambda: provider.begin_start(str(where))),
    ]
    if repair_vm:
        steps.insert(0, ("detaching", lambda: provider.begin_detach(str(where.sibling(where.kind, repair_vm)), str(wanted))))
    for what, begin in steps:
        tell(what)
        provider.finish(begin())
    show_data(f"{vm.name} has the OS disk {disk}. To go back:  bootmend azure swap -n {where} --disk {old.name}\n")
    return 0
