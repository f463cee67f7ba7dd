"""Files that are whole or not there, and texts of strangers."""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

_DEEPEST = 64  # what reads a value by recursion, as repr does, goes further
_ROOM, _OTHER = "Make room there, or use another folder.", "Use another folder."
_FIXES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _ROOM),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "Use a folder that you may write to."),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV), "See to the disk, or use another folder."),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG), _OTHER),
}
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def in_one_move(path: Path) -> Iterator[Path]:
    """Give the path of a file beside `path` to write, which takes its place when it is whole and on the disk.

    A disk that is full, an error or a kill leave the former file. The folder is made. The file beside is this process's
    own; what a process that was killed left of one is removed.

    Raises:
        OSError: The file cannot be written; the message says why, what is there now and what to do.
    """
    path = path.resolve()  # a link stays one
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in unfinished_of_the_dead(path):
            stale.unlink(missing_ok=True)
        yield unfinished
        put_in_place(unfinished, path)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        if (fault := disk_fault(error, path)) is not None:
            raise fault from error
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a file of text in one move, as UTF-8."""
    with in_one_move(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def put_in_place(unfinished: Path, path: Path) -> None:
    """Bring a whole file to the disk, and then to its place.

    Args:
        unfinished: The file, on the same file system.
        path: Its place.
    """
    with unfinished.open("r+b") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be brought to the disk
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems have no such thing
                raise
        finally:
            os.close(folder)


def unfinished_of_the_dead(path: Path) -> list[Path]:
    """Return what lies beside a path that a process was writing when it was killed.

    Args:
        path: What `NAME.PROCESS.part` was to become.
    """
    if os.name != "posix":  # where asking for a process would end it
        return []
    dead = []
    for part in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        number = part.name.removeprefix(f"{path.name}.").removesuffix(".part")
        if number.isdecimal() and int(number) != os.getpid():
            try:
                os.kill(int(number), 0)
            except (ProcessLookupError, OverflowError):
                dead.append(part)
            except OSError:  # another user's
                pass
    return dead


def disk_fault(error: BaseException, path: Path) -> OSError | None:
    """Return what to tell of an error in writing, or `None` where the disk is not what failed.

    Args:
        error: What was raised: the disk's error, or one that came of it, as torch's does.
        path: What was to be written.
    """
    cause: BaseException | None = error if isinstance(error, Exception) else None
    while cause is not None and not (isinstance(cause, OSError) and cause.errno in _FIXES):
        cause = cause.__cause__ or cause.__context__
    if not isinstance(cause, OSError) or cause.errno is None:
        return None
    what = os.strerror(cause.errno)
    fault = type(cause)(f"{path} cannot be written: {what}. What was there before still is. {_FIXES[cause.errno]}")
    fault.errno = cause.errno
    return fault


def text_of(path: Path, fix: str) -> str:
    """Return the text of a file that nobody vouches for.

    Args:
        path: The file.
        fix: A sentence that says what to use instead, which ends the message.

    Raises:
        ValueError: It is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error.reason}). {fix}") from error


def parsed(
    source: Path | bytes | str,
    fix: str,
    *,
    name: object = None,
    kind: Literal["JSON", "TOML"] = "JSON",
    largest: int | None = 2**26,
) -> dict[str, Any]:
    """Parse an object of JSON or a table of TOML that nobody vouches for.

    Text in another encoding, nesting that would exhaust the stack here or in what reads the values, and names that
    cannot be written as UTF-8 are refused like text that is broken. A parsed text takes up to some forty times its size
    in memory, which is what `largest` bounds.

    Args:
        source: The file, or its content.
        fix: A sentence that says what to use instead, which ends the message.
        name: What the message calls the text; the path of a file by default.
        kind: How it is written.
        largest: Bytes that are read at most; `None` for any number.

    Raises:
        ValueError: It is something else, or larger.

    Example:
        >>> parsed("[1]", "Use a file of scores.", name="a.json")
        Traceback (most recent call last):
        ValueError: a.json is not JSON (a list, no object). Use a file of scores.
    """
    name = source if name is None else name
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if largest is not None and size > largest:
        raise ValueError(f"{name} has {size:,} bytes, more than the {largest:,} that are read as {kind}. {fix}")
    content = source.read_bytes() if isinstance(source, Path) else source
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        values = json.loads(text) if kind == "JSON" else tomllib.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"a {type(values).__name__}, no object")
        if _depth(values) > _DEEPEST:
            raise RecursionError
        if _HALF_A_PAIR.search(text):
            json.dumps(values, ensure_ascii=False).encode()
    except ValueError as error:
        raise ValueError(f"{name} is not {kind} ({error}). {fix}") from error
    except RecursionError:
        raise ValueError(f"{name} is not {kind} (nested more than {_DEEPEST} deep). {fix}") from None
    return values


def _depth(values: dict[str, Any]) -> int:
    """Return how deep containers are nested, or one more than is allowed."""
    level: list[Any] = [values]
    for depth in range(_DEEPEST + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return depth + 1
    return _DEEPEST + 1
