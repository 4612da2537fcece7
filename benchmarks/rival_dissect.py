"""dissect's side of a benchmark: ``walk HIVE ROUNDS``, or ``disk IMAGE``: list the BCD objects of a disk in a dynamic VHD."""
# ruff: noqa: ANN001, ANN201, ANN204

import io
import json
import sys
import time


class Counting(io.RawIOBase):
    """A file that counts what is read of it."""

    def __init__(self, path):
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115
        self.count = 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        return self.file.seek(offset, whence)

    def tell(self):
        return self.file.tell()

    def read(self, size=-1):
        data = self.file.read(size)
        self.count += len(data)
        return data


def walk(path):
    from dissect.regf import RegistryHive

    with open(path, "rb") as file:
        keys = values = 0
        stack = [RegistryHive(file).root()]
        while stack:
            key = stack.pop()
            keys += 1
            _ = key.name
            for value in key.values():
                values += 1
                _ = value.name, value.value
            stack.extend(key.subkeys())
    return keys, values


def disk(path):
    """The same way as a check takes: image, partitions, the system volume's store, its objects and their elements."""
    from dissect.hypervisor.disk.vhd import VHD
    from dissect.ntfs import NTFS
    from dissect.regf import RegistryHive
    from dissect.volume.disk import Disk

    imported = time.process_time()
    file = Counting(path)
    objects = elements = 0
    for partition in Disk(VHD(file)).partitions:
        volume = NTFS(partition.open())
        try:
            entry = volume.mft.get("Boot/BCD")
        except Exception:  # noqa: BLE001 - dissect has several errors for a file that is not there
            continue
        hive = RegistryHive(io.BytesIO(entry.open().read()))
        for key in hive.open("Objects").subkeys():
            objects += 1
            for element in key.subkey("Elements").subkeys():
                _ = element.value("Element").value
                elements += 1
    return {"objects": objects, "elements": elements, "bytes": file.count, "cpu": time.process_time() - imported}


def main():
    task, path, *rest = sys.argv[1:]
    if task == "disk":
        print(json.dumps(disk(path)))
        return
    import dissect.regf  # noqa: F401 - imports are not measured

    taken = []
    for _ in range(int(rest[0])):
        begin = time.process_time()
        result = walk(path)
        taken.append(time.process_time() - begin)
    print(json.dumps({"cpu": taken, "result": result}))


main()
