"""All benchmarks, one table: what, ours, rival, ratio, goal, met.  Nothing passes or fails here: it always exits with 0.

Run with ``python benchmarks/run.py [NAME ...] [--markdown] [--others]``; NAME is one of check, hive, hive_export,
store, bcdedit, recover, repair, screen, images.  Each file runs in a process of its own; what is missing is said in its line.
``--others`` also runs the files that print tables of their own; ``bench_image.py`` needs 2 GiB of room.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from measure import HERE, Row, table

NAMES = ("check", "hive", "hive_export", "store", "bcdedit", "recover", "repair", "screen", "images")
LIMIT = 600


def rows_of(name: str) -> list[Row]:
    command = [sys.executable, str(HERE / f"bench_{name}.py"), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return [Row(name, f"not measured: not done after {LIMIT} s")]
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return [Row(name, f"not measured: {reason}")]
    return [Row(*json.loads(line)) for line in done.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description="measure bootmend beside its rivals")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(NAMES)}")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--others", action="store_true", help="also the files that print tables of their own")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.names or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += rows_of(name)
    print(table(rows, markdown=options.markdown))
    judged = [row.met for row in rows if row.met is not None]
    print(f"\n{sum(judged)} of {len(judged)} goals met")
    if options.others:
        for path in sorted(HERE.glob("bench_*.py")):
            if path.stem.removeprefix("bench_") not in NAMES:
                print(f"\n{path.name}", flush=True)
                subprocess.run([sys.executable, str(path)], check=False)


if __name__ == "__main__":
    main()
