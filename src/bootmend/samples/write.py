"""Write a sample disk: partition table and volumes of a profile into a file of some format."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import ApplyError, RefusedError, UsageError
from bootmend.samples import profile, tables
from bootmend.samples.containers import Container, DynamicVhd, FixedVhd, Raw
from bootmend.samples.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

FORMATS: dict[str, Callable[[BinaryIO, int], Container]] = {"raw": Raw, "vhd-dynamic": DynamicVhd, "vhd-fixed": FixedVhd}
LAYOUTS = ("usual", "single")
DEFAULT_SIZE = 127 * profile.GIB
SMALLEST = profile.GIB
LARGEST = 2040 * profile.GIB
UNITS = {"": 1, "K": 1 << 10, "M": profile.MIB, "G": profile.GIB, "T": 1 << 40}


class Sample(NamedTuple):
    """What was written. ``disk_id`` is the disk's identity as text; ``parts`` its partitions, with offsets and sizes."""

    path: str
    generation: int
    layout: str
    format: str
    size: int
    disk_id: str
    parts: tuple[profile.Part, ...]


def parse_size(text: str) -> int:
    """Read a size such as ``127G``, ``4GiB``, ``512M`` or a number of bytes; units are powers of 1024.

    Raises:
        UsageError: it is not a size.
    """
    match = re.fullmatch(r"(\d{1,18})\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not match:
        raise UsageError(f"{text!r} is not a size", hint="write it like 127G or 512M")
    return int(match[1]) * UNITS[match[2].upper()]


def write_sample(
    path: str | os.PathLike[str],
    *,
    generation: int = 1,
    layout: str = "usual",
    format: str = "raw",  # noqa: A002 (the word of the command line)
    size: int = DEFAULT_SIZE,
    overwrite: bool = False,
) -> Sample:
    """Write a healthy disk, as a sparse file that is the same each time.

    The Windows volume is the largest of :data:`~bootmend.samples.profile.WINDOWS_SIZES` that fits; what is
    left of the disk stays unpartitioned.

    Args:
        path: the file to make.
        generation: 1 is BIOS with MBR, 2 is UEFI with GPT.
        layout: ``usual`` has a system volume of its own, ``single`` (only generation 1) has one partition.
        format: ``raw``, ``vhd-dynamic`` or ``vhd-fixed``.
        size: of the disk, in bytes: a multiple of 1 MiB, from 1 GiB to 2040 GiB (the most a VHD can have).
        overwrite: replace a file that is there.

    Raises:
        UsageError: there is no such sample.
        RefusedError: the file is there and ``overwrite`` is false.
        ApplyError: the file cannot be written; what was begun is removed.
    """
    name, window = _choose(generation, layout, format, size)
    parts = profile.parts(name, window)
    target = os.fspath(path)
    try:
        with open(target, "wb" if overwrite else "xb") as file:
            _fill(FORMATS[format](file, size), parts, size)
    except FileExistsError as error:
        raise RefusedError(f"{target} is there already", hint="choose another name, or remove it") from error
    except OSError as error:
        _remove(target)
        raise ApplyError(f"{target} cannot be written: {error.strerror}") from error
    disk_id = f"{{{profile.DISK_GUID}}}" if generation == 2 else f"{profile.DISK_SIGNATURE:#010x}"
    return Sample(target, generation, layout, format, size, disk_id, tuple(parts))


def _choose(generation: int, layout: str, form: str, size: int) -> tuple[str, str]:
    """The names of the profile and of its Windows volume."""
    if generation not in (1, 2) or layout not in LAYOUTS or form not in FORMATS:
        formats = ", ".join(FORMATS)
        raise UsageError(
            f"there is no sample of generation {generation}, layout {layout}, format {form}", hint=f"formats: {formats}"
        )
    if generation == 2 and layout == "single":
        raise UsageError("a generation 2 disk cannot have a single partition: UEFI starts from an EFI system partition")
    if size % profile.MIB or not SMALLEST <= size <= LARGEST:
        raise UsageError(f"a sample disk cannot have {size} bytes", hint="a multiple of 1M from 1G to 2040G")
    name = profile.profile_name(generation, layout)
    window = profile.window_for(name, size)
    if window is None:
        raise UsageError(f"no sample fits a disk of {size} bytes")
    return name, window


def _fill(disk: Container, parts: list[profile.Part], size: int) -> None:
    templates = Templates()
    table = tables.gpt(parts, size) if parts[0].guid else [(0, tables.mbr(parts))]
    for offset, data in table:
        disk.write(offset, data)
    for part in parts:
        if part.template:
            for offset, data in templates.extents(part.template):
                disk.write(part.offset + offset, data)
        if part.type == profile.MBR_NTFS:
            for place, data in tables.boot_code(part):
                disk.write(place, data)
    disk.finish()


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
