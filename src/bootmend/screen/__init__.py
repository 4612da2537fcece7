"""From a screenshot or a serial log to a reading: state, stop code, status, file, percentage.

The core reads serial logs and interprets text; the extra ``screen`` adds pictures of fixed fonts, the extra ``ocr``
every other picture.  The heavy parts are imported when a picture needs them.
"""

from __future__ import annotations

from bootmend.screen.candidates import rank, with_candidates
from bootmend.screen.combining import combine
from bootmend.screen.pipeline import ENGINES, Reader, read_screens, read_serial
from bootmend.screen.reading import CERTAIN, LIKELY, UNKNOWN, Box, Line, Page, Reading, Sight

__all__ = [
    "CERTAIN",
    "ENGINES",
    "LIKELY",
    "UNKNOWN",
    "Box",
    "Line",
    "Page",
    "Reader",
    "Reading",
    "Sight",
    "combine",
    "rank",
    "read_screens",
    "read_serial",
    "with_candidates",
]
