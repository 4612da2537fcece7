"""Articles for the tests, made here: the shapes and slips of real ones, in other words.

``SEED_SHAPE`` has what makes the first article hard: nested bullets with two spaces under numbered steps, code at six
and four spaces, a step right behind running text, five spellings of placeholders, eleven steps.
"""

from __future__ import annotations

from html.parser import HTMLParser

HEADER = """<properties
pageTitle="A fault"
description="Something does not start"
infoBubbleText="One line above the fold."
service="microsoft.compute"
resource="virtualmachines"
authors="nobody"
displayOrder=""
articleId="WindowsStopError-0x00000067-CONFIG_INITIALIZATION_FAILED"
diagnosticScenario="booterror"
selfHelpType="diagnostics"
supportTopicIds="32411835"
resourceTags="windows"
productPesIds="14749"
cloudEnvironments="public"
/>
"""

SEED_SHAPE = (
    HEADER
    + """
# A fault
<!--issueDescription-->
## **Found on <!--$vmname-->[vmname]<!--/$vmname-->:**
The machine <!--$vmname-->[vmname]<!--/$vmname--> stops with **0x00000067**.
<!--/issueDescription-->

## **Recommended Steps**
Do these in order:
1. Stop it. See [this page](https://example.org/copy#part).
2. Attach the copy.
3. Connect.
4. Find the volumes.
  * One holds "Windows".
  * One holds "Boot". It is hidden.
5. List the entries.

      ```
      c:\\> bcdedit /store <drive letter>:\\boot\\bcd /enum

      identifier              {<<IDENTIFIER>>}
      imcdevice               locate=\\IMC.hiv
      ```
6. Delete two of them. Replace these:
  * "Boot partition" is the one with "Boot."
  * "Identifier" is the one you found.

      ```          \n      bcdedit /store [Boot partition]:\\boot\\bcd /deletevalue {[Identifier]} imcdevice
      bcdedit /store [Boot partition]:\\boot\\bcd /deletevalue {[Identifier]} imchivename
      ```
7. Go on with [the console](https://example.org/console), or skip to 10.
8. List again
      ```
      bcdedit /store [Boot partition]:\\boot\\bcd /enum
      ```
9. Switch it on:
    ```
    bcdedit /store <drive letter>:\\boot\\bcd /ems {identifier} ON
    ```
10. Detach.
11. Connect again.
"""
)

INTERRUPTED = (
    HEADER
    + """
# A fault
<!--issueDescription-->
Text.
<!--/issueDescription-->

## **Recommended Steps**

1. First:

```
one
```

2. Second
* a bullet at the margin

```
two
```

3. Third

 4. Fourth, one column off

    1. inner

5. Fifth

## **Recommended Documents**

* [Page](https://example.org/)
"""
)

TARGET = {
    "vmname": "web01",
    "loader": "{3d2f1a60-67ab-11ee-9b1c-00155d010067}",
    "systemletter": "S:",
    "store": r"volume 1 \EFI\Microsoft\Boot\BCD",
}


class Html(HTMLParser):
    """What an independent parser sees in HTML: its tags, links, text, and the items of each list by nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.links: list[str] = []
        self.lists: list[tuple[str, int, int]] = []  # tag, depth, items
        self.open: list[list[object]] = []
        self.text = ""
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag in ("ol", "ul"):
            self.open.append([tag, len(self.open), 0])
        elif tag == "li":
            items = self.open[-1][2]
            assert isinstance(items, int)
            self.open[-1][2] = items + 1
        elif tag == "br":
            self.text += " "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ol", "ul"):
            name, depth, items = self.open.pop()
            assert isinstance(name, str)
            assert isinstance(depth, int)
            assert isinstance(items, int)
            self.lists.append((name, depth, items))
        if tag in ("p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "td", "th"):
            self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data

    def numbered_steps(self) -> list[int]:
        """How many items each outermost numbered list has."""
        return [items for tag, depth, items in self.lists if tag == "ol" and depth == 0]

    def words(self) -> str:
        """The text with single blanks."""
        return " ".join(self.text.split())
