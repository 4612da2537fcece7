"""Our side of reading a hive, run by the same Python as the rival's: ``value HIVE KEY NAME ROUNDS`` or ``walk HIVE ROUNDS``."""
# ruff: noqa: ANN001, ANN201

import json
import sys
import time

from bootmend.registry import Hive
from bootmend.source import FileSource


def one_value(path, key_path, name):
    with FileSource(path) as source:
        found = Hive(source).key(key_path).value(name)
        return {"length": len(found.data), "bytes": source.bytes_read, "reads": source.reads}


def walk(path):
    keys = values = 0
    with FileSource(path) as source:
        hive = Hive(source)
        hive.load()
        for _, key in hive.walk():
            keys += 1
            for value in key.values():
                values += 1
                _ = value.name, value.type, value.data
    return keys, values


def main():
    task, path, *rest = sys.argv[1:]
    taken = []
    for _ in range(int(rest[-1])):
        begin = time.process_time()
        result = one_value(path, *rest[:2]) if task == "value" else walk(path)
        taken.append(time.process_time() - begin)
    print(json.dumps({"cpu": taken, "result": result}))


main()
