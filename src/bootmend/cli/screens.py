"""The screen beside the disk: ``--screenshot`` and ``--serial``, read before the disk is opened."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bootmend.engine.diagnose import Report
    from bootmend.engine.screen_and_disk import Shown

_screenshot = click.option(
    "--screenshot",
    "screenshots",
    multiple=True,
    metavar="PICTURE",
    help="What the screen shows; may be repeated, oldest first.",
)
_serial = click.option("--serial", "serials", multiple=True, metavar="FILE", help="The log of the serial port; may be repeated.")


def screen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that give the screen."""
    return _screenshot(_serial(command))


class Screens(NamedTuple):
    """What was given: what it shows (None where nothing was given), and the bytes of the pictures by their names."""

    shown: Shown | None = None
    pictures: Mapping[str, bytes] = MappingProxyType({})

    def with_codes(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        """The codes that were named, and those that the screen shows."""
        return codes if self.shown is None else tuple(dict.fromkeys((*codes, *self.shown.codes)))

    def beside(self, report: Report) -> Report:
        """The report with the screen in it."""
        if self.shown is None:
            return report
        from bootmend.engine.screen_and_disk import with_screen

        return with_screen(report, self.shown)


def read_screens(screenshots: tuple[str, ...], serials: tuple[str, ...]) -> Screens:
    """Read the pictures and logs that were given; one that cannot be read becomes an unknown one that says why.

    Raises:
        MissingError, UsageError: there is no such file.
    """
    if not screenshots and not serials:
        return Screens()
    from bootmend.cli.screenshot import file_bytes
    from bootmend.engine.screen_and_disk import shown_by
    from bootmend.screen import read_screens as read

    pictures = {name: file_bytes(name) for name in dict.fromkeys(screenshots)}
    logs = {name: file_bytes(name) for name in dict.fromkeys(serials)}
    shown = shown_by(read(list(pictures.items())), read(list(logs.items())))
    return Screens(shown, pictures)
