"""Choosing an article: the label first, then what the header's attributes leave of the rest."""

from __future__ import annotations

import pytest

from bootmend.article import Article, parse
from bootmend.article.choosing import Wanted, choose, values_of
from tests.article.material import HEADER
from tests.support import shared_data

LABEL = "WindowsStopError-0x00000067-CONFIG_INITIALIZATION_FAILED"


def article(name: str, **attributes: str) -> Article:
    header = HEADER
    for key, value in attributes.items():
        line = next((line for line in header.splitlines() if line.startswith(f"{key}=")), None)
        header = header.replace(line, f'{key}="{value}"') if line else header.replace("/>", f'{key}="{value}"\n/>')
    return parse(header + "\n# T\n", name)


ARTICLES = [
    article("plain"),
    article("crp", articleId="windowsstoperror-0x00000067-config-initialization-failed-crp"),
    article("gov", articleId="BootError-X", cloudEnvironments="public, Fairfax,usnat"),
    article("linux", articleId="OSStartUp-GRUB", resourceTags="linux", productPesIds="15571,15797"),
    article("open", articleId="BootError-OPEN", cloudEnvironments="", supportTopicIds=""),
    article("closed", articleId="BootError-CLOSED", cloudEnvironments="", disableclouds="Fairfax"),
]


def names(**wanted: str) -> list[str]:
    return [match.article.name for match in choose(ARTICLES, Wanted(**wanted))]


def test_nothing_asked_for_gives_all_by_id() -> None:
    assert names() == ["closed", "open", "gov", "linux", "crp", "plain"]


def test_a_label_chooses_the_article_itself_then_those_of_its_code() -> None:
    assert names(label=LABEL) == names(label=LABEL.lower()) == names(label=f" {LABEL} ") == ["plain", "crp"]
    assert names(label="WindowsStopError-0x00000067-SOMETHING_NEW") == ["crp", "plain"]
    assert names(label="0x00000067") == ["crp", "plain"]
    assert names(label="BootError-X") == ["gov"]
    assert names(label="BootError") == []
    assert names(label="WindowsStopError-0x0000006700-X") == []


def test_what_is_asked_for_and_named_must_agree() -> None:
    assert names(cloud="fairfax") == ["gov", "open"]
    assert names(topic="32411835", resource_tag="LINUX") == ["linux"]
    assert names(product="15797") == ["linux"]
    assert names(product="15797", service="Microsoft.Compute", resource="virtualmachines") == ["linux"]
    assert names(product="1579") == []
    assert names(service="microsoft.storage") == []
    assert names(scenario="booterror", resource_tag="linux") == ["linux"]


def test_what_is_left_open_ranks_behind_what_is_named() -> None:
    matches = choose(ARTICLES, Wanted(topic="32411835"))
    assert matches[-1].article.name == "open"
    assert matches[-1].reasons == ("topic left open",)
    assert matches[0].reasons == ("topic 32411835",)


def test_the_reasons_are_told() -> None:
    best, second = choose(ARTICLES, Wanted(label=LABEL, cloud="public"))
    assert best.reasons == ("articleId is the label", "cloud public")
    assert second.reasons == ("articleId has the code 0x00000067", "cloud public")
    assert best.score > second.score


def test_values_between_commas() -> None:
    assert values_of(ARTICLES[2], "cloudenvironments") == ("public", "Fairfax", "usnat")
    assert values_of(ARTICLES[4], "cloudenvironments") == ()


def test_an_article_without_a_header_fits_no_label() -> None:
    bare = parse("# T\n", "bare")
    assert choose([bare], Wanted(label=LABEL)) == []
    assert [match.article.name for match in choose([bare], Wanted(cloud="public"))] == ["bare"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        # counted with grep in the files' headers
        (Wanted(resource_tag="linux"), 1),
        (Wanted(resource_tag="windows"), 40),
        (Wanted(topic="32411835", cloud="Fairfax"), 41),
        (Wanted(product="16470"), 1),
        (Wanted(scenario="windowsbootmanager"), 2),
        (Wanted(cloud="mooncake"), 0),
    ],
)
def test_the_published_articles(wanted: Wanted, count: int) -> None:
    articles = [parse(path.read_bytes(), path.name) for path in sorted(shared_data("articles").glob("*.md"))]
    assert len(choose(articles, wanted)) == count
