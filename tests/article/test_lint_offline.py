"""The rules on work at another machine's disk, on screens and on summaries: each fires on its slip, and not beside it."""

from __future__ import annotations

import pytest

from bootmend.article import Article, lint, lint_all, parse
from bootmend.article.linting import Knowledge
from tests.article.test_lint import GOOD

SCREENS = Knowledge(
    screens=(
        "An operating system wasn't found. Try disconnecting any drives that don't contain",
        "Safe Mode",
        "BOOTMGR is missing",
    )
)


def with_step(step: str) -> Article:
    """A good article with one more step."""
    text = GOOD.replace("## **Recommended Documents**", f"3. {step}\n\n## **Recommended Documents**")
    assert text != GOOD
    return parse(text, "a.md")


def codes(step: str, knowledge: Knowledge = SCREENS) -> set[str]:
    return {remark.code for remark in lint(with_step(step), knowledge)}


def test_a_good_article_has_no_remarks_with_all_that_is_known() -> None:
    assert codes("Done") == set()


LOAD = "reg load HKLM\\BROKENSYSTEM W:\\Windows\\System32\\config\\SYSTEM"
UNLOAD = "reg unload HKLM\\BROKENSYSTEM"
SELECT = "reg query HKLM\\BROKENSYSTEM\\Select /v Current"
LETTER = "The Windows volume has the letter W."


def block(*lines: str, words: str = LETTER) -> str:
    return f"{words} Run:\n\n    ```\n" + "".join(f"    {line}\n" for line in lines) + "    ```"


