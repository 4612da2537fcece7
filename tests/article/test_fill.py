"""Filling in: variables, all spellings of placeholders, portal links; and the explanations of what stays open."""

from __future__ import annotations

import re

import pytest

from bootmend.article import Article, Filled, fill, parse, to_html, to_markdown, to_text
from tests.article.material import HEADER, SEED_SHAPE, TARGET, Html
from tests.support import shared_files

GUID = "{3d2f1a60-67ab-11ee-9b1c-00155d010067}"
BLADE = (
    "[Screen](data-blade:Microsoft_Azure_Compute.SerialConsoleLogBladeViewModel.resourceId.$resourceId;data-blade-uri:"
    "{$domain}/#@microsoft.onmicrosoft.com/resource/{$resourceIdDecoded}/bootDiagnostics)"
)
RESOURCE = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web01"


def article(text: str) -> Article:
    return parse(f"{HEADER}\n# T\n\n{text}\n")


def shown(text: str, **values: str) -> str:
    """The text of what stands below the title and any legend."""
    return to_text(fill(article(f"## **S**\n\n{text}"), values), width=1000).split("-\n\n", 1)[1].strip()


def legend(filled: Filled) -> str:
    text = to_text(filled, width=1000)
    return text.split("What to put in", 1)[1].split("\n\n", 2)[2] if filled.legend else ""


class TestVariables:
    def test_the_whole_span_becomes_the_value(self) -> None:
        assert shown("VM <!--$vmname-->[vmname]<!--/$vmname--> stops", vmname="web01") == "VM web01 stops"

    def test_names_need_no_case_and_no_dollar(self) -> None:
        assert shown("<!--$VMName-->[x]<!--/$VMName-->", **{"$vmname": "web01"}) == "web01"

    def test_also_in_code_and_in_commands(self) -> None:
        assert shown("`check <!--$disk-->DISK<!--/$disk-->`", disk="a.vhd") == "`check a.vhd`"
        assert shown("```\ncheck <!--$disk-->DISK<!--/$disk-->\n```", disk="a.vhd") == "check a.vhd"

    def test_an_unknown_one_keeps_its_default_and_is_reported(self) -> None:
        filled = fill(article("see <!--$store-->the store<!--/$store-->, `<!--$run-->RUN<!--/$run-->`"), {})
        assert filled.unknown == ("store", "run")
        assert "see the store, `RUN`" in to_text(filled)

    def test_a_default_in_brackets_is_explained(self) -> None:
        filled = fill(article("VM <!--$vmname-->[vmname]<!--/$vmname-->"), {})
        assert "`[vmname]`: the name of the virtual machine" in legend(filled)

    def test_vm_and_computer_stand_in_for_each_other(self) -> None:
        assert shown("<!--$vmname-->x<!--/$vmname-->", computer="WEB01") == "WEB01"
        assert shown("<!--$computer-->x<!--/$computer-->", vmname="web01") == "web01"

    def test_an_empty_value_is_no_value(self) -> None:
        assert shown("<!--$disk-->DISK<!--/$disk-->", disk=" ") == "DISK"


class TestPlaceholders:
    @pytest.mark.parametrize(
        "written",
        [
            "<drive letter>",
            "<DRIVE LETTER>",
            "<DRIVE LETER>",
            "<DISK LETTER>",
            "<PARTITION LETTER>",
            "[Boot partition]",
            "[boot partition]",
            "<BCD FOLDER - DRIVE LETTER>",
            "<Letter of the boot partition>",
            "<Volume Letter of EFI System Partition>",
            "<Letter you assigned to the EFI System partition>",
        ],
    )
    def test_every_spelling_of_the_system_volume(self, written: str) -> None:
        command = rf"`bcdedit /store {written}:\boot\bcd /enum`"
        assert shown(command, systemletter="s:") == r"`bcdedit /store S:\boot\bcd /enum`"
        assert written in legend(fill(article(command), {}))

    @pytest.mark.parametrize("written", ["[Windows partition]", "<WINDOWS FOLDER - DRIVE LETTER>", "[drive]", "<drive letter>"])
    def test_every_spelling_of_the_windows_volume(self, written: str) -> None:
        assert shown(rf"`dir {written}:\Windows`", windowsletter="W", systemletter="S") == r"`dir W:\Windows`"

    @pytest.mark.parametrize(
        "written",
        [
            "{identifier}",
            "{Identifier}",
            "{[Identifier]}",
            "{[identifier]}",
            "{<<IDENTIFIER>>}",
            "{<IDENTIFIER>}",
            "[Identifier]",
            "<IDENTIFIER>",
            "{<IDENTIFIER FROM THE BOOT LOADER>}",
        ],
    )
    @pytest.mark.parametrize("value", [GUID, GUID.strip("{}")])
    def test_every_spelling_of_the_loader(self, written: str, value: str) -> None:
        assert shown(f"`/deletevalue {written} imcdevice`", loader=value) == f"`/deletevalue {GUID} imcdevice`"
        assert "8, 4, 4, 4 and 12" in legend(fill(article(f"`x {written}`"), {}))

    def test_placeholders_in_running_text(self) -> None:
        assert shown("the disk <drive letter>:\\Windows and [Boot partition]", systemletter="S", windowsletter="W") == (
            "the disk W:\\Windows and S"
        )

    def test_the_store_becomes_the_one_that_is_there(self) -> None:
        values = {"store": r"volume 1 \EFI\Microsoft\Boot\BCD"}
        assert shown(r"`bcdedit /store [Boot partition]:\boot\bcd /enum`", **values) == (
            r"`bcdedit /store [Boot partition]:\EFI\Microsoft\Boot\BCD /enum`"
        )

    def test_an_article_that_knows_both_stores_is_left_alone(self) -> None:
        text = "`bcdedit /store <drive letter>:\\boot\\bcd` or `bcdedit /store <drive letter>:\\EFI\\Microsoft\\boot\\bcd`"
        assert r"S:\boot\bcd" in shown(text, store=r"\EFI\Microsoft\Boot\BCD", systemletter="S")

    def test_links_aliases_and_code_are_no_placeholders(self) -> None:
        text = "[Boot partition](https://x.y/) `{current}` `{bootmgr}` `[int]$x` `List<T>` `reg [/v]`"
        assert fill(article(text), {}).legend == ()

    def test_explanations_name_this_machine(self) -> None:
        filled = fill(article("`<drive letter>:\\boot\\bcd`"), {"systemvolume": "volume 1", "store": r"\Boot\BCD"})
        assert r"the system volume (volume 1), which holds `\Boot\BCD`" in legend(filled)

    def test_one_explanation_for_all_spellings(self) -> None:
        filled = fill(parse(SEED_SHAPE), {})
        assert [entry.spellings for entry in filled.legend] == [
            ("[vmname]",),
            ("<drive letter>", "[Boot partition]"),
            ("{<<IDENTIFIER>>}", "{[Identifier]}", "{identifier}"),
        ]

    def test_nothing_is_left_where_everything_is_known(self) -> None:
        filled = fill(parse(SEED_SHAPE), TARGET)
        assert filled.legend == ()
        assert filled.unknown == ()
        text = to_text(filled)
        assert not re.search(r"<drive|\[Boot|\[Ident|\{ident|<<|\[vmname", text)
        assert rf"bcdedit /store S:\EFI\Microsoft\Boot\BCD /deletevalue {GUID} imcdevice" in text
        assert f"identifier              {GUID}" in text


