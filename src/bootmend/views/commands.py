"""Command lines that people can paste: quoted, and with the options that what was shown depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from bootmend.catalog import rule_places
from bootmend.views.style import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootmend.engine.plan import Request


class RepairOptions(TypedDict, total=False):
    """The options of ``plan`` and ``repair``, by the names of :func:`repair_command`."""

    rules: tuple[str, ...]
    codes: tuple[str, ...]
    offer: str
    unsafe: bool
    serial_console: bool
    discard_hibernation: bool


def request_options(request: Request) -> RepairOptions:
    """The options that ask for a plan once more."""
    return {
        "rules": request.rules,
        "codes": request.codes,
        "offer": request.offer,
        "unsafe": request.unsafe,
        "serial_console": request.serial_console,
        "discard_hibernation": request.discard_hibernation,
    }


def repair_command(
    disk: str,
    *,
    rules: tuple[str, ...] = (),
    codes: tuple[str, ...] = (),
    offer: str = "",
    unsafe: bool = False,
    serial_console: bool = False,
    discard_hibernation: bool = False,
    vm: str = "",
    verb: str = "repair",
) -> str:
    """``bootmend repair DISK`` (or ``plan``) with options; rules are only named where they are not all there are."""
    words = ["bootmend", verb, quoted(disk)]
    if len(set(rules)) < len(rule_places()):
        words += _repeated("--rule", rules)
    words += _repeated("--code", (f"0x{int(code, 16):X}" for code in codes))
    words += ["--offer", quoted(offer)] if offer else []
    flags = {"--unsafe": unsafe, "--serial-console": serial_console, "--discard-hibernation": discard_hibernation}
    words += [flag for flag, is_set in flags.items() if is_set]
    words += ["--vm", quoted(vm)] if vm and verb == "repair" else []
    return " ".join(words)


def explain_command(rule: str, *, disk: str = "", vm: str = "") -> str:
    """``bootmend explain`` for a rule's article, filled in with what is known."""
    words = ["bootmend", "explain", rule]
    words += ["--disk", quoted(disk)] if disk else []
    words += ["--vm", quoted(vm)] if vm else []
    return " ".join(words)


def _repeated(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, quoted(value))]