@pytest.mark.parametrize(
    ("code", "slip", "right"),
    [
        ("hive-not-unloaded", block(LOAD), block(LOAD, UNLOAD)),
        (
            "hive-not-unloaded",
            block(LOAD, "reg unload HKLM\\OTHER"),
            block(LOAD, "reg.exe unload HKEY_LOCAL_MACHINE\\brokensystem"),
        ),
        ("hive-not-unloaded", "Click Load Hive.", "Click Load Hive. At the end click Unload Hive."),
        (
            "hive-mismatch",
            block(LOAD.replace("BROKENSYSTEM", "BROKENSOFTWARE"), UNLOAD.replace("SYSTEM", "SOFTWARE")),
            block(LOAD.replace("BROKENSYSTEM", "OFFLINE"), "reg unload HKLM\\OFFLINE"),
        ),
        (
            "hive-mismatch",
            "Load the hive: open the SYSTEM file and enter `BROKENSOFTWARE`. Then unload it.",
            "Load the hive: open the SYSTEM file and enter `BROKENSYSTEM`. Then unload it.",
        ),
        ("select-wrong-hive", "`reg query HKLM\\SYSTEM\\Select /v Current`", f"`{SELECT}`"),
        (
            "current-control-set",
            block(LOAD, "reg query HKLM\\BROKENSYSTEM\\CurrentControlSet\\Control", UNLOAD),
            block("reg query HKLM\\SYSTEM\\CurrentControlSet\\Control"),
        ),
        (
            "control-set-assumed",
            block(LOAD, "reg query HKLM\\BROKENSYSTEM\\ControlSet001\\Control", UNLOAD),
            block(LOAD, SELECT, "reg query HKLM\\BROKENSYSTEM\\ControlSet001\\Control", UNLOAD),
        ),
        (
            "wrong-registry",
            block(LOAD, "reg add HKLM\\SYSTEM\\Setup /v X /d 0", UNLOAD),
            block(LOAD, "reg add HKLM\\BROKENSYSTEM\\Setup /v X /d 0", UNLOAD),
        ),
        ("wrong-registry", block(LOAD, 'reg delete "HKLM\\SOFTWARE\\X"', UNLOAD), block('reg delete "HKLM\\SOFTWARE\\X"')),
        (
            "regback-unchecked",
            "Copy `\\config\\RegBack\\SYSTEM` over it.",
            "If `\\config\\RegBack\\SYSTEM` is not empty, copy it.",
        ),
        ("current-entry", "`bcdedit /store S:\\boot\\bcd /ems {current} on`; S is the letter S", "`bcdedit /ems {current} on`"),
        ("diskpart-select", "`sel <PARTITION ID>`", "`sel partition <PARTITION ID>`"),
        ("disk-number-assumed", "`sel disk 1`", "`sel disk <DISK NUMBER>`"),
        ("disk-number-assumed", "Run `select disk 12`", "Here it is disk 12: run `select disk 12`"),
        ("drive-letter-assumed", "`bcdboot W:\\Windows`", "`bcdboot W:\\Windows`; W: is the Windows volume"),
        (
            "drive-letter-assumed",
            block("chkdsk F: /f", words="x"),
            block("chkdsk F: /f", words="If your disk isn't drive F, change it."),
        ),
        ("drive-letter-assumed", block("chkdsk /f F:", words="x"), block("chkdsk /f F:", words="`assign letter=F`")),
        (
            "drive-letter-assumed",
            block("dism /image:C:\\ /get-packages", words="x"),
            block("dism /online /get-packages", words="x"),
        ),
        ("drive-letter-assumed", block(LOAD, UNLOAD, words="x"), block(LOAD, UNLOAD)),
        ("drive-letter-assumed", block("bcdedit /store F:\\x /enum", words="x"), block("c:\\> bcdedit /enum", words="x")),
        ("alias-brackets", "It is `<default>`", "It is `{default}`"),
        ("placeholder-misspelt", "Replace `<DRIVE LETER>`", "Replace `<DRIVE LETTER>`"),
        (
            "screen-text-unknown",
            "The screen shows **Something new happened**",
            "The screen shows **BOOTMGR is missing. Press Ctrl+Alt+Del**",
        ),
        ("screen-text-unknown", 'The screenshot would say "No such text"', 'The screenshot would say "Safe Mode"'),
        ("screen-text-unknown", "The screen displays `Qwerty`", "The screen displays `0x0000007B`"),
        ("screen-text-unknown", "The screen shows **QWERTY_UIOP**", "The screen shows **INACCESSIBLE_BOOT_DEVICE**"),
        ("screen-text-unknown", "The screen shows **0x00000999**", "The page tells more of **0x00000999**"),
        (
            "screen-text-unknown",
            "The screen shows **An operating system wasn't found. Try disconnecting any drivers that**",
            "The screen shows **An operating system wasn't found**",
        ),
        ("screen-text-unknown", "The screen shows **Qwerty**", "The screen shows `bootmend check`"),
        (
            "bios-path-uefi",
            "x\n\n### A Generation 2 VM\n\n1. `bcdedit /store <drive letter>:\\boot\\bcd /enum`",
            "x\n\n### A Generation 1 VM\n\n1. `bcdedit /store <drive letter>:\\boot\\bcd /enum`",
        ),
        (
            "bios-path-uefi",
            "x\n\n### UEFI\n\n```\nbcdedit /store <drive letter>:\\boot\\bcd /enum\n```",
            "x\n\n### UEFI\n\n```\nbcdedit /store <drive letter>:\\efi\\microsoft\\boot\\bcd /enum\n```",
        ),
    ],
)
def test_each_rule_fires_and_keeps_silent(code: str, slip: str, right: str) -> None:
    assert code in codes(slip)
    assert code not in codes(right)


@pytest.mark.parametrize("ending", ["due to ", "because", "because of", "stopped by the"])
def test_a_value_that_ends_in_the_middle(ending: str) -> None:
    slip = GOOD.replace('description="Something"', f'description="It failed {ending}"')
    assert {remark.code for remark in lint(parse(slip))} == {"value-unfinished"}
    assert lint(parse(GOOD.replace('description="Something"', 'description="It failed to boot"'))) == []


def test_screens_are_not_judged_where_none_are_known() -> None:
    assert "screen-text-unknown" not in codes("The screen shows **Something new happened**", Knowledge())


def test_the_line_is_that_of_the_slip() -> None:
    article = with_step(block("echo", LOAD, UNLOAD, words="x"))
    (remark,) = [one for one in lint(article) if one.code == "drive-letter-assumed"]
    assert "reg load" in article.text.split("\n")[remark.line - 1]


def test_two_articles_with_one_summary() -> None:
    other = GOOD.replace("INITIALIZATION_FAILED", "INITIALIZATION_FAILED-2")
    found = lint_all([parse(GOOD, "a.md"), parse(other, "b.md")])
    assert [(article.name, remark.code, remark.message) for article, remark in found] == [
        ("b.md", "summary-repeated", "a.md has the same infoBubbleText")
    ]
    assert lint_all([parse(GOOD, "a.md"), parse(other.replace("One line", "Another line"), "b.md")]) == []
