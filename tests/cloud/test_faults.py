"""Faults at every step: a rescue ends repaired, or with the machine as it was; no step is done twice; nothing secret stays."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cloud.arm.azurite import KEY
from tests.cloud.arm.server import SECRET_HEADER, TOKEN
from tests.cloud.arm.state import GROUP
from tests.cloud.conftest import azure_environment, azure_words

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.arm.scene import Scene
    from tests.cloud.conftest import Azure, MakeScene

pytestmark = pytest.mark.oracle
VM = ("-g", GROUP, "-n", "web01")
REPAIR = ("repair", *VM, "--yes")
ONCE = {
    "deallocate": 1,
    "swap": 1,
    "start": 1,
    "create disks": 1,
    "create snapshots": 2,
    "upload closed": 1,
    "delete snapshots": 1,
}
#: every request that changes something, by what it does
CHANGES = {
    "claim": r"PATCH .*/virtualMachines/web01$",
    "snapshot to look at": r"PUT .*/snapshots/web01-os-br\w+-look$",
    "access to it": r"POST .*/snapshots/.*-look/beginGetAccess",
    "its end": r"DELETE .*/snapshots/.*-look$",
    "stop": r"POST .*/web01/deallocate",
    "snapshot": r"PUT .*/snapshots/web01-os-br\w+-snap$",
    "new disk": r"PUT .*/disks/",
    "access for writing": r"POST .*/disks/.*/beginGetAccess",
    "end of writing": r"POST .*/disks/.*/endGetAccess",
    "swap": r"PATCH .*#osDisk",
    "start": r"POST .*/web01/start",
}


def assert_done_once(scene: Scene) -> None:
    """Repaired, and every step has had its effect exactly once."""
    assert scene.os_disk != "web01-os"
    assert scene.state.vms["web01"]["power"] == "running"
    assert {name: scene.state.effects[name] for name in ONCE} == ONCE
    assert scene.state.vms["web01"]["tags"] == {"team": "web"}
    assert scene.state.grants == set()


def assert_as_it_was(scene: Scene) -> None:
    """The machine runs on its own disk, and everything that was made carries the run's tag."""
    assert scene.os_disk == "web01-os"
    assert scene.state.vms["web01"]["power"] == "running"
    assert scene.state.vms["web01"]["tags"] == {"team": "web"}
    made = [one for name, one in {**scene.state.disks, **scene.state.snapshots}.items() if name != "web01-os"]
    assert all(one["tags"].get("bootmend-run") for one in made)


def assert_no_secret_in(folder: Path, *texts: str) -> None:
    """Nothing that a run leaves behind or says holds a signature, a token or a key."""
    secrets = [TOKEN.encode(), SECRET_HEADER.encode(), KEY.encode(), b"sig=", b"accessSAS", b"?se=", b"&se="]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for data, name in [(path.read_bytes(), str(path)) for path in files] + [(text.encode(), "output") for text in texts]:
        for secret in secrets:
            assert secret not in data, f"{secret!r} in {name}"
            assert secret.decode().encode("utf-16-le") not in data


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("status", 429, "TooManyRequests"), ("status", 500, "InternalServerError"), ("status", 409, "Conflict"), ("lost", 0, "")],
    ids=["429", "500", "409", "lost"],
)
def test_every_change_fails_once(scene: MakeScene, azure: Azure, tmp_path: Path, kind: str, status: int, code: str) -> None:
    cloud = scene("ill1")
    faults = [cloud.state.fail(pattern, kind, status=status, code=code) for pattern in CHANGES.values()]
    answer = azure(cloud, *REPAIR, timeout=150)
    assert [fault.hit for fault in faults] == [1] * len(faults), answer.err
    assert_done_once(cloud)
    assert_no_secret_in(tmp_path / "state", answer.out, answer.err)


