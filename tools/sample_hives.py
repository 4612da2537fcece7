"""What stands in the hives of the sample disks: a boot store and a Windows Server 2019, invented but shaped like real ones."""

from __future__ import annotations

import struct
import uuid

from hive_builder import BINARY, MULTI_SZ, SZ, Key, build

from bootmend.samples import profile

BOOTMGR = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
FWBOOTMGR = "{a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba}"
MEMDIAG = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
EMS = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
DEBUGGER = "{4636856e-540f-4170-a130-a84776f4c654}"
BAD_MEMORY = "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"
GLOBAL = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
BOOT_LOADER = "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
HYPERVISOR = "{7ff607e0-4395-11db-b0de-0800200c9a66}"
RESUME_LOADER = "{1afa9c49-16ab-4a5c-901b-212802da9460}"

STORE_SIZE = 32768


def partition_device(part: profile.Part) -> bytes:
    """A BCD device value that names a partition by its disk's id and its own GUID or offset (88 bytes)."""
    if part.guid:
        where, disk, style = uuid.UUID(part.guid).bytes_le, uuid.UUID(profile.DISK_GUID).bytes_le, 0
    else:
        where, disk, style = struct.pack("<QQ", part.offset, 0), struct.pack("<I12x", profile.DISK_SIGNATURE), 1
    return bytes(16) + struct.pack("<IIII", 6, 0, 0x48, 0) + where + struct.pack("<II", 0, style) + disk + bytes(16)


def _element(number: int, value: object) -> tuple[int, bytes]:
    """The registry type and bytes of an element, by the format in its number."""
    form = number >> 24 & 0xF
    if form in (2, 3):
        return SZ, (f"{value}\0").encode("utf-16-le")
    if form == 4:
        assert isinstance(value, tuple)
        return MULTI_SZ, ("".join(each + "\0" for each in value) + "\0").encode("utf-16-le")
    if form == 5:
        return BINARY, struct.pack("<Q", value)
    if form == 6:
        return BINARY, bytes([bool(value)])
    if form == 7:
        return BINARY, struct.pack("<Q", value)
    assert isinstance(value, bytes)
    return BINARY, value


def boot_store(system: profile.Part, windows: profile.Part) -> bytes:
    """The boot store of a Windows Server 2019 whose system volume and Windows volume are these partitions."""
    efi = system.guid is not None
    root = Key()
    root.set("Description", KeyName="BCD00000000", System=1, TreatAsSystem=1)
    root.at("Objects")

    def add(guid: str, kind: int, **elements: object) -> None:
        root.set(f"Objects\\{guid}\\Description", Type=kind)
        root.at(f"Objects\\{guid}\\Elements")
        for name, value in elements.items():
            number = int(name[1:], 16)
            root.at(f"Objects\\{guid}\\Elements\\{number:08x}").values["Element"] = _element(number, value)

    boot, disk = partition_device(system), partition_device(windows)
    suffix = "efi" if efi else "exe"
    manager: dict[str, object] = {"e11000001": boot}
    if efi:
        add(FWBOOTMGR, 0x10100001, e24000001=(BOOTMGR,), e25000004=0)
        manager["e12000002"] = r"\EFI\Microsoft\Boot\bootmgfw.efi"
    manager |= {"e12000004": "Windows Boot Manager", "e12000005": "en-US", "e14000006": (GLOBAL,)}
    manager |= {"e23000003": profile.LOADER_ID, "e23000006": profile.RESUME_ID, "e24000001": (profile.LOADER_ID,)}
    add(BOOTMGR, 0x10100002, **manager, e24000010=(MEMDIAG,), e25000004=30)
    add(
        profile.LOADER_ID,
        0x10200003,
        e11000001=disk,
        e12000002=rf"\Windows\system32\winload.{suffix}",
        e12000004="Windows Server 2019",
        e12000005="en-US",
        e14000006=(BOOT_LOADER,),
        e16000009=False,
        e17000077=0x15000075,
        e21000001=disk,
        e22000002=r"\Windows",
        e23000003=profile.RESUME_ID,
        e25000020=1,
        e250000c2=1,
        e250000e0=1,
    )
    add(
        profile.RESUME_ID,
        0x10200004,
        e11000001=disk,
        e12000002=rf"\Windows\system32\winresume.{suffix}",
        e12000004="Windows Resume Application",
        e12000005="en-US",
        e14000006=(RESUME_LOADER,),
        e17000077=0x15000075,
        e21000001=disk,
        e22000002=r"\hiberfil.sys",
        e25000008=1,
        e26000006=False,
    )
    tester = r"\EFI\Microsoft\Boot\memtest.efi" if efi else r"\boot\memtest.exe"
    about = "Windows Memory Diagnostic"
    add(
        MEMDIAG,
        0x10200005,
        e11000001=boot,
        e12000002=tester,
        e12000004=about,
        e12000005="en-US",
        e14000006=(GLOBAL,),
        e1600000b=True,
    )
    add(EMS, 0x20100000, e16000020=False)
    add(DEBUGGER, 0x20100000, e15000011=4)
    add(BAD_MEMORY, 0x20100000)
    add(GLOBAL, 0x20100000, e14000006=(DEBUGGER, EMS, BAD_MEMORY))
    add(BOOT_LOADER, 0x20200003, e14000006=(GLOBAL, HYPERVISOR))
    add(HYPERVISOR, 0x20200003, e250000f3=0, e250000f4=1, e250000f5=115200)
    add(RESUME_LOADER, 0x20200004, e14000006=(GLOBAL,))
    path = r"\EFI\Microsoft\Boot\BCD" if efi else r"\Boot\BCD"
    return build(root, "NewStoreRoot", path, minor=3, size=STORE_SIZE, free=4096)


