"""The HTML report: what it holds for each outcome, and that nothing from a disk or a screen can break out of it."""

from __future__ import annotations

import base64
import io
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.engine.journal import PatchSet
from bootmend.engine.plan import Plan, Request, Step
from bootmend.engine.repair import Outcome
from bootmend.engine.screen_and_disk import shown_by, with_screen
from bootmend.model import Applicability, Change, Evidence, Severity
from bootmend.screen import Box, Sight
from bootmend.source import Patch
from bootmend.views import Story
from bootmend.views.report import plan_html, report_html, run_html
from bootmend.views.screen_picture import MOST_BYTES, WIDEST, embed, marks_of
from bootmend.views.sheet import DARK, LIGHT, POLICY
from tests.views.pictures import noise_picture, stop_picture
from tests.views.stories import IMC, SAFEBOOT, finding, machine, report, state, stop, volume

if TYPE_CHECKING:
    from bootmend.engine.diagnose import Report

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m\u202e"
FOUND = finding(IMC, "0x00000067")
CHANGES = (
    Change("volume 1 \\Boot\\BCD", "{default}", "imcdevice", "locate=\\IMC.hiv", None),
    Change("volume 1 \\Boot\\BCD", "{default}", "ems", None, "Yes"),
    Change("volume 1 \\Boot\\BCD", "{bootmgr}", "timeout", "30", "5"),
)


