"""The examples of the documentation, run: ``python tools/doc_examples.py [--write] [PAGE ...]``.

A fenced block marked ``console`` holds commands (lines that begin with ``$ ``) and what they print.  The blocks of
a page are run in order, each page in an empty folder of its own, and their output is compared with the page.  What
differs from one run to the next is masked: times, bytes read, checksums, ids of runs (which are followed: an id in a
later command means the run that was printed earlier).  A line that holds only ``…`` stands for any lines.
``--write`` puts the real output into the pages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SHOWN_FOLDER = "/srv/disks"
"""What pages show for the folder that the commands run in."""
ANY_LINES = "…"
QUESTION = "[y/N]: "
TIMEOUT = 120

_BLOCK = re.compile(r"^(?P<indent> *)```console\n(?P<body>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_ID = re.compile(
    r"(?:\b(?:[Pp]lan|run|undo|undo of) |bootmend-|\"id\": \"|^)(?P<id>[0-9a-f]{4,8})\b(?!\.)(?=$|[^\w-])", re.MULTILINE
)
_SUM = re.compile(r"\b[0-9a-f]{64}\b")
_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z| UTC)"), "<time>"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b"), "<seconds>"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:bytes|KiB|MiB) read"), "<bytes read>"),
    (re.compile(r"\d+ KiB on this computer"), "<used>"),
    (re.compile(r"process \d+"), "<process>"),
    (re.compile(r'"(?:seconds|bytes_read)": [\d.]+'), "<cost>"),
)


class Example(NamedTuple):
    """A command as the page shows it, and the output that follows it there."""

    command: str
    output: str


class Difference(NamedTuple):
    """A command whose output is not what the page shows."""

    page: str
    command: str
    shown: str
    real: str

    def __str__(self) -> str:
        return f"{self.page}: $ {self.command}\n--- the page\n{self.shown}--- really\n{self.real}"


def pages() -> list[Path]:
    """The pages that may hold examples."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "how-to").glob("*.md"))]


def has_examples(page: Path) -> bool:
    """Whether a page holds a block to be run."""
    return _BLOCK.search(page.read_text(encoding="utf-8")) is not None


def examples(body: str) -> Iterator[Example]:
    """The commands of one block."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Example(command, output)


class Session:
    """Runs the commands of one page, and knows which of its ids stands for which real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disks"
        self.folder.mkdir()
        tools = folder / "bin"
        tools.mkdir()
        shim = tools / "bootmend"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bootmend "$@"\n')
        shim.chmod(0o755)
        search = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("BOOTMEND_")} | {
            "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": os.pathsep.join(search),
            "BOOTMEND_STATE_DIR": str(folder / "state"),
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "100",
        }
        self.last_code = 0
        self.real_ids: dict[str, str] = {}

    def run(self, example: Example) -> str:
        """Run a command as the page means it; return what it prints, in the order in which it is printed."""
        command = example.command
        for shown, real in self.real_ids.items():
            command = re.sub(rf"\b{shown}\b", real, command)
        answer = example.output.partition(QUESTION)[2].partition("\n")[0] if QUESTION in example.output else None
        done = self._shell(command.replace(SHOWN_FOLDER, str(self.folder)), answer)
        self.last_code = done.returncode
        printed = done.stdout.decode("utf-8", "replace").replace(str(self.folder), SHOWN_FOLDER)
        return printed if answer is None else printed.replace(QUESTION, f"{QUESTION}{answer}\n", 1)

    def _shell(self, command: str, answer: str | None) -> subprocess.CompletedProcess[bytes]:
        terminal, ours = (subprocess.DEVNULL, -1) if answer is None else _terminal()
        try:
            if answer is not None:
                os.write(ours, f"{answer}\n".encode())
            return subprocess.run(
                ["/bin/bash", "-c", f"(exit {self.last_code}); {command}"],
                cwd=self.folder,
                env=self.environment,
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
                check=False,
            )
        finally:
            for descriptor in {terminal, ours} - {subprocess.DEVNULL, -1}:
                os.close(descriptor)

    def agree(self, shown: str, real: str) -> bool:
        """Whether two outputs are the same but for what is masked; what the page's ids stand for is learnt on the way."""
        names: dict[str, str] = {}
        pattern = "".join(self._pattern(piece, names) for piece in _pieces(_masked(shown)))
        found = re.fullmatch(pattern, _masked(real))
        if found is None:
            return False
        self.real_ids |= {name: found[group] for name, group in names.items()}
        return True

    def with_shown_ids(self, shown: str, real: str) -> str:
        """New output with the page's ids in place of the real ones; those that it did not know are learnt, in their order."""
        names = [piece for piece in _pieces(shown) if _is_id(piece)]
        found = [piece for piece in _pieces(real) if _is_id(piece)]
        if len(names) == len(found):
            self.real_ids = dict(zip(names, found, strict=True)) | self.real_ids
        known = {value: name for name, value in self.real_ids.items()}
        return "".join(known.get(piece, piece) for piece in _pieces(real))

    def _pattern(self, piece: str, names: dict[str, str]) -> str:
        """The expression for a piece of shown output; ``names`` collects the groups that stand for ids not met before."""
        if piece == f"{ANY_LINES}\n":
            return r"(?:.*\n)*?"
        if not _is_id(piece):
            return re.escape(piece)
        if piece in self.real_ids:
            return self.real_ids[piece]
        if piece in names:
            return f"(?P={names[piece]})"
        names[piece] = f"id{len(names)}"
        return f"(?P<{names[piece]}>[0-9a-f]{{{64 if len(piece) == 64 else '4,8'}}})"


