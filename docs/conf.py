"""How the documentation is built: ``make docs``."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tools")]

from command_page import write_command_page  # noqa: E402
from coverage_page import write_coverage_page  # noqa: E402
from rule_pages import write_rule_pages  # noqa: E402

from bootmend import __version__  # noqa: E402

write_rule_pages(HERE / "rules")
write_coverage_page(HERE / "reference" / "coverage.md")
write_command_page(HERE / "reference" / "commands.md")

project = "bootmend"
author = "the bootmend contributors"
copyright = "the bootmend contributors; Apache-2.0"
version = release = __version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
nitpicky = True
highlight_language = "text"
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

html_theme = "furo"
html_title = f"bootmend {__version__}"
html_copy_source = False
html_show_sphinx = False
