"""``python -m bootmend``."""

from bootmend.cli.main import main

main()
