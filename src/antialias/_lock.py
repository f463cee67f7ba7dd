"""A place that one process alone writes to."""

from __future__ import annotations

import errno
import importlib
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ._files import disk_fault

# The locks of one process do not keep its own threads apart, nor outlive a fork.
_HELD: set[tuple[int, Path]] = set()
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


@contextmanager
def alone(path: Path | None) -> Iterator[None]:
    """Keep other processes from what this one writes to, while the context lasts.

    The operating system holds the lock and lets go of it when the process ends, killed or not, so that nothing has to
    be cleared away. Child processes do not hold it. On a file system without locks a warning says so and the work goes
    on without one, as it does on Windows.

    Args:
        path: The lock, a file in or beside what is written to, which is made and removed; `None` locks nothing.

    Raises:
        BlockingIOError: Another process holds it, or another thread; the message says which.
        OSError: The file cannot be made.
    """
    if path is None or os.name != "posix":
        yield
        return
    path = path.resolve()
    key, file = (os.getpid(), path), None
    if key in _HELD:
        raise _taken(path, "this process")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while file is None:
            file = _locked(path)
    except BlockingIOError:
        raise
    except OSError as error:
        raise disk_fault(error, path) or error from error
    _HELD.add(key)
    try:
        with suppress(OSError):  # a full disk takes locks
            os.ftruncate(file, 0)
            os.write(file, f"{os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        _HELD.discard(key)
        with suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(file)


def _locked(path: Path) -> int | None:
    """Return the open file of a lock that is ours now, or `None` where its holder has just removed it."""
    fcntl: Any = importlib.import_module("fcntl")
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_ino == path.stat().st_ino:
            return file
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in _NO_LOCKS:
            warnings.warn(
                f"{path.parent} has no locks ({error.strerror}), so that nothing keeps a second run from writing "
                "there. Start one at a time.",
                stacklevel=5,
            )
            return file
        holder = os.read(file, 200).decode(errors="replace")
        os.close(file)
        raise _taken(path, f"process {holder}" if holder else "another process") from None
    os.close(file)
    return None


def _taken(path: Path, holder: str) -> BlockingIOError:
    return BlockingIOError(
        f"{path} is held by {holder}: another run writes there. Wait until it ends, or use another folder."
    )
