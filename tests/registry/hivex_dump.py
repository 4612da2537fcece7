"""Run by the system's Python, which alone has hivex: dump a hive as JSON lines of [path, class or null, [[name, type, hex]]]."""

import json
import sys

import hivex


def main() -> None:
    hive = hivex.Hivex(sys.argv[1])
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


if __name__ == "__main__":
    main()