KERNEL, FILE_SYSTEM, OWN_PROCESS, SHARED = 1, 2, 0x10, 0x20
DRIVERS = (  # name, start, type, error control, group, file
    ("ACPI", 0, KERNEL, 3, "Core", "acpi.sys"),
    ("AFD", 1, KERNEL, 1, "PNP_TDI", "afd.sys"),
    ("CLFS", 0, KERNEL, 3, "Filter", "clfs.sys"),
    ("disk", 0, KERNEL, 3, "", "disk.sys"),
    ("fvevol", 0, KERNEL, 3, "", "fvevol.sys"),
    ("hvservice", 3, KERNEL, 1, "", "hvservice.sys"),
    ("KSecDD", 0, KERNEL, 3, "Base", "ksecdd.sys"),
    ("mountmgr", 0, KERNEL, 3, "System Bus Extender", "mountmgr.sys"),
    ("mpio", 3, KERNEL, 3, "System Bus Extender", "mpio.sys"),
    ("msisadrv", 0, KERNEL, 3, "Boot Bus Extender", "msisadrv.sys"),
    ("NDIS", 0, KERNEL, 3, "NDIS Wrapper", "ndis.sys"),
    ("netvsc", 3, KERNEL, 1, "NDIS", "netvsc.sys"),
    ("Ntfs", 3, FILE_SYSTEM, 1, "Boot File System", "ntfs.sys"),
    ("partmgr", 0, KERNEL, 3, "", "partmgr.sys"),
    ("pci", 0, KERNEL, 3, "Boot Bus Extender", "pci.sys"),
    ("storahci", 0, KERNEL, 3, "SCSI Miniport", "storahci.sys"),
    ("storflt", 0, KERNEL, 3, "", "vmstorfl.sys"),
    ("stornvme", 0, KERNEL, 3, "SCSI Miniport", "stornvme.sys"),
    ("storvsc", 0, KERNEL, 3, "SCSI Miniport", "storvsc.sys"),
    ("Tcpip", 0, KERNEL, 1, "PNP_TDI", "tcpip.sys"),
    ("vdrvroot", 0, KERNEL, 3, "Boot Bus Extender", "vdrvroot.sys"),
    ("vmbus", 0, KERNEL, 3, "System Bus Extender", "vmbus.sys"),
    ("volmgr", 0, KERNEL, 3, "System Bus Extender", "volmgr.sys"),
    ("volmgrx", 0, KERNEL, 3, "System Bus Extender", "volmgrx.sys"),
    ("volsnap", 0, KERNEL, 3, "", "volsnap.sys"),
    ("volume", 0, KERNEL, 3, "", "volume.sys"),
    ("WdFilter", 0, FILE_SYSTEM, 1, "FSFilter Anti-Virus", "WdFilter.sys"),
    ("Wdf01000", 0, KERNEL, 1, "WdfLoadGroup", "Wdf01000.sys"),
    ("WFPLWFS", 0, KERNEL, 3, "NDIS", "wfplwfs.sys"),
)
SERVICES = (  # name, start, image path
    ("BFE", 2, r"%systemroot%\system32\svchost.exe -k LocalServiceNoNetworkFirewall -p"),
    ("Dhcp", 2, r"%SystemRoot%\system32\svchost.exe -k LocalServiceNetworkRestricted -p"),
    ("Dnscache", 2, r"%SystemRoot%\system32\svchost.exe -k NetworkService -p"),
    ("EventLog", 2, r"%SystemRoot%\System32\svchost.exe -k LocalServiceNetworkRestricted -p"),
    ("LanmanServer", 2, r"%SystemRoot%\system32\svchost.exe -k netsvcs -p"),
    ("mpssvc", 2, r"%SystemRoot%\system32\svchost.exe -k LocalServiceNoNetworkFirewall -p"),
    ("RpcSs", 2, r"%SystemRoot%\system32\svchost.exe -k rpcss -p"),
    ("sacsvr", 3, r"%SystemRoot%\System32\svchost.exe -k netsvcs -p"),
    ("TermService", 2, r"%SystemRoot%\System32\svchost.exe -k NetworkService"),
    ("TrustedInstaller", 3, r"%SystemRoot%\servicing\TrustedInstaller.exe"),
    ("W32Time", 2, r"%SystemRoot%\system32\svchost.exe -k LocalService"),
)
GROUPS = [
    "System Reserved", "EMS", "WdfLoadGroup", "Boot Bus Extender", "System Bus Extender", "SCSI miniport", "Port", "Primary Disk",
    "SCSI Class", "SCSI CDROM Class", "FSFilter Infrastructure", "FSFilter System", "FSFilter Bottom", "FSFilter Anti-Virus",
    "FSFilter Top", "Filter", "Boot File System", "Base", "Pointer Port", "Keyboard Port", "Pointer Class", "Keyboard Class",
    "Video Init", "Video", "Video Save", "File System", "Streams Drivers", "NDIS Wrapper", "PNP_TDI", "NDIS", "TDI",
    "NetBIOSGroup",
    "ShellSvcGroup", "SchedulerGroup", "AudioGroup", "NetworkProvider", "RemoteValidation", "NetDDEGroup", "Parallel arbitrator",
    "Extended Base", "PCI Configuration", "MS Transactions",
]  # fmt: skip


