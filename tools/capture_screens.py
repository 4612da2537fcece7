"""Captures true VGA text screens: a boot sector of our own shows pages in QEMU, which is asked for pictures of its screen.

The pages are video memory as the machine has it: pairs of a character (code page 437) and its attribute. QEMU runs without
acceleration, network or window; its firmware (SeaBIOS) sets the mode and its VGA BIOS brings the font, so every pixel is that
of a real text mode. Run as a program it captures the text screens of the test generator and the firmware's own words::

    python tools/capture_screens.py FOLDER

writes one PNG for each screen and ``labels.jsonl``.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
QEMU = "qemu-system-x86_64"
SECTOR = 512
PAGE_SECTORS = 17
LOAD_SEGMENT = 0x1000
FONTS = {16: 0x0000, 14: 0x1111, 8: 0x1112}
"""INT 10h functions that load the ROM's font of that many rows; the mode itself comes with 16."""


class TextPage(NamedTuple):
    """One screen: video memory, and how many pixel rows a character has (16, 14 or 8)."""

    cells: bytes
    font_rows: int = 16


class Assembler:
    """Enough of an assembler for a boot sector: bytes, labels, 16-bit addresses and 8-bit jumps."""

    def __init__(self, origin: int) -> None:
        self.origin = origin
        self.code = bytearray()
        self.labels: dict[str, int] = {}
        self.fixes: list[tuple[int, str, int]] = []

    def label(self, name: str) -> None:
        """The next byte's name."""
        self.labels[name] = len(self.code)

    def emit(self, text: str, address: str = "", jump: str = "", plus: int = 0) -> None:
        """Bytes in hex, then the address of a label (plus some), or the distance to one."""
        self.code += bytes.fromhex(text)
        if address:
            self.fixes.append((len(self.code), address, plus))
            self.code += b"\0\0"
        if jump:
            self.fixes.append((-len(self.code), jump, 0))
            self.code += b"\0"

    def finish(self) -> bytes:
        """The code with every label filled in."""
        for at, name, plus in self.fixes:
            target = self.labels[name]
            if at < 0:
                self.code[-at] = (target - (-at + 1)) & 0xFF
            else:
                self.code[at : at + 2] = (self.origin + target + plus).to_bytes(2, "little")
        return bytes(self.code)


def boot_sector() -> bytes:
    """Reads a page from the disk, shows it, says so on port E9h, waits for a key, goes on with the next."""
    asm = Assembler(0x7C00)
    asm.emit("fa 31c0 8ed8 8ed0 bc007c fb fc")  # cli; ds = ss = 0; sp = 7C00h; sti; cld
    asm.emit("8816", address="drive")  # mov [drive], dl
    asm.label("page")
    asm.emit("8a16", address="drive")  # mov dl, [drive]
    asm.emit("be", address="packet")  # mov si, packet
    asm.emit("b442 cd13")  # INT 13h, extended read
    asm.emit("72", jump="stop")
    asm.emit("b80300 cd10")  # 80 x 25 text mode
    asm.emit("b80010 8ec0 26a10000 09c0")  # es = page; ax = es:[0], the font's function; or ax, ax
    asm.emit("74", jump="cursor")
    asm.emit("b300 cd10")  # load the font into block 0
    asm.label("cursor")
    asm.emit("b401 b90020 cd10")  # no cursor
    asm.emit("1e b80010 8ed8 b800b8 8ec0")  # push ds; ds = page; es = video memory
    asm.emit("be0002 31ff 8b0e0200 f3a5 1f")  # from the page's second sector, [2] words; pop ds
    asm.emit("b02e e6e9")  # tell the capturer
    asm.emit("30e4 cd16")  # wait for a key
    asm.emit("8306", address="packet", plus=8)  # add word [packet + 8],
    asm.emit(f"{PAGE_SECTORS:02x}")
    asm.emit("eb", jump="page")
    asm.label("stop")
    asm.emit("f4")
    asm.emit("eb", jump="stop")
    asm.label("drive")
    asm.emit("00")
    asm.label("packet")
    asm.emit("1000 1100 0000 0010 0100000000000000")  # 17 sectors to 1000:0000 from sector 1
    return asm.finish().ljust(510, b"\0") + b"\x55\xaa"


