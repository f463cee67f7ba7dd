"""Files that cannot be used: all of them named with their reasons before anything starts, then a stop or left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, get_args

OnBroken = Literal["stop", "skip"]
"""What files that cannot be used do: stop, or be reported and left out."""

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 256


class Fault(NamedTuple):
    """A file or an annotation that cannot be used, and why."""

    name: str
    reason: str


class BrokenData(ValueError):
    """Files that cannot be used, all of them.

    Attributes:
        faults: What is broken.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(f"{len(faults)} cannot be used. Repair them, or use on_broken='skip':\n{_report(faults)}")


class UnusableFile(ValueError):
    """One file that cannot be used; `fault` is the line of a report."""

    def __init__(self, file: Path, reason: str, fix: str) -> None:
        self.fault = Fault(str(file), f"it {reason}")
        super().__init__(f"{file} {reason}. {fix}")


class UnusableContent(ValueError):
    """What cannot be used in a file that whoever opened it names.

    Attributes:
        reason: What it is or holds.
        fix: What to do about it.
    """

    def __init__(self, reason: str, fix: str) -> None:
        self.reason, self.fix = reason, fix
        super().__init__(f"it {reason}. {fix}")


def raise_or_report(faults: Sequence[Fault], on_broken: OnBroken) -> None:
    """Stop at faults, or report them: one message with every name and reason.

    Raises:
        BrokenData: There are faults and `on_broken="stop"`.
        ValueError: `on_broken` is unknown.
    """
    if on_broken not in get_args(OnBroken):
        raise ValueError(f"on_broken={on_broken!r} is unknown. Use one of: {', '.join(get_args(OnBroken))}.")
    if faults and on_broken == "stop":
        raise BrokenData(faults)
    if faults:
        warnings.warn(f"{len(faults)} cannot be used and are left out:\n{_report(faults)}", stacklevel=3)


def _report(faults: Sequence[Fault]) -> str:
    return "\n".join(f"  {fault.name}: {fault.reason}" for fault in faults)


def faults_in(items: Iterable[T], look: Callable[[T], Iterable[Fault]]) -> list[Fault]:
    """Return what `look` finds wrong with the items, in their order, looked at in threads."""
    items = list(items)
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    with ThreadPoolExecutor(16) as pool:
        parts = pool.map(lambda chunk: [fault for item in chunk for fault in look(item)], chunks)
        return list(dict.fromkeys(fault for faults in parts for fault in faults))


def value_or_fault(read: Callable[[Path], R], file: Path) -> R | Fault:
    """Return what `read` makes of a file, or what is wrong with it."""
    try:
        return read(file)
    except UnusableFile as error:
        return error.fault
    except ValueError as error:
        return Fault(str(file), str(error))


def contents(folder: Path) -> str:
    """Say what a folder holds, for a message about what it should."""
    if not folder.is_dir():
        return "is not a folder"
    names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in folder.iterdir())
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"holds {shown or 'nothing'}"
