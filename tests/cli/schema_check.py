"""Whether a document is what its published schema says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

import bootmend

FOLDER = Path(bootmend.__file__).parent / "schemas"


@cache
def validator(thing: str) -> Any:
    """The validator of ``bootmend.<thing>/1``."""
    schema = json.loads((FOLDER / f"{thing}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def validate(document: Any, thing: str) -> Any:
    """Check a document against the schema that it names, which must be that of ``thing``; return it."""
    assert document["schema"] == f"bootmend.{thing}/1"
    validator(thing).validate(document)
    return document
