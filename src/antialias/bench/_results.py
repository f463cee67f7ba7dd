"""Results as one CSV a device."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .measurement import Result

_DIGITS = 4
# The file's words where they are not those of `Result`: files of every version stay readable.
_COLUMNS = {"benchmark": "contest", "implementation": "contender", "pass_name": "what"}


def write_results(path: Path, results: Iterable[Result], versions: Mapping[str, str]) -> None:
    """Write results to a CSV, in place of earlier ones of the same benchmarks; other benchmarks' rows stay.

    Ratios are formed within a benchmark alone, and a benchmark is always of one run.

    Args:
        path: The file; folders are made.
        results: What was measured.
        versions: Columns that say what was installed.
    """
    new: list[dict[str, Any]] = []
    for result in results:
        values = {
            key: round(value, _DIGITS) if isinstance(value, float) else value for key, value in asdict(result).items()
        }
        new.append({_COLUMNS.get(key, key): value for key, value in values.items()} | dict(versions))
    measured, header = {row["contest"] for row in new}, [*_header(), *versions]
    earlier: list[dict[str, Any]] = []
    if path.is_file():
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            earlier = list(reader) if reader.fieldnames == header else []
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*(row for row in earlier if row["contest"] not in measured), *new])


def read_results(path: str | Path) -> list[Result]:
    """Read back what `write_results` wrote.

    Raises:
        ValueError: The file has not the columns of a `Result`.
    """
    with Path(path).open(newline="") as file:
        reader = csv.DictReader(file)
        if lacking := {*_header()} - {*(reader.fieldnames or ())}:
            raise ValueError(f"{path} has no column {', '.join(sorted(lacking))}. Run `antialias bench` again.")
        return [_result(row) for row in reader]


def _header() -> list[str]:
    return [_COLUMNS.get(field.name, field.name) for field in fields(Result)]


def _result(row: Mapping[str, str]) -> Result:
    values: dict[str, Any] = {}
    for field in fields(Result):
        text, kind = row[_COLUMNS.get(field.name, field.name)], str(field.type)
        number = int if kind.startswith("int") else float
        values[field.name] = text if kind == "str" else number(text) if text else None
    return Result(**values)