def system_hive(windows: profile.Part) -> bytes:
    """The SYSTEM hive of the sample's Windows."""
    root = Key()
    root.set("Select", Current=1, Default=1, Failed=0, LastKnownGood=1)
    root.set(
        "Setup",
        CmdLine="",
        OOBEInProgress=0,
        SetupPhase=0,
        SetupType=0,
        SystemSetupInProgress=0,
        SystemPartition=r"\Device\HarddiskVolume1",
    )
    mounted = root.at("MountedDevices")
    if windows.guid:
        device = b"DMIO:ID:" + uuid.UUID(windows.guid).bytes_le
    else:
        device = struct.pack("<IQ", profile.DISK_SIGNATURE, windows.offset)
    mounted.put(r"\DosDevices\C:", device)
    mounted.put(r"\??\Volume{67ab5eed-0000-0000-0000-100000000000}", device)
    control = root.at("ControlSet001\\Control")
    _control(control)
    services = root.at("ControlSet001\\Services")
    for name, start, kind, error, group, file in DRIVERS:
        service = services.set(name, Type=kind, Start=start, ErrorControl=error, ImagePath=rf"System32\drivers\{file}")
        if group:
            service.put("Group", group)
    for name, start, image in SERVICES:
        services.set(name, Type=SHARED, Start=start, ErrorControl=1, ImagePath=image, ObjectName="LocalSystem", DisplayName=name)
    services.set(
        "Tcpip\\Parameters", Hostname=profile.COMPUTER_NAME, Domain="", DataBasePath=r"%SystemRoot%\System32\drivers\etc"
    )
    services.set("storvsc\\Parameters", BusType=10)
    root.set(
        "ControlSet001\\Enum\\Root\\volmgr\\0000",
        Service="volmgr",
        ClassGUID="{4d36e97d-e325-11ce-bfc1-08002be10318}",
        ConfigFlags=0,
    )
    root.at("ControlSet001\\Hardware Profiles\\0001")
    root.at("ControlSet001\\Policies")
    return build(root, "ROOT", r"emRoot\System32\Config\SYSTEM", minor=5, size=131072, free=8192)


