"""Run by the system's Python, which alone has hivex: dump a hive as JSON lines of [path, [[name, type, hex]]].

With ``--serve`` the hives' paths come by standard input, one a line, and ``end`` closes each dump.
"""

import json
import sys

import hivex


def dump(file: str) -> None:
    hive = hivex.Hivex(file)
    pending = [("", hive.root())]
    while pending:
        path, node = pending.pop()
        values = []
        for value in hive.node_values(node):
            kind, data = hive.value_value(value)
            values.append([hive.value_key(value), kind, data.hex()])
        sys.stdout.write(json.dumps([path, values]) + "\n")
        for child in hive.node_children(node):
            name = hive.node_name(child)
            pending.append((f"{path}\\{name}" if path else name, child))


def serve() -> None:
    for line in iter(sys.stdin.readline, ""):
        dump(line.rstrip("\n"))
        sys.stdout.write("end\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve()
    else:
        dump(sys.argv[1])
