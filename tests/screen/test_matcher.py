"""The matcher: names and numbers as engines damage them; what is no stop screen gets no code."""

from __future__ import annotations

import pytest

from bootmend.article.codes import all_codes, normal_name
from bootmend.screen import CERTAIN, LIKELY, UNKNOWN
from tests.screen.pages import CLASSIC, MODERN, read

STOPS = [info for info in all_codes() if info.kind == "stop"]


def codes_of(name: str) -> set[str]:
    return {info.code for info in STOPS if normal_name(name) in {normal_name(each) for each in (info.name, *info.aliases)}}


@pytest.mark.parametrize("separator", ["_", " ", "  "])
def test_every_name_is_read_with_underscores_and_with_blanks(separator: str) -> None:
    for info in STOPS:
        reading = read(MODERN.format(info.name.replace("_", separator)))
        assert reading.state == "stop"
        assert {reading.stop_code, *reading.possible_codes} - {None} == codes_of(info.name), info


def test_a_name_and_its_number_together_are_certain() -> None:
    reading = read(
        "Your device ran into a problem and needs to restart.\n0% complete\n"
        "Stop code: CRITICAL_PROCESS_DIED (0xEF)\nWhat failed: rdbss.sys"
    )
    assert (reading.stop_code, reading.confidence, reading.failing_file, reading.percentage) == (
        "0x000000EF",
        CERTAIN,
        "rdbss.sys",
        0,
    )


def test_a_name_alone_is_likely_and_a_number_that_disagrees_is_said() -> None:
    assert read(MODERN.format("CRITICAL PROCESS DIED")).confidence == LIKELY
    reading = read(MODERN.format("CRITICAL_PROCESS_DIED (0xEE)"))
    assert (reading.stop_code, reading.confidence) == ("0x000000EF", LIKELY)
    assert "do not agree" in reading.remarks[0]


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ("BAD P00L CALLER", "0x000000C2"),
        ("CRITlCAL_PR0CESS_DlED", "0x000000EF"),
        ("SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M", "0x1000007E"),
        ("SYSTEM_THREAD_EXCEPTION_NOT_HANDLED", "0x0000007E"),
        ("DRIVER IRQL NOT LESS OR EQUAL", "0x000000D1"),
        ("IRQL NOT LESS OR EQUAL", "0x0000000A"),
        ("PAGE_FAULT_IN_NONPAGED_AREA (AcmeVideo.sys)", "0x00000050"),
        ("0xC000021A", "0xC000021A"),
        ("INACCESSIBLE_B00T DEV1CE", "0x0000007B"),
        ("KMODE EXCEPTON NOT HANDLED", "0x0000001E"),
    ],
)
def test_damaged_names(seen: str, code: str) -> None:
    assert read(MODERN.format(seen)).stop_code == code


@pytest.mark.parametrize("anchor", ["Stop code:", "op code:", "Shop code:", "Stop Code :", "5top c0de:", "Stopcode:"])
def test_damaged_anchors(anchor: str) -> None:
    assert read(MODERN.replace("Stop code:", anchor).format("BAD_POOL_CALLER")).stop_code == "0x000000C2"


def test_a_name_that_wraps() -> None:
    text = (
        "Your PC ran into a problem and needs to restart. (7%\ncomplete)\n"
        "If you'd like to know more, you can search online later for this error: DRIVER PAGE FAULT\n"
        "BEYOND END OF ALLOCATION (xenvbd.sys)"
    )
    reading = read(text)
    assert (reading.stop_code, reading.failing_file) == ("0x000000D6", "xenvbd.sys")


def test_names_that_windows_does_not_have_give_no_code() -> None:
    for name in ("IRQL NOT LESS OR AWESOME", "ALL YOUR BASE", "EQUAL", "DIED", ""):
        reading = read(MODERN.format(name))
        assert (reading.state, reading.stop_code, reading.confidence) == ("stop", None, UNKNOWN)
        assert "full size" in reading.remarks[0]