def test_every_operation_fails_late_once(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill1")
    late = [CHANGES[name] for name in ("stop", "snapshot", "new disk", "start")]
    faults = [cloud.state.fail(pattern, "late", code="InternalOperationError") for pattern in late]
    answer = azure(cloud, *REPAIR)
    assert [fault.hit for fault in faults] == [1] * len(faults), answer.err
    assert cloud.os_disk != "web01-os"
    assert cloud.state.effects["swap"] == cloud.state.effects["start"] == 1
    assert len(cloud.state.disks) == 2
    assert len(cloud.state.snapshots) == 1


def test_an_access_that_has_expired_is_asked_for_anew(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill2")
    faults = [cloud.state.fail(CHANGES[name], "expired") for name in ("access to it", "access for writing")]
    azure(cloud, *REPAIR)
    assert [fault.hit for fault in faults] == [1, 1]
    assert_done_once(cloud)


def test_somebody_else_writes_to_the_machine_in_the_middle(scene: MakeScene, azure: Azure) -> None:
    """The exchange is made on condition of the ETag: the machine is looked at again."""
    cloud = scene("ill1")
    fault = cloud.state.fail(CHANGES["swap"], "call", call=lambda: cloud.state.touched(cloud.state.vms["web01"]))
    azure(cloud, *REPAIR)
    assert fault.hit == 1
    assert_done_once(cloud)


@pytest.mark.parametrize(
    ("step", "code"),
    [("stop", "OperationNotAllowed"), ("new disk", "OperationNotAllowed"), ("end of writing", "InvalidVhd")],
)
def test_what_azure_refuses_for_good_leaves_the_machine_as_it_was(scene: MakeScene, azure: Azure, step: str, code: str) -> None:
    cloud = scene("ill1")
    cloud.state.fail(CHANGES[step], "status", status=409, code=code, times=99)
    answer = azure(cloud, *REPAIR, expect=7)
    assert code in answer.out
    assert_as_it_was(cloud)
    left = azure(cloud, "cleanup", "-g", GROUP, "--yes", expect=0)
    for name in {**cloud.state.disks, **cloud.state.snapshots}:
        assert name == "web01-os"
    assert left.out


@pytest.mark.parametrize(
    "step", ["claim", "snapshot to look at", "stop", "snapshot", "new disk", "access for writing", "swap", "start"]
)
def test_killed_when_azure_has_done_a_step(scene: MakeScene, azure: Azure, tmp_path: Path, step: str) -> None:
    """The command dies between Azure's deed and its answer; the same command goes on."""
    _killed(scene("ill1"), azure, tmp_path, CHANGES[step], "lost")


@pytest.mark.parametrize("step", ["end of writing", "swap"])
def test_killed_before_azure_does_a_step(scene: MakeScene, azure: Azure, tmp_path: Path, step: str) -> None:
    _killed(scene("ill2"), azure, tmp_path, CHANGES[step], "status")


def _killed(cloud: Scene, azure: Azure, tmp_path: Path, pattern: str, kind: str) -> None:
    process: list[subprocess.Popen[bytes]] = []
    fault = cloud.state.fail(pattern, kind, call=lambda: process[0].send_signal(signal.SIGKILL))
    process.append(
        subprocess.Popen(
            azure_words(cloud, *REPAIR),
            env=azure_environment(cloud, tmp_path / "state"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )
    assert process[0].wait(90) == -signal.SIGKILL
    assert fault.hit == 1
    answer = azure(cloud, *REPAIR, timeout=150)
    assert "going on with run" in answer.err
    assert_done_once(cloud)
    assert_no_secret_in(tmp_path / "state", answer.out, answer.err)


def test_the_second_operator_is_told_of_the_first(scene: MakeScene, azure: Azure, tmp_path: Path) -> None:
    """Two installations, so no common lock but the tag."""
    cloud = scene("ill1")
    cloud.state.vms["web01"]["tags"]["bootmend-run"] = "0badcafe ann@elsewhere"
    answer = azure(cloud, *REPAIR, expect=4)
    assert "0badcafe ann@elsewhere" in answer.out
    assert cloud.state.effects["create snapshots"] == 0
    azure(cloud, "cleanup", "-g", GROUP, "-n", "web01", "--yes", expect=0)
    assert "bootmend-run" not in cloud.state.vms["web01"]["tags"]
    assert os.path.isdir(tmp_path)


def test_a_secret_is_found_when_there_is_one(tmp_path: Path) -> None:
    """The search itself: it must be able to fail."""
    (tmp_path / "record").write_bytes(b"https://x.blob.core.windows.net/a?se=1&sig=abc")
    with pytest.raises(AssertionError, match="sig="):
        assert_no_secret_in(tmp_path)
