"""How to get the picture of a machine's screen, by what the machine runs on."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """Where the machine runs, what to do, and the command where there is one."""

    where: str
    what: str
    command: str = ""


WAYS = (
    Way(
        "Azure",
        "Portal: the virtual machine, Help, Boot diagnostics, Screenshot, Download. Or the addresses of the picture and the log:",
        "az vm boot-diagnostics get-boot-log-uris --resource-group GROUP --name VM",
    ),
    Way("Hyper-V", "Open the machine with Hyper-V Manager, Connect, and take a picture of the window at 100% zoom."),
    Way("libvirt, KVM", "The picture of the first display:", "virsh screenshot VM vm.ppm"),
    Way("VMware vSphere", "With VMware's govc:", "govc vm.console -capture vm.png VM"),
    Way(
        "AWS",
        "EC2 console: Actions, Monitor and troubleshoot, Get instance screenshot. Or:",
        "aws ec2 get-console-screenshot --instance-id ID --wake-up --query ImageData --output text | base64 -d > vm.jpg",
    ),
    Way("A computer on a desk", "A photograph serves, straight from the front; the whole screen, nothing over the code."),
)
