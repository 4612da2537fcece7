"""Make the virtual environment ``.venv`` and install bootmend into it, with the extras named as arguments.

Needs nothing but Python 3.11 or newer: where the system's Python comes without pip (Debian leaves it
out), the pip in ``tools/wheels`` is used.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
PYTHON = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def main(extras: list[str]) -> int:
    """Make the environment where it is missing, and install."""
    if sys.version_info < (3, 11):  # noqa: UP036 (said before pip says it in its own words)
        print(f"bootmend needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    if not PYTHON.exists():
        print("making a virtual environment in .venv", file=sys.stderr)
        venv.create(FOLDER, with_pip=False, symlinks=sys.platform != "win32")
    wheel = next((ROOT / "tools" / "wheels").glob("pip-*.whl"))
    what = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    print(f"installing bootmend{' for ' + ', '.join(extras) if extras else ''}", file=sys.stderr)
    command = [str(PYTHON), f"{wheel}/pip", "install", "--quiet", "--disable-pip-version-check", "--editable", what]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode == 0:
        compiled = [str(PYTHON), "-m", "compileall", "-q", "src/bootmend"]  # also where writing bytecode is switched off
        subprocess.run(compiled, cwd=ROOT, check=False)
        for name in extras or ["ready"]:
            (FOLDER / name).touch()
        (FOLDER / "ready").touch()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
