"""Many pictures: one process or several give the same readings, in order."""

from __future__ import annotations

import pytest

from bootmend.screen.batch import read_many
from tests.screen.pages import CLASSIC

LOGS = [(f"{number}.log", CLASSIC.encode() if number % 3 else b"BOOTMGR is missing\r\n") for number in range(12)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_readings_come_in_order_whatever_the_number_of_processes(jobs: int) -> None:
    readings = list(read_many(LOGS, jobs=jobs))
    assert [reading.file for reading in readings] == [name for name, _ in LOGS]
    assert [reading.stop_code for reading in readings] == [None if number % 3 == 0 else "0x0000007B" for number in range(12)]


def test_a_bad_one_does_not_stop_the_others() -> None:
    bad, good = read_many([("bad.pdf", b"%PDF"), LOGS[1]])
    assert ("PDF" in bad.remarks[0], good.stop_code) == (True, "0x0000007B")
