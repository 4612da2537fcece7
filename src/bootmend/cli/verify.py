"""``bootmend verify rdp|serial|boot``: whether the machine answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bootmend.cli.options import colour_option
from bootmend.cli.output import about, data_style, say, show_data
from bootmend.cli.settings import Command, Group
from bootmend.errors import MissingError, ReadError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bootmend.screen import Reading
    from bootmend.verify.boot import Look

VERIFIED, NOT_VERIFIED, NOT_REACHED = 0, VerificationError.exit_code, ReadError.exit_code

_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(("human", "json", "jsonl")),
    default="human",
    show_default=True,
    help="How to show it.",
)


def _timeout(seconds: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = click.FloatRange(0.1, 86400)
    return click.option("--timeout", type=kind, default=seconds, show_default=True, metavar="S", help="Seconds at most.")


@click.group("verify", cls=Group)
def command() -> None:
    """Look from outside whether a machine answers.

    Exit code 0: it does; 8: it was reached, and does not, or not as asked; 3: it could not be reached or told.
    """


@click.command("rdp", cls=Command)
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--expect", default="", metavar="NAME", help="The name the machine must give, in its certificate or its challenge.")
@click.option(
    "--level",
    type=click.IntRange(1, 4),
    default=1,
    show_default=True,
    help="What is asked for: 1 X.224 confirm, 2 negotiation, 3 TLS, 4 NTLM challenge.",
)
@_timeout(15)
@_format
@colour_option
def rdp(*, host: str, expect: str, level: int, timeout: float, output_format: str, colour: str) -> int:
    """See how far Remote Desktop answers at HOST, without a user or a password.

    An open port is not enough: it passes when an X.224 connection confirm comes.
    """
    from bootmend.verify.link import split_address
    from bootmend.verify.rdp import PORT, probe_rdp, to_json
    from bootmend.views import dump
    from bootmend.views.verified import rdp_text

    name, port = split_address(host, PORT)
    answer = probe_rdp(name, port, expected=expect, timeout=timeout)
    passed = answer.passes(level)
    if output_format == "human":
        show_data(rdp_text(answer, data_style(colour), level=level))
    else:
        show_data(dump(to_json(answer, passed=passed), output_format))
    return VERIFIED if passed else NOT_VERIFIED if answer.level >= 0 else NOT_REACHED


@click.command("serial", cls=Command)
@click.argument("target")
@_timeout(10)
@_format
@colour_option
def serial(*, target: str, timeout: float, output_format: str, colour: str) -> int:
    r"""See whether Windows' serial console answers at TARGET: a carriage return goes in, nothing else.

    TARGET is HOST:PORT, a Unix socket, a terminal or serial device, or a named pipe (\\.\pipe\NAME).
    """
    from bootmend.screen import read_serial
    from bootmend.verify.serial import Prompt, probe_serial
    from bootmend.views import dump
    from bootmend.views.verified import serial_text

    answer = probe_serial(target, timeout=timeout)
    if output_format == "human":
        show_data(serial_text(answer, data_style(colour)))
    else:
        reading = read_serial(answer.text, file=target).to_json()
        show_data(dump(answer.to_json() | {"reading": reading}, output_format))
    return VERIFIED if answer.passed else NOT_REACHED if answer.prompt is Prompt.SILENT else NOT_VERIFIED


@click.command("boot", cls=Command)
@click.argument("disk")
@click.option("--gen", type=click.Choice(("1", "2")), default=None, help="1: BIOS; 2: UEFI; by default as the disk shows.")
@click.option("--memory", type=click.IntRange(16, 65536), default=2048, show_default=True, metavar="MIB", help="Its memory.")
@click.option("--picture", default="", metavar="FILE", help="Keep the last picture of the screen (PPM).")
@_timeout(120)
@_format
@colour_option
def boot(*, disk: str, gen: str | None, memory: int, picture: str, timeout: float, output_format: str, colour: str) -> int:
    """Start DISK in QEMU and see what comes of it; not a byte of it changes.

    It runs on a throw-away overlay, without a network. What it shows there it may not show elsewhere: the emulated
    hardware is another one.
    """
    from bootmend.verify.boot import try_boot
    from bootmend.views import dump
    from bootmend.views.verified import boot_text

    image_format, generation = _kind_of(disk, gen)
    with about(disk):
        say(f"starting {disk} in QEMU, {timeout:g} s at most")
        answer = try_boot(
            disk,
            ScreenReader(),
            image_format=image_format,
            generation=generation,
            memory=memory,
            timeout=timeout,
        )
    if picture:
        _keep(picture, answer.picture)
    if output_format == "human":
        show_data(boot_text(answer, data_style(colour)))
    else:
        show_data(dump(answer.to_json(), output_format))
    return {"answers": VERIFIED, "fails": NOT_VERIFIED}.get(answer.verdict, NOT_REACHED)


def _kind_of(disk: str, gen: str | None) -> tuple[str, int]:
    """The format of the image, and the generation, which is looked for on the disk unless it was said."""
    from bootmend.engine.target import Target

    with about(disk), Target(disk) as target:
        return target.format, int(gen) if gen else 2 if target.machine.firmware == "UEFI" else 1


def _keep(path: str, picture: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(picture)
    except OSError as error:
        raise MissingError(f"the picture cannot be kept: {error.strerror}", at=path) from error


class ScreenReader:
    """The reader of screens, as the boot test wants it."""

    def __init__(self) -> None:
        from bootmend.screen import Reader

        self._reader = Reader()

    def picture(self, data: bytes) -> Look:
        """What a picture shows."""
        from bootmend.screen.pipeline import read_or_say

        return self._look(read_or_say(self._reader, "screen", data))

    def log(self, data: bytes) -> Look:
        """What the serial line said."""
        from bootmend.screen import read_serial

        return self._look(read_serial(data, file="serial"))

    def _look(self, reading: Reading) -> Look:
        from bootmend.screen.phrases import KINDS
        from bootmend.screen.show import title
        from bootmend.verify.boot import Look

        return Look(reading.state, KINDS.get(reading.state, "other"), title(reading.state), reading.to_json())


for _command in (rdp, serial, boot):
    command.add_command(_command)
