"""Results as one CSV a device, and the table of bars that is written beside it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path

from ._bars import Growth, Verdict
from ._measure import Result

_DIGITS = 4


def write_results(path: Path, results: Iterable[Result], versions: Mapping[str, str]) -> None:
    """Write results to a CSV, in place of earlier ones of the same contests; other contests' rows stay.

    Ratios are formed within a contest alone, and a contest is always of one run.

    Args:
        path: The file; folders are made.
        results: What was measured.
        versions: Columns that say what was installed.
    """
    new = [{**_row(result), **versions} for result in results]
    measured = {row["contest"] for row in new}
    header = [*(field.name for field in fields(Result)), *versions]
    rows = [*(row for row in _rows(path, header) if row["contest"] not in measured), *new]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _row(result: Result) -> dict[str, object]:
    return {key: round(value, _DIGITS) if isinstance(value, float) else value for key, value in asdict(result).items()}


def _rows(path: Path, header: list[str]) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        return list(reader) if reader.fieldnames == header else []


def read_results(path: str | Path) -> list[Result]:
    """Read back what `write_results` wrote.

    Raises:
        ValueError: The file has not the columns of a `Result`.
    """
    with Path(path).open(newline="") as file:
        reader = csv.DictReader(file)
        if lacking := {field.name for field in fields(Result)} - {*(reader.fieldnames or ())}:
            raise ValueError(f"{path} has no column {', '.join(sorted(lacking))}. Run `antialias bench` again.")
        return [_result(row) for row in reader]


def _result(row: Mapping[str, str]) -> Result:
    kinds = {field.name: str(field.type) for field in fields(Result)}
    return Result(**{key: _value(row[key], kind) for key, kind in kinds.items()})  # type: ignore[arg-type]


def _value(text: str, kind: str) -> str | int | float | None:
    if kind == "str":
        return text
    if not text:
        return None
    return int(text) if kind.startswith("int") else float(text)


def markdown(verdicts: Iterable[Verdict], growths: Iterable[Growth], missing: Iterable[str]) -> str:
    """Write bars, growth and missing peers as a page of Markdown."""
    bars = [
        f"| {v.bar.title} | {v.ratio:.2f} | {v.bar.wanted} | {'yes' if v.met else '**no**'} | {words(v.limit)} |"
        for v in verdicts
    ]
    curves = [f"| {g.contest} | {g.what} | {g.exponent:.2f} |" for g in growths]
    absent = ", ".join(missing)
    parts = (
        ["| ratio of medians | measured | bar | met | limit |", "|---|---|---|---|---|", *bars],
        ["| time grows as this power of the size | pass | power |", "|---|---|---|", *curves] if curves else [],
        [f"Not installed, so not measured: {absent}."] if absent else [],
    )
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def words(value: float | None) -> str:
    """Write a ratio, or a dash where there is none."""
    return "–" if value is None else f"{value:.2f}"
