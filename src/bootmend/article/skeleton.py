"""A new article: every part that the format asks for, with the steps that are the same for every repair."""

# ruff: noqa: E501 (a paragraph of an article is one line)
from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootmend.model import Rule

LONGEST_TITLE = 100

_TEMPLATE = """<properties
pageTitle="{title}"
description="{title}"
infoBubbleText="{title}. One sentence for the reader in a hurry: is it bad and can it be undone."
service="microsoft.compute"
resource="virtualmachines"
authors="nobody"
ms.author="nobody"
displayOrder=""
articleId="{label}"
diagnosticScenario="booterror"
selfHelpType="diagnostics"
supportTopicIds="32411835"
resourceTags="windows"
productPesIds="14749"
cloudEnvironments="public, Fairfax, usnat, ussec"
ownershipId="bootmend"
/>

# {title}

<!--issueDescription-->
Say in plain words what <!--$vmname-->this machine<!--/$vmname--> does{shows}, and whether the data is in danger.

Say why: what on the disk causes it, and how it came to be.
<!--/issueDescription-->

## **How to tell**

{tell}`bootmend check` looks at the disk itself, and only reads. Name here what it looks at.

## **Recommended Steps**

1. Stop the machine. An Azure VM must be *Stopped (deallocated)*.
2. Keep a copy of the disk, and work on a copy. A snapshot cannot be attached to anything: make a new managed disk from it, or export it as a VHD.
3. Give the copy to bootmend as a file, or attach it to any Linux machine and use its device name.
4. <!--step: check-->Look at it. This writes nothing:

    ```
    bootmend check <!--$disk-->DISK<!--/$disk-->
    ```

5. <!--step: repair-->Repair it. You see every change before it is made, and are asked:

    ```
    bootmend repair <!--$disk-->DISK<!--/$disk-->
    ```

6. Put the repaired disk back: in Azure with *Swap OS disk*, elsewhere in place of the old one.
7. Start the machine, and connect to it. Until then only this is known: the fault is gone from the disk.
8. <!--step: undo-->To go back, stop the machine and restore every byte. This works as long as Windows has not started from the disk since:

    ```
    bootmend undo <!--$run-->RUN<!--/$run-->
    ```

### Doing it by hand on Windows

1. Attach the copy to a Windows machine that is not a twin of this one. The system volume gets the letter S in `diskpart` with `assign letter=S`.
2. In a command prompt run as administrator, list the entries. On a UEFI machine the path is `S:\\EFI\\Microsoft\\Boot\\BCD`:

    ```
    bcdedit /store S:<!--$storepath-->\\Boot\\BCD<!--/$storepath--> /enum all /v
    ```

3. Say what to change, with the commands. Then set the disk offline, detach it and put it back.

## **Recommended Documents**

* [Swap the OS disk of an Azure VM](https://learn.microsoft.com/azure/virtual-machines/windows/os-disk-swap)
"""


def skeleton(rule_id: str, rule: Rule | None = None) -> str:
    """A new article for a rule, also for one that is still to be written; it passes lint as it is."""
    code = next(iter((*rule.stop_codes, *rule.status_codes)), "") if rule else ""
    name = next(iter(rule.names), "") if rule else ""
    title = _title(rule.title if rule else f"{rule_id.replace('-', ' ').capitalize()}", code)
    tell = f'The screen shows "{code}". The code alone does not name the cause. ' if code else ""
    return _TEMPLATE.format(
        title=title,
        label=_label(rule_id, rule, code, name),
        shows=f" and that its screen shows {code}" if code else "",
        tell=tell,
    )


def _title(words: str, code: str) -> str:
    """One line as the format wants titles: no full stop, no comma, no quotes."""
    plain = re.sub(r'[",.<>&\x00-\x1f]+', " ", f"{code}: {words}" if code else words)
    return " ".join(plain.split())[:LONGEST_TITLE].strip()


def _label(rule_id: str, rule: Rule | None, code: str, name: str) -> str:
    """The diagnosis label: by what shows the code, the code, and its name."""
    name = name or re.sub(r"\W+", "-", rule_id).upper()
    if not code:
        return f"BootError-{name}"
    return f"{'WindowsStopError' if rule and rule.stop_codes else 'WindowsBootManager'}-{code}-{name}"
