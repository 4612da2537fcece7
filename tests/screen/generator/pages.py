"""Graphical screens that show no stop code: recovery, BitLocker, servicing, session, setup, firmware and healthy ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .canvas import BLACK, WHITE, Box, Canvas, Colour, Page
from .labels import Label
from .stop import RESOLUTIONS

if TYPE_CHECKING:
    import random

    from .fonts import FontSet

PLAIN: tuple[Colour, ...] = ((0, 90, 158), (0, 0, 0), (0, 99, 177), (0, 120, 215), (24, 0, 82))

# State, layout, lines in the middle of the screen; {n} is a percentage.
MIDDLE: tuple[tuple[str, str, str], ...] = (
    ("servicing", "updates", "Working on updates\n{n}% complete\nDon't turn off your computer"),
    (
        "servicing",
        "updates-10",
        "Working on updates  {n}%\nDon't turn off your PC. This will take a while.\nYour PC will restart several times",
    ),
    ("servicing", "updates-11", "Updates are underway {n}%\nPlease keep your computer on."),
    ("servicing", "features", "Working on features\n{n}% complete\nDon't turn off your computer"),
    ("servicing", "getting-ready", "Getting Windows ready\nDon't turn off your computer"),
    ("servicing", "undoing", "We couldn't complete the updates\nUndoing changes\nDon't turn off your computer"),
    ("servicing", "reverting", "Failure configuring Windows updates\nReverting changes\nDo not turn off your computer."),
    ("servicing", "preparing", "Preparing to configure Windows.\nDo not turn off your computer."),
    ("servicing", "configuring", "Configuring Windows updates\n{n}% complete\nDo not turn off your computer."),
    ("servicing", "stage", "Please do not power off or unplug your machine.\nInstalling update {k} of {m}..."),
    ("servicing", "error", "Error C01A001D applying update operation {k} of {m} (\\Regist..."),
    ("servicing", "fatal", "Fatal error C0000034 applying update operation {k} of {m} (00000{k}...)"),
    ("session", "gp-client", "Please wait for the Group Policy Client"),
    ("session", "lsm", "Please wait for the Local Session Manager"),
    ("session", "profile", "Please wait for the User Profile Service"),
    ("session", "computer-settings", "Applying computer settings"),
    ("session", "registry-policy", "Applying Registry policy"),
    ("session", "security-policy", "Applying security policy to the system"),
    ("session", "audit", "Applying Audit Policy Configuration policy"),
    ("session", "restarting", "Restarting"),
    ("session", "shutting-down", "Shutting down"),
    ("session", "stopping", "Stopping services"),
    ("session", "tiworker", "Shutting down service: Windows Modules Installer"),
    ("session", "please-wait", "Please wait"),
    ("auto_repair", "preparing", "Preparing Automatic Repair"),
    ("auto_repair", "diagnosing", "Diagnosing your PC"),
    ("auto_repair", "attempting", "Attempting repairs"),
    ("chkdsk", "drive", "Scanning and repairing drive (C:): {n}% complete."),
    ("chkdsk", "fixing", "Fixing (C:) Stage 1: {n}% ({k} of {m}); Total: {n}%; ETA: 0:02:19"),
    ("setup", "services", "Setup is starting services"),
    ("setup", "devices", "Getting devices ready\n{n}%"),
    ("setup", "desktop", "Preparing your desktop"),
    ("setup", "hi", "Hi there"),
    ("loading", "starting", "Starting Windows"),
)

GERMAN: tuple[tuple[str, str, str], ...] = (
    ("servicing", "updates", "Updates werden verarbeitet\n{n} % abgeschlossen\nSchalten Sie den Computer nicht aus."),
    ("session", "gp-client", "Warten auf Gruppenrichtlinienclient"),
    ("auto_repair", "preparing", "Automatische Reparatur wird vorbereitet"),
)


def middle_page(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """One to three centred lines under a ring of dots."""
    german = rng.random() < 0.06
    state, layout, words = rng.choice(GERMAN if german else MIDDLE)
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 1024, size[1] / 768)
    page = Page(size, BLACK if state in {"auto_repair", "loading"} else rng.choice(PLAIN), rng.choice(fonts.sans), rng)
    percent, total = rng.randrange(0, 101), rng.randrange(100, 200000)
    label = Label("page", f"{state}-{layout}", state, percentage=percent if "{n}" in words else None)
    label.language = "de" if german else "en"
    text = words.format(n=percent, k=rng.randrange(1, 100), m=total)
    y = size[1] * rng.uniform(0.45, 0.6)
    _ring(page, size[0] / 2, y - 50 * unit, 18 * unit)
    for line in text.split("\n"):
        y = page.paragraph((size[0] / 2, y), line, max(12.0, 21 * unit), width=size[0] * 0.85, centred=True)
    return page, label


def _ring(page: Page, x: float, y: float, radius: float) -> None:
    for dx, dy in ((0, -1), (0.6, -0.8), (0.95, -0.3), (0.95, 0.3), (0.6, 0.8))[: page.rng.randrange(0, 6)]:
        dot = max(1.0, radius / 7)
        cx, cy = x + dx * radius, y + dy * radius
        page.draw.ellipse((cx - dot, cy - dot, cx + dot, cy + dot), fill=WHITE)


RECOVERY: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "choose",
        "Choose an option",
        (),
        ("Continue", "Exit and continue to Windows 10", "Use a device", "Troubleshoot", "Turn off your PC"),
    ),
    (
        "advanced",
        "Advanced options",
        (),
        (
            "Startup Repair",
            "Command Prompt",
            "Uninstall Updates",
            "UEFI Firmware Settings",
            "System Restore",
            "System Image Recovery",
        ),
    ),
    ("troubleshoot", "Troubleshoot", (), ("Reset this PC", "Advanced options")),
    (
        "did-not-start",
        "Automatic Repair",
        (
            "Your PC did not start correctly",
            (
                'Press "Restart" to restart your PC, which can sometimes fix the problem. You can also press "Advanced options" '
                "to try other options to repair your PC."
            ),
        ),
        ("Restart", "Advanced options"),
    ),
    (
        "could-not-repair",
        "Startup Repair",
        (
            "Startup Repair couldn't repair your PC",
            'Press "Advanced options" to try other options to repair your PC or "Shut down" to turn off your PC.',
            r"Log file: C:\Windows\System32\Logfiles\Srt\SrtTrail.txt",
        ),
        ("Shut down", "Advanced options"),
    ),
    (
        "not-loaded",
        "Recovery",
        (
            "It looks like Windows didn't load correctly",
            (
                'If you\'d like to restart and try again, choose "Restart my PC" below. Otherwise, choose "See advanced repair '
                'options" for troubleshooting tools and advanced options.'
            ),
        ),
        ("See advanced repair options", "Restart my PC"),
    ),
)


def recovery_page(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """WinRE: a light title, sentences, and tiles or buttons."""
    layout, title, sentences, choices = rng.choice(RECOVERY)
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 1024, size[1] / 768)
    ground = rng.choice(((0, 120, 215), (32, 103, 178), (0, 99, 177)))
    page = Page(size, ground, rng.choice(fonts.sans), rng)
    left = size[0] * 0.12
    page.text((left, size[1] * 0.1), title, 44 * unit)
    y = size[1] * 0.25
    for words in sentences:
        y = page.paragraph((left, y), words, max(12.0, 18 * unit), width=size[0] * 0.72) + 8 * unit
    light = (77, 166, 224)
    for number, words in enumerate(choices):
        top = y + 30 * unit + number * 78 * unit if not sentences else size[1] * 0.78
        x = left if not sentences else left + number * 270 * unit
        if sentences:
            page.button(
                Box(x, top, x + 255 * unit, top + 36 * unit), words, max(11.0, 15 * unit), fill=(230, 230, 230), ink=BLACK
            )
        else:
            page.draw.rectangle((x, top, x + 60 * unit, top + 60 * unit), fill=light)
            page.text((x + 76 * unit, top + 12 * unit), words, max(12.0, 18 * unit))
    return page, Label("page", f"recovery-{layout}", "auto_repair")


def choose_system(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """The graphical boot menu: ``Choose an operating system`` with tiles."""
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 792, size[1] / 440) * 0.8
    page = Page(size, (32, 103, 178), rng.choice(fonts.sans), rng)
    page.text((38 * unit, 18 * unit), "Choose an operating system", 46 * unit)
    seconds = rng.randrange(1, 31)
    page.text((38 * unit, 108 * unit), f"Windows 10 will run automatically in {seconds} seconds.", max(11.0, 14 * unit))
    for number, words in enumerate(rng.sample(("Windows 10", "Windows 8.1", "Windows Server", "Kernel Debugging On"), 2)):
        top = (160 + 120 * number) * unit
        page.draw.rectangle((38 * unit, top, 148 * unit, top + 105 * unit), fill=(77, 166, 224))
        page.text((160 * unit, top), words, 20 * unit)
    return page, Label("menu", "boot_menu-page", "boot_menu")


def bitlocker_page(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """BitLocker recovery with the drive's key id, or its password prompt."""
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 1024, size[1] / 768)
    page = Page(size, rng.choice(((0, 120, 215), (32, 103, 178), (0, 90, 158), (0, 0, 0))), rng.choice(fonts.sans), rng)
    hexes = f"{rng.getrandbits(128):032X}"
    key_id = "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:]))
    label = Label("page", "bitlocker", "bitlocker", key_id=key_id)
    left, body, width = size[0] * 0.11, max(12.0, 17 * unit), size[0] * 0.75
    page.text((left, size[1] * 0.1), rng.choice(("BitLocker recovery", "BitLocker Recovery")), 42 * unit)
    sentences: tuple[str, ...] = (
        rng.choice(("Enter the recovery key for this drive", "Enter the recovery key to get going again (Keyboard Layout: US)")),
        "_" * 30,
        rng.choice(
            (
                (
                    "For more information on how to retrieve this key, go to http://windows.microsoft.com/recoverykeyfaq from "
                    "another PC or mobile device."
                ),
                "For more information about recovery options go to aka.ms/recoverykeyfaq from another PC or mobile device.",
            )
        ),
        "Press Enter to continue",
        "Press Esc for more recovery options",
    )
    if rng.random() < 0.2:
        sentences, label.key_id = (
            ("Enter the password to unlock this drive", "Press the Insert key to see the password as you type."), "",
        )  # fmt: skip
    elif rng.random() < 0.15:
        sentences = ("Plug in the USB drive that has the BitLocker key", "Press Enter to try again")
    y = size[1] * 0.26
    for number, words in enumerate(sentences):
        y = page.paragraph((left, y), words, body, width=width) + body * 0.6
        if number == 1 and label.key_id:
            y = page.paragraph((left, y), f"Recovery key ID: {key_id}", body, width=width, key=True) + body * 0.6
    return page, label


