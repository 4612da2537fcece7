"""Windows: the lock by share mode, written to the documentation of ``CreateFileW`` and ``LockFileEx``; not proven there."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bootmend.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GENERIC_READ, _GENERIC_WRITE = 0x80000000, 0x40000000
_FILE_SHARE_READ, _FILE_SHARE_WRITE = 1, 2
_OPEN_EXISTING = 3
_LOCK_EXCLUSIVE, _LOCK_FAIL_IMMEDIATELY = 2, 1
_FAR = 0x7FFF_FFFF  # high half of the locked byte's offset: past every file's end, so that no reader or writer meets it


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold a file: nobody else may be writing to it now, and no other bootmend afterwards.

    A handle that denies others writing would deny it to ourselves as well, so that is only a test; what is
    held is a lock on a byte far past the end, which ``LockFileEx`` permits.

    Raises:
        RefusedError: another program has it open for writing, or another run holds it.
    """
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        class Overlapped(ctypes.Structure):
            """The offset of the locked byte."""

            _fields_ = (
                ("internal", ctypes.c_void_p),
                ("internal_high", ctypes.c_void_p),
                ("offset", wintypes.DWORD),
                ("offset_high", wintypes.DWORD),
                ("event", wintypes.HANDLE),
            )

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateFileW.restype = wintypes.HANDLE
        invalid = wintypes.HANDLE(-1).value

        def opened(share: int) -> int:
            handle = kernel.CreateFileW(path, _GENERIC_READ, share, None, _OPEN_EXISTING, 0, None)
            if handle == invalid:
                reason = ctypes.FormatError(ctypes.get_last_error()).strip()
                raise RefusedError(f"it is in use ({reason}); nothing was written", at=path, hint="stop what uses it")
            return int(handle)

        kernel.CloseHandle(wintypes.HANDLE(opened(_FILE_SHARE_READ)))
        handle = wintypes.HANDLE(opened(_FILE_SHARE_READ | _FILE_SHARE_WRITE))
        try:
            byte = Overlapped(offset=0, offset_high=_FAR)
            flags = _LOCK_EXCLUSIVE | _LOCK_FAIL_IMMEDIATELY
            if not kernel.LockFileEx(handle, flags, 0, 1, 0, ctypes.byref(byte)):
                raise RefusedError("another run of bootmend works on it; nothing was written", at=path)
            yield
        finally:
            kernel.CloseHandle(handle)
    else:
        yield
