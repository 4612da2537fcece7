"""Damaged VHDs: only our errors, in bounded time and memory."""

from __future__ import annotations

import contextlib
import random
import time

from bootmend.errors import BootmendError
from bootmend.image import open_image
from bootmend.image.vhd_layout import checksum
from bootmend.source import MemorySource, Overlay
from tests.image import vhd_writer
from tests.image.vhd_writer import Dynamic
from tests.support import fuzz_cases

INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)


def fixtures(rng: random.Random) -> list[bytes]:
    vhd = Dynamic(size=5 * 4096 + 512, block_size=4096, gap=1, order=[5, 0, 3], clear={0: {1, 2}, 3: {0, 7}})
    vhd.blocks = {block: rng.randbytes(4096) for block in (0, 3, 5)}
    end = vhd_writer.footer(4096, 4)
    return [
        vhd.build(),
        vhd_writer.fixed(rng.randbytes(4096)),
        end + vhd_writer.header(1536, 1, 4096, parent="p") + bytes(512) + end,
    ]


def mutated(data: bytes, rng: random.Random) -> bytes:
    result = bytearray(data)
    places = [(0, 96), (512, 560), (512 + 560, 512 + 800), (1536, 1600), (len(data) - 512, len(data) - 416), (0, len(data))]
    for _ in range(rng.randint(1, 4)):
        first, last = rng.choice(places)
        at = rng.randrange(first, min(last, len(result)))
        width = rng.choice((1, 1, 2, 4, 8))
        value = bytes(rng.choice(INTERESTING) for _ in range(width)) if rng.random() < 0.6 else rng.randbytes(width)
        result[at : at + width] = value[: len(result) - at]
    if rng.random() < 0.7:  # right the checksums, so that what lies behind them is reached
        for base, field, size in ((0, 64, 512), (len(result) - 512, 64, 512), (512, 36, 1024)):
            part = bytes(result[base : base + size])
            result[base + field : base + field + 4] = checksum(part, field).to_bytes(4, "big")
    if rng.random() < 0.2:
        del result[rng.randrange(len(result)) :]
    return bytes(result)


def test_mutated_images() -> None:
    rng = random.Random(20061011)
    bases = fixtures(rng)
    opened = 0
    begin = time.process_time()
    count = fuzz_cases(600)
    for _ in range(count):
        data = mutated(rng.choice(bases), rng)
        with contextlib.suppress(BootmendError):
            overlay = Overlay(MemorySource(data), "disk")
            image = open_image(overlay)
            opened += 1
            for _ in range(4):
                offset = rng.randrange(min(image.size, 1 << 40))
                length = min(rng.randrange(20_000), image.size - offset)
                with contextlib.suppress(BootmendError):
                    assert len(image.read_at(offset, length)) == length
                    assert sum(extent.length for extent in image.locate(offset, length)) == length
                with contextlib.suppress(BootmendError):
                    patch = rng.randbytes(min(700, length))
                    image.write_at(offset, patch)
                    assert image.read_at(offset, len(patch)) == patch
    assert opened > count // 10
    assert time.process_time() - begin < 0.05 * count
