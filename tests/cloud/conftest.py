"""One Azurite for all tests of the cloud, with the sample disks in it; a stand-in of its own for every test."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.cli.running import Answer, command_line, environment
from tests.cloud.arm import azurite
from tests.cloud.arm.scene import Scene, new_state, sample_disks
from tests.cloud.arm.server import make_certificate, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cloud.arm.azurite import Blobs


class MakeScene(Protocol):
    """Makes a cloud with one machine whose disk is one of the samples: ``ill1`` ... ``well2``."""

    def __call__(self, disk: str = "ill1") -> Scene: ...


class Azure(Protocol):
    """Runs ``bootmend azure`` in a process of its own, against a scene."""

    def __call__(self, scene: Scene, *words: str, expect: int | None = None, timeout: float = 90) -> Answer: ...


@pytest.fixture(scope="session")
def disks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample disks, as files."""
    return sample_disks(tmp_path_factory.mktemp("disks"))


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory, disks: dict[str, Path]) -> Iterator[Blobs]:
    """A running Azurite that holds them as page blobs of 127 GiB."""
    with azurite.running(tmp_path_factory.mktemp("azurite")) as found:
        for name, path in disks.items():
            found.upload(name, path)
        yield found


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in's certificate."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "arm.pem")


@pytest.fixture
def scene(blobs: Blobs, certificate: Path) -> Iterator[MakeScene]:
    """Makes scenes."""
    servers: list[Any] = []

    def make(disk: str = "ill1") -> Scene:
        state = new_state(blobs, disk, int(disk[-1]))
        context = serving(state, certificate)
        arm = context.__enter__()
        servers.append(context)
        return Scene(arm, state, blobs, "web01")

    yield make
    for context in servers:
        context.__exit__(None, None, None)


def azure_environment(scene: Scene, state_folder: Path) -> dict[str, str]:
    """The environment of a process that rescues in a scene."""
    clean = {name: value for name, value in environment().items() if not name.startswith(("BOOTMEND_", "AZURE_"))}
    return clean | scene.arm.environment() | {"BOOTMEND_STATE_DIR": str(state_folder), "PYTHONDONTWRITEBYTECODE": "1"}


def azure_words(scene: Scene, *words: str) -> list[str]:
    """The command line of ``bootmend azure`` against a scene, in haste."""
    verb, *rest = words
    common = ["--cloud", scene.arm.url, "--poll", "0.05"] if verb not in {"runs", "role"} else []
    hasty = ["--wait", "0.2", "--settle", "0"] if verb in {"repair", "apply"} else []
    return command_line("azure", verb, *rest, *common, *hasty)


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    """Runs the command."""

    def call(scene: Scene, *words: str, expect: int | None = None, timeout: float = 90) -> Answer:
        done = subprocess.run(
            azure_words(scene, *words),
            capture_output=True,
            text=True,
            env=azure_environment(scene, tmp_path / "state"),
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert expect is None or done.returncode == expect, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


__all__ = ["azure_environment", "azure_words", "os", "sys"]