class TestPortalLinks:
    def test_without_a_resource_they_are_text(self) -> None:
        html = to_html(fill(article(BLADE), {}))
        assert Html(html).links == []
        assert "Screen" in html

    def test_with_a_resource_they_lead_to_the_portal(self) -> None:
        html = to_html(fill(article(BLADE), {"resourceid": RESOURCE}))
        assert Html(html).links == [f"https://portal.azure.com/#@microsoft.onmicrosoft.com/resource{RESOURCE}/bootDiagnostics"]

    def test_another_cloud(self) -> None:
        html = to_html(fill(article(BLADE), {"resourceid": RESOURCE, "domain": "https://portal.azure.us/"}))
        assert Html(html).links[0].startswith("https://portal.azure.us/#@")

    @pytest.mark.parametrize(
        ("link", "values"),
        [
            ("[x](data-blade:A.B.id.$resourceId)", {"resourceid": RESOURCE}),
            ("[x](datablade:A.B.id.$resourceId;data-blade-uri:{$domain}/{$other})", {"resourceid": RESOURCE}),
            (BLADE, {"resourceid": 'x" onclick="y'}),
            (BLADE, {"resourceid": RESOURCE, "domain": "javascript:alert(1)//"}),
        ],
    )
    def test_what_cannot_be_a_link_is_text(self, link: str, values: dict[str, str]) -> None:
        assert Html(to_html(fill(article(link), values))).links == []


class TestHostileValues:
    NAME = '**x** [y](http://z) <script>alert(1)</script> `c` <!--$disk--> & "q"\x1b[31m\r\n# H\u202e'

    def test_a_name_stays_a_name(self) -> None:
        filled = fill(
            article("VM <!--$vmname-->v<!--/$vmname--> and `<!--$vmname-->v<!--/$vmname-->` end"), {"vmname": self.NAME}
        )
        seen = Html(to_html(filled))
        assert set(seen.tags) == {"h1", "p", "code"}
        assert seen.links == []
        safe = '**x** [y](http://z) <script>alert(1)</script> `c` <!--$disk--> & "q" [31m # H'
        assert safe in seen.words()
        assert "\x1b" not in to_text(filled)
        assert "\u202e" not in to_markdown(filled)

    def test_a_long_value_is_cut(self) -> None:
        assert len(shown("<!--$disk-->d<!--/$disk-->", disk="x" * 5000)) == 300


@pytest.mark.parametrize("path", shared_files("articles", "*.md"), ids=lambda path: path.stem)
@pytest.mark.parametrize("values", [{}, {"vmname": "web01"}], ids=["unknown", "known"])
def test_no_variable_is_left_in_any_real_article(path: object, values: dict[str, str]) -> None:
    from pathlib import Path

    assert isinstance(path, Path)
    filled = fill(parse(path.read_bytes(), path.name), values)
    for text in (to_text(filled), to_markdown(filled), to_html(filled)):
        assert "<!--" not in text
        assert "data-blade" not in text
        assert "$vmname" not in text
        assert "{$" not in text
        if values:
            assert "[vmname]" not in text
    if filled.unknown:
        assert "`[vmname]`: the name of the virtual machine" in to_text(filled, width=1000)