def test_an_ambiguous_name_gives_all_its_codes_and_none() -> None:
    reading = read(MODERN.format("BOOTING_IN_SAFEMODE_MINIMAL"))
    assert (reading.stop_code, set(reading.possible_codes)) == (None, {"0x000000A8", "0x400000A8"})


# -- the classic screen -------------------------------------------------------------------------------------------------


def test_number_name_and_parameters() -> None:
    reading = read(CLASSIC)
    assert (reading.stop_code, reading.stop_name, reading.confidence) == ("0x0000007B", "INACCESSIBLE_BOOT_DEVICE", CERTAIN)
    assert reading.parameters[1] == "0xFFFFFFFFC0000034"
    assert reading.failing_file == "storport.sys"


def test_every_number_alone_is_read_and_only_likely_unless_exact() -> None:
    for info in STOPS:
        text = CLASSIC.replace("INACCESSIBLE_BOOT_DEVICE\n", "").replace("0x0000007B", info.code)
        assert (read(text).stop_code, read(text).confidence) == (info.code, LIKELY)
        assert read(text, "glyphs", exact=True).confidence == CERTAIN


@pytest.mark.parametrize("seen", ["0x0000007B", "OxO000007B", "@x0000007b", "0×0OOO007B", "0x00000078"])
def test_damaged_numbers(seen: str) -> None:
    expected = "0x00000078" if seen.endswith("78") else "0x0000007B"
    assert read(CLASSIC.replace("0x0000007B", seen)).stop_code == expected


def test_a_lost_digit_is_repaired_only_where_one_code_fits() -> None:
    text = CLASSIC.replace("INACCESSIBLE_BOOT_DEVICE\n", "")
    assert read(text.replace("0x0000007B", "0xB000007F")).stop_code == "0x8000007F"
    assert read(text.replace("0x0000007B", "0x0BADF00D")).stop_code is None
    assert read(text.replace("0x0000007B", "0x0BADF00D"), "glyphs", exact=True).stop_code is None


def test_windows_2000_and_nt() -> None:
    text = (
        "*** STOP: 0x0000001E (0xC0000005,0x8041C64F,0x00000000,0x00000010)\n"
        "KMODE_EXCEPTION_NOT_HANDLED\n*** Address 8041C64F base at 80400000"
    )
    assert (read(text).stop_code, read(text).confidence) == ("0x0000001E", CERTAIN)


def test_hard_errors_have_no_prefix() -> None:
    text = (
        "A problem has been detected and Windows has been shut down to prevent damage\n"
        "STOP: c0000218 {Registry File Failure}\nThe registry cannot load the hive (file):"
    )
    assert read(text).stop_code == "0xC0000218"


SPANISH = """\
Se ha encontrado un problema y Windows ha sido apagado para evitar daños al equipo.
Información técnica:
*** STOP: 0x0000007B (0x000000000A97E800,0x0000000000000034,0x0000000000000000,0
x0000000000000000)"""


def test_in_a_language_that_is_not_known_the_stars_and_parameters_are_enough_on_blue() -> None:
    reading = read(SPANISH, background=(0, 0, 128))
    assert (reading.stop_code, len(reading.parameters), reading.parameters[0]) == ("0x0000007B", 4, "0x000000000A97E800")
    assert read(SPANISH, background=(255, 255, 255)).stop_code is None
    torn = SPANISH.replace("34,0x0000000000000000,0", "34,0x00000000000OO?OO,0")
    assert (read(torn, background=(0, 0, 128)).stop_code, read(torn, background=(0, 0, 128)).parameters) == ("0x0000007B", ())