class Reader(HTMLParser):
    """Every element with its attributes, the visible text, and that each is closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "br", "hr", "img", "wbr"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def checked(told: Report, **pictures: bytes) -> Reader:
    return Reader(report_html(told, name="web01.vhd", pictures={f"{name}.png": data for name, data in pictures.items()}))


def planned(told: Report, *changes: Change) -> Plan:
    patches = (Patch("web01.vhd", 0, 512, b"\0" * 512, b"\1" * 512),) if changes else ()
    return Plan(
        request=Request(made_at=0),
        report=told,
        chosen=told.problems,
        left=(),
        steps=(Step("delete-element", changes),),
        patchset=PatchSet((), patches),
        witnesses=(),
        identity="0",
        notes=("the boot menu delays each start by 5 seconds",),
    )


# -- what it says --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("told", "headline"),
    [
        (report(FOUND), "Windows stops with 0x67 CONFIG_INITIALIZATION_FAILED"),
        (report(FOUND, finding(SAFEBOOT)), "Windows stops with 0x67 CONFIG_INITIALIZATION_FAILED, and 1 more"),
        (report(finding(SAFEBOOT, severity=Severity.WARNING)), "Title of safeboot-set"),
        (report(rules=(IMC, SAFEBOOT)), "None of the 2 boot failures that were looked for is on this disk"),
        (report(rules=(IMC,)), f"{IMC} is not on this disk"),
        (report(inconclusive=(IMC,)), "No problem was found, but not everything could be judged"),
        (report(codes=("0x0000007B",)), "Nothing found on the disk explains 0x7B"),
        (
            with_screen(report(), shown_by([state("bootmgr_missing")])),
            "Nothing found on the disk explains BOOTMGR is missing",
        ),
    ],
)
def test_the_headline_says_what_it_comes_to(told: Report, headline: str) -> None:
    html = report_html(told, name="web01.vhd", pictures={})
    heading = re.search(r"<h1>.*?</h1>", html)
    assert heading
    assert Reader(heading[0]).text[1:] == headline


def test_a_finding_with_its_evidence_and_the_next_command() -> None:
    page = checked(report(FOUND))
    for words in (
        "Title of " + IMC,
        "Sentence of " + IMC,
        "locate=\\IMC.hiv",
        "missing",
        "expected: a hive",
        "deletes 2 elements",
    ):
        assert words in page.text
    assert page.text.count("bootmend repair web01.vhd --vm web01") == 2
    assert f"bootmend explain {IMC} --disk web01.vhd --vm web01" in page.text
    assert "The boot loader asks for a configuration file that is not there." in page.text  # the article's infoBubbleText


def test_what_needs_consent_or_hands_is_not_offered_as_a_repair() -> None:
    by_hand = checked(report(finding(IMC, applicability=Applicability.MANUAL)))
    assert "bootmend repair web01.vhd --vm" not in by_hand.text
    assert "to be repaired by hand" in by_hand.text
    consent = checked(report(finding(IMC, applicability=Applicability.UNSAFE)))
    assert "bootmend repair web01.vhd --unsafe --vm web01" in consent.text


def test_what_was_not_checked_is_said() -> None:
    page = checked(report(inconclusive=(SAFEBOOT,), rules=(SAFEBOOT,), remarks=("the disk ends early",)))
    assert f"Could not be judged: {SAFEBOOT}: cannot be read" in page.text
    assert IMC in page.text.partition("Not looked for, as asked:")[2]
    assert "the disk ends early" in page.text
    assert "Windows was not started" in page.text


def test_how_to_get_a_screenshot_is_told_where_none_was_given() -> None:
    without = checked(report(FOUND))
    for words in (
        "az vm boot-diagnostics get-boot-log-uris",
        "Hyper-V",
        "virsh screenshot",
        "govc vm.console",
        "get-console-screenshot",
    ):
        assert words in without.text
    told = with_screen(report(FOUND), shown_by([stop("0x00000067")]))
    assert "virsh" not in checked(told).text


def test_the_article_stands_beside_it_and_says_what_was_looked_at() -> None:
    page = checked(report(FOUND))
    assert [attributes.get("aria-label") for attributes in page.all("aside")] == ["Article"]
    assert "Recommended Steps" in page.text
    assert "✓ Done" in page.text  # the step that looks at the disk
    assert checked(report()).all("aside") == []


def test_a_healthy_disk_with_a_code_on_the_screen_shows_the_article_of_that_code() -> None:
    told = with_screen(report(codes=("0x00000067",)), shown_by([stop("0x00000067")]))
    assert "Stop code 0x67 CONFIG_INITIALIZATION_FAILED" in checked(told).text


# -- plans and runs ------------------------------------------------------------------------------
def test_a_plan_shows_each_setting_before_and_after() -> None:
    plan = planned(report(FOUND), *CHANGES)
    html = plan_html(plan, name="web01.vhd", kept="fix.plan", pictures={})
    page = Reader(html)
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr><th scope=\"row\"><span class=\"sign.*?</tr>", html)]
    assert [[cell for cell in row.split("|") if cell.strip()] for row in rows] == [
        ["−", "imcdevice", "removed", "locate=\\IMC.hiv", "not set"],
        ["+", "ems", "added", "not set", "Yes"],
        ["~", "timeout", "changed", "30", "5"],
    ]
    assert "Nothing has been written yet." in page.text
    assert "bootmend apply fix.plan" in page.text
    assert "the boot menu delays each start by 5 seconds" in page.text
    assert "bootmend undo" not in page.text.partition("Recommended Steps")[0]


def test_an_empty_plan_changes_nothing() -> None:
    page = Reader(plan_html(planned(report()), name="web01.vhd", kept="", pictures={}))
    assert page.all("ins") == page.all("del") == []


@pytest.mark.usefixtures("_own_state")
def test_a_run_ends_with_the_command_that_takes_it_back() -> None:
    plan = planned(report(FOUND), *CHANGES)
    outcome = Outcome("repair", "7c1e", "web01.vhd", "committed", 512, changes=CHANGES, cured=(FOUND,))
    page = Reader(run_html(outcome, Story(plan, "web01.vhd")))
    assert "Repaired: the fault is gone on the disk" in page.text
    assert "Windows has not been started yet." in page.text
    assert page.text.count("bootmend undo 7c1e") >= 2
    assert "bootmend repair web01.vhd --vm" not in page.text
    left = replace(outcome, left=(finding(SAFEBOOT, applicability=Applicability.UNSAFE),))
    assert "Repaired; 1 problem left on the disk" in Reader(run_html(left, Story(plan, "web01.vhd"))).text


@pytest.fixture
def _own_state(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path))


# -- the disk as a picture -----------------------------------------------------------------------
def test_the_disk_is_told_in_words_too() -> None:
    usual = machine().volumes
    page = checked(report(machine=machine(*usual, size=200 << 30)))
    assert [one["aria-label"] if "aria-label" in one else one["role"] for one in page.all("svg") if "role" in one] == ["img"]
    assert (
        'The disk, 200 GiB, from left to right: volume 1, NTFS "System Reserved", 500 MiB, the system volume; '
        'volume 2, NTFS "Windows", 126.5 GiB, the Windows volume; 73 GiB that belong to no volume.'
    ) in page.text


def test_a_directory_has_no_layout() -> None:
    folder = machine(volume(1, 0, 0, "system", "windows", kind="directory"), size=0, format="directory", scheme="none")
    assert [one for one in checked(report(machine=folder)).all("svg") if one.get("role")] == []


# -- the screen as a picture ---------------------------------------------------------------------
def test_the_screen_is_put_in_with_its_boxes() -> None:
    told = with_screen(report(FOUND), shown_by([stop("0x00000067", "CONFIG_INITIALIZATION_FAILED", file="a.png")]))
    page = checked(told, a=stop_picture("Stop code"))
    (image,) = page.all("img")
    assert image["src"].startswith("data:image/png;base64,")
    assert "0x67 CONFIG_INITIALIZATION_FAILED" in image["alt"]
    (drawing,) = [one for one in page.all("svg") if one.get("class") == "boxes"]
    assert drawing["viewbox"] == "0 0 640 480"
    (frame,) = [one for one in page.all("rect") if one.get("class") == "box"]
    left, top, width, height = (int(frame[name]) for name in ("x", "y", "width", "height"))
    assert (left, top) < (60, 300)
    assert left + width > 400
    assert top + height > 320
    assert "1 stop code" in page.text
    assert "explains the screen" in page.text


def test_a_picture_is_encoded_anew_and_kept_small() -> None:
    image = pytest.importorskip("PIL.Image")
    secret = stop_picture("x") + b"SECRET AFTER THE END"
    found = embed(secret)
    assert found is not None
    data = base64.b64decode(found.address.partition(",")[2])
    assert b"SECRET" not in data
    assert (found.width, found.height) == (640, 480)
    large = embed(noise_picture(2000, 1500))
    assert large is not None
    data = base64.b64decode(large.address.partition(",")[2])
    assert len(data) <= MOST_BYTES
    with image.open(io.BytesIO(data)) as picture:
        assert picture.width <= WIDEST
    assert (large.width, large.height) == (2000, 1500)  # boxes are in the pixels of the file


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\x89PNG\r\n\x1a\nshort", b"text"])
def test_what_is_no_picture_is_not_put_in(data: bytes) -> None:
    assert embed(data) is None


def test_without_the_library_the_report_is_whole_but_for_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    told = with_screen(report(FOUND), shown_by([stop("0x00000067", file="a.png")]))
    page = checked(told, a=b"\x89PNG\r\n\x1a\n")
    assert page.all("img") == []
    assert "a.png cannot be shown here." in page.text
    assert "0x67" in page.text


def test_lines_that_tell_the_same_are_one_mark() -> None:
    sights = tuple(
        Sight(what, text, Box(0, top, 9, top + 9))
        for what, text, top in (("state", "one", 0), ("state", "two", 10), ("stop code", "two", 10), ("stop code", "three", 20))
    )
    marks = marks_of(stop("0x00000067", evidence=(*sights, Sight("state", "in a log"))))
    assert [(mark.what, mark.text, len(mark.boxes)) for mark in marks] == [("state", "one two", 2), ("stop code", "three", 1)]


def test_labels_of_lines_that_are_close_do_not_cover_each_other() -> None:
    sights = tuple(Sight(what, what, Box(100, top, 300, top + 10)) for what, top in (("stop code", 100), ("failing file", 112)))
    told = with_screen(
        report(FOUND), shown_by([stop("0x00000067", evidence=(*sights, Sight("state", "x", Box(500, 470, 640, 480))))])
    )
    labels = [one for one in checked(told, a=stop_picture("x")).all("rect") if one.get("class") == "label"]
    boxes = [[int(one[name]) for name in ("x", "y", "width", "height")] for one in labels]
    assert len(boxes) == 3
    for left, top, width, height in boxes:
        assert 0 <= left <= left + width <= 640
        assert 0 <= top <= top + height <= 480
    first, second, _ = boxes
    assert second[0] >= first[0] + first[2]


def test_a_log_is_quoted() -> None:
    told = with_screen(
        report(), shown_by([], [state("bootmgr_missing", "BOOTMGR is missing", "Press Ctrl+Alt+Del", file="s.log")])
    )
    page = checked(told)
    assert "BOOTMGR is missing\nPress Ctrl+Alt+Del" in page.text


# -- nothing gets out, nothing gets in -----------------------------------------------------------
def nasty_story() -> tuple[Plan, dict[str, bytes]]:
    """Whatever a disk, a screen or a user can name, with HTML in it."""
    disk = machine(
        volume(1, 1, 500, "system", label=NASTY, contents=NASTY, kind=NASTY),
        volume(2, 501, 2000, "windows", label=NASTY),
        disk_id=NASTY,
        windows=({"where": NASTY, "product": NASTY, "build": NASTY, "edition": NASTY, "computer": NASTY},),
    )
    evil = finding(
        IMC,
        "0x00000067",
        title=NASTY,
        sentence=NASTY,
        fix=NASTY,
        subject=NASTY,
        evidence=(Evidence(NASTY, NASTY, NASTY, NASTY),),
        details={"loader": NASTY, "loadername": NASTY, "imcpath": NASTY},
    )
    reading = stop(
        "0x0000007B",
        NASTY,
        failing_file=NASTY,
        info=NASTY,
        remarks=(NASTY,),
        key_id=NASTY,
        text=(NASTY,),
        evidence=(Sight(NASTY, NASTY, Box(1, 1, 9, 9)),),
        file=NASTY,
    )
    before = report(evil, machine=disk, path=NASTY, vm=NASTY, remarks=(NASTY,), offers=(evil,), inconclusive=(NASTY,))
    told = with_screen(before, shown_by([reading], [replace(reading, file=NASTY + ".log")]))
    return planned(told, Change(NASTY, NASTY, NASTY, NASTY, NASTY), Change(NASTY, NASTY, NASTY, None, NASTY)), {
        NASTY: stop_picture("x")
    }


@pytest.mark.usefixtures("_own_state")
def test_nothing_from_a_disk_a_screen_or_a_user_becomes_html() -> None:
    plan, pictures = nasty_story()
    outcome = Outcome("repair", "7c1e", NASTY, "committed", 512, changes=plan.changes, notes=(NASTY,), left=plan.report.problems)
    pages = (
        report_html(plan.report, name=NASTY, pictures=pictures),
        plan_html(plan, name=NASTY, kept=NASTY, pictures=pictures),
        run_html(outcome, Story(plan, NASTY, pictures)),
    )
    for html in pages:
        page = Reader(html)
        assert page.all("script") == []
        assert all(one["src"].startswith("data:image/") for one in page.all("img"))
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert "alert(1)</script>" in page.text
        assert page.text.count("<script>") > 15
        assert "\x1b" not in html
        assert "\u202e" not in html


def test_the_page_may_load_nothing() -> None:
    html = report_html(report(FOUND), name="web01.vhd", pictures={})
    page = Reader(html)
    assert [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"] == [POLICY]
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert not {"link", "script", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.elements}
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


# -- colours -------------------------------------------------------------------------------------
def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(colours: dict[str, str]) -> None:
    pairs = [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("paper", "card", "fill")]
    pairs += [(name, f"{name}-fill") for name in ("bad", "warn", "good", "info")]
    pairs += [(name, "card") for name in ("bad", "warn", "good", "info")]
    pairs += [(ink, f"{name}-fill") for ink in ("ink", "soft") for name in ("warn", "info")]
    for ink, ground in pairs:
        dark, light = sorted((luminance(colours[ink]), luminance(colours[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
