"""``bootmend azure check|plan|role``: look at a VM, and change nothing but a snapshot of our own."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.azure_shared import (
    Teller,
    format_option,
    machine_and_disk,
    named_vm,
    provider_for,
    request_json,
    vm_options,
)
from bootmend.cli.options import code_option, known_rules, normal_codes, repair_options, rule_option
from bootmend.cli.output import data_style, say, show_data
from bootmend.cli.settings import Command
from bootmend.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.cloud.azure.names import ResourceId
    from bootmend.cloud.azure.provider import AzureProvider
    from bootmend.cloud.provider import Disk, Vm
    from bootmend.engine.plan import Request
    from bootmend.rescue.vm_look import Look

PLAN_SCHEMA = "bootmend.azure-plan/1"


@click.command("check", cls=Command)
@vm_options
@rule_option
@code_option
@format_option
def check(
    *,
    group: str,
    name: str,
    subscription: str,
    cloud: str,
    poll: float,
    rules: tuple[str, ...],
    codes: tuple[str, ...],
    output_format: str,
    colour: str,
) -> int:
    """Say why a VM does not boot: its screen, its serial log, and a snapshot of its OS disk, which is deleted again.

    The VM may run meanwhile. Some hundred KiB of the disk are read.
    """
    from bootmend.engine.clock import filetime_now
    from bootmend.engine.plan import Request
    from bootmend.views import render_report

    where = named_vm(group, name, subscription)
    request = Request(made_at=filetime_now(), rules=known_rules(*rules), codes=normal_codes(codes))
    look = _look(provider_for(where.subscription, cloud, poll), where, request)
    show_data(render_report(look.report, output_format, data_style(colour), name=look.report.path, steps=False))
    if output_format == "human" and look.report.problems:
        say(f"next:  bootmend azure repair -n {where}")
    return look.report.exit_code


@click.command("plan", cls=Command)
@vm_options
@repair_options
@click.option("-o", "--output", default="", metavar="FILE", help="Keep the plan, for bootmend azure apply.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("human", "json", "jsonl", "html", "md")),
    default="human",
    show_default=True,
    help="How to show it.",
)
def plan(
    *,
    group: str,
    name: str,
    subscription: str,
    cloud: str,
    poll: float,
    output: str,
    output_format: str,
    colour: str,
    **asked: Any,  # noqa: ANN401 (the options that decide what a plan holds)
) -> int:
    """Show the exact changes that a repair of a VM's disk would make."""
    from bootmend.cli.request import make_request
    from bootmend.views import render_plan

    where = named_vm(group, name, subscription)
    request = make_request(**asked)
    if output and os.path.lexists(output):
        raise UsageError(f"{output} exists", hint="choose another name for the plan")
    look = _look(provider_for(where.subscription, cloud, poll), where, request)
    show_data(render_plan(look.plan, output_format, data_style(colour), name=look.report.path, steps=False))
    if output:
        _keep(output, where, look)
        say(f"kept as {output}; apply it with  bootmend azure apply {output}")
    return look.report.exit_code


def _look(provider: AzureProvider, where: ResourceId, request: Request) -> Look:
    from bootmend.rescue.vm_look import look_at, see
    from bootmend.views.rescues import hindrance_lines, refusal_text

    tell = Teller().tell
    vm, disk = machine_and_disk(provider, where)
    found = provider.hindrances(vm, disk, reading_only=True)
    for line in hindrance_lines([one.to_json() for one in found if not one.refuses]):
        say(line)
    if any(one.refuses for one in found):
        raise RefusedError(refusal_text(found), hint=next((one.hint for one in found if one.refuses and one.hint), None))
    shown, remarks = see(provider, vm)
    for remark in remarks:
        tell(remark)
    with _snapshot(provider, vm, disk, tell) as snapshot:
        tell("reading the disk")
        return look_at(provider, snapshot, request, vm=vm, disk=disk, shown=shown)


@contextmanager
def _snapshot(provider: AzureProvider, vm: Vm, disk: Disk, tell: Any) -> Iterator[str]:  # noqa: ANN401
    """A snapshot of our own, deleted in the end; one that a crash leaves is found by its tag."""
    from bootmend.cloud.azure.names import made_name

    run = os.urandom(4).hex()
    tell(f"snapshot of {disk.name}, the OS disk of {vm.name}")
    begun = provider.begin_snapshot(disk, made_name(disk.name, run, "check"), run, full=False)
    try:
        provider.finish(begun)
        yield begun.resource
    finally:
        tell("deleting the snapshot")
        provider.finish(provider.begin_delete(begun.resource))


def _keep(output: str, where: ResourceId, look: Look) -> None:
    from bootmend.rescue.vm_look import plan_record

    document = {"schema": PLAN_SCHEMA, "vm": str(where), "request": request_json(look.plan.request), "plan": plan_record(look)}
    try:
        with open(output, "x", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
    except OSError as error:
        raise UsageError(f"the plan cannot be kept as {output}: {error.strerror}") from error


@click.command("role", cls=Command)
@click.option("--diagnose-only", is_flag=True, help="Only the rights that check and plan need.")
@click.option("--subscription", default="", metavar="ID", help="The subscription's id; by default AZURE_SUBSCRIPTION_ID.")
@click.option("-g", "--resource-group", "group", default="", metavar="GROUP", help="Only for this resource group.")
def role(*, diagnose_only: bool, subscription: str, group: str) -> int:
    """Print the role with the least rights, for `az role definition create --role-definition`."""
    from bootmend.cloud.azure.names import checked_group, checked_subscription
    from bootmend.cloud.azure.role import role_definition

    subscription = subscription or os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    if not subscription:
        raise UsageError("the subscription is missing", hint="add --subscription ID, or set AZURE_SUBSCRIPTION_ID")
    scope = f"/subscriptions/{checked_subscription(subscription)}"
    scope += f"/resourceGroups/{checked_group(group)}" if group else ""
    show_data(json.dumps(role_definition(scope, diagnose_only=diagnose_only), indent=2) + "\n")
    return 0
