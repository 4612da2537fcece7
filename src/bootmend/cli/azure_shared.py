"""What the commands for Azure share: the options, the connection, the words for what goes on."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from bootmend.cli.options import colour_option
from bootmend.cli.output import say
from bootmend.errors import CloudError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.cloud.azure.names import ResourceId
    from bootmend.cloud.azure.provider import AzureProvider
    from bootmend.cloud.provider import Disk, Vm
    from bootmend.engine.plan import Request
    from bootmend.rescue.vm_look import Look
    from bootmend.rescue.workflow import Event

MACHINE_FORMATS = ("human", "json", "jsonl", "md")

group_option = click.option("-g", "--resource-group", "group", default="", metavar="GROUP", help="The VM's resource group.")
name_option = click.option(
    "-n", "--name", "--vm-name", "name", required=True, metavar="VM", help="The VM's name, or its whole resource id."
)
subscription_option = click.option(
    "--subscription", default="", metavar="ID", help="The subscription's id; by default AZURE_SUBSCRIPTION_ID."
)
cloud_option = click.option(
    "--cloud",
    default="AzureCloud",
    show_default=True,
    metavar="NAME",
    help="AzureCloud, AzureUSGovernment, AzureChinaCloud, or the https address of a Resource Manager.",
)
poll_option = click.option(
    "--poll", type=click.FloatRange(0.01, 300), default=5.0, show_default=True, help="Seconds between two questions to Azure."
)
format_option = click.option(
    "--format", "output_format", type=click.Choice(MACHINE_FORMATS), default="human", show_default=True, help="How to show it."
)


def vm_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a VM and say how to reach it."""
    for option in (colour_option, poll_option, cloud_option, subscription_option, name_option, group_option):
        command = option(command)
    return command


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how to reach Azure."""
    for option in (colour_option, poll_option, cloud_option, subscription_option):
        command = option(command)
    return command


def named_vm(group: str, name: str, subscription: str) -> ResourceId:
    """The VM's id."""
    from bootmend.cloud.azure.names import vm_id

    return vm_id(subscription=subscription or os.environ.get("AZURE_SUBSCRIPTION_ID", ""), group=group, name=name)


def provider_for(subscription: str, cloud: str, poll: float) -> AzureProvider:
    """Azure; no request is made yet.

    Raises:
        UnsupportedError: the extra is not installed.
    """
    from bootmend.cloud.azure.client import Pace, connect
    from bootmend.cloud.azure.provider import AzureProvider

    return AzureProvider(connect(subscription, cloud, Pace(poll)))


def machine_and_disk(provider: AzureProvider, where: ResourceId) -> tuple[Vm, Disk]:
    """The VM and its OS disk."""
    vm = provider.vm(str(where))
    disk = provider.disk(vm.os_disk) if vm.os_disk else None
    if disk is None:
        raise CloudError(f"{vm.name} has no managed OS disk", hint="convert it to managed disks first")
    return vm, disk


def refuse_unless_consent_is_possible(*, yes: bool) -> None:
    """Before anything is made: a question that nobody can answer would leave a snapshot behind."""
    if not yes and not sys.stdin.isatty():
        raise RefusedError(
            "there is no terminal to ask on", hint="repeat with --yes to consent without being asked, or with --dry-run"
        )


def who() -> str:
    """Who marks the VM, for the next operator to read: ``name@host``."""
    import getpass
    import socket

    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"[:100]
    except (OSError, KeyError):
        return "somebody"


class Teller:
    """Says on standard error what a run is doing, and for how long it has waited."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._last = ""

    def __call__(self, event: Event) -> None:
        """An event of the workflow."""
        from bootmend.rescue.workflow import Moment
        from bootmend.views.rescues import step_text

        text = step_text(event.step)
        if event.moment is Moment.BEGINS and text != self._last and not event.step.endswith(":intent"):
            self._last = text
            self.tell(text)
        elif event.moment is Moment.KEPT and not event.step.endswith(("wait", ":intent")):
            self.tell(f"{text}: done before")
        elif event.moment in {Moment.SAYS, Moment.FAILED}:
            self.tell(f"  {event.text}")

    def tell(self, text: str) -> None:
        """One line, with the minutes and seconds since the beginning."""
        from bootmend.views.style import plain

        seconds = int(time.monotonic() - self._started)
        say(f"{seconds // 60:>3}:{seconds % 60:02} {plain(text)}")


def look_text(look: Look) -> str:
    """What was found and what would be changed, for people; kept with the run, so without colours."""
    from bootmend.views import render_plan, render_report
    from bootmend.views.style import Style

    style, name = Style(colour=False), look.report.path
    report = render_report(look.report, "human", style, name=name, steps=False)
    plan = "" if look.plan.is_empty else "\n" + render_plan(look.plan, "human", style, name=name, steps=False, alone=False)
    return f"{report}{plan}read over the network: {look.requests} requests, {look.bytes_read // 1024} KiB\n"


def look_articles(look: Look) -> dict[str, str]:
    """The articles of what is repaired, in Markdown, filled in with the machine's values."""
    from bootmend.catalog import find_rule
    from bootmend.engine.explain import explain_report
    from bootmend.views import render_article
    from bootmend.views.style import Style

    rules = dict.fromkeys(finding.rule for finding in look.plan.chosen)
    return {
        rule: render_article(explain_report(look.report, find_rule(rule)), "md", Style(colour=False), width=100) for rule in rules
    }


def request_json(request: Request) -> dict[str, Any]:
    """A request for the record."""
    return dict(request.to_json())