DIALOGS = (
    (
        "cannot-finish",
        "Install Windows",
        "Windows could not finish configuring the system. To attempt to resume configuration, restart the computer.",
    ),
    (
        "unexpected-restart",
        "Install Windows",
        (
            "The computer restarted unexpectedly or encountered an unexpected error. Windows installation cannot proceed. To "
            'install Windows, click "OK" to restart the computer, and then restart the installation.'
        ),
    ),
    (
        "cannot-complete",
        "Install Windows",
        "Windows could not complete the installation. To install Windows on this computer, restart the installation.",
    ),
    ("hardware", "Install Windows", "Windows Setup could not configure Windows to run on this computer's hardware."),
    ("which-system", "Windows Setup", "Which operating system do you want to install?"),
)


def setup_page(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """Windows Setup: its error box, or the page of language and keyboard."""
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 800, size[1] / 600)
    page = Page(size, rng.choice(((24, 0, 82), (0, 90, 158), (0, 0, 0))), rng.choice(fonts.sans), rng)
    layout, title, words = rng.choice(
        (*DIALOGS, ("language", "Windows Setup", 'Enter your language and other preferences and click "Next" to continue.'))
    )
    wide, small = 440 * unit, max(11.0, 12.5 * unit)
    left, top = (size[0] - wide) / 2, size[1] * 0.3
    page.draw.rectangle((left, top, left + wide, top + 230 * unit), fill=(240, 240, 240), outline=(120, 150, 190), width=3)
    page.draw.rectangle((left + 3, top + 3, left + wide - 3, top + 26 * unit), fill=(210, 225, 240))
    page.text((left + 10 * unit, top + 6 * unit), title, small, fill=BLACK)
    y = page.paragraph((left + 24 * unit, top + 45 * unit), words, small, width=wide - 48 * unit, fill=BLACK)
    if layout == "language":
        for field in ("Language to install: English (United States)", "Time and currency format: English (United States)",
                      "Keyboard or input method: US"):  # fmt: skip
            y = page.paragraph((left + 24 * unit, y), field, small, width=wide, fill=BLACK)
    box = Box(left + wide - 100 * unit, top + 190 * unit, left + wide - 20 * unit, top + 216 * unit)
    page.button(box, "Next" if layout in {"language", "which-system"} else "OK", small, fill=(225, 225, 225), ink=BLACK)
    return page, Label("page", f"setup-{layout}", "setup")


