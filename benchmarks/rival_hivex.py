"""hivex's side of a benchmark, measured in its own process.  Runs under any Python that has hivex, without bootmend.

``rival_hivex.py value HIVE CLASS KEY NAME ROUNDS`` | ``walk HIVE ROUNDS`` | ``edit STORE ROUNDS`` | ``growth STORE ROUNDS``
"""
# ruff: noqa: ANN001, ANN201

import json
import os
import sys
import time

import hivex

BINARY, SZ = 3, 1
#: (object's role, element key, registry type, bytes): displaybootmenu, timeout, bootems; ems, description
FLAG = (BINARY, b"\x01")
TIMEOUT = (BINARY, (5).to_bytes(8, "little"))
MANAGER = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"


def timed(rounds, action):
    """CPU seconds of each round, and the last round's result."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        result = action()
        taken.append(time.process_time() - begin)
    return taken, result


def one_value(path, names, name):
    hive = hivex.Hivex(path)
    node = hive.root()
    for part in names:
        node = hive.node_get_child(node, part)
    return len(hive.value_value(hive.node_get_value(node, name))[1])


def walk(path):
    hive = hivex.Hivex(path)
    keys = values = size = 0
    stack = [hive.root()]
    while stack:
        node = stack.pop()
        keys += 1
        size += len(hive.node_name(node))
        for value in hive.node_values(node):
            values += 1
            size += len(hive.value_key(value))
            hive.value_value(value)
        stack.extend(hive.node_children(node))
    return keys, values


def elements_of(hive, guid):
    objects = hive.node_get_child(hive.root(), "Objects")
    return hive.node_get_child(hive.node_get_child(objects, guid), "Elements")


def set_element(hive, elements, name, value):
    node = hive.node_get_child(elements, name) or hive.node_add_child(elements, name)
    hive.node_set_value(node, {"key": "Element", "t": value[0], "value": value[1]})


def edit(path):
    hive = hivex.Hivex(path, write=True)
    set_element(hive, elements_of(hive, MANAGER), "25000004", TIMEOUT)
    hive.commit(None)


def growth(path, wanted):
    """Set the elements and commit; delete them and commit."""
    hive = hivex.Hivex(path, write=True)
    for guid, name, kind, data in wanted:
        set_element(hive, elements_of(hive, guid), name, (kind, bytes.fromhex(data)))
    hive.commit(None)
    hive = hivex.Hivex(path, write=True)
    for guid, name, _, _ in wanted:
        hive.node_delete_child(hive.node_get_child(elements_of(hive, guid), name))
    hive.commit(None)


def main():
    task, path, *rest = sys.argv[1:]
    if task == "value":
        taken, result = timed(int(rest[2]), lambda: one_value(path, rest[0].split("\\"), rest[1]))
    elif task == "walk":
        taken, result = timed(int(rest[0]), lambda: walk(path))
    elif task == "edit":
        taken, result = timed(int(rest[0]), lambda: edit(path))
    else:
        wanted = json.loads(rest[1])
        taken, result = timed(int(rest[0]), lambda: growth(path, wanted))
    print(json.dumps({"cpu": taken, "result": result, "size": os.path.getsize(path)}))


main()
