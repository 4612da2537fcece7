"""Sample disks: healthy Windows disks, invented, written from small templates in the package.

They have the partitions, file systems, boot stores and registry hives of a Windows Server 2019, and not a
byte of Microsoft's programs: nothing on them can start.  A rule's own ``break_`` makes them ill.
"""

from bootmend.samples.write import FORMATS, LAYOUTS, Sample, parse_size, write_sample

__all__ = ["FORMATS", "LAYOUTS", "Sample", "parse_size", "write_sample"]