def _control(control: Key) -> None:
    control.put("SystemBootDevice", r"multi(0)disk(0)rdisk(0)partition(2)")
    control.put("SystemStartOptions", " NOEXECUTE=OPTOUT")
    control.put("BootDriverFlags", 0x14)
    control.put("CurrentUser", "USERNAME")
    control.set("ComputerName\\ComputerName", ComputerName=profile.COMPUTER_NAME)
    control.set("CrashControl", AutoReboot=1, CrashDumpEnabled=7, DumpFile=r"%SystemRoot%\MEMORY.DMP", LogEvent=1)
    control.set("Class\\{4d36e967-e325-11ce-bfc1-08002be10318}", Class="DiskDrive", UpperFilters=["partmgr"])
    control.set(
        "Class\\{71a27cdd-812a-11d0-bec7-08002be2092f}", Class="Volume", UpperFilters=["volsnap"], LowerFilters=["fvevol"]
    )
    control.set("FileSystem", NtfsDisable8dot3NameCreation=2, LongPathsEnabled=0)
    lsa = control.set("Lsa", LsaPid=0, LimitBlankPasswordUse=1, RunAsPPL=0)
    for name, text in (("JD", "7c1a3f05"), ("Skew1", "b2d04e96"), ("GBG", "05f7a1c3"), ("Data", "e98b6d42")):
        lsa.at(name).class_name = text
    product = control.set("ProductOptions", ProductType="ServerNT")
    product.put("ProductSuite", ["Terminal Server", "DataCenter"])
    control.set("ServiceGroupOrder", List=GROUPS)
    session = control.set("Session Manager", BootExecute=["autocheck autochk *"], ProtectionMode=1, ProcessorControl=2)
    environment = {
        "PROCESSOR_ARCHITECTURE": "AMD64",
        "OS": "Windows_NT",
        "windir": r"%SystemRoot%",
        "ComSpec": r"%SystemRoot%\system32\cmd.exe",
    }
    session.set("Environment", **environment)
    session.set("Memory Management", PagingFiles=[r"D:\pagefile.sys"], ClearPageFileAtShutdown=0, LargeSystemCache=0)
    session.set("SubSystems", Required=["Debug", "Windows"], Windows=r"%SystemRoot%\system32\csrss.exe ObjectDirectory=\Windows")
    for mode in ("Minimal", "Network"):
        for name in ("AppMgmt", "Base", "Boot Bus extender", "Boot file system", "System Bus Extender", "volmgr.sys"):
            control.at(f"SafeBoot\\{mode}\\{name}").put("", "Driver Group" if name[-4:] != ".sys" else "Driver")
    control.set("SafeBoot", AlternateShell="cmd.exe")
    control.set("Terminal Server", fDenyTSConnections=0, TSEnabled=1)
    control.set("Terminal Server\\WinStations\\RDP-Tcp", PortNumber=3389, UserAuthentication=1, fEnableWinStation=1)
    control.set("TimeZoneInformation", Bias=0, TimeZoneKeyName="UTC", RealTimeIsUniversal=1)
    control.set("Windows", Directory=r"%SystemRoot%", SystemDirectory=r"%SystemRoot%\system32", CSDVersion=0)


def software_hive() -> bytes:
    """The SOFTWARE hive of the sample's Windows."""
    root = Key()
    version = root.set(
        r"Microsoft\Windows NT\CurrentVersion",
        ProductName="Windows Server 2019 Datacenter",
        CurrentVersion="6.3",
        CurrentBuild="17763",
        CurrentBuildNumber="17763",
        CurrentMajorVersionNumber=10,
        CurrentMinorVersionNumber=0,
        UBR=5458,
        ReleaseId="1809",
        EditionID="ServerDatacenter",
        InstallationType="Server",
        BuildLab="17763.rs5_release.180914-1434",
        BuildLabEx="17763.1.amd64fre.rs5_release.180914-1434",
        SystemRoot=r"C:\Windows",
        PathName=r"C:\Windows",
        RegisteredOwner="Sample",
        RegisteredOrganization="bootmend sample disk",
        InstallDate=0x65CB5E00,
    )
    version.set("Winlogon", Shell="explorer.exe", Userinit=r"C:\Windows\system32\userinit.exe,", AutoRestartShell=1)
    version.set("ProfileList", ProfilesDirectory=r"%SystemDrive%\Users", Default=r"%SystemDrive%\Users\Default")
    current = root.set(r"Microsoft\Windows\CurrentVersion", ProgramFilesDir=r"C:\Program Files", SystemPartition="")
    current.set("Component Based Servicing", Version="10.0.17763.1")
    current.set("Policies\\System", EnableLUA=1, ConsentPromptBehaviorAdmin=5)
    current.at("Run")
    root.set(r"Microsoft\Windows Azure", VmId="67ab5eed-0000-4000-8000-00155d010067")
    root.at("Classes")
    root.at("Policies\\Microsoft\\Windows")
    return build(root, "ROOT", r"emRoot\System32\Config\SOFTWARE", minor=5, size=65536, free=4096)


def small_hive(name: str) -> bytes:
    """SAM, SECURITY or DEFAULT: there, loadable, and with as good as nothing inside."""
    root = Key()
    if name == "SAM":
        root.at("SAM\\Domains\\Account\\Users\\Names")
        root.at("SAM\\Domains\\Builtin\\Aliases")
    elif name == "SECURITY":
        root.set("Policy\\PolRevision").put("", (0, struct.pack("<I", 0x10000)))
        root.at("Policy\\Secrets")
    else:
        root.set("Environment", TEMP=r"%USERPROFILE%\AppData\Local\Temp")
        root.at("Software\\Microsoft")
    return build(root, "ROOT", rf"emRoot\System32\Config\{name}", minor=3 if name == "SAM" else 5, size=16384)
