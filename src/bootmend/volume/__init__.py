"""Volumes: what a partition holds.

:func:`identify` names the file system, or what lies in its place, from a volume's first sectors.
"""

from bootmend.volume.identify import identify

__all__ = ["identify"]
