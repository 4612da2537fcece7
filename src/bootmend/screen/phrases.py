"""The sentences that Windows, firmware and boot loaders print, and the state each of them tells.

Order is priority.  A phrase begins a line of the screen and may run on over the next lines; ``=`` before it: it is
the whole line (short phrases, which would be found in other sentences); ``~``: it may stand anywhere.  ``&`` joins
phrases that must all be there.  Sources: Microsoft's driver and support documentation, the self-help articles,
and the programs' own messages; the German and Japanese ones are those of Windows' own translations.
"""

from __future__ import annotations

from typing import NamedTuple


class State(NamedTuple):
    """A state, what kind of thing it is, and the phrases that tell it.

    ``kind``: ``fault`` (Windows does not start), ``waiting`` (work goes on, or hangs: two pictures decide),
    ``question`` (somebody must answer), ``healthy``, ``other`` (not Windows).
    """

    name: str
    kind: str
    phrases: tuple[str, ...]


STATES: tuple[State, ...] = (
    State("linux_panic", "other", ("~Kernel panic - not syncing", "~VFS: Unable to mount root fs", "~end Kernel panic")),
    State(
        "grub_rescue",
        "other",
        (
            "Entering rescue mode",
            "error: you need to load the kernel first",
            "Booting a command list",
            "grub rescue>",
            "Entering rescue mode&error:",
            "error: no such partition&grub",
            "error: unknown filesystem&grub",
        ),
    ),
    State(
        "bitlocker_recovery",
        "question",
        (
            "BitLocker recovery",
            "~Enter the recovery key for this drive",
            "~Enter the recovery key to get going again",
            "~Plug in the USB drive that has the BitLocker key",
            "~BitLocker needs your recovery key to unlock your drive",
            "~Windows BitLocker Drive Encryption&~recovery key",
            "Load your recovery key from a USB device",
            "BitLocker-Wiederherstellung",
            "BitLocker 回復",
        ),
    ),
    State(
        "bitlocker_password",
        "question",
        ("~Enter the password to unlock this drive", "~Windows BitLocker Drive Encryption Password Entry"),
    ),
    State("error_recovery", "question", ("Windows Error Recovery", "Launch Startup Repair (recommended)")),
    State(
        "startup_repair_failed",
        "fault",
        (
            "~Startup Repair couldn't repair your PC",
            "~Automatic Repair couldn't repair your PC",
            "~SrtTrail.txt",
            "~Startup Repair cannot repair this computer automatically",
        ),
    ),
    State(
        "auto_repair_failed",
        "fault",
        (
            "~Your PC did not start correctly",
            "~Your device did not start correctly",
            "~It looks like Windows didn't load correctly",
        ),
    ),
    State(
        "auto_repair_preparing",
        "waiting",
        ("Preparing Automatic Repair", "Automatische Reparatur wird vorbereitet", "自動修復を準備しています"),
    ),
    State(
        "auto_repair_diagnosing",
        "waiting",
        ("Diagnosing your PC", "Attempting repairs", "Diagnose des PCs wird ausgeführt", "PC を診断中"),
    ),
    State(
        "recovery_menu",
        "question",
        (
            "=Advanced options&=Startup Repair",
            "=Advanced options&=Command Prompt",
            "=Troubleshoot&=Reset this PC",
            "=Choose an option&Troubleshoot",
            "=Choose an option&Continue",
            "=Choose your keyboard layout",
            "=Startup Settings&Restart",
        ),
    ),
    State(
        "boot_menu",
        "question",
        (
            "~Choose an operating system to start, or press TAB",
            "=Choose an operating system",
            "~Seconds until the highlighted choice will be started automatically",
            "=Windows Boot Manager&~To specify an advanced option",
        ),
    ),
    State(
        "advanced_options",
        "question",
        ("=Advanced Boot Options", "~Choose Advanced Options for:", "=Safe Mode with Networking&=Safe Mode with Command Prompt"),
    ),
    State("bootmgr_missing", "fault", ("BOOTMGR is missing",)),
    State("bootmgr_compressed", "fault", ("BOOTMGR is compressed",)),
    State("bootmgr_corrupt", "fault", ("BOOTMGR image is corrupt",)),
    State("ntldr_missing", "fault", ("NTLDR is missing", "NTLDR is compressed")),
    State("os_not_found", "fault", ("~An operating system wasn't found. Try disconnecting any drives that don't contain",)),
    State("not_bootable_disk", "fault", ("This is not a bootable disk. Please insert a bootable floppy",)),
    State("disk_read_error", "fault", ("A disk read error occurred", "=Disk error&Press any key to restart")),
    State("remove_disks", "fault", ("Remove disks or other media",)),
    State("missing_os", "fault", ("Missing operating system",)),
    State("error_loading_os", "fault", ("Error loading operating system",)),
    State("invalid_partition_table", "fault", ("Invalid partition table",)),
    State(
        "secure_boot_violation",
        "fault",
        (
            "~Secure Boot Violation",
            "~Invalid signature detected. Check Secure Boot Policy",
            "~SBAT self-check failed",
            "~The signed image's hash is not allowed",
            "~The unsigned image's hash is not allowed",
        ),
    ),
    State("windows_loading_files", "waiting", ("Windows is loading files", "~Loading Windows Files")),
    State(
        "chkdsk",
        "waiting",
        (
            "Fixing (C:) Stage",
            "Fixing (D:) Stage",
            "~Checking file system on",
            "~Scanning and repairing drive",
            "CHKDSK is verifying",
            "~To skip disk checking, press any key",
            "Überprüfung und Reparatur des Laufwerks",
            "~Laufwerk wird überprüft und repariert",
        ),
    ),
    State("update_error", "fault", ("~applying update operation",)),
    State(
        "undoing_changes",
        "waiting",
        (
            "~We couldn't complete the updates",
            "~Failure configuring Windows updates",
            "=Undoing changes",
            "Undoing changes made to your computer",
            "=Reverting changes",
            "~更新プログラムを完了できませんでした",
            "Die Updates konnten nicht abgeschlossen werden",
            "~Änderungen werden rückgängig gemacht",
        ),
    ),
    State(
        "updating",
        "waiting",
        (
            "Please do not power off or unplug your machine",
            "Working on updates",
            "~Configuring Windows updates",
            "~Keep your PC on until this is done",
            "~Your PC will restart several times",
            "Updates are underway",
            "Getting ready&~complete",
            "Working on features",
            "~Preparing to configure Windows",
            "~Updates werden verarbeitet",
            "~更新プログラムを構成しています",
            "~更新プログラムを処理しています",
            "=Installing Windows",
            "~Don't turn off your PC. This will take a while",
            "Configuring update for Windows",
            "Configuring Windows feature",
        ),
    ),
    State(
        "getting_windows_ready", "waiting", ("Getting Windows ready", "Windows wird vorbereitet", "Windows の準備をしています")
    ),
    State(
        "group_policy",
        "waiting",
        (
            "Warten auf Gruppenrichtlinienclient",
            "Please wait for the Group Policy Client",
            "~Applying Group Policy",
            "Applying Registry policy",
            "Applying security policy",
            "Applying Audit Policy",
            "Applying user settings",
            "Default Domain Controllers Policy",
            "~Bitte warten auf den Gruppenrichtlinienclient",
        ),
    ),
    State(
        "waiting_for_service",
        "waiting",
        ("Please wait for the Local Session Manager", "Please wait for the User Profile Service", "Please wait for the"),
    ),
    State(
        "applying_settings",
        "waiting",
        ("Applying computer settings", "Getting devices ready", "Computereinstellungen werden übernommen"),
    ),
    State("stopping_services", "waiting", ("=Stopping services", "Shutting down service:", "=Dienste werden beendet")),
    State(
        "shutting_down",
        "waiting",
        (
            "=Shutting down",
            "=Restarting",
            "=Wird heruntergefahren",
            "=Wird neu gestartet",
            "=再起動しています",
            "=シャットダウンしています",
        ),
    ),
    State(
        "setup_failed",
        "fault",
        (
            "~The computer restarted unexpectedly or encountered an unexpected error",
            "~Windows could not finish configuring the system",
            "~Windows could not complete the installation",
            "~Windows Setup could not configure Windows to run on this computer's hardware",
        ),
    ),
    State(
        "setup",
        "question",
        (
            "~Which operating system do you want to install",
            "=Windows Setup&~language",
            "~Enter your language and other preferences",
            "~Setup is starting services",
            "Install Windows&Install now",
        ),
    ),
    State(
        "oobe",
        "question",
        (
            "~Let's start with region",
            "~Is this the right country or region",
            "=Customize settings&~Administrator",
            "=Hi there",
            "~OOBE\\BYPASSNRO",
            "~License terms&Accept",
        ),
    ),
    State("firmware_update", "waiting", ("Please wait while we install a system update",)),
    State(
        "ransomware", "fault", ("~your important files are encrypted", "~Your files are now encrypted", "~How to obtain Bitcoins")
    ),
    State(
        "firmware_no_boot",
        "fault",
        (
            "~The boot loader did not load an operating system",
            "~No operating system was loaded",
            "~No UEFI-compatible file system was found",
            "No bootable device",
            "~No bootable medium found",
            "Boot failed: not a bootable disk",
            "Boot failed: could not read the boot disk",
            "~Reboot and Select proper Boot device",
            "~BdsDxe: No bootable option",
            "~BdsDxe: failed to load",
            "Operating System not found",
            "~UEFI Interactive Shell",
            "~Boot failure. Reboot and Select",
            "~insert boot media in selected boot device",
            "=Shell>",
        ),
    ),
    State(
        "network_boot",
        "waiting",
        (
            "PXE-E61",
            "PXE-E53",
            "PXE-E16",
            "PXE-E32",
            "PXE-E18",
            "~Start PXE over IPv",
            "~iPXE initialising devices",
            "~ipxe.org",
            "CLIENT MAC ADDR",
        ),
    ),
    State("grub", "other", ("~GNU GRUB", "=grub>", "~Press enter to boot the selected OS")),
    State(
        "linux",
        "other",
        (
            "~Starting sshd",
            "~Welcome to Linux",
            "~systemd[1]",
            "~Reached target",
            "~Linux version",
            "~login:&~Linux",
            "~You are in emergency mode",
            "~dracut:",
            "~(initramfs)",
            "~Press Enter for maintenance",
            "~Starting host registration",
        ),
    ),
    State(
        "sac",
        "healthy",
        ("=SAC>", "~Computer is booting, SAC started", "~SAC started and initialized", "EVENT: The CMD command is now available"),
    ),
    State(
        "logon",
        "healthy",
        (
            "~Press CTRL + ALT + DELETE to log on",
            "~Press Ctrl+Alt+Delete to unlock",
            "~Press Ctrl+Alt+Del to unlock",
            "~Press Ctrl+Alt+Delete to sign in",
            "~Press Ctrl-Alt-Del to sign in",
            "~Drücken Sie STRG+ALT+ENTF",
            "~Ctrl+Alt+Delete キーを押して",
            "Other user&~Password",
        ),
    ),
    State(
        "please_wait",
        "waiting",
        (
            "=Please wait",
            "Installing managed software",
            "=Bitte warten",
            "=お待ちください",
            "~Preparing your desktop",
            "=Welcome",
        ),
    ),
    State(
        "windows_loading",
        "waiting",
        (
            "=© Microsoft Corporation",
            "=Starting Windows",
            "=Loading Windows",
            "=Microsoft Corporation",
            "=Windows wird gestartet",
        ),
    ),
    State("hardware_malfunction", "fault", ("~Hardware Malfunction&~hardware vendor", "~The system has halted")),
)

