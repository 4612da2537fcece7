"""Power cuts while blocks are added to an image: what is on the medium is a whole image, and the journal takes it back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.begin import begin_run
from bootmend.engine.neighbours import given_parents
from bootmend.engine.plan import patchset_of
from bootmend.engine.recovery import recover_run, undo_run
from bootmend.engine.runs import Run, RunState
from bootmend.engine.target import Target
from bootmend.engine.writer import apply_run, commit_run
from tests.engine.faulty import Chooser, Faults, PowerLossError, keep_last
from tests.image.test_vhd import small as small_vhd
from tests.image.test_vhd_differencing import child as vhd_child
from tests.image.test_vhd_differencing import parent_of as vhd_parent
from tests.image.test_vhdx import noise
from tests.image.vhdx_writer import BAT_AT, MIB, Vhdx, child_of, log_entry, ring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bootmend.engine.journal import PatchSet

BASE = Vhdx(size=3 * MIB, full={0: noise(MIB, 1)})
AT, NEW = 2 * MIB - 5000, noise(9000, 5)


def dirty() -> bytes:
    table = BASE.build()[BAT_AT : BAT_AT + 4096]
    return Vhdx(size=3 * MIB, full=BASE.full, log=ring((0, log_entry(5, 0, [(BAT_AT, table)])))).build()


IMAGES = {
    "vhd": (small_vhd().build(), b"", 4096 - 300, noise(900, 6)),
    "vhd child": (vhd_child().build(), vhd_parent().build(), 4096 - 300, noise(900, 6)),
    "vhdx": (BASE.build(), b"", AT, NEW),
    "vhdx child": (Vhdx(size=3 * MIB, parent=child_of("base")).build(), BASE.build(), AT, NEW),
    "dirty vhdx": (dirty(), b"", AT, NEW),
}


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, int, bytes]]:
    """An image, and where to write what."""
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    data, parent, offset, new = IMAGES[request.param]
    (tmp_path / "disk").write_bytes(data)
    (tmp_path / "base").write_bytes(parent)
    with given_parents(str(tmp_path / "base")):
        yield tmp_path / "disk", offset, new


def shown(path: Path) -> bytes:
    with Target(str(path)) as target:
        assert target.image is not None
        return target.image.read_at(0, target.image.size)


def planned(path: Path, offset: int, new: bytes) -> PatchSet:
    with Target(str(path)) as target:
        overlays = target.overlays(b"seed")
        target.open_image(overlays.open_file(str(path)), overlays.open_file, seed=b"seed").write_at(offset, new)
        return patchset_of(target, overlays)


def test_growth_is_in_the_plan_and_undone(image: tuple[Path, int, bytes]) -> None:
    path, offset, new = image
    before, old = path.read_bytes(), shown(path)
    patchset = planned(path, offset, new)
    (source,) = patchset.sources
    assert source.size_before == len(before) < source.size_after
    run = begin_run(patchset, target=str(path))
    apply_run(run)
    commit_run(run)
    assert path.stat().st_size == source.size_after
    assert shown(path) == old[:offset] + new + old[offset + len(new) :]
    undo_run(Run(run.folder))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("image", "keep"),
    [*((name, keep_last) for name in IMAGES), ("vhd", None), ("vhd child", None)],
    ids=lambda value: value if isinstance(value, str) else "all" if value else "some",
    indirect=["image"],
)
def test_a_power_cut_at_any_moment(image: tuple[Path, int, bytes], keep: Chooser | None) -> None:
    """The medium keeps all that was written since the last flush (of a step whose last write never came), or any part of it."""
    path, offset, new = image
    before, old = path.read_bytes(), shown(path)
    after = old[:offset] + new + old[offset + len(new) :]
    patchset = planned(path, offset, new)
    rng = random.Random(7)
    for number in range(100):
        faults = Faults(power_loss_at=number, keep=keep or (lambda _sector, count: rng.randrange(count)))
        run = begin_run(patchset, target=str(path))
        try:
            apply_run(run, faults.open)
        except PowerLossError:
            seen = shown(path)  # a host that starts the machine now finds a disk, not rubbish
            at = next(
                (at for at in range(0, len(old), 512) if seen[at : at + 512] not in (old[at : at + 512], after[at : at + 512])),
                None,
            )
            assert at is None
            if recover_run(Run(run.folder)) is RunState.COMMITTED:
                assert shown(path) == after
                undo_run(Run(run.folder))
            assert path.read_bytes() == before
        else:
            break
    else:
        pytest.fail("the run never came to its end")
    assert number >= 5
