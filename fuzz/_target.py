"""What is fuzzed: a kind of file, good examples of it, and how a user reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

Mutator = Callable[[bytes, Random], bytes]


def nothing(folder: Path) -> None:
    """Put nothing beside the file."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of file.

    Attributes:
        file: Its name in a folder of its own, such as `"annotations/instances_val2017.json"`.
        seeds: Makes the contents of small good files. Those of `corpus/TARGET` are added.
        read: Reads the file of a path as a user would; what it returns or raises is judged.
        mutate: Spoils the content of a file by what is known of its format.
        prepare: Puts into the folder what stands beside the file.
        promised: What may be raised, with a message.
        says: Words of which a message has at least one; `None` for the name of the file or of a folder that it is in.
    """

    file: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[Path], object]
    mutate: Mutator
    prepare: Callable[[Path], None] = nothing
    promised: tuple[type[BaseException], ...] = (ValueError, OSError)
    says: tuple[str, ...] | None = None