KINDS: dict[str, str] = {state.name: state.kind for state in STATES} | {
    "stop": "fault",
    "boot_manager_error": "fault",
    "hard_error": "fault",
    "blank": "waiting",
    "logo": "waiting",
    "unknown": "other",
}

MODERN_STOP = (
    "ran into a problem and needs to restart",
    "ran into a problem that it couldn't handle",
    "ran into a problem and couldn't be restored",
)
CLASSIC_STOP = (
    "problem has been detected and windows has been shut down",
    "this is the first time you've seen this stop error screen",
    "beginning dump of physical memory",
    "es wurde ein problem festgestellt. windows wurde heruntergefahren",
    "wenn sie diese fehlermeldung zum ersten mal angezeigt bekommen",
    "問題が検出されたため、コンピューターに損害を与えないように",
    "the bugcheck was:",
)
STOP_SUPPORT = (
    "windows.com/stopcode",
    "if you call a support person, give them this info",
    "for more information about this issue and possible fixes",
    "just collecting some error info",
    "search online later for this error",
)
#: all that stop screens of Windows 8 to 11 say, to be told from a page that quotes one
MODERN_TEXT = (
    "Your PC ran into a problem and needs to restart as soon as we're finished collecting some error info. "
    "Your device ran into a problem and needs to restart. We're just collecting some error info, and then we'll restart for you. "
    "Your PC ran into a problem and needs to restart. We're just collecting some error info, and then we'll restart for you. "
    "Your PC ran into a problem and needs to restart. We'll restart for you. You can restart. We're collecting some error info. "
    "Your PC ran into a problem that it couldn't handle, and now it needs to restart. You can search for the error online: "
    "Your Windows Insider Build ran into a problem and needs to restart. "
    "We're just collecting some error info, and then you can restart. "
    "complete % complete for you. (100% complete) Your PC will automatically restart in seconds. "
    "If you'd like to know more, you can search online later for this error: "
    "For more information about this issue and possible fixes, visit https://www.windows.com/stopcode "
    "For more info about this issue and possible fixes, visit http://windows.com/stopcode https://www.windows.com/stopcode "
    "If you call a support person, give them this info: Stop code: What failed: "
)
BOOT_MANAGER = (
    "windows failed to start. a recent hardware or software change",
    "your pc/device needs to be repaired",
    "your pc needs to be repaired",
    "your device needs to be repaired",
    "windows boot manager",
    "windows-start-manager",
    "windows konnte nicht gestartet werden. dies kann auf eine",
    "windows ブート マネージャー",
    "windows を起動できませんでした",
    "pc muss repariert werden",
    "gerät muss repariert werden",
    "pc を修復する必要があります",
    "pc/デバイスを修復する必要があります",
    "you'll need to use recovery tools",
    "you'll need to use the recovery tools on your installation media",
)
#: the boot manager's fixed sentence of each status; the beginning is enough
STATUS_SENTENCES: dict[str, tuple[str, ...]] = {
    "0xC000000E": (
        "the boot selection failed because a required device is inaccessible",
        "a required device isn't connected or can't be accessed",
    ),
    "0xC000000F": (
        "an error occurred while attempting to read the boot configuration",
        "the boot configuration data for your pc is missing or contains errors",
        "the boot selection failed because a required device is inaccessible",
        "a required device isn't connected or can't be accessed",
        "the selected entry could not be loaded because the application is",
        "because a required file is missing or contains errors",
    ),
    "0xC0000034": (
        "the windows boot configuration data file is missing required information",
        "the boot configuration data file is missing some required information",
        "the boot configuration data for your pc is missing or contains errors",
    ),
    "0xC0000098": (
        "the windows boot configuration data file does not contain a valid os entry",
        "the boot configuration data file doesn't contain valid information",
        "because a critical system driver is missing or contains errors",
    ),
    "0xC000014C": (
        "windows failed to load because the system registry file is missing",
        "because the system registry file is missing or contains errors",
    ),
    "0xC0000225": (
        "the boot selection failed because a required device is inaccessible",
        "an unexpected error has occurred",
        "the operating system couldn't be loaded because the kernel is missing",
        "because a required file is missing or contains errors",
    ),
    "0xC0000221": (
        "because the kernel is missing or contains errors",
        "the operating system couldn't be loaded because a critical system driver",
    ),
    "0xC0000428": (
        "windows cannot verify the digital signature for this file",
        "the digital signature for this file couldn't be verified",
    ),
    "0xC0000605": ("a component of the operating system has expired",),
    "0xC0000001": (
        "an unexpected error has occurred",
        "a required device isn't connected or can't be accessed",
        "the application or operating system couldn't be loaded",
    ),
    "0xC0000017": (
        "there is not enough memory available to create a ramdisk device",
        "there isn't enough memory available to create a ramdisk device",
    ),
}
