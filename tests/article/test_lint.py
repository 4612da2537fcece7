"""Lint: every rule fires on its slip and keeps silent on an article that has none."""

from __future__ import annotations

import re

import pytest

from bootmend.article import lint, lint_all, parse
from tests.article.material import HEADER
from tests.support import ROOT, shared_data

GOOD = """<properties
pageTitle="A fault with 0x00000067"
description="Something"
infoBubbleText="One line"
service="microsoft.compute"
resource="virtualmachines"
authors="nobody"
displayOrder=""
articleId="WindowsStopError-0x00000067-CONFIG_INITIALIZATION_FAILED"
diagnosticScenario="booterror"
selfHelpType="diagnostics"
supportTopicIds="32411835"
resourceTags="windows"
productPesIds="14749"
cloudEnvironments="public"
/>

# A fault with 0x00000067

<!--issueDescription-->
The machine <!--$vmname-->[vmname]<!--/$vmname--> stops with 0x00000067.
<!--/issueDescription-->

## **Recommended Steps**

1. Make a disk from the snapshot. Replace `<drive letter>` with its letter:

    ```
    bcdedit /store <drive letter>:\\boot\\bcd /enum
    ```

2. With UEFI the store is `<drive letter>:\\EFI\\Microsoft\\Boot\\BCD`.

## **Recommended Documents**

* [Page](https://learn.microsoft.com/x)
"""


def codes(text: str, name: str = "") -> set[str]:
    return {remark.code for remark in lint(parse(text, name))}


def test_a_good_article_has_no_remarks() -> None:
    assert lint(parse(GOOD, "windowsstoperror-0x00000067.md")) == []


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('description="Something"\n', "", "attribute-required"),
        ('description="Something"', 'description=""', "attribute-required"),
        ('displayOrder=""', 'displayOrder="" supportToicIds="1"', "attribute-unknown"),
        ("A fault with 0x00000067", "VM boot error", "title-generic"),
        ('pageTitle="A fault with 0x00000067"', 'pageTitle="A fault, with 0x00000067"', "title-form"),
        ("# A fault with", "# Another fault with", "title-differs"),
        ("FAILED", "DONE", "stop-code-name"),
        ("0x00000067", "0x00000999", "stop-code-unknown"),
        ("stops with 0x00000067", "stops", "nothing"),
        ("The machine", "The **machine**", "issue-bold"),
        ("The machine", "The [machine](https://x.y/)", "issue-link"),
        ("The machine", "## Head\nThe machine", "issue-heading"),
        ("<!--issueDescription-->", "", "marker-unbalanced"),
        ("## **Recommended Steps**", "## Recommended Steps", "section-bold"),
        ("## **Recommended Steps**", "## **Steps**", "steps-missing"),
        ("## **Recommended Documents**", "## **More**", "documents-missing"),
        ("2. With", "2. Open a support request. With", "support-step"),
        ("2. With", "2. x\n    * y\n        * z\n3. With", "list-deep"),
        ("$vmname", "$DataTable", "variable-unknown"),
        ("Replace `<drive letter>`", "Use", "placeholder-unexplained"),
        ("/enum", "/enum [Boot partition]", "placeholder-mixed"),
        (":\\EFI\\Microsoft\\Boot\\BCD", ":\\other", "bios-path-only"),
        (":\\EFI\\", ":EFI\\", "efi-path"),
        ("2. With", "2. Run `reg load HKLM\\X W:\\SYSTEM`. With", "hive-not-unloaded"),
        ("2. With", "2. `reg query HKLM\\SYSTEM\\Select /v Current` With", "select-wrong-hive"),
        ("2. With", "2. It looks like xxxxxxxx-xxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. With", "guid-shape"),
        ("Make a disk from the snapshot", "Attach the copy/snapshot", "snapshot-attached"),
        ("2. With", "2. Try disconnecting any drivers that don't. With", "screen-text"),
        ("2. With", "2. An operating system wasn't found. With", "screen-text-foreign"),
        ("https://learn.microsoft.com/x", "https://learn.microsoft.com/en-us/x", "link-culture"),
        ("https://learn.microsoft.com/x", "https://aka.ms/x", "link-short"),
        ("https://learn.microsoft.com/x", "https://review.docs.microsoft.com/x", "link-review"),
        ("https://learn.microsoft.com/x", "../x.md", "link-relative"),
        ("https://learn.microsoft.com/x", "#nowhere", "anchor-missing"),
        ("https://learn.microsoft.com/x", "datablade:A.B", "blade-misspelt"),
        ("\n    ```\n\n2.", "\n\n2.", "fence-unclosed"),
    ],
)
def test_one_slip_one_remark(before: str, after: str, code: str) -> None:
    assert before in GOOD
    found = codes(GOOD.replace(before, after))
    assert found == set() if code == "nothing" else code in found