def disk_image(pages: Sequence[TextPage]) -> bytes:
    """A disk with the boot sector and the pages: of each one sector that describes it, then its cells."""
    image = bytearray(boot_sector())
    for page in pages:
        head = FONTS[page.font_rows].to_bytes(2, "little") + (len(page.cells) // 2).to_bytes(2, "little")
        image += head.ljust(SECTOR, b"\0") + page.cells.ljust((PAGE_SECTORS - 1) * SECTOR, b"\0")
    return bytes(image.ljust(1 << 20, b"\0"))


class Machine:
    """A running QEMU: its monitor, and the file that grows when the boot sector has shown a page."""

    def __init__(self, monitor: socket.socket, signal: Path, folder: Path) -> None:
        self.monitor, self.stream = monitor, monitor.makefile("rw")
        self.signal, self.folder = signal, folder
        self.stream.readline()
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: object) -> None:
        """Ask the monitor and wait until it has answered; events are passed over."""
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return

    def close(self) -> None:
        """Let go of the monitor."""
        self.stream.close()
        self.monitor.close()

    def wait_shown(self, count: int, seconds: float = 60) -> None:
        """Until the boot sector has shown so many pages."""
        until = time.monotonic() + seconds
        while self.signal.stat().st_size < count:
            if time.monotonic() > until:
                raise TimeoutError(f"page {count} was not shown in {seconds} s")
            time.sleep(0.02)

    def picture(self) -> bytes:
        """The screen as a PPM, once two pictures in a row agree: a picture can be too early."""
        last = b""
        for _ in range(50):
            target = self.folder / "screen.ppm"
            self.command("screendump", filename=str(target))
            now = target.read_bytes()
            if now == last:
                return now
            last = now
            time.sleep(0.05)
        raise TimeoutError("the screen does not stand still")

    def next_page(self) -> None:
        """Press a key."""
        self.command("send-key", keys=[{"type": "qcode", "data": "spc"}])


@contextmanager
def machine(disk: bytes | None) -> Iterator[Machine]:
    """A machine that boots from a disk, or has none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signal, path = folder / "shown", folder / "monitor"
        signal.touch()
        drive: list[str] = []
        if disk is not None:
            (folder / "disk.img").write_bytes(disk)
            drive = ["-drive", f"file={folder / 'disk.img'},format=raw,if=ide"]
        command = [QEMU, "-accel", "tcg", "-m", "16", "-nodefaults", "-no-user-config", "-vga", "std", "-display", "none", *drive]
        command += ["-debugcon", f"file:{signal}", "-qmp", f"unix:{path},server=on,wait=off"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            with closing(Machine(_connect(path), signal, folder)) as box:
                yield box
        finally:
            process.kill()
            process.wait()


def _connect(path: Path) -> socket.socket:
    for _ in range(500):
        try:
            monitor = socket.socket(socket.AF_UNIX)
            monitor.connect(str(path))
        except OSError:
            monitor.close()
            time.sleep(0.02)
        else:
            return monitor
    raise TimeoutError("QEMU's monitor does not answer")


def capture(pages: Sequence[TextPage]) -> list[bytes]:
    """Pictures (PPM) of text pages, in their order, in one run of QEMU."""
    pictures = []
    with machine(disk_image(pages)) as box:
        for number in range(1, len(pages) + 1):
            box.wait_shown(number)
            pictures.append(box.picture())
            box.next_page()
    return pictures


def capture_firmware(disk: bytes | None, seconds: float = 3.0) -> bytes:
    """A picture (PPM) of the firmware's own last words: no new picture for ``seconds`` but those of a blinking cursor."""
    with machine(disk) as box:
        seen: list[bytes] = []
        since = time.monotonic()
        for _ in range(600):
            now = box.picture()
            if now not in seen:
                seen, since = [*seen[-3:], now], time.monotonic()
            elif len(set(now[-720 * 400 * 3 :])) > 1 and time.monotonic() - since > seconds:
                return max(seen[-2:], key=lambda picture: picture.count(0) if len(picture) == len(now) else 0)
            time.sleep(0.1)
    raise TimeoutError("the firmware does not come to rest")


def main(arguments: list[str]) -> int:
    """Capture the generator's text screens into a folder."""
    if len(arguments) != 1 or shutil.which(QEMU) is None:
        print(f"use: capture_screens.py FOLDER   (needs {QEMU}: apt-get install qemu-system-x86 seabios)", file=sys.stderr)
        return 2
    sys.path.insert(0, str(ROOT))
    from PIL import Image
    from tests.screen.captured import captured_pages

    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    pages = captured_pages()
    labels = []
    pictures = capture([page for _, page in pages])
    for number, ((label, page), picture) in enumerate(zip(pages, pictures, strict=True)):
        name = f"{number:02}-{label['layout']}-{page.font_rows}.png"
        (folder / "last.ppm").write_bytes(picture)
        with Image.open(folder / "last.ppm") as image:
            image.save(folder / name)
        labels.append({"file": name, **label})
    (folder / "last.ppm").unlink()
    (folder / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels), "utf-8")
    print(f"{len(labels)} screens in {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
