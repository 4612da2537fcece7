"""Disks of our own that boot: a page of text on the screen, a console on the serial line, a machine that resets itself."""

from __future__ import annotations

from tools.capture_screens import Assembler, TextPage, disk_image

SAC = (
    "\r\nComputer is booting, SAC started and initialized.\r\n\r\n"
    'Use the "ch -?" command for information about using channels.\r\nUse the "?" command for general help.\r\n\r\n'
)
NO_BOOTMGR = ["", "BOOTMGR is missing", "Press Ctrl+Alt+Del to restart"]
#: the text of Windows' own stop screen of old for the code of the first article (Microsoft's documentation of bug checks)
STOP_67 = [
    "A problem has been detected and windows has been shut down to prevent damage",
    "to your computer.",
    "",
    "CONFIG_INITIALIZATION_FAILED",
    "",
    "If this is the first time you've seen this stop error screen,",
    "restart your computer. If this screen appears again, follow",
    "these steps:",
    "",
    "Technical information:",
    "",
    "*** STOP: 0x00000067 (0x0000000000000001,0x0000000000000004,0xFFFFFFFFC0000034,0x0000000000000000)",
]
BLUE, GREY = 0x1F, 0x07


def text_disk(lines: list[str], attribute: int = GREY) -> bytes:
    """A disk that shows some lines in a text mode of 80 x 25, and waits."""
    cells = bytearray()
    for row in range(25):
        line = lines[row] if row < len(lines) else ""
        for letter in line[:80].ljust(80):
            cells += letter.encode("cp437", "replace") + bytes([attribute])
    return disk_image([TextPage(bytes(cells))])


def serial_disk(prompt: str = "SAC>", hello: str = SAC) -> bytes:
    """A disk that says ``hello`` and a prompt on the first serial port, and the prompt again after each carriage return."""
    asm = Assembler(0x7C00)
    asm.emit("fa 31c0 8ed8 8ed0 bc007c fb fc")  # cli; ds = ss = 0; sp = 7C00h; sti; cld
    asm.emit("b8e300 31d2 cd14")  # INT 14h, 9600 baud, 8 bits
    asm.emit("be", address="hello")  # mov si, hello
    asm.label("say")
    asm.emit("ac 08c0")  # lodsb; or al, al
    asm.emit("74", jump="wait")
    asm.emit("b401 31d2 cd14")  # INT 14h, send al
    asm.emit("eb", jump="say")
    asm.label("wait")
    asm.emit("b402 31d2 cd14 f6c480")  # INT 14h, receive; test ah, 80h
    asm.emit("75", jump="wait")
    asm.emit("3c0d")  # a carriage return?
    asm.emit("75", jump="wait")
    asm.emit("be", address="again")
    asm.emit("eb", jump="say")
    asm.label("hello")
    asm.code += (hello + prompt).encode("ascii") + b"\0"
    asm.label("again")
    asm.code += f"\r\n{prompt}".encode("ascii") + b"\0"
    return asm.finish().ljust(510, b"\0") + b"\x55\xaa" + bytes((1 << 20) - 512)


def resetting_disk() -> bytes:
    """A disk that resets the machine through the keyboard controller at once."""
    return bytes.fromhex("fa b0fe e664 f4 ebfd").ljust(510, b"\0") + b"\x55\xaa" + bytes((1 << 20) - 512)
