"""One process trains into a run folder; the lock is gone with its process, however that ends, and leaves no file."""

import os
from pathlib import Path

HELD: dict[Path, int] = {}  # folder -> descriptor that this process holds open


def hold(folder: Path) -> bool:
    """Locks an existing folder for this process until it ends; False where another process holds it.

    The folder itself is locked (flock), so nothing is written. Where the system has no such locks, always True.
    """
    try:
        import fcntl
    except ImportError:  # not a Unix
        return True
    held = HELD.get(folder.resolve())
    if held is not None and os.path.samestat(os.fstat(held), os.stat(folder)):
        return True
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:  # a file system without locks
        os.close(descriptor)
        return True
    if held is not None:  # of a folder of this name that has been deleted since
        os.close(held)
    HELD[folder.resolve()] = descriptor
    return True
