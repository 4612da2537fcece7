"""Images: a disk inside a file.

:func:`open_image` looks at the first and last bytes, never at a file's name, and returns an
:class:`Image`: the bytes of the disk, read from and written in place to the file that holds them.
"""

from bootmend.image.base import Image, Opened, Opener, Reference
from bootmend.image.open import open_image

__all__ = ["Image", "Opened", "Opener", "Reference", "open_image"]
