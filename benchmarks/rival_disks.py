"""Others open a disk and read the store and the SYSTEM hive: ``dissect IMAGE ROUNDS``, ``sleuthkit RAW ROUNDS OFFSET...``."""
# ruff: noqa: ANN001, ANN002, ANN201

import json
import logging
import statistics
import sys
import time

STORES = ("Boot/BCD", "EFI/Microsoft/Boot/BCD")
SYSTEM = "Windows/System32/config/SYSTEM"


def dissect(path):
    from dissect.target import Target

    found = {}
    for filesystem in Target.open(path).filesystems:
        for name in (*STORES, SYSTEM):
            file = filesystem.path(name)
            if file.exists():
                found[name] = len(file.read_bytes())
    return found


def sleuthkit(path, *offsets):
    import pytsk3

    image = pytsk3.Img_Info(path)
    found = {}
    for offset in offsets:
        filesystem = pytsk3.FS_Info(image, offset=int(offset))
        for name in (*STORES, SYSTEM):
            try:
                file = filesystem.open("/" + name)
            except OSError:
                continue
            found[name] = len(file.read_random(0, file.info.meta.size))
    return found


def main():
    logging.disable(logging.CRITICAL)
    reader, path, rounds, *more = sys.argv[1:]
    read = {"dissect": dissect, "sleuthkit": sleuthkit}[reader]
    read(path, *more)  # imports and the page cache
    taken = []
    for _ in range(int(rounds)):
        begin = time.perf_counter()
        found = read(path, *more)
        taken.append(time.perf_counter() - begin)
    print(json.dumps({"seconds": statistics.median(taken), "files": found}))


if __name__ == "__main__":
    main()