def test_a_code_that_only_the_header_names() -> None:
    text = GOOD.replace("# A fault with 0x00000067", "# A fault").replace("stops with 0x00000067", "stops")
    assert "stop-code-missing" in codes(text)


@pytest.mark.parametrize("name", ["errorcode-oxcoooo98.md", "errorcode-0xcoooo98.md", "errorcod-e0xc000000e.md"])
def test_file_names(name: str) -> None:
    assert "file-name" in codes(GOOD, name)


@pytest.mark.parametrize(
    "name", ["errorcode-0xc000000f-bootbcd.md", "osstartup-working-on-features.md", "booterror-os-not-found.md"]
)
def test_good_file_names(name: str) -> None:
    assert "file-name" not in codes(GOOD, name)


def test_lines_point_at_the_slip() -> None:
    found = {
        remark.code: remark.line for remark in lint(parse(GOOD.replace("https://learn.microsoft.com/x", "https://aka.ms/x")))
    }
    assert found == {"link-short": 1 + GOOD[: GOOD.index("https://learn")].count("\n")}


def test_ids_are_unique_without_regard_to_case() -> None:
    one, two = parse(GOOD, "a.md"), parse(GOOD.replace("WindowsStopError-", "windowsstoperror-"), "b.md")
    found = lint_all([one, two])
    assert [(article.name, remark.code) for article, remark in found if remark.code == "id-repeated"] == [("b.md", "id-repeated")]


def test_no_header_is_one_remark_and_not_fourteen() -> None:
    assert "attribute-required" not in codes(GOOD.split("/>", 1)[1])


def test_the_whole_corpus() -> None:
    """What the reference says of these files: one misspelt blade, both 0x67 articles read the wrong hive..."""
    articles = [parse(path.read_bytes(), path.name) for path in sorted(shared_data("articles").glob("*.md"))]
    found = lint_all(articles)
    by_code: dict[str, set[str]] = {}
    for article, remark in found:
        by_code.setdefault(remark.code, set()).add(article.name)
    wrong = "windowsstoperror-0x00000067-config-initialization-failed"
    assert by_code["select-wrong-hive"] == {f"{wrong}.md", f"{wrong}-crp.md"}
    assert by_code["anchor-unclosed"] == {f"{wrong}.md", f"{wrong}-crp.md"}
    assert by_code["blade-misspelt"] == {"windowsstoperror-0x000000d1-driver-irql-not-less-or-equal.md"}
    assert by_code["file-name"] == {"errorcod-e0xc000000e.md"}
    assert by_code["byte-order-mark"] == {"errorcode-0xc000007b.md", "errorcode-0xc0000242.md"}
    assert "id-repeated" not in by_code
    assert "header-missing" not in by_code
    assert "attribute-unknown" not in by_code


def test_header_constant_is_an_article() -> None:
    assert parse(HEADER).id


def test_every_code_is_documented() -> None:
    sources = (ROOT / "src" / "bootmend" / "article").glob("*.py")
    called = re.compile(r"""(?:Remark|complain)\(\s*"([a-z0-9-]+)"|\("([a-z0-9-]+)", _[A-Z]""")
    codes = {first or second for path in sources for first, second in called.findall(path.read_text(encoding="utf-8"))}
    documented = (ROOT / "docs" / "formats" / "article.md").read_text(encoding="utf-8")
    assert len(codes) > 40
    assert [code for code in sorted(codes) if f"`{code}`" not in documented] == []