def healthy_page(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """The lock or sign-in screen."""
    size = rng.choice(RESOLUTIONS)
    unit = min(size[0] / 1024, size[1] / 768)
    page = Page(size, rng.choice(((0, 90, 158), (10, 60, 110), (30, 30, 40), (0, 99, 177))), rng.choice(fonts.sans), rng)
    words = rng.choice(
        ("Press Ctrl+Alt+Delete to unlock.", "Press Ctrl+Alt+Delete to sign in.", "Press CTRL + ALT + DELETE to log on")
    )
    page.text((size[0] * 0.05, size[1] * 0.6), f"{rng.randrange(1, 13)}:{rng.randrange(60):02}", 90 * unit)
    page.text(
        (size[0] * 0.055, size[1] * 0.77),
        f"{rng.choice(('Sunday', 'Monday', 'Friday'))}, November {rng.randrange(1, 31)}",
        34 * unit,
    )
    page.text((size[0] / 2, size[1] * 0.05), words, max(12.0, 18 * unit), centred=True)
    return page, Label("page", "healthy-lock", "healthy")


def hyperv_uefi(fonts: FontSet, rng: random.Random) -> tuple[Canvas, Label]:
    """Hyper-V generation 2 firmware: its boot summary."""
    size = rng.choice(((1024, 768), (1280, 720)))
    page = Page(size, BLACK, rng.choice(fonts.sans), rng)
    small = 15.0
    cause = rng.choice(
        (
            "The boot loader did not load an operating system.",
            "No UEFI-compatible file system was found.",
            "The signed image's hash is not allowed (DB)",
            "The unsigned image's hash is not allowed (DB)",
        )
    )
    lines = (
        "Virtual Machine Boot Summary",
        "",
        "1. Network Adapter (00155D3A1C05)",
        "    DHCP failed." if rng.random() < 0.5 else "    A boot image was not found.",
        "2. SCSI Disk    (0,0)",
        f"    {cause}",
        "",
        "No operating system was loaded. Your virtual machine may be configured incorrectly. Exit and re-configure your VM or",
        "click restart to retry the current boot sequence again.",
    )
    page.text((size[0] / 2, 60), "Hyper-V", 30, centred=True)
    for number, words in enumerate(lines):
        page.text((size[0] * 0.08, 150 + number * 26), words, small)
    page.button(Box(size[0] * 0.4, 520, size[0] * 0.6, 556), "Restart now", small, fill=(0, 120, 215), ink=WHITE)
    return page, Label("page", "firmware-hyperv-2", "firmware_none")
