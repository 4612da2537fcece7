#!/usr/bin/env python3
"""Turn a table of BCD elements (tab separated) into ``src/bootmend/bcd/element_table.py``.

Use:  make_elements.py ELEMENTS.tsv [-o src/bootmend/bcd/element_table.py]

The input has a header line; these columns are read: ``id`` (eight hex digits), ``name_typed``,
``name_printed``, ``class`` (which applications know the element), ``format`` and ``enum_values``
(``0=OptIn;1=OptOut``).  Sources of the facts are named in ``docs/formats/bcd.md``.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import NamedTuple

APPLICATIONS = {
    "all": (0,),
    "(phnt)": (0,),
    "app(any)": (0,),
    "device": (0,),
    "template": (0,),
    "fwbootmgr": (1,),
    "bootmgr/fwbootmgr": (1, 2),
    "osloader": (3,),
    "resume": (4,),
    "memdiag": (5,),
    "ntldr/setupldr": (6, 7),
    "startup": (9,),
    "bootapp": (10,),
}
FORMATS = {1: "device", 2: "string", 3: "object", 4: "objectlist", 5: "integer", 6: "boolean", 7: "integerlist"}
HEAD = '''"""Every element that bcdedit has a name for.  Written by ``tools/make_elements.py``; do not edit.

Key: (element id, application type; 0 = whatever the application).  Value: (name as typed, name as
printed, words of an enumeration from 0 on, or None).  Sources: ``docs/formats/bcd.md``.
"""

from __future__ import annotations

Row = tuple[str, str, "tuple[str, ...] | None"]

'''


class Element(NamedTuple):
    """One row of the output."""

    id: int
    application: int
    typed: str
    printed: str
    words: tuple[str, ...]


def read(path: Path) -> list[Element]:
    """Return the rows of the table, one for each application, checked against the rules of element ids."""
    elements: list[Element] = []
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            number = int(row["id"], 16)
            if FORMATS[number >> 24 & 0xF] != row["format"]:
                sys.exit(f"{row['id']}: its format {row['format']} does not agree with its id")
            words = enumeration(row["enum_values"], row["id"])
            elements += [
                Element(number, application, row["name_typed"], row["name_printed"], words)
                for application in APPLICATIONS[row["class"]]
            ]
    keys = [(element.id, element.application) for element in elements]
    if len(set(keys)) != len(keys):
        sys.exit("an element occurs twice for one application")
    return sorted(elements)


def enumeration(text: str, name: str) -> tuple[str, ...]:
    """Return the words of ``0=OptIn;1=OptOut``; their numbers must count up from 0."""
    pairs = [pair.split("=", 1) for pair in text.split(";") if pair]
    if [int(value) for value, _ in pairs] != list(range(len(pairs))):
        sys.exit(f"{name}: the numbers of its enumeration have gaps")
    return tuple(word for _, word in pairs)


def module(elements: list[Element]) -> str:
    """Return the Python text of the table; equal enumerations are written once."""
    names: dict[tuple[str, ...], str] = {}
    for element in elements:
        if element.words:
            names.setdefault(element.words, f"_{element.typed.upper()}")
    lines = [f"{name} = {literal(words)}\n" for words, name in names.items()]
    lines.append("\nELEMENTS: dict[tuple[int, int], Row] = {\n")
    for element in elements:
        words = names.get(element.words, "None")
        lines.append(f'    (0x{element.id:08X}, {element.application}): ("{element.typed}", "{element.printed}", {words}),\n')
    return HEAD + "".join(lines) + "}\n"


def literal(words: tuple[str, ...]) -> str:
    """Return a tuple as the formatter would write it."""
    parts = [f'"{word}"' for word in words]
    short = f"({', '.join(parts)})"
    return short if len(short) < 100 else "(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def main() -> None:
    """Read the arguments, write the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    default = Path(__file__).resolve().parent.parent / "src" / "bootmend" / "bcd" / "element_table.py"
    parser.add_argument("-o", "--output", type=Path, default=default)
    arguments = parser.parse_args()
    arguments.output.write_text(module(read(arguments.table)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
