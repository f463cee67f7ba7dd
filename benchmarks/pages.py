"""What benchmarks share that keep a table of rows by network or method, and show it on a page of the documentation."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path


def write_between(page: Path, marks: tuple[str, str], lines: Iterable[str]) -> None:
    """Write lines between two marks of a page, in place of what stands there."""
    before, _, rest = page.read_text().partition(marks[0])
    page.write_text("\n".join([before + marks[0], "", *lines, marks[1] + rest.partition(marks[1])[2]]))


def replace_rows(path: Path, of: str, rows: Iterable[Mapping[str, object]], column: str = "network") -> None:
    """Write the rows of one network, or whatever a column names, in place of those that a table has; others stay."""
    earlier = csv.DictReader(path.read_text().splitlines()) if path.exists() else ()
    table = [*(row for row in earlier if row[column] != of), *rows]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in table for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def change_in_points(row: Mapping[str, str], name: str) -> str:
    """Return a score's difference and interval in points, empty where the row has none."""
    if not row[f"{name}_interval"]:
        return ""
    return in_points(row[f"{name}_difference"], *row[f"{name}_interval"].split())


def in_points(difference: str, low: str, high: str) -> str:
    """Return a difference of shares in points, with its interval."""
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * float(number) for number in (difference, low, high)))
