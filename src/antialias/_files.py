"""Files that are whole or not there, and texts of strangers."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

_DEEPEST = 64  # what reads a value by recursion, as repr does, goes further
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def in_one_move(path: Path) -> Iterator[Path]:
    """Give the path of a file beside `path` to write, which takes its place when it is whole and on the disk.

    A disk that is full, an error or a kill leave the former file. The folder is made.
    """
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


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
