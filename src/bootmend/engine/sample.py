"""Samples: a healthy disk unfolded from the package's templates, then broken by a rule's own hand."""

from __future__ import annotations

import os

from bootmend.catalog import find_rule
from bootmend.engine.target import Target
from bootmend.errors import RefusedError, UsageError
from bootmend.machine import Workspace
from bootmend.samples import write_sample

#: the stamp of keys edited in samples, so that the same sample has the same bytes: 2024-01-01 00:00 UTC
SAMPLE_TIME = 133_485_408_000_000_000


def make_sample(
    rule: str, path: str, *, generation: int, layout: str, image_format: str, size: int, overwrite: bool = False
) -> None:
    """Write a new disk image at ``path``, broken in the way of ``rule`` (``healthy``: not at all).

    Raises:
        MissingError: there is no such rule.
        UsageError: the profile, format or size is not one that samples come in.
        RefusedError: the rule cannot be broken on this profile, or the file is there and not to be overwritten.
        ApplyError: the file cannot be written.
    """
    module = None if rule == "healthy" else find_rule(rule)
    if generation == 2 and layout == "single":
        raise UsageError("a generation 2 disk needs an EFI system partition: use --gen 1 for a single partition")
    write_sample(path, generation=generation, layout=layout, format=image_format, size=size, overwrite=overwrite)
    if module is None:
        return
    with Target(path) as target:
        overlays = target.overlays()
        workspace = Workspace(overlays.machine, SAMPLE_TIME)
        module.break_(workspace)
        workspace.flush()
        patches = overlays.by_path[path].patches()
    if not patches:
        os.unlink(path)  # a healthy disk by the name of an ill one would mislead
        raise RefusedError(f"{rule} cannot be made on this profile")
    with open(path, "r+b") as file:  # a file that was made a moment ago, not a target
        for patch in patches:
            file.seek(patch.offset)
            file.write(patch.after)
