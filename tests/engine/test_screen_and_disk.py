"""The screen beside the disk: what explains it, what contradicts it, what is left unexplained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootmend.engine.screen_and_disk import RELATIONS, Screen, shown_by, shows, with_screen
from bootmend.errors import UsageError
from bootmend.model import Severity
from bootmend.screen import CERTAIN, LIKELY, UNKNOWN, Reading
from tests.views.stories import DEVICE, IMC, SAFEBOOT, finding, report, state, stop

X67, X7B = "0x00000067", "0x0000007B"
CONFIG, INACCESSIBLE = "CONFIG_INITIALIZATION_FAILED", "INACCESSIBLE_BOOT_DEVICE"
IMC_FOUND = finding(IMC, X67)
SAFEBOOT_FOUND = finding(SAFEBOOT, severity=Severity.WARNING)


def judged(before: object, *readings: Reading, logs: tuple[Reading, ...] = ()) -> Screen:
    """What is said of the screen beside a report."""
    after = with_screen(before, shown_by(readings, logs))  # type: ignore[arg-type]
    assert after.screen is not None
    assert after.screen.relation in RELATIONS
    return after.screen


# -- explained -----------------------------------------------------------------------------------
def test_a_finding_explains_the_screen_by_its_code_and_comes_first() -> None:
    warning = finding(SAFEBOOT, severity=Severity.ERROR)
    after = with_screen(report(warning, IMC_FOUND, codes=(X67,)), shown_by([stop(X67, CONFIG)]))
    assert [one.rule for one in after.findings] == [IMC, SAFEBOOT]
    assert after.screen is not None
    assert after.screen.relation == "explained"
    assert after.screen.sentence == (f"The screen shows 0x67 {CONFIG}, and {IMC} on the disk explains it (code 0x67).")
    assert [one.to_json() for one in after.screen.explained_by] == [{"rule": IMC, "subject": "s", "by": "code 0x67"}]
    assert after.screen.look_at == ()
    assert (after.verdict, after.exit_code) == ("problems", 1)


def test_a_status_code_of_the_boot_manager_is_explained_by_its_rule() -> None:
    reading = state("boot_manager_error", status_code="0xC000000E")
    found = judged(report(finding(DEVICE), codes=("0xC000000E",)), reading)
    assert (found.relation, found.explained_by[0].by) == ("explained", "code 0xC000000E")


def test_the_codes_of_the_screen_are_explained_codes_of_the_report() -> None:
    assert report(finding(DEVICE), codes=("0xC000000E",)).unexplained == ()
    assert report(finding(SAFEBOOT), codes=("0xC000000E",)).unexplained == ("0xC000000E",)


def test_one_code_of_a_name_that_has_several_is_enough() -> None:
    reading = stop(None, CONFIG, possible_codes=("0x1000007E", X67))
    assert shown_by([reading]).codes == (X67,)
    assert judged(report(IMC_FOUND), reading).relation == "explained"


def test_a_file_on_the_screen_explains_where_the_finding_names_it() -> None:
    reading = state("boot_manager_error", failing_file="\\Windows\\system32\\drivers\\Evil.sys")
    named = finding(SAFEBOOT, details={"driver": "\\Windows\\System32\\drivers\\evil.sys"})
    found = judged(report(named), reading)
    assert (found.relation, found.explained_by[0].by) == ("explained", "file \\Windows\\system32\\drivers\\Evil.sys")
    other = finding(SAFEBOOT, details={"driver": "notevil.sys"})
    assert judged(report(other), reading).relation == "unexplained"


def test_the_kernels_own_files_explain_nothing() -> None:
    named = finding(SAFEBOOT, details={"file": "\\Windows\\System32\\ntoskrnl.exe"})
    assert judged(report(named), stop(X7B, INACCESSIBLE, failing_file="ntoskrnl.exe")).relation == "unexplained"


def test_a_text_on_the_screen_explains_where_there_is_no_code() -> None:
    reading = state("logon", "Safe Mode", "Press Ctrl+Alt+Delete to unlock")
    found = judged(report(SAFEBOOT_FOUND), reading)
    assert (found.relation, found.explained_by[0].by) == ("explained", "text 'Safe Mode'")
    longer = state("logon", "To use Safe Mode press F8")  # a short text must be a line of its own
    assert judged(report(SAFEBOOT_FOUND), longer).relation == "started"


def test_a_code_explains_more_than_a_text() -> None:
    reading = stop(X67, CONFIG, text=("Safe Mode", f"Stop code: {CONFIG}"))
    assert [one.rule for one in judged(report(SAFEBOOT_FOUND, IMC_FOUND), reading).explained_by] == [IMC]


# -- contradicted, unexplained -------------------------------------------------------------------
def test_a_contradiction_is_named_in_one_sentence() -> None:
    after = with_screen(report(IMC_FOUND, codes=(X7B,)), shown_by([stop(X7B, INACCESSIBLE)]))
    assert after.screen is not None
    assert after.screen.relation == "contradicted"
    assert after.screen.sentence.startswith(
        f"The screen shows 0x7B {INACCESSIBLE}, but {IMC}, which was found on the disk, stops with 0x67: "
    )
    assert after.screen.sentence.count(". ") == 0
    assert "storahci" in after.screen.look_at[0]
    assert (after.verdict, after.unexplained) == ("problems", (X7B,))


def test_a_screen_that_nothing_explains_is_said_plainly() -> None:
    after = with_screen(report(codes=(X7B,)), shown_by([stop(X7B, INACCESSIBLE)]))
    assert after.screen is not None
    assert after.screen.sentence == f"The screen shows 0x7B {INACCESSIBLE}; nothing found on the disk explains it."
    assert (after.verdict, after.exit_code) == ("unexplained", 1)


def test_a_fault_without_a_code_makes_the_verdict_too() -> None:
    after = with_screen(report(), shown_by([state("bootmgr_missing", "BOOTMGR is missing")]))
    assert after.screen is not None
    assert after.screen.sentence == "The screen shows BOOTMGR is missing; nothing found on the disk explains it."
    assert after.screen.look_at[0].startswith("bootmgr in the root of the system volume")
    assert (after.verdict, after.exit_code) == ("unexplained", 1)


def test_what_could_not_be_judged_is_where_to_look() -> None:
    after = with_screen(report(inconclusive=(SAFEBOOT,), codes=(X7B,)), shown_by([stop(X7B)]))
    assert after.screen is not None
    assert f"what could not be judged: {SAFEBOOT}" in after.screen.look_at
    assert (after.verdict, after.exit_code) == ("inconclusive", 3)


# -- healthy, waiting, unread --------------------------------------------------------------------
def test_a_sign_in_while_the_disk_has_a_fault() -> None:
    found = judged(report(IMC_FOUND), state("logon"))
    assert found.relation == "started"
    assert f"but {IMC} was found on the disk, which keeps it from starting" in found.sentence
    mild = judged(report(SAFEBOOT_FOUND), state("logon"))
    assert mild.sentence.endswith("what was found on the disk does not keep it from that.")


def test_a_sign_in_and_a_healthy_disk_agree() -> None:
    after = with_screen(report(), shown_by([state("logon")]))
    assert after.screen is not None
    assert (after.screen.relation, after.verdict, after.exit_code) == ("agreed", "healthy", 0)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading(file="a.png", remarks=("it is a PDF",)), "was not recognised"),
        (state("updating", percentage=30), "updating, 30%"),
        (state("bitlocker_recovery"), "waits for an answer"),
        (state("grub"), "no fault of Windows"),
        (stop(None, confidence=UNKNOWN), "no code that can be read"),
    ],
)
def test_a_screen_that_tells_no_fault_decides_nothing(reading: Reading, words: str) -> None:
    for before in (report(), report(IMC_FOUND)):
        after = with_screen(before, shown_by([reading]))
        assert after.screen is not None
        assert after.screen.relation == "undecided"
        assert words in after.screen.sentence
        assert after.screen.look_at == ()
        assert after.exit_code == before.exit_code


# -- several pictures, logs ----------------------------------------------------------------------
def test_frames_are_one_reading() -> None:
    frames = [state("updating", percentage=10, file="1.png"), state("updating", percentage=30, file="2.png")]
    found = judged(report(), *frames)
    assert found.reading.percentage == 30
    assert "the percentage is moving: 10% to 30%" in found.remarks
    assert [one.file for one in found.shown.readings] == ["1.png", "2.png"]


def test_frames_that_disagree_claim_nothing() -> None:
    found = judged(report(IMC_FOUND), stop(X67, CONFIG, file="1.png"), stop(X7B, INACCESSIBLE, file="2.png"))
    assert (found.relation, found.shown.codes) == ("undecided", ())
    assert found.sentence.startswith("The pictures do not agree")
    assert "the frames name different codes: 0x00000067, 0x0000007B" in found.remarks


def test_a_picture_and_a_log_that_agree_are_certain() -> None:
    picture, log = stop(X67, CONFIG, confidence=LIKELY), replace(stop(X67), file="serial.log", engines=("serial",))
    found = judged(report(IMC_FOUND), picture, logs=(log,))
    assert (found.relation, found.reading.confidence) == ("explained", CERTAIN)


def test_a_picture_and_a_log_that_disagree_claim_nothing() -> None:
    found = judged(report(IMC_FOUND), stop(X67, CONFIG), logs=(replace(stop(X7B), file="serial.log"),))
    assert (found.shown.codes, found.relation) == ((), "undecided")
    assert "the picture and the log name different codes: a.png: 0x00000067, serial.log: 0x0000007B" in found.remarks


def test_a_log_with_a_code_tells_more_than_a_logo() -> None:
    found = judged(report(IMC_FOUND), state("logo"), logs=(replace(stop(X67, CONFIG), file="serial.log"),))
    assert found.reading.file == "serial.log"
    assert found.relation == "explained"


def test_nothing_given_is_a_mistake() -> None:
    with pytest.raises(UsageError):
        shown_by([])


def test_what_a_reading_shows_in_words() -> None:
    assert shows(stop(X7B, INACCESSIBLE)) == f"0x7B {INACCESSIBLE}"
    assert shows(state("boot_manager_error", status_code="0xC000000E")) == "0xC000000E"
    assert shows(stop(None, CONFIG)) == CONFIG
    assert shows(state("bootmgr_missing")) == "BOOTMGR is missing"


def test_as_json() -> None:
    document = judged(report(), stop(X7B, INACCESSIBLE)).to_json()
    assert document["relation"] == "unexplained"
    assert document["reading"]["stop_code"] == X7B
    assert len(document["readings"]) == 1
