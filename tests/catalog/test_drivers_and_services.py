"""What the rules on drivers, services and control sets must not say, and the shades of what they do say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.catalog.known_bad_files import KNOWN
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.operations import SetValue
from bootmend.registry import ValueType
from bootmend.samples import write_sample
from tests.catalog.conftest import change, edit

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.machine import Workspace
    from bootmend.model import Finding
    from bootmend.operations import Operation

WINDOWS = 2
HIVE = "\\Windows\\System32\\config\\SYSTEM"
SERVICES = "ControlSet001\\Services"
DRIVERS = "\\Windows\\System32\\drivers"
NIGHT_FILE = f"{DRIVERS}\\CrowdStrike\\C-00000291-00000000-00000032.sys"
#: seconds from 1601 to 1970 (FILETIME, Windows documentation)
EPOCH = 11_644_473_600
TEN_MILLION = 10_000_000


@pytest.fixture
def disk(tmp_path: Path) -> str:
    path = str(tmp_path / "disk.raw")
    write_sample(path, generation=1, layout="usual", format="raw", size=1 << 30)
    return path


def dword(key: str, name: str, number: int) -> Operation:
    return SetValue.dword(WINDOWS, HIVE, key, name, number)


def text(key: str, name: str, words: str, kind: int = ValueType.SZ) -> Operation:
    return SetValue(WINDOWS, HIVE, key, name, kind, f"{words}\0".encode("utf-16-le"))


def service(name: str, kind: int, start: int, error: int, image: str) -> tuple[Operation, ...]:
    key = f"{SERVICES}\\{name}"
    numbers = (("Type", kind), ("Start", start), ("ErrorControl", error))
    return (*(dword(key, *number) for number in numbers), text(key, "ImagePath", image))


def problems(path: str) -> tuple[Finding, ...]:
    with Target(path) as target:
        return diagnose(target).problems


def named(path: str) -> list[str]:
    return [finding.rule for finding in problems(path)]


def written_at(path: str, unix: int) -> None:
    def put(workspace: Workspace) -> None:
        workspace.now = (unix + EPOCH) * TEN_MILLION
        workspace.create_file(WINDOWS, NIGHT_FILE, bytes(1000))

    change(path, put)


# -- known bad files: date -u -d '2024-07-19 04:09' +%s prints 1721362140, 05:27 gives 1721366820 --------------
@pytest.mark.parametrize(
    ("unix", "bad"), [(1721362139, False), (1721362140, True), (1721366819, True), (1721366820, False), (1721400000, False)]
)
def test_only_the_channel_file_of_that_night(disk: str, unix: int, bad: bool) -> None:
    written_at(disk, unix)
    assert named(disk) == (["crowdstrike-2024"] if bad else [])


def test_the_list_is_in_lower_case_and_its_times_are_ranges() -> None:
    assert all(bad.pattern == bad.pattern.lower() and bad.since < bad.until for bad in KNOWN)


# -- control sets ----------------------------------------------------------------------------------------------
def test_no_control_set_is_named_that_is_not_there(disk: str) -> None:
    """The recipe for the last known good configuration sets 2 without a look."""
    edit(disk, dword("Select", "LastKnownGood", 2), dword("Select", "Current", 2))
    (finding,) = problems(disk)
    assert finding.details["set"] == "1"


def test_a_control_set_without_services_is_not_whole(disk: str) -> None:
    edit(disk, dword("ControlSet002\\Control", "CurrentUser", 0), dword("Select", "Current", 2), dword("Select", "Default", 2))
    assert named(disk) == ["lkgc-wrong-controlset"]


def test_with_two_whole_control_sets_and_no_hint_a_person_must_choose(disk: str) -> None:
    whole = [dword(f"ControlSet002\\{part}", "x", 0) for part in ("Control", "Services")]
    edit(disk, *whole, *(dword("Select", name, 7) for name in ("Current", "Default", "LastKnownGood")))
    (finding,) = problems(disk)
    assert str(finding.applicability) == "manual"


def test_the_second_control_set_is_the_one_that_is_looked_at(disk: str) -> None:
    """Nothing is assumed of ControlSet001: where Select names 2, a fault in 1 is none."""
    edit(disk, dword("ControlSet002\\Control", "x", 0), dword("ControlSet002\\Services\\disk", "Start", 0))
    edit(disk, dword("Select", "Current", 2), dword("Select", "Default", 2), dword(f"{SERVICES}\\disk", "Start", 3))
    assert "inaccessible-boot-device" not in named(disk)
    edit(disk, dword("ControlSet002\\Services\\disk", "Start", 3))
    assert "inaccessible-boot-device" in named(disk)


# -- the way to the disk -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["storahci", "stornvme", "storvsc", "vmbus"])
def test_which_controllers_start_is_the_platform_s_business(disk: str, name: str) -> None:
    edit(disk, dword(f"{SERVICES}\\{name}", "Start", 3), dword(f"{SERVICES}\\{name}\\StartOverride", "0", 3))
    assert named(disk) == []
    with Target(disk) as target:
        (offer,) = diagnose(target, codes=("0x0000007B",)).offers
        assert make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True)).is_empty
    assert (offer.rule, str(offer.applicability)) == ("inaccessible-boot-device", "unsafe")
    assert name in offer.sentence


def test_a_filter_that_is_there_stays_beside_one_that_is_gone(disk: str) -> None:
    key = "ControlSet001\\Control\\Class\\{4d36e967-e325-11ce-bfc1-08002be10318}"
    edit(disk, text(key, "UpperFilters", "gone\0partmgr\0", ValueType.MULTI_SZ))
    (finding,) = problems(disk)
    assert (finding.rule, finding.details["left"]) == ("inaccessible-boot-device", "partmgr")


def test_a_filter_s_service_is_never_disabled(disk: str) -> None:
    """That makes the very stop code that it should cure."""
    key = "ControlSet001\\Control\\Class\\{4d36e967-e325-11ce-bfc1-08002be10318}"
    edit(disk, text(key, "UpperFilters", "gone\0partmgr\0", ValueType.MULTI_SZ))
    with Target(disk) as target:
        changes = make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True)).changes
    assert [change.name for change in changes] == ["UpperFilters"]


# -- files of drivers --------------------------------------------------------------------------------------------
def test_a_driver_whose_failure_is_only_noted_may_be_missing(disk: str) -> None:
    edit(disk, *service("leftover", 1, 0, 1, "System32\\drivers\\leftover.sys"))
    assert named(disk) == []


@pytest.mark.parametrize("start", [1, 2, 3, 4])
def test_a_driver_that_is_not_read_at_boot_may_be_missing(disk: str, start: int) -> None:
    edit(disk, *service("leftover", 1, start, 3, "System32\\drivers\\leftover.sys"))
    assert named(disk) == []


@pytest.mark.parametrize(
    "image",
    ["System32\\drivers\\pci.sys", "\\SystemRoot\\System32\\drivers\\pci.sys", "\\??\\C:\\Windows\\System32\\drivers\\pci.sys"],
)
def test_every_way_to_write_a_driver_s_path_is_understood(disk: str, image: str) -> None:
    edit(disk, *service("vendor", 1, 0, 3, image))
    assert named(disk) == []


# -- services ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("image", "start", "error", "found"),
    [
        ("C:\\Program Files\\Agent\\agent.exe", 2, 3, True),
        ('"C:\\Program Files\\Agent\\agent.exe" -k', 2, 2, True),
        ("C:\\Program Files\\Agent\\agent.exe", 2, 1, False),
        ("C:\\Program Files\\Agent\\agent.exe", 3, 3, False),
        ("C:\\Windows\\System32\\svchost.exe -k x", 2, 3, False),
        ("%SystemRoot%\\System32\\lsass.exe", 2, 3, False),
    ],
)
def test_only_foreign_programs_that_start_by_themselves(disk: str, image: str, start: int, error: int, found: bool) -> None:
    edit(disk, *service("Agent", 0x10, start, error, image))
    assert named(disk) == (["reboot-loop-critical-service"] if found else [])


def test_without_an_interface_that_needs_it_dhcp_may_be_disabled(disk: str) -> None:
    interface = f"{SERVICES}\\Tcpip\\Parameters\\Interfaces\\{{67ab5eed-0000-4000-8000-00155d010067}}"
    edit(disk, dword(f"{SERVICES}\\Dhcp", "Start", 4), dword(interface, "EnableDHCP", 0))
    assert named(disk) == []


def test_remote_desktop_may_be_off(disk: str) -> None:
    edit(disk, dword("ControlSet001\\Control\\Terminal Server", "fDenyTSConnections", 1))
    assert named(disk) == []


def test_a_setup_that_has_ended_is_none_of_ours(disk: str) -> None:
    edit(disk, dword("Setup\\Status\\ChildCompletion", "setup.exe", 1))
    assert named(disk) == []
