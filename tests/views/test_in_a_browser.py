"""The report in Debian's Chromium: on a phone and on a desk, light and dark."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.engine.screen_and_disk import shown_by, with_screen
from bootmend.views.report import report_html
from tests.support import needs
from tests.views.browser import Browser
from tests.views.pictures import stop_picture
from tests.views.stories import IMC, finding, machine, report, stop, volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.oracle
PHONE, DESK = 390, 1440
LONG = "\\Windows\\System32\\" + "a_name_without_any_place_to_break_it" * 6 + ".sys"

LUMINANCE = """
const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n.slice(0, 3), 1] : n; };
const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
const light = (c) => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
  return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b; };
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
const ground = (e) => { const layers = []; for (; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
"""
CONTRASTS = (
    "{"
    + LUMINANCE
    + """
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || e.closest('svg,.hidden,.skip') || !e.getClientRects().length) continue;
  const value = ratio(over(parse(getComputedStyle(e).color), ground(e)), ground(e));
  if (value < 4.5) found.push([value.toFixed(2), e.tagName, e.className, walker.currentNode.data.trim().slice(0, 40)]);
}
found }
"""
)
DRAWN = (
    "{"
    + LUMINANCE
    + """
[...document.querySelectorAll('svg.disk svg')].map(part => [...part.querySelectorAll('text')].map(text => {
  const role = text.classList.contains('role');
  const fill = parse(getComputedStyle(part.querySelector('rect')).fill);
  const under = ground(part.closest('section'));
  return ratio(parse(getComputedStyle(text).fill), role ? under : over(fill, under));
})).flat() }
"""
)
WIDE = """
[...document.querySelectorAll('body *')].filter(e => !e.closest('pre,svg,.hidden,.skip') && e.getBoundingClientRect().right
  > document.documentElement.clientWidth + 1).map(e => e.tagName + '.' + e.className)
"""
BOX = "(name) => { const r = document.querySelector(name).getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    needs("chromium")
    with Browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything: a screen that is contradicted, names that are too long, many volumes."""
    usual = machine().volumes
    many = (*usual, volume(3, 130_047, 0), volume(4, 130_048, 1, kind="unknown"), volume(5, 130_049, 523, "recovery"))
    reading = stop("0x0000007B", "INACCESSIBLE_BOOT_DEVICE", failing_file=LONG)
    found = finding(IMC, "0x00000067", sentence=f"It loads {LONG}, which is not there.")
    told = with_screen(report(found, inconclusive=("safeboot-set",), machine=machine(*many)), shown_by([reading]))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html(told, name="web01.vhd", pictures={"a.png": stop_picture("Stop code")}), encoding="utf-8")
    return path


def box(browser: Browser, name: str) -> tuple[float, float, float, float]:
    left, top, right, bottom = browser.run(f"({BOX})({name!r})")
    return left, top, right, bottom


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_too_wide_or_too_faint_and_nothing_is_loaded(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.show(page, width=width, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(WIDE) == []
    assert browser.run(CONTRASTS) == []
    assert min(browser.run(DRAWN)) >= 4.5
    assert [url for url in browser.requests if not url.startswith("data:image/")] == [page.as_uri()]
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) < 3 * 128) is dark


def test_the_check_of_contrast_can_fail(browser: Browser, tmp_path: Path) -> None:
    faint = tmp_path / "faint.html"
    faint.write_text("<body style='background:#fff'><p style='color:#aaa'>faint</p><p>black</p></body>", encoding="utf-8")
    browser.show(faint, width=DESK, dark=False)
    assert [one[3] for one in browser.run(CONTRASTS)] == ["faint"]


def test_the_article_is_on_the_right_of_a_desk_and_below_on_a_phone(browser: Browser, page: Path) -> None:
    browser.show(page, width=DESK, dark=False)
    (_, top, right, _), (left, beside, edge, _) = box(browser, "main"), box(browser, "aside")
    assert left >= right
    assert abs(top - beside) < 40
    assert edge <= DESK
    browser.show(page, width=PHONE, dark=False)
    (_, _, _, bottom), (_, below, _, _) = box(browser, "main"), box(browser, "aside")
    assert below >= bottom


def test_what_matters_is_above_the_fold(browser: Browser, page: Path) -> None:
    """The verdict, the one-line summary of the article, and the command to type next."""
    for width, fold in ((DESK, 900), (PHONE, 844)):
        browser.show(page, width=width, dark=False, height=fold)
        for name in ("h1", ".lede", ".hero .next"):
            assert box(browser, name)[3] <= fold, name


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_boxes_lie_over_the_picture(browser: Browser, page: Path, width: int) -> None:
    """The reading's box is (60, 300, 400, 320) of 640 x 480 pixels."""
    browser.show(page, width=width, dark=True)
    assert browser.run("document.querySelector('.frame img').naturalWidth") == 640
    image, drawing = box(browser, ".frame img"), box(browser, ".frame svg")
    assert drawing == pytest.approx(image, abs=1.5)
    left, top, right, bottom = box(browser, ".frame .box")
    scale = (image[2] - image[0]) / 640
    wanted = (image[0] + 60 * scale, image[1] + 300 * scale, image[0] + 400 * scale, image[1] + 320 * scale)
    assert (left, top, right, bottom) == pytest.approx(wanted, abs=6 * scale)
    label = box(browser, ".frame .label")
    assert image[0] <= label[0] < label[2] <= image[2]
    assert label[0] >= right - 2 or label[1] >= bottom - 2 or label[3] <= top + 2


def test_landmarks_headings_and_names(browser: Browser, page: Path) -> None:
    browser.show(page, width=DESK, dark=False)
    count: Any = browser.run(
        "['main','header','aside','footer'].map(n => document.querySelectorAll('body > ' + n + ', body > div > ' + n).length)"
    )
    assert count == [1, 1, 1, 1]
    levels = browser.run("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.run("document.documentElement.lang") == "en"
    assert browser.run("[...document.images].every(i => i.alt.length > 10)")
    assert browser.run(
        "[...document.querySelectorAll('svg')].every(s => s.closest('[role=img]') || s.closest('[aria-hidden=true]'))"
    )
    assert browser.run("[...document.querySelectorAll('main th')].every(h => h.scope)")
    assert browser.run(
        "[...document.querySelectorAll('main section')].every(s => document.getElementById(s.getAttribute('aria-labelledby')))"
    )
    ids = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_the_focus_can_be_seen(browser: Browser, page: Path) -> None:
    browser.show(page, width=DESK, dark=False)
    rules = "[...document.styleSheets[0].cssRules].find(r => r.selectorText === ':focus-visible').style.outline"
    assert browser.run(rules).startswith(("3px", "var(--link) solid 3px"))
    assert browser.run("document.querySelectorAll('pre:not([tabindex])').length") == 0


def test_on_paper_everything_stands_below_one_another(browser: Browser, page: Path) -> None:
    browser.show(page, width=DESK, dark=False)
    browser._call("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('.columns')).display") == "block"
    browser._call("Emulation.setEmulatedMedia", media="")