def _terminal() -> tuple[int, int]:
    """A terminal that does not echo: its two ends."""
    import pty
    import termios

    ours, terminal = pty.openpty()
    state = termios.tcgetattr(terminal)
    state[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, state)
    return terminal, ours


def _is_id(piece: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{4,64}", piece) is not None


def _pieces(text: str) -> Iterator[str]:
    """Ids, checksums and lines of ``…``, and the text between them."""
    spans = {found.span("id") for found in _ID.finditer(text)} | {found.span() for found in _SUM.finditer(text)}
    spans |= {found.span() for found in re.finditer(rf"^{ANY_LINES}\n", text, re.MULTILINE)}
    position = 0
    for start, end in sorted(spans):
        yield text[position:start]
        yield text[start:end]
        position = end
    yield text[position:]


def _masked(text: str) -> str:
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def check_page(page: Path, *, write: bool = False) -> list[Difference]:
    """Run a page's examples; return what differs, or, to ``write``, put it into the page."""
    text = page.read_text(encoding="utf-8")
    differences: list[Difference] = []
    with tempfile.TemporaryDirectory(prefix="bootmend-docs-") as folder:
        session = Session(Path(folder))

        def renewed(block: re.Match[str]) -> str:
            body = "".join(f"$ {one.command}\n{_real(page, session, one, differences)}" for one in examples(_dedented(block)))
            return f"{block['indent']}```console\n{_indented(body, block['indent'])}{block['indent']}```"

        renewed_text = _BLOCK.sub(renewed, text)
    if write and renewed_text != text:
        page.write_text(renewed_text, encoding="utf-8")
    return differences


def _real(page: Path, session: Session, example: Example, differences: list[Difference]) -> str:
    """The output to put into the page: the old one where it is still true."""
    real = session.run(example)
    if session.agree(example.output, real):
        return example.output
    differences.append(Difference(page.name, example.command, example.output, real))
    if "Traceback (most recent call last)" in real:
        return example.output
    return session.with_shown_ids(example.output, _shortened(example.output, real))


def _shortened(shown: str, real: str) -> str:
    """The part of an output that the page shows: where it began with ``…``, from the line on that begins as its next line did."""
    lines, left = shown.splitlines(keepends=True), real.splitlines(keepends=True)
    if lines[:1] != [f"{ANY_LINES}\n"] or f"{ANY_LINES}\n" in lines[1:]:
        return real
    word = lines[1].split(" ", 1)[0] if len(lines) > 1 else ""
    starts = [number for number, line in enumerate(left) if line.split(" ", 1)[0] == word]
    first = starts[-1] if word and starts else max(0, len(left) - len(lines) + 1)
    return f"{ANY_LINES}\n" + "".join(left[first:])


def _dedented(block: re.Match[str]) -> str:
    return re.sub(rf"^{block['indent']}", "", block["body"], flags=re.MULTILINE)


def _indented(body: str, indent: str) -> str:
    return re.sub(r"^(?=.)", indent, body, flags=re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Check, or write, the pages named, or all."""
    write = "--write" in arguments
    named = [Path(name).resolve() for name in arguments if name != "--write"]
    differences = [found for page in named or pages() if has_examples(page) for found in check_page(page, write=write)]
    left = [found for found in differences if not write or "Traceback (most recent call last)" in found.real]
    for difference in left:
        print(difference)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