def test_the_german_sentence_counts_on_any_colour() -> None:
    text = (
        "Es wurde ein Problem festgestellt. Windows wurde heruntergefahren, damit der Computer nicht beschädigt wird.\n"
        "Das Problem wurde möglicherweise von folgender Datei verursacht: storport.sys\n"
        "*** STOP: 0x0000007B (0xF789E528,0xC0000034,0x00000000,0x00000000)"
    )
    reading = read(text, background=(130, 0, 0))
    assert (reading.stop_code, reading.failing_file) == ("0x0000007B", "storport.sys")


# -- other languages ------------------------------------------------------------------------------------------------------

GERMAN = """\
:(
Auf Ihrem PC ist ein Problem aufgetreten, und er muss neu gestartet werden.
20 % abgeschlossen
Weitere Informationen zu diesem Problem: https://www.windows.com/stopcode
Stillstandcode: {}
Fehlerquelle: storport.sys
"""
JAPANESE = """\
:(
問題が発生したため、PC を再起動する必要があります。
20% 完了
停止コード： {}
失敗した内容： storport.sys
"""


@pytest.mark.parametrize("text", [GERMAN, JAPANESE])
@pytest.mark.parametrize("name", ["CRITICAL_PROCESS_DIED", "CRITICAL PROCESS DIED", "CRITICAL_PROCESS_DIED (0xEF)"])
def test_names_are_found_without_english_words(text: str, name: str) -> None:
    reading = read(text.format(name))
    assert (reading.state, reading.stop_code, reading.failing_file) == ("stop", "0x000000EF", "storport.sys")
    assert reading.percentage == 20
    assert (reading.confidence == CERTAIN) == ("0xEF" in name)


def test_a_translated_boot_manager_error() -> None:
    text = (
        "Windows-Start-Manager\nWindows konnte nicht gestartet werden.\n   Datei: \\Boot\\BCD\n"
        "   Status: 0xc000000f\n   Info: Fehler beim Lesen"
    )
    reading = read(text)
    assert (reading.state, reading.status_code, reading.failing_file) == ("boot_manager_error", "0xC000000F", "\\Boot\\BCD")


# -- no stop screen --------------------------------------------------------------------------------------------------------

NO_STOP = [
    "error: no such partition.\nEntering rescue mode...\ngrub rescue> _",
    "GNU GRUB version 2.06\nNO SUCH PARTITION\n100% loaded",
    "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n[    1.3] CPU: 0 PID: 1",
    (
        "A problem has been detected and Windows has been paused to prevent damage\nto your botnets.\n"
        "*** STOP: 0xB00000000000000E (Not Found, 0xFFFFF80037014000)"
    ),
    "Stop code: CRITICAL_PROCESS_DIED",
    "Troubleshooting the stop error CRITICAL_PROCESS_DIED\nThis article helps.\nCRITICAL_PROCESS_DIED\nBAD_POOL_CALLER",
    "Bug check code reference\n0x0000007B INACCESSIBLE_BOOT_DEVICE\n0x000000EF CRITICAL_PROCESS_DIED\n50% off",
    "kd> !analyze -v\nCRITICAL_PROCESS_DIED (ef)\nA critical system process died",
    "guru meditation #00000004.0000AAC0",
    "Memory: 0x0000007B (0x00000001)",
    "BOOTING IN SAFEMODE MINIMAL",
    "Status: 0xc000000f",
]


@pytest.mark.parametrize("text", NO_STOP)
@pytest.mark.parametrize("engine", ["ocr", "glyphs", "serial"])
def test_what_is_no_stop_screen_gets_no_code(text: str, engine: str) -> None:
    reading = read(text, engine, exact=engine != "ocr")
    assert (reading.stop_code, reading.possible_codes, reading.status_code) == (None, (), None)
    assert reading.state not in ("stop", "boot_manager_error")


def test_a_page_of_prose_that_quotes_a_stop_screen_gets_no_code() -> None:
    prose = "\n".join(f"Paragraph {number} of an article about boot errors and what to do." for number in range(30))
    assert read(prose + "\n" + MODERN.format("CRITICAL_PROCESS_DIED")).stop_code is None


