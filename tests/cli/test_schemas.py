"""The published schemas: valid, complete, in the package, and not so wide that anything passes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.cli.running import IMC
from tests.cli.schema_check import FOLDER, validate, validator

if TYPE_CHECKING:
    from tests.cli.running import Bootmend, MakeDisk

THINGS = sorted(path.name.removesuffix(".schema.json") for path in FOLDER.glob("*.json"))
SOURCE = FOLDER.parent


def test_there_is_a_schema_for_everything_that_is_shown() -> None:
    shown = {"article", "bcd", "bcd-diff", "catalog", "codes", "history", "outcome", "plan", "report"}
    assert set(THINGS) >= shown
    written = set()
    for path in SOURCE.rglob("*.py"):
        written |= set(re.findall(r'"bootmend\.([a-z-]+)/1"', path.read_text(encoding="utf-8")))
    kept_by_the_engine = {"journal", "marker", "run", "run-state", "sidecar"}  # never shown; docs/explanation/journal.md
    assert written - kept_by_the_engine <= set(THINGS)


@pytest.mark.parametrize("thing", THINGS)
def test_a_schema_is_one_and_names_itself(thing: str) -> None:
    schema = validator(thing).schema
    assert schema["$id"] == f"urn:bootmend:{thing}:1"
    assert schema["properties"]["schema"]["const"] == f"bootmend.{thing}/1"
    assert schema["title"]
    assert "schema" in schema["required"]


@pytest.fixture
def documents(bootmend: Bootmend, disk: MakeDisk) -> dict[str, Any]:
    """One document of each kind."""
    path = disk()
    lines: dict[str, list[str | Path]] = {
        "report": ["check", path],
        "plan": ["plan", path, "--serial-console"],
        "outcome": ["repair", path, "--yes"],
        "history": ["history"],
        "article": ["explain", IMC, "--disk", path],
        "codes": ["explain", "0x3B"],
        "catalog": ["catalog", "list"],
        "bcd": ["bcdedit", "/store", path],
    }
    return {thing: bootmend(*line, "--format", "json").json for thing, line in lines.items()}


def test_what_is_missing_or_of_another_type_is_found(documents: dict[str, Any]) -> None:
    for thing, document in documents.items():
        validate(document, thing)
        for name in document:
            rest = {key: value for key, value in document.items() if key != name}
            if name in validator(thing).schema["required"]:
                assert not validator(thing).is_valid(rest), f"{thing} without {name}"
            if name in validator(thing).schema["properties"]:
                assert not validator(thing).is_valid(document | {name: {"not": ["this"]} if name != "values" else 3}), (
                    f"{thing}.{name}"
                )


def test_every_name_that_is_written_is_in_the_schema(documents: dict[str, Any]) -> None:
    """Nothing is shown that the contract does not tell of."""
    for thing, document in documents.items():
        unknown = set(document) - set(validator(thing).schema["properties"])
        assert not unknown, f"{thing}: {unknown}"


def test_codes_are_strings_of_eight_digits(documents: dict[str, Any]) -> None:
    for finding in documents["report"]["findings"]:
        assert all(re.fullmatch(r"0x[0-9A-F]{8}", code) for code in finding["stop_codes"])
    wrong = json.loads(json.dumps(documents["report"]))
    wrong["findings"][0]["stop_codes"] = ["0x67"]
    with pytest.raises(jsonschema.ValidationError):
        validate(wrong, "report")


def test_the_schemas_are_data_of_the_package() -> None:
    """Beside the modules, where the build takes everything."""
    assert (Path(SOURCE) / "schemas").is_dir()
    assert all(path.suffix == ".json" for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".py")
