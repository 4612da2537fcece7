"""The reading engine for drawn text: rapidocr's recognition network, with the models that its package carries.

Nothing is downloaded: where the package has no models the engine counts as missing.  Lines are found by
:mod:`bootmend.screen.segments`; the package's own detector runs only where that does not fit.  Its classifier of
upside-down lines is never used: it turns sound lines of a screen over.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootmend.errors import UnsupportedError
from bootmend.screen.picture import INSTALL_OCR
from bootmend.screen.reading import Box, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.screen.picture import Pixels
    from bootmend.screen.segments import Segment

#: a line that the engine is less sure of is dropped
LEAST_SCORE = 0.5
#: lines recognised together: more would be padded to the widest
BATCH = 6
#: longer or larger lines than these are no text
MOST_RATIO = 90.0
#: longest side that the detector is given
DETECTOR_SIDE = 1280
THREADS = 2


class Engine:
    """One warm engine; ``threads`` limits what one picture may use."""

    def __init__(self, threads: int = THREADS) -> None:
        self._rapid, self.cv2 = _load(threads)

    def recognise(self, pixels: Pixels, segments: Sequence[Segment]) -> list[Line]:
        """The text of each segment that has any, in the order given."""
        from rapidocr.ch_ppocr_rec import TextRecInput

        crops = [
            (segment.box, pixels[segment.box.top : segment.box.bottom, segment.box.left : segment.box.right, ::-1])
            for segment in segments
        ]
        fit = sorted(
            ((box, crop) for box, crop in crops if 0 < crop.shape[1] / max(1, crop.shape[0]) < MOST_RATIO),
            key=lambda each: each[1].shape[1] / each[1].shape[0],
        )
        network, lines = self._rapid._load_rec_model(), {}  # noqa: SLF001  (no public way to recognise given boxes in one batch)
        for begin in range(0, len(fit), BATCH):
            batch = fit[begin : begin + BATCH]
            result = network(TextRecInput(img=[crop for _, crop in batch]))
            for (box, _), text, score in zip(batch, result.txts or (), result.scores, strict=False):
                if text.strip() and score >= LEAST_SCORE:
                    lines[box] = Line(text, box, float(score))
        return [lines[segment.box] for segment in segments if segment.box in lines]

    def detect(self, pixels: Pixels) -> list[Line]:
        """Lines found by the package's own detector, and their text."""
        result = self._rapid(pixels[:, :, ::-1].copy(), use_det=True, use_cls=False, use_rec=True)
        if result.txts is None:
            return []
        return [
            Line(text, Box(int(box[:, 0].min()), int(box[:, 1].min()), int(box[:, 0].max()), int(box[:, 1].max())), float(score))
            for text, box, score in zip(result.txts, result.boxes, result.scores, strict=True)
        ]


def _load(threads: int) -> tuple[Any, Any]:
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    try:
        import cv2
        import rapidocr
    except ImportError:
        raise UnsupportedError("reading drawn text needs rapidocr, which is not installed", hint=INSTALL_OCR) from None
    if not list((Path(rapidocr.__file__).parent / "models").glob("*rec*.onnx")):
        raise UnsupportedError("this rapidocr carries no models, and none are downloaded", hint=INSTALL_OCR)
    settings = {
        "Global.use_cls": False,
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "Det.limit_side_len": DETECTOR_SIDE,
        "Det.limit_type": "max",
    }
    return rapidocr.RapidOCR(params=settings), cv2


@cache
def engine(threads: int = THREADS) -> Engine:
    """The process's engine, made at the first picture that needs it.

    Raises:
        UnsupportedError: rapidocr or its models are not installed.
    """
    return Engine(threads)
