"""What the commands share about showing: streams, errors, questions."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bootmend.errors import BootmendError, CorruptError, MissingError, RefusedError, TruncatedError, UsageError
from bootmend.source.url import redact
from bootmend.views.style import plain, style_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from bootmend.views.style import Style

COLOUR = "bootmend.colour"
"""Where click's context keeps what ``--color`` said, for everything that is printed later."""
_NOBODY_READS = {errno.EPIPE, errno.EINVAL}  # Windows says EINVAL of a pipe whose reader has left


def data_style(colour: str) -> Style:
    """How to paint what goes to standard output."""
    return style_for(sys.stdout, colour)


def show_data(text: str) -> None:
    """Write data to standard output.

    When its reader has left (``| head``) the rest is dropped: what the command does, and its exit code, stay the same.

    Raises:
        BootmendError: the output cannot be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if error.errno not in _NOBODY_READS:
            raise BootmendError(f"the output cannot be written: {error.strerror}") from error


def say(text: str) -> None:
    """Write anything that is not data to standard error; nobody reading it changes nothing."""
    try:
        click.echo(text, err=True, color=True)  # what is painted was decided before
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """From now on the stream leads nowhere, so that Python's own flush at the end is quiet, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def show_error(error: BootmendError, *, colour: str = "auto", exit_code: int | None = None) -> int:
    """Say what is so and what to do, and return the exit code."""
    style = style_for(sys.stderr, colour)
    code = error.exit_code if exit_code is None else exit_code
    refused = isinstance(error, RefusedError)
    sentence = plain(str(error)).removesuffix("nothing was written").rstrip(":; ") if refused else plain(str(error))
    say(f"{style('Refused' if refused else 'Error', 'red', 'bold')}: {sentence}")
    if error.hint:
        say(f"  {plain(error.hint)}")
    if refused:
        say(f"Nothing was written. (exit {code})")
    return code


@contextmanager
def about(path: str) -> Iterator[None]:
    """Let every error raised inside name the disk that it is about, and say what can be done; a URL without its query."""
    path = redact(path)
    try:
        yield
    except BootmendError as error:
        if os.path.basename(os.path.normpath(path)) not in str(error):
            error.places.insert(0, path)
        error.hint = error.hint or _advice(error, path)
        raise


def _advice(error: BootmendError, path: str) -> str | None:
    if isinstance(error, MissingError) and not os.path.exists(path):
        return "check the name" if os.path.isabs(path) else f"check the name; it was looked for in {os.getcwd()}"
    if isinstance(error, (CorruptError, TruncatedError)):
        return "if it is a copy, compare its size and checksum with the original's; if it is no disk, name the disk"
    if isinstance(error, UsageError) and os.path.exists(path):
        return "name a disk image, a block device, or a directory that holds a machine's files"
    return None


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on the terminal; without one, and without ``--yes``, refuse rather than hang.

    Raises:
        RefusedError: there is nobody to ask.
        click.Abort: the answer was Ctrl-C or Ctrl-D.
    """
    if yes:
        return True
    hint = "repeat with --yes to consent without being asked"
    if not sys.stdin.isatty():
        raise RefusedError("there is no terminal to ask on", hint=hint)
    try:
        return click.confirm(plain(question), default=False, err=True)
    except OSError as error:
        raise RefusedError("the question cannot be shown", hint=hint) from error


def declined() -> int:
    """The answer was no."""
    say("Nothing was written.")
    return RefusedError.exit_code
