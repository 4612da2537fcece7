"""Our ``/enum`` against text that the real bcdedit printed, from stores made of that very text."""

from __future__ import annotations

import pytest

from bootmend.bcd import enum_text
from bootmend.bcd.commands import Command, Surroundings, parse, run
from tests.bcd import stores
from tests.bcd.stores import BOOTMGR, DEBUGGER, LOADER, MEMDIAG, RESUME, Printed, editable, make_store, seed_objects
from tests.support import shared_data

#: what localised systems print instead of English
LOCALISED = {
    "Windows 启动管理器": "Windows Boot Manager",
    "Windows 启动加载器": "Windows Boot Loader",
    "标识符    ": "identifier",
    "Windows-Start-Manager": "Windows Boot Manager",
    "Windows-Startladeprogramm": "Windows Boot Loader",
    "Bezeichner": "identifier",
}

ARTICLE = """
Windows Boot Manager
--------------------
identifier              {bootmgr}
device                  unknown
description             Windows Boot Manager
locale                  en-us
inherit                 {globalsettings}
displayorder            {3d2f1a60-67ab-11ee-9b1c-00155d010067}
toolsdisplayorder       {memdiag}
timeout                 30

Windows Boot Loader
-------------------
identifier              {3d2f1a60-67ab-11ee-9b1c-00155d010067}
device                  boot
path                    \\Windows\\system32\\winload.exe
description             Windows Server 2016
locale                  en-US
inherit                 {bootloadersettings}
recoverysequence        {821346ba-615b-11e7-a81b-000d3a23c6df}
recoveryenabled         No
osdevice                boot
imcdevice               locate=\\IMC.hiv
systemroot              \\Windows
imchivename             \\IMC.hiv
resumeobject            {e6df4561-50ce-11e7-a810-806e6f6e6963}
nx                      OptOut
bootstatuspolicy        IgnoreAllFailures
"""


def printed_by_windows(name: str) -> str:
    """A published output, its localised words in English, the running system's entry named by what it is offline."""
    path = shared_data("bcd") / "enum_outputs" / name
    text = path.read_text(encoding="utf-8")
    for local, english in LOCALISED.items():
        text = text.replace(local, english)
    lines = text.split("\n")
    for place, line in enumerate(lines):
        if line and not line.strip("-"):
            lines[place] = "-" * len(lines[place - 1])
    return "\n".join(lines)


def test_the_article_of_stop_code_0x67() -> None:
    assert enum_text(make_store(seed_objects())) == ARTICLE


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "what", "verbose"),
    [
        ("win10_bios_enum_active.txt", "ACTIVE", False),
        ("win11_25h2_bios_enum_all_v.txt", "ALL", True),
        ("ws2016_store_enum_safeboot.txt", "ACTIVE", False),
        ("win10_2004_uefi_enum_all_frst.txt", "ALL", False),
        ("ws_2pf_enum_loader.txt", "OSLOADER", False),
        ("vista_loader_pae_debug.txt", "OSLOADER", False),
        ("setup_ramdisk_store_enum_all_v_zh_fragment.txt", "ALL", True),
        ("win7_de_vhd_enum_active_fragment.txt", "ACTIVE", False),
    ],
)
def test_published_output(name: str, what: str, verbose: bool) -> None:
    # One document has nine digits in the first group of its anonymised GUIDs.
    text = printed_by_windows(name).replace("{current}", "{default}").replace("c23c4005d-", "c23c4005-")
    printed = Printed(text)
    if "default                 " not in text:
        # A fragment without the boot manager: nothing says which entry is the default.
        text = text.replace("{default}", LOADER)
    assert enum_text(printed.store, what, verbose, printed.resolver).strip("\n") == text.strip("\n")


@pytest.mark.oracle
def test_published_output_of_the_running_system_and_another_default() -> None:
    text = printed_by_windows("win10_zh_enum_active_fragment.txt").replace("{current}", LOADER.replace("3d2f", "4d2f"))
    printed = Printed(text)
    shown = enum_text(printed.store, "ACTIVE", False, printed.resolver)
    assert shown.strip("\n") == text.strip("\n")


@pytest.mark.oracle
def test_published_output_of_the_article() -> None:
    text = printed_by_windows("ws2016_store_enum_imc.txt").replace("{<IDENTIFIER>}", LOADER).replace("{current}", LOADER)
    assert enum_text(make_store(seed_objects())).strip("\n") == text.strip("\n")


@pytest.mark.oracle
def test_published_debugger_settings() -> None:
    text = printed_by_windows("dbgsettings_net.txt")
    section = f"Debugger Settings\n-----------------\nidentifier              {DEBUGGER}\n{text}"
    result = run(Command("dbgsettings"), Printed(section).store, Surroundings())
    assert result.text.strip("\n") == text.strip("\n")


#: the titles that each type of ``/enum`` shows, of those in the whole listing of a Windows 11
TYPES = {
    "BOOTMGR": ("Windows Boot Manager",),
    "OSLOADER": ("Windows Boot Loader",),
    "RESUME": ("Resume from Hibernate",),
    "BOOTAPP": ("Windows Boot Loader", "Resume from Hibernate", "Windows Memory Tester"),  # images of type 2
    "FIRMWARE": ("Windows Boot Manager",),
    "INHERIT": (
        *("EMS Settings", "Debugger Settings", "RAM Defects", "Global Settings"),
        *("Boot Loader Settings", "Hypervisor Settings", "Resume Loader Settings"),
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("what", TYPES)
def test_a_type_shows_its_sections_of_the_published_listing(what: str) -> None:
    text = printed_by_windows("win11_25h2_bios_enum_all_v.txt").strip("\n")
    sections = [section for section in text.split("\n\n") if section.split("\n")[0] in TYPES[what]]
    printed = Printed(text)
    assert sections
    assert enum_text(printed.store, what, True, printed.resolver).strip("\n") == "\n\n".join(sections)


@pytest.mark.oracle
def test_what_sysprep_makes_of_devices() -> None:
    """The published difference of a store before and after ``sysprep /generalize``, typed as commands."""
    facts = (shared_data("bcd") / "enum_outputs" / "sysprep_locate_diff_win8_ws2012.txt").read_text(encoding="utf-8")
    objects = seed_objects()
    objects[RESUME] = (0x10200004, {"12000002": stores.text("\\Windows\\system32\\winresume.exe")})
    objects[RESUME][1]["22000002"] = stores.text("\\hiberfil.sys")
    objects[LOADER][1]["12000002"] = stores.text("\\Windows\\system32\\winload.exe")
    objects[MEMDIAG] = (0x10200005, {"12000002": stores.text("\\boot\\memtest.exe")})
    store = editable(objects)
    owners = {"{bootmgr}": BOOTMGR, "{default}": LOADER, "{resume guid}": RESUME, "{memdiag}": MEMDIAG}
    seen = 0
    for line in facts.splitlines():
        owner, _, rest = line.partition("}")
        before, arrow, printed = rest.partition("->")
        if arrow and "locate=" in printed:
            element = before.split()[0]
            done = run(parse(["/set", owners[owner + "}"], element, "locate"]), store, Surroundings())
            assert done.exit_code == 0, done
            shown = enum_text(store, owners[owner + "}"])
            assert f"\n{element.ljust(24)}{printed.strip()}\n" in shown
            seen += 1
    assert seen == 6
