"""Damaged and crafted VHDX and differencing disks: only our errors, in bounded time and memory."""

from __future__ import annotations

import contextlib
import random
import time

from bootmend.errors import BootmendError
from bootmend.image import Opened, Opener, Reference, open_image
from bootmend.image.crc32c import crc32c
from bootmend.image.vhd_layout import checksum
from bootmend.source import MemorySource, Overlay
from tests.image import vhd_writer
from tests.image.test_vhdx import noise
from tests.image.vhdx_writer import BAT_AT, HEADERS, KIB, LOG_AT, METADATA_AT, MIB, Vhdx, child_of, log_entry, ring
from tests.support import fuzz_cases

INTERESTING = (0, 1, 2, 3, 6, 7, 0x10, 0x7F, 0x80, 0xFE, 0xFF)
PLACES = (
    (HEADERS[0], HEADERS[0] + 96),
    (HEADERS[1], HEADERS[1] + 96),
    (192 * KIB, 192 * KIB + 96),
    (LOG_AT, LOG_AT + 160),
    (LOG_AT + 4096, LOG_AT + 4120),
    (METADATA_AT, METADATA_AT + 256),
    (METADATA_AT + 64 * KIB, METADATA_AT + 64 * KIB + 400),
    (BAT_AT, BAT_AT + 64),
    (BAT_AT + 32768, BAT_AT + 32784),
)


def fixtures() -> list[bytes]:
    base = Vhdx(size=2 * MIB, full={0: noise(MIB)})
    child = Vhdx(size=base.size, parent=child_of("base.vhdx"), partial={0: {3: noise(512), 9: noise(512)}})
    table = base.build()[BAT_AT : BAT_AT + 4096]
    log = ring((0, log_entry(5, 0, [(BAT_AT, table), (BAT_AT + 4096, 8192)])))
    return [base.build(), child.build(), Vhdx(size=2 * MIB, full={0: noise(MIB)}, log=log).build()]


def mutated(data: bytes, rng: random.Random) -> bytes:
    result = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        first, last = rng.choice(PLACES) if rng.random() < 0.9 else (0, len(data))
        at = rng.randrange(first, min(last, len(result)))
        width = rng.choice((1, 1, 2, 4, 8))
        value = bytes(rng.choice(INTERESTING) for _ in range(width)) if rng.random() < 0.6 else rng.randbytes(width)
        result[at : at + width] = value[: len(result) - at]
    if rng.random() < 0.8:  # right the checksums, so that what lies behind them is reached
        length = min(int.from_bytes(result[LOG_AT + 8 : LOG_AT + 12], "little"), MIB)
        for at, size in ((HEADERS[0], 4096), (HEADERS[1], 4096), (192 * KIB, 64 * KIB), (LOG_AT, length)):
            part = bytes(result[at : at + 4]) + bytes(4) + bytes(result[at + 8 : at + size])
            result[at + 4 : at + 8] = crc32c(part).to_bytes(4, "little")
    if rng.random() < 0.1:
        del result[rng.randrange(len(result)) :]
    return bytes(result)


def opener_of(parents: list[bytes], rng: random.Random) -> Opener:
    def opener(reference: Reference) -> Opened:
        return Opened(MemorySource(rng.choice(parents)), str(reference), opener)

    return opener


class Metered(MemorySource):
    """Fails where a file of some MiB makes its reader take in much more than that."""

    left = 64 * MIB

    def read_at(self, offset: int, length: int) -> bytes:
        self.left -= length
        assert self.left > 0
        return super().read_at(offset, length)


def exercise(data: bytes, opener: Opener, rng: random.Random) -> bool:
    """Open, read, locate and write; whether it could be opened."""
    opened = False
    with contextlib.suppress(BootmendError):
        image = open_image(Overlay(Metered(data), "disk"), opener, seed=b"fuzz")
        opened = True
        for _ in range(4):
            offset = rng.randrange(min(image.size, 1 << 46))
            length = min(rng.randrange(20_000), image.size - offset)
            with contextlib.suppress(BootmendError):
                assert len(image.read_at(offset, length)) == length
                assert sum(extent.length for extent in image.locate(offset, length)) == length
            with contextlib.suppress(BootmendError):
                patch = rng.randbytes(min(700, length))
                image.write_at(offset, patch)
                assert image.read_at(offset, len(patch)) == patch
    return opened


def test_mutated_images() -> None:
    rng = random.Random(20120825)
    bases = fixtures()
    count = fuzz_cases(150)
    begin = time.process_time()
    opened = sum(exercise(mutated(rng.choice(bases), rng), opener_of(bases, rng), rng) for _ in range(count))
    assert opened > count // 10
    assert time.process_time() - begin < 0.3 * count


def test_mutated_differencing_vhds() -> None:
    rng = random.Random(20061012)
    base = vhd_writer.Dynamic(size=6 * 4096, block_size=4096, blocks={0: noise(4096), 3: noise(4096)})
    child = vhd_writer.Dynamic(size=6 * 4096, block_size=4096, blocks={3: noise(4096), 4: noise(4096)}, parent="base.vhd")
    child.clear = {3: {1, 2, 7}}
    bases = [base.build(), child.build()]
    for _ in range(fuzz_cases(400)):
        data = bytearray(bases[1])
        for _ in range(rng.randint(1, 4)):
            at = rng.choice((rng.randrange(100), rng.randrange(512, 1300), rng.randrange(1536, 1570), rng.randrange(len(data))))
            data[at] = rng.choice(INTERESTING)
        for start, place, size in ((0, 64, 512), (512, 36, 1024)):
            data[start + place : start + place + 4] = checksum(bytes(data[start : start + size]), place).to_bytes(4, "big")
        if rng.random() < 0.5:
            data[-512:] = data[:512]
        exercise(bytes(data), opener_of(bases, rng), rng)
