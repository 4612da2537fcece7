"""bootmend repairs Windows machines that will not boot, from their disks, without Windows."""

__version__ = "0.1.0"
