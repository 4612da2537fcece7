"""What the files of a Windows tell about how it failed: dumps, event logs, programs, servicing, recovery, drive letters.

Each reader takes bytes, a hive or a file tree and gives frozen values; nothing here knows which machine they are of.
Modules are imported one by one: an ordinary look at a disk needs none of them.
"""
