"""What was seen of a machine from outside, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.verify.serial import RUNS, SENTENCES, Prompt
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.verify.boot import BootAnswer
    from bootmend.verify.rdp import RdpAnswer
    from bootmend.verify.serial import SerialAnswer
    from bootmend.views.style import Style

LAST_LINES = 8


def rdp_text(answer: RdpAnswer, style: Style, *, level: int) -> str:
    """Level by level, the certificate, the verdict."""
    lines = [f"{style(plain(answer.host), 'bold')} port {answer.port}"]
    for step in answer.steps:
        mark = style("✓", "green") if step.reached else style("-", "yellow")
        lines.append(f"  {mark} level {step.level}  {plain(step.sentence)}")
    lines += [f"    {name:<12}{plain(value)}" for name, value in _facts(answer) if value]
    return "\n".join([*lines, _rdp_verdict(answer, style, level)]) + "\n"


def _facts(answer: RdpAnswer) -> Iterator[tuple[str, str]]:
    certificate, names = answer.certificate, answer.names
    if certificate is not None:
        yield "subject", certificate.subject
        yield "issuer", "itself" if certificate.is_self_signed else certificate.issuer
        yield "valid", f"{certificate.not_before} to {certificate.not_after}"
        yield "SHA-256", certificate.sha256
    if names is not None:
        yield "computer", names.dns_computer or names.netbios_computer
        yield "domain", names.dns_domain or names.netbios_domain
        yield "build", names.build


def _rdp_verdict(answer: RdpAnswer, style: Style, level: int) -> str:
    cost = f"{answer.seconds:.2f} s"
    if not answer.answers:
        return f"{style('Remote Desktop does not answer.', 'bold')}   {cost}"
    if answer.expected and answer.matches is not True:
        named = f"calls itself {', '.join(map(plain, answer.own_names))}" if answer.own_names else "says no name"
        return f"{style('Remote Desktop answers, but not as expected', 'bold')}: it {named}.   {cost}"
    if answer.level < level:
        return f"{style(f'Remote Desktop answers up to level {answer.level}, not {level}.', 'bold')}   {cost}"
    return f"{style('✓ RDP verified', 'green', 'bold')} up to level {answer.level}; nobody signed in.   {cost}"


def serial_text(answer: SerialAnswer, style: Style) -> str:
    """Who answers, what the console said, and its last lines."""
    mark = style("✓", "green") if answer.passed else style("✗" if answer.prompt == "stopped" else "-", "red")
    lines = [f"{style(plain(answer.target), 'bold')}   {mark} {answer.sentence}"]
    if answer.news:
        lines.append(f"  said last: {answer.news}")
    said = [line.rstrip() for line in answer.text.decode("utf-8", "replace").replace("\r", "\n").split("\n") if line.strip()]
    lines += [f"  | {plain(line)}" for line in said[-LAST_LINES:]]
    return "\n".join([*lines, f"  {answer.seconds:.2f} s"]) + "\n"


def boot_text(answer: BootAnswer, style: Style) -> str:
    """What the screen and the serial line show, and what that means."""
    how = "software emulation" if answer.accelerator == "tcg" else answer.accelerator
    title = style(plain(answer.disk), "bold")
    lines = [f"{title}   generation {answer.generation}, started in QEMU ({how}) without a network; nothing was written to it"]
    if answer.screen is not None:
        doubt = "" if answer.stands else ", and it still changes"
        lines.append(f"  screen  {plain(_seen(answer.screen.document) or answer.screen.title)}{doubt}")
    if answer.serial is not None:
        heard = SENTENCES[answer.prompt] if answer.prompt in {*RUNS, Prompt.STOPPED} else _seen(answer.serial.document)
        lines.append(f"  serial  {plain(heard or answer.serial.title)}")
    if answer.resets:
        lines.append(f"  it restarted by itself {answer.resets} time{'s' * (answer.resets > 1)}")
    words = {"answers": ("✓ it boots here", "green"), "fails": ("✗ it does not boot here", "red")}
    text, colour = words.get(answer.verdict, ("? not clear: nothing telling was seen in the time", "yellow"))
    return "\n".join([*lines, f"{style(text, colour, 'bold')}.   {answer.seconds:.1f} s"]) + "\n"


def _seen(document: dict[str, object]) -> str:
    """A reading in a line: its state, code, status and file."""
    state = str(document.get("state", "")).replace("_", " ")
    names = ("stop_code", "stop_name", "status_code", "failing_file")
    told = [str(value) for name in names if (value := document.get(name))]
    return f"{state}: {' '.join(told)}" if told else ""
