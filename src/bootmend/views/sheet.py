"""The style that all pages share, and the shell of a page: one file, nothing loaded, no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.views.markup import Markup, element, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may do with the page: draw it, and load nothing from anywhere."""

LIGHT = {
    "paper": "#f4f5f7",
    "card": "#ffffff",
    "ink": "#1a1d21",
    "soft": "#565d66",
    "line": "#d5d9de",
    "fill": "#f0f2f4",
    "link": "#0b57d0",
    "bad": "#a5211a",
    "bad-fill": "#fdeeec",
    "warn": "#7a4a00",
    "warn-fill": "#fff4dd",
    "good": "#17652f",
    "good-fill": "#e8f5ec",
    "info": "#174ea6",
    "info-fill": "#e9f0fd",
}
DARK = {
    "paper": "#0f1216",
    "card": "#171b21",
    "ink": "#e7eaee",
    "soft": "#a6aeb8",
    "line": "#333a43",
    "fill": "#1f242b",
    "link": "#9cc2ff",
    "bad": "#ffb3ab",
    "bad-fill": "#3a1714",
    "warn": "#f4c772",
    "warn-fill": "#33270d",
    "good": "#86dba0",
    "good-fill": "#10301c",
    "info": "#a8c7fa",
    "info-fill": "#16263f",
}


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())


STYLE = (
    f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}}}
@media(prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
""".strip()
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;font:16px/1.55 system-ui,"Segoe UI",Roboto,"Liberation Sans","DejaVu Sans",sans-serif;color:var(--ink);
background:var(--paper);overflow-wrap:anywhere}
.wrap{max-width:88rem;margin:0 auto;padding:0 1.25rem}
h1,h2,h3,h4{line-height:1.25;margin:0 0 .6rem;text-wrap:balance}
h1{font-size:clamp(1.45rem,1rem + 1.6vw,2.1rem);letter-spacing:-.01em}h2{font-size:1.2rem}h3{font-size:1.05rem}h4{font-size:1rem}
p{margin:.6rem 0}a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
code,pre,kbd{font:.875em/1.5 ui-monospace,"Cascadia Mono",Consolas,"DejaVu Sans Mono","Liberation Mono",monospace}
pre{background:var(--fill);border:1px solid var(--line);border-radius:8px;padding:.7rem .85rem;margin:.6rem 0;overflow-x:auto;
overflow-wrap:normal}
pre code{font-size:1em}
:not(pre)>code{background:var(--fill);border-radius:4px;padding:.08em .3em}
pre.command{white-space:pre-wrap;overflow-wrap:anywhere;user-select:all;border-left:4px solid var(--link)}
table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.94rem}
th,td{border-bottom:1px solid var(--line);padding:.42rem .6rem .42rem 0;text-align:left;vertical-align:top}
thead th{color:var(--soft);font-weight:600;font-size:.85rem}
tbody tr:last-child>*{border-bottom:0}
.minus{color:var(--bad)}.plus{color:var(--good)}.other{color:var(--warn)}.soft{color:var(--soft)}
main.plain{max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem}
main.plain h2{margin-top:2rem}main.plain table{display:block;overflow-x:auto}main.plain td,main.plain th{overflow-wrap:break-word}
@media print{body{background:#fff;font-size:11pt}pre{white-space:pre-wrap}a{color:inherit}}
""".rstrip()
)


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """One self-contained HTML file in English; ``style`` is added to the shared one."""
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        Markup(f"<style>\n{STYLE}\n{style}</style>"),
    ]
    html = element("html", "\n", element("head", joined(head, "\n")), "\n", element("body", joined(body, "\n")), "\n", lang="en")
    return f"<!doctype html>\n{html}\n"