ARTICLE = """\
Stop error {0} on an Azure virtual machine
This article provides steps to resolve the issue where Windows cannot start because of that error.
When you use Boot diagnostics to view the screenshot of the VM, the screenshot displays the following message:
Your PC ran into a problem and needs to restart. Stop code: {0}
Cause
The registry could not be read or a component failed.
"""
QUOTED = """\
This article provides steps to resolve the issue where Windows cannot start because of that error.
When you use Boot diagnostics to view the screenshot of the VM, the screenshot displays the following message:
Your PC ran into a problem and needs to restart.
Stop code: {0}
Create and access a repair VM, attach the disk of the machine to it, and load its hives.
Then compare the values with those of a machine that starts, and unload the hives again.
"""
NOTES = "~/notes.txt\n- vm web01: stop code {0}\n- screenshot says: Your PC ran into a problem and needs to restart\n~"


@pytest.mark.parametrize("text", [ARTICLE, QUOTED, NOTES])
def test_an_article_that_quotes_the_sentence_and_the_code_gets_no_code(text: str) -> None:
    reading = read(text.format("CONFIG_INITIALIZATION_FAILED"))
    assert (reading.state, reading.stop_code, reading.possible_codes) == (UNKNOWN, None, ())


def test_an_insider_build_and_a_viewer_around_the_screen_are_no_article() -> None:
    text = (
        "Machine Connection\n"
        + MODERN.format("BAD_POOL_CALLER").replace("Your PC", "Your Windows Insider Build")
        + "Ready\nConnected: Encrypted"
    )
    assert read(text).stop_code == "0x000000C2"


# -- the boot manager --------------------------------------------------------------------------------------------------------

BOOT_TEXT = """\
                         Windows Boot Manager
Windows failed to start. A recent hardware or software change might be the
cause. To fix the problem:
    File: {}
    Status: {}
    Info: {}
ENTER=Continue
"""


def test_status_file_and_info() -> None:
    info = "The Windows Boot Configuration Data file is missing required information."
    reading = read(BOOT_TEXT.format("\\Boot\\BCD", "0xc0000034", info), "glyphs", exact=True)
    assert (reading.state, reading.status_code, reading.status_name) == (
        "boot_manager_error",
        "0xC0000034",
        "STATUS_OBJECT_NAME_NOT_FOUND",
    )
    assert (reading.failing_file, reading.info, reading.confidence) == ("\\Boot\\BCD", info, CERTAIN)


def test_an_engine_that_guesses_is_certain_only_where_the_sentence_fits_the_status() -> None:
    fits = "The Windows Boot Configuration Data file is missing required information"
    assert read(BOOT_TEXT.format("\\Boot\\BCD", "Oxc00O0034", fits)).confidence == CERTAIN
    assert read(BOOT_TEXT.format("\\Boot\\BCD", "0xc0000034", "Something else")).confidence == LIKELY


def test_an_unknown_status_is_named_as_such() -> None:
    reading = read(BOOT_TEXT.format("\\Boot\\BCD", "0xc0abcdef", "?"))
    assert reading.status_code == "0xC0ABCDEF"
    assert "unverified" in reading.remarks[0]


@pytest.mark.parametrize(
    ("seen", "path"),
    [
        ("\\Windowslsystem32ldriverslstorport.sys", "\\Windows\\system32\\drivers\\storport.sys"),
        ("\\Windows\\system32\\hal.dIl", "\\Windows\\system32\\hal.dll"),
        ("\\Windows \\system32 \\winload.exe", "\\Windows\\system32\\winload.exe"),
        ("\\EFIMicrosoft\\Boot\\BCD", "\\EFI\\Microsoft\\Boot\\BCD"),
        ("\\Windows\\System32\\Drivers\\csagent.sys", "\\Windows\\System32\\Drivers\\csagent.sys"),
    ],
)
def test_paths_with_lost_separators(seen: str, path: str) -> None:
    assert read(BOOT_TEXT.format(seen, "0xc000000f", "?")).failing_file == path


def test_the_graphic_screen() -> None:
    text = (
        "Recovery\nYour PC/Device needs to be repaired\n"
        "The Boot Configuration Data for your PC is missing or contains errors.\n"
        "File: \\EFI\\Microsoft\\Boot\\BCD\nError code: Oxc000000f\nYou'll need to use recovery tools."
    )
    reading = read(text)
    assert (reading.status_code, reading.failing_file, reading.confidence) == (
        "0xC000000F",
        "\\EFI\\Microsoft\\Boot\\BCD",
        CERTAIN,
    )


# -- states ------------------------------------------------------------------------------------------------------------------

STATES = [
    ("BOOTMGR is missing\nPress Ctrl+Alt+Del to restart", "bootmgr_missing"),
    ("An operating system wasn't found. Try disconnecting any drives that don't\ncontain an operating system.", "os_not_found"),
    ("Preparing Automatic Repair", "auto_repair_preparing"),
    ("Automatic Repair\nYour PC did not start correctly", "auto_repair_failed"),
    ("Working on updates\n35% complete\nDon't turn off your computer", "updating"),
    ("We couldn't complete the updates\nUndoing changes", "undoing_changes"),
    ("Error C01A001D applying update operation 234 of 1000 (\\Regist...", "update_error"),
    ("Please wait for the Group Policy Client", "group_policy"),
    ("Restarting", "shutting_down"),
    ("Scanning and repairing drive (C:): 11% complete.", "chkdsk"),
    ("Press Ctrl+Alt+Delete to unlock.\n10:42", "logon"),
    ("BdsDxe: No bootable option or device was found.", "firmware_no_boot"),
    ("error: no such partition.\nEntering rescue mode...\ngrub rescue>", "grub_rescue"),
    ("Starting sshd: OK\nlogin:", "linux"),
    ("Starting version 247\nRestarting the service", UNKNOWN),
    ("Hello World", UNKNOWN),
]


@pytest.mark.parametrize(("text", "state"), STATES)
def test_states(text: str, state: str) -> None:
    assert read(text).state == state
    assert read(text, "serial", exact=True).state == state


def test_long_sentences_are_found_with_errors_and_short_ones_are_not() -> None:
    assert read("Preparjng Aut0matic Repair").state == "auto_repair_preparing"
    assert read("Rostarting").state == UNKNOWN


def test_fields_of_states() -> None:
    assert read("Error C01A001D applying update operation 234 of 1000").status_code == "0xC01A001D"
    assert read("Working on updates\n35% complete").percentage == 35
    key = read("BitLocker recovery\nEnter the recovery key for this drive\nRecovery key ID: 1AF2B3C4-5D6E-7F80-9A1B-2C3D4E5F6071")
    assert (key.state, key.key_id) == ("bitlocker_recovery", "1AF2B3C4-5D6E-7F80-9A1B-2C3D4E5F6071")
    assert read("Working on updates\nInstalling KB4049094 and KB 5034441").kb_numbers == ("KB4049094", "KB5034441")


# -- every field with the text and the box it was seen in ------------------------------------------------------------------


def sights(text: str, **more: object) -> dict[str, list[tuple[str, object]]]:
    """Of each field the lines that tell it, with their boxes."""
    found: dict[str, list[tuple[str, object]]] = {}
    for sight in read(text, **more).evidence:  # type: ignore[arg-type]
        found.setdefault(sight.what, []).append((sight.text, sight.box))
    return found


def test_each_field_of_a_stop_screen_has_its_line() -> None:
    seen = sights(CLASSIC, background=(0, 0, 128))
    assert seen["stop code"][0][0].startswith("*** STOP: 0x0000007B")
    assert seen["parameters"] == seen["stop code"]
    assert "storport.sys" in seen["failing file"][0][0]
    modern = sights(MODERN.format("CRITICAL_PROCESS_DIED (0xEF)") + "\nWhat failed: rdbss.sys")
    assert [text for text, _ in modern["failing file"]] == ["What failed: rdbss.sys"]
    assert "%" in modern["percentage"][0][0]


def test_a_percentage_whose_sign_came_onto_the_next_line() -> None:
    text = "Working on updates\n35\n% complete\nDon't turn off your computer"
    assert read(text).percentage == 35
    assert sights(text)["percentage"][0][0] == "35"


def test_key_and_updates_have_their_lines() -> None:
    bitlocker = "BitLocker recovery\nEnter the recovery key for this drive\nRecovery key ID: 1A2B3C4D-0000-4000-8000-1234567890AB"
    assert read(bitlocker).key_id == "1A2B3C4D-0000-4000-8000-1234567890AB"
    assert sights(bitlocker)["key id"][0][0].startswith("Recovery key ID")
    update = "Working on updates  20%\nConfiguring update for Windows KB4049094"
    assert read(update).kb_numbers == ("KB4049094",)
    assert sights(update)["updates"][0][0].endswith("KB4049094")


def test_parameters_are_those_right_behind_the_number() -> None:
    """An engine may tear the line apart and give its pieces in another order: then none are said."""
    torn = CLASSIC.replace("0x0000007B (", "0x0000007B (0)\n7BFE2D,0x6962EFB3,0x00000000)\n(")
    assert (read(torn).stop_code, read(torn).parameters) == ("0x0000007B", ())


@pytest.mark.parametrize("ending", ["dll", "dIl", "dl1", "d1l", "dII"])
def test_the_ending_of_a_library(ending: str) -> None:
    text = f"Windows failed to start. A recent hardware or software change\nFile: \\Windows\\System32(drivers\\CI.{ending}\nStatus: 0xc0000225"
    assert read(text).failing_file == "\\Windows\\System32\\drivers\\CI.dll"


def test_a_name_below_its_label_in_another_language() -> None:
    text = "Auf Ihrem PC ist ein Problem aufgetreten. (20\n% abgeschlossen)\nSuchen Sie online nach diesem Fehler:\nBAD_POOL_CALLER (vmbus.sys)"
    reading = read(text, background=(0, 120, 215))
    assert (reading.stop_code, reading.failing_file, reading.percentage) == ("0x000000C2", "vmbus.sys", 20)
    assert read(text.replace("Fehler:", "Fehler.").replace("%", "Teile")).stop_code is None


FRENCH = """\
Récupération
Votre PC doit être réparé
Code d'erreur : 0xc000000f
Appuyez sur Entrée pour réessayer
Appuyez sur F1 pour accéder à l'environnement de récupération
"""


def test_the_blue_page_in_a_language_that_is_not_known() -> None:
    """A known status behind a label, and the keys that are never translated; on paper it is a page about it."""
    assert read(FRENCH, background=(0, 120, 215)).status_code == "0xC000000F"
    assert read(FRENCH, background=(255, 255, 255)).status_code is None
    assert read(FRENCH.replace("F1", "la touche"), background=(0, 120, 215)).status_code is None
    assert read(FRENCH.replace("c000000f", "c0aa00ff"), background=(0, 120, 215)).status_code is None


def test_a_yen_sign_is_a_backslash() -> None:
    text = "回復\nPC を修復する必要があります\nファイル: ¥Windows¥System32¥winload.efi\nエラー コード: 0xc0000225"
    assert read(text, background=(0, 120, 215)).failing_file == "\\Windows\\System32\\winload.efi"


@pytest.mark.parametrize("sign", [":", ".", ";", ","])
def test_the_colon_before_a_name_may_be_read_as_another_sign(sign: str) -> None:
    text = (
        "Your PC ran into a problem and needs to restart. (55% complete)\n"
        f"If you'd like to know more, you can search online later for this error{sign} INVALID PROCESS\nDETACHATTEMPT"
    )
    assert read(text).stop_code == "0x00000006"
