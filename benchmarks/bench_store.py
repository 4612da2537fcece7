"""Editing boot stores: growth over a hundred rounds, and the time of one edit with check and commit, beside hivex."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, Skipped, hivex_python, median, milliseconds, rival, show, spent, third_party, times

from bootmend.bcd import Store, StoreEditor, enum_text
from bootmend.engine.sample import write_sample_disk
from bootmend.engine.target import Target
from bootmend.registry import Hive, HiveEditor, check
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterator
