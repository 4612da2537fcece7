"""bcdedit's command line: syntax, messages, exit codes, effects."""

from __future__ import annotations

import pytest

from bootmend.bcd import PartitionDevice, StoreEditor
from bootmend.bcd.commands import COMMANDS, Command, CommandError, Result, Surroundings, parse, run
from bootmend.errors import UsageError
from tests.bcd.stores import (
    BOOTMGR,
    DEBUGGER,
    EMS,
    GLOBAL,
    LOADER,
    MEMDIAG,
    OTHER,
    Objects,
    editable,
    make_store,
    seed_objects,
    text,
    texts,
)
from tests.support import shared_data

FRESH = "{5d2f1a60-67ab-11ee-9b1c-00155d010067}"
C_DRIVE = PartitionDevice("MBR", "0x5eed0067", 0x100000)
SURROUNDINGS = Surroundings(
    name_partition=lambda device: "C:" if device == C_DRIVE else None,
    find_partition=lambda name: C_DRIVE if name.upper() == "C:" else None,
    new_id=lambda: FRESH,
    new_key=lambda: "1.2.3.4",
)
DONE = "The operation completed successfully.\n"
NOT_RECOGNIZED = (
    "The element data type specified is not recognized, or does not apply to the\nspecified entry.\n"
    'Run "bcdedit /?" for command line assistance.\nElement not found.\n'
)


def execute(store: StoreEditor, line: str) -> Result:
    return run(parse(line.split()), store, SURROUNDINGS)


def value(store: StoreEditor, owner: str, element: str) -> object:
    item = store.get(owner)
    found = item.element(element) if item else None
    return None if found is None else found.value


def two_loaders() -> StoreEditor:
    objects: Objects = seed_objects()
    objects[OTHER] = objects[LOADER]
    objects[BOOTMGR][1]["24000001"] = texts(LOADER, OTHER)
    return editable(objects)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("", Command("enum")),
        ("/v", Command("enum", (), None, True)),
        ("/enum", Command("enum")),
        ("-ENUM all -V", Command("enum", ("all",), None, True)),
        ("--enum all", Command("enum", ("all",))),
        ("/store F:\\BCD /enum osloader /v", Command("enum", ("osloader",), "F:\\BCD", True)),
        ("/enum all /store /boot/BCD", Command("enum", ("all",), "/boot/BCD")),
        ("/store F /set {x} loadoptions /v", Command("set", ("{x}", "loadoptions", "/v"), "F")),
        ("/deletevalue imcdevice", Command("deletevalue", ("imcdevice",))),
        ("/displayorder {a} /addlast", Command("displayorder", ("{a}", "/addlast"))),
        ("/?", Command("?")),
        ("/set /?", Command("?")),
    ],
)
def test_command_lines(line: str, command: Command) -> None:
    assert parse(line.split()) == command


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "/encodedCommand x",
            (
                'Invalid command line switch: /encodedCommand\nRun "bcdedit /?" for command line assistance.\n'
                "The parameter is incorrect.\n"
            ),
        ),
        ("enum", 'An unknown command was specified.\nRun "bcdedit /?" for command line assistance.\n'),
        ("/store", 'Run "bcdedit /?" for command line assistance.\nThe parameter is incorrect.\n'),
    ],
)
def test_lines_that_are_no_commands(line: str, said: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(line.split())
    assert (caught.value.text, caught.value.status) == (said, 1)


@pytest.mark.parametrize(
    ("line", "writes"),
    [("/enum", False), ("/set a b", True), ("/emssettings", False), ("/emssettings BIOS", True), ("/?", False)],
)
def test_which_commands_write(line: str, writes: bool) -> None:
    assert parse(line.split()).writes is writes


def test_a_writing_command_needs_an_editor() -> None:
    with pytest.raises(UsageError, match="reading only"):
        run(parse(["/timeout", "5"]), make_store(seed_objects()))


# -- the steps of the article ----------------------------------------------------------------------------


def test_all_steps_of_the_article() -> None:
    store = editable(seed_objects())
    for line in (
        f"/store F:\\boot\\bcd /deletevalue {LOADER} imcdevice",
        f"/store F:\\boot\\bcd /deletevalue {LOADER} imchivename",
        "/set {bootmgr} displaybootmenu yes",
        "/set {bootmgr} timeout 5",
        "/set {bootmgr} bootems yes",
        f"/ems {LOADER} ON",
        "/emssettings EMSPORT:1 EMSBAUDRATE:115200",
    ):
        assert execute(store, line)[:2] == (DONE, 0)
    assert value(store, LOADER, "imcdevice") is None
    assert value(store, LOADER, "imchivename") is None
    assert value(store, BOOTMGR, "custom:26000020") is True
    assert value(store, BOOTMGR, "custom:25000004") == 5
    assert value(store, BOOTMGR, "custom:16000020") is True
    assert value(store, LOADER, "custom:260000b0") is True
    ems = store.get(EMS)
    assert ems is not None
    assert ems.type == 0x20100000
    assert value(store, EMS, "custom:15000022") == 1
    assert value(store, EMS, "custom:15000023") == 0x1C200


# -- /set ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "element", "expected"),
    [
        ("nx AlwaysOn", "25000020", 3),
        ("NX alwayson", "25000020", 3),
        ("nx 2", "25000020", 2),
        ("safeboot network", "25000080", 1),
        ("truncatememory 0x80000000", "15000007", 0x80000000),
        ("numproc 4", "25000061", 4),
        ("testsigning ON", "16000049", True),
        ("testsigning 0", "16000049", False),
        ("description Windows", "12000004", "Windows"),
        ("device partition=C:", "11000001", C_DRIVE),
        ("resumeobject {MEMDIAG}", "23000003", MEMDIAG),
        ("resumeobject memdiag", "23000003", MEMDIAG),
        ("inherit {globalsettings} {emssettings}", "14000006", (GLOBAL, EMS)),
        ("allowedinmemorysettings 0x15000075 7", "17000077", (0x15000075, 7)),
        ("custom:25000061 8", "25000061", 8),
        ("25000061 8", "25000061", 8),
        ("hypervisorhostip 169.254.255.255", "250000fd", 0xA9FEFFFF),
        ("displayrotation 90", "15000080", 1),
    ],
)
def test_set(line: str, element: str, expected: object) -> None:
    store = editable(seed_objects())
    assert execute(store, f"/set {LOADER} {line}")[:2] == (DONE, 0)
    assert value(store, LOADER, f"custom:{element}") == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"/set {LOADER} nonsense 1", NOT_RECOGNIZED),
        (f"/set {OTHER} nx OptIn", NOT_RECOGNIZED),
        (f"/set {LOADER} displaybootmenu yes", NOT_RECOGNIZED),
        (f"/set {LOADER} nx sometimes", "The integer data is not valid as specified.\n"),
        (f"/set {LOADER} nx 4", "The integer data is not valid as specified.\n"),
        (f"/set {LOADER} numproc -1", "The integer data is not valid as specified.\n"),
        (f"/set {LOADER} numproc 1_0", "The integer data is not valid as specified.\n"),
        (f"/set {LOADER} numproc 0x10000000000000000", "The integer data is not valid as specified.\n"),
        (f"/set {LOADER} hypervisorhostip 1.2.3.256", "The integer data is not valid as specified.\n"),
        (f"/set {LOADER} hypervisorhostip 1.2.3", "The integer data is not valid as specified.\n"),
        (f"/set {LOADER} testsigning maybe", "The boolean data is not valid as specified.\n"),
        (f"/set {LOADER} device partition=Z:", "The device is not valid as specified.\n"),
        (f"/set {LOADER} device nowhere", "The device is not valid as specified.\n"),
        (f"/set {LOADER} resumeobject nobody", "The specified entry type is invalid.\n"),
        ("/set {nobody} nx OptIn", "The specified entry type is invalid.\n"),
        (f"/set {LOADER} nx", "The set command specified is not valid.\n"),
        ("/set", "The set command specified is not valid.\n"),
        (f"/set {LOADER} description a b", "The set command specified is not valid.\n"),
        ("/set {bootmgr} displayorder /addlast", "The list data is not valid as specified.\n"),
        ("/set {bootmgr} displayorder {memdiag} /sideways", "The list data is not valid as specified.\n"),
    ],
)
def test_set_refused(line: str, said: str) -> None:
    store = editable(seed_objects())
    result = execute(store, line)
    assert result.text.startswith(said)
    assert (result.exit_code, result.edits) == (1, ())


def test_what_no_word_can_say() -> None:
    assert execute(editable(seed_objects()), f"/set {LOADER} custom:28000001 5").exit_code == 1


def test_the_default_entry_where_none_is_named() -> None:
    store = editable(seed_objects())
    result = execute(store, "/set nx OptIn")
    assert value(store, LOADER, "nx") == 0
    assert result.notes == (f"no identifier was given: the default entry {LOADER} is meant",)
    result = execute(store, "/set {current} nx AlwaysOff")
    assert value(store, LOADER, "nx") == 2
    assert LOADER in result.notes[0]
    assert execute(store, "/set {default} nx OptOut").notes == ()


def test_no_default_at_all() -> None:
    store = editable({LOADER: (0x10200003, {})})
    for line in ("/set nx OptIn", "/set {default} nx OptIn", "/set {current} nx OptIn", "/ems on", "/timeout 5"):
        assert execute(store, line)[:2] == (NOT_RECOGNIZED, 1)


def test_an_alias_without_braces_and_an_element_of_the_same_name() -> None:
    store = editable(seed_objects())
    assert execute(store, "/set bootmgr timeout 7").exit_code == 0
    assert value(store, BOOTMGR, "timeout") == 7
    assert execute(store, f"/set bootmgr default {LOADER}").exit_code == 0
    assert value(store, BOOTMGR, "default") == LOADER
    assert execute(store, "/deletevalue bootmgr default").exit_code == 0
    assert value(store, BOOTMGR, "default") is None


# -- /deletevalue --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{LOADER} ems", "An error occurred while attempting to delete the specified data element.\nElement not found.\n"),
        (f"{LOADER} nonsense", NOT_RECOGNIZED),
        (f"{OTHER} nx", NOT_RECOGNIZED),
        (f"{LOADER} nx nx", 'Run "bcdedit /?" for command line assistance.\nThe parameter is incorrect.\n'),
        ("", 'Run "bcdedit /?" for command line assistance.\nThe parameter is incorrect.\n'),
    ],
)
def test_deletevalue_refused(line: str, said: str) -> None:
    store = editable(seed_objects())
    assert execute(store, f"/deletevalue {line}")[:2] == (said, 1)
    assert store.edits == []


def test_deletevalue_of_the_default_entry() -> None:
    store = editable(seed_objects())
    assert execute(store, "/deletevalue imcdevice").exit_code == 0
    assert value(store, LOADER, "imcdevice") is None


# -- the menu --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "order"),
    [
        (f"{OTHER}", (OTHER,)),
        (f"{OTHER} {LOADER} {OTHER}", (OTHER, LOADER)),
        (f"{OTHER} /addfirst", (OTHER, LOADER)),
        (f"{LOADER} /addlast", (OTHER, LOADER)),
        (f"{FRESH} /addlast", (LOADER, OTHER, FRESH)),
        (f"{LOADER} /remove", (OTHER,)),
        (f"{FRESH} /remove", (LOADER, OTHER)),
        ("{default} -AddLast", (OTHER, LOADER)),
    ],
)
def test_displayorder(line: str, order: tuple[str, ...]) -> None:
    store = two_loaders()
    assert execute(store, f"/displayorder {line}")[:2] == (DONE, 0)
    assert store.display_order == order


def test_a_list_that_becomes_empty_goes() -> None:
    store = editable(seed_objects())
    assert execute(store, f"/displayorder {LOADER} /remove").exit_code == 0
    assert value(store, BOOTMGR, "displayorder") is None
    assert execute(store, f"/displayorder {LOADER} /remove").exit_code == 0


def test_the_other_menu_commands() -> None:
    store = two_loaders()
    assert execute(store, f"/default {OTHER.strip('{}')}").exit_code == 0
    assert execute(store, "/timeout 0").exit_code == 0
    assert execute(store, "/bootsequence {memdiag}").exit_code == 0
    assert execute(store, "/toolsdisplayorder {memdiag} /remove").exit_code == 0
    assert (store.default_id, value(store, BOOTMGR, "timeout")) == (OTHER, 0)
    assert value(store, BOOTMGR, "bootsequence") == (MEMDIAG,)
    assert value(store, BOOTMGR, "toolsdisplayorder") is None
    assert execute(store, "/timeout soon").exit_code == 1
    assert execute(store, "/timeout").exit_code == 1


# -- switches and settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "owner", "element", "expected"),
    [
        ("/ems on", LOADER, "260000b0", True),
        (f"/ems {LOADER} off", LOADER, "260000b0", False),
        ("/bootems {bootmgr} ON", BOOTMGR, "16000020", True),
        ("/bootdebug {bootmgr} on", BOOTMGR, "16000010", True),
        ("/debug off", LOADER, "260000a0", False),
        ("/event on", LOADER, "26000141", True),
    ],
)
def test_switches(line: str, owner: str, element: str, expected: bool) -> None:
    store = editable(seed_objects())
    assert execute(store, line)[:2] == (DONE, 0)
    assert value(store, owner, f"custom:{element}") is expected


@pytest.mark.parametrize("line", ["/ems {bootmgr} on", "/ems", "/ems on off on", "/ems perhaps", f"/ems {OTHER} on"])
def test_switches_refused(line: str) -> None:
    store = editable(seed_objects())
    assert execute(store, line).exit_code == 1
    assert store.edits == []


def test_emssettings() -> None:
    store = editable(seed_objects() | {EMS: (0x20100000, {"16000020": (3, b"\0")})})
    assert execute(store, "/emssettings").text == "bootems                 No\n"
    assert execute(store, "/emssettings emsport:2").exit_code == 0
    assert (value(store, EMS, "emsport"), value(store, EMS, "emsbaudrate")) == (2, 9600)
    assert (
        execute(store, "/emssettings").text
        == "emsport                 2\nemsbaudrate             9600\nbootems                 No\n"
    )
    assert execute(store, "/emssettings BIOS").exit_code == 0
    assert (value(store, EMS, "emsport"), value(store, EMS, "emsbaudrate")) == (None, None)
    assert execute(store, "/emssettings BIOS").exit_code == 0
    for line in ("EMSBAUDRATE:9600", "EMSPORT:x", "EMSPORT:", "EMSPORT", "BIOS EMSPORT:1", "EMSPORT:1 EMSPORT:2", "COM1"):
        assert execute(store, f"/emssettings {line}").exit_code == 1
    assert "There are no matching objects" in execute(editable(seed_objects()), "/emssettings").text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("SERIAL DEBUGPORT:1 BAUDRATE:115200", [("debugtype", "Serial"), ("debugport", "1"), ("baudrate", "115200")]),
        ("1394 CHANNEL:32", [("debugtype", "1394"), ("channel", "32")]),
        ("usb targetname:me", [("targetname", "me"), ("debugtype", "USB")]),
        ("local /start AutoEnable /noumex", [("debugtype", "Local"), ("debugstart", "AutoEnable"), ("noumex", "Yes")]),
        (
            "net hostip:192.168.1.2 port:50000 key:a.b.c.d nodhcp",
            [("key", "a.b.c.d"), ("debugtype", "NET"), ("hostip", "192.168.1.2"), ("port", "50000"), ("dhcp", "No")],
        ),
    ],
)
def test_dbgsettings(line: str, shown: list[tuple[str, str]]) -> None:
    store = editable(seed_objects())
    assert execute(store, f"/dbgsettings {line}")[:2] == (DONE, 0)
    assert execute(store, "/dbgsettings").text == "".join(f"{name:24}{value}\n" for name, value in shown)
    found = store.get(DEBUGGER)
    assert found is not None
    assert found.title == "Debugger Settings"


def test_a_new_key_is_printed() -> None:
    store = editable(seed_objects())
    line = "/dbgsettings NET HOSTIP:1.2.3.4 PORT:50000"
    assert execute(store, line).text == f"Key=1.2.3.4\n{DONE}"
    assert execute(store, line).text == DONE
    assert execute(store, line + " newkey").text == f"Key=1.2.3.4\n{DONE}"
    assert run(parse(line.split()), editable(seed_objects())).exit_code == 1


@pytest.mark.parametrize(
    "line",
    ["radio", "serial channel:1", "net port:1", "serial newkey", "local /start", "local /start never", "local /sideways"],
)
def test_dbgsettings_refused(line: str) -> None:
    store = editable(seed_objects())
    assert execute(store, f"/dbgsettings {line}").exit_code == 1
    assert store.edits == []


def test_hypervisorsettings() -> None:
    store = editable(seed_objects())
    assert execute(store, "/hypervisorsettings SERIAL DEBUGPORT:2 BAUDRATE:9600").exit_code == 0
    assert execute(store, "/hypervisorsettings").text == (
        "hypervisordebugtype     Serial\nhypervisordebugport     2\nhypervisorbaudrate      9600\n"
    )
    found = store.get("hypervisorsettings")
    assert found is not None
    assert found.type == 0x20200003


# -- whole objects -----------------------------------------------------------------------------------------------------


def test_copy() -> None:
    store = editable(seed_objects())
    result = run(parse(["/copy", "{default}", "/d", "/the copy"]), store, SURROUNDINGS)
    assert result[:2] == (f"The entry was successfully copied to {FRESH}.\n", 0)
    copied, original = store.get(FRESH), store.get(LOADER)
    assert copied is not None
    assert original is not None
    assert store.display_order == (LOADER, FRESH)
    assert copied.text("description") == "/the copy"
    assert {number: element.raw for number, element in copied.elements.items() if number != 0x12000004} == {
        number: element.raw for number, element in original.elements.items() if number != 0x12000004
    }
    assert execute(store, "/copy {default}").exit_code == 1
    assert execute(store, "/copy {dbgsettings} /d x").exit_code == 1


@pytest.mark.parametrize(
    ("line", "object_id", "kind"),
    [
        ("/application osloader", FRESH, 0x10200003),
        ("/application bootsector /d x", FRESH, 0x10400008),
        ("/inherit", FRESH, 0x20100000),
        ("/inherit OSLOADER", FRESH, 0x20200003),
        ("/device", FRESH, 0x30000000),
        ("{ramdiskoptions}", "{ae5534e0-a924-466c-b836-758539a3ee3a}", 0x30000000),
        ("{ntldr} /d old", "{466f5a88-0af2-4f76-9038-095b170dc21c}", 0x10300006),
        (f"{OTHER} /application resume", OTHER, 0x10200004),
    ],
)
def test_create(line: str, object_id: str, kind: int) -> None:
    store = editable(seed_objects())
    result = execute(store, f"/create {line}")
    assert result.exit_code == 0
    assert "was successfully created" in result.text
    found = store.get(object_id)
    assert found is not None
    assert found.type == kind


@pytest.mark.parametrize(
    "line", ["", "/application", "/application x", "/device /inherit", "{memdiag}", "{memdiag} x", OTHER, "/sideways", "/d"]
)
def test_create_refused(line: str) -> None:
    store = editable(seed_objects())
    assert execute(store, f"/create {line}").exit_code == 1
    assert store.edits == []


def test_delete_and_what_referred_to_it() -> None:
    store = two_loaders()
    execute(store, f"/default {OTHER}")
    assert execute(store, f"/delete {OTHER}")[:2] == (DONE, 0)
    assert store.get(OTHER) is None
    assert store.display_order == (LOADER,)
    assert value(store, BOOTMGR, "default") is None
    assert execute(store, f"/delete {LOADER} /nocleanup").exit_code == 0
    assert store.display_order == (LOADER,)


def test_a_well_known_object_needs_force() -> None:
    store = editable(seed_objects())
    assert execute(store, "/delete {memdiag}").exit_code == 1
    assert store.get(MEMDIAG) is not None
    assert execute(store, "/delete {memdiag} /f /cleanup").exit_code == 0
    assert value(store, BOOTMGR, "toolsdisplayorder") is None
    assert execute(store, f"/delete {LOADER} /cleanup /nocleanup").exit_code == 1
    assert execute(store, f"/delete {OTHER}").exit_code == 1


# -- reading ---------------------------------------------------------------------------------------------------------------


def test_enum_by_alias_id_and_type() -> None:
    store = make_store(seed_objects())
    for words in (["/enum", "{default}"], ["/enum", LOADER.strip("{}")], ["/enum", "osloader"], ["/enum", "{current}"]):
        result = run(parse(words), store, SURROUNDINGS)
        assert result.text.startswith("\nWindows Boot Loader\n-------------------\nidentifier              {3d2f1a60")
        assert result.exit_code == 0
    assert run(parse(["/enum", OTHER]), store).text == "There are no matching objects or the store is empty.\n"
    result = run(parse(["/enum", "nonsense"]), store)
    assert result.text.startswith("The specified entry type is invalid.\n")
    assert result.exit_code == 1
    assert run(parse(["/enum", "all", "active"]), store).exit_code == 1


def test_what_only_a_live_system_can_do() -> None:
    for line in (["/sysstore", "C:"], ["/mirror", "{current}"], ["/export", "x"]):
        result = run(parse(line), make_store(seed_objects()))
        assert (result.exit_code, result.edits) == (2, ())


def test_help_names_every_command() -> None:
    shown = run(parse(["/?"]), make_store({})).text
    assert all(f"/{name} " in shown for name in COMMANDS)


def test_a_string_that_looks_like_a_switch() -> None:
    store = editable(seed_objects())
    assert run(parse(["/set", "{default}", "loadoptions", "/v /3GB"]), store).exit_code == 0
    assert value(store, LOADER, "loadoptions") == "/v /3GB"


@pytest.mark.oracle
def test_messages_are_the_published_ones() -> None:
    published = (shared_data("bcd") / "enum_outputs" / "messages.txt").read_text(encoding="utf-8")
    store = editable(seed_objects())
    said = {
        execute(store, line).text
        for line in (
            "/timeout 5",
            f"/deletevalue {LOADER} ems",
            f"/set {LOADER} nonsense 1",
            f"/set {LOADER} nx x",
            f"/set {LOADER} device x",
            "/enum x",
            "/set",
            f"/enum {OTHER}",
        )
    }
    assert len(said) == 8
    assert all(f"\n{text}" in published for text in said)


def test_values_keep_their_object_ids_lower_case() -> None:
    objects = seed_objects()
    objects[BOOTMGR][1]["23000003"] = text(LOADER.upper())
    assert "default                 {default}\n" in run(parse([]), make_store(objects)).text
