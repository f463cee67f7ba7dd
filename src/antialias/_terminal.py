"""Tables for terminals: side by side where they fit, below each other where they do not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence

_GAP = "  "
_UNBREAKABLE = re.compile(r"\([^)]*\)\S*|\S+")
_NUMBER = re.compile(r"[+\-−<>~]?\.?\d")


def table_text(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    note: str = "",
    transpose: bool = False,
    width: int | None = None,
) -> str:
    """Return a table as text of at most `width` columns.

    Lines are broken between words, an interval in parentheses in one piece. Where even that is too wide, the
    columns are spread over several tables below each other, or each row is a paragraph with a line for every value.

    Args:
        headings: One a column; the first column names the rows. Columns of numbers are aligned to the right.
        rows: One text a column; a text may have several lines.
        title: Above the table.
        note: Below it.
        transpose: Set rows side by side, with a line a heading, where that fits.
        width: Of the lines; the terminal's by default, 80 where there is none.

    Example:
        >>> print(table_text(["network", "Accuracy, %"], [["plain", "84.8"], ["adaptive", "90.4"]], title="Scenes"))
        Scenes
        network   Accuracy, %
        ────────  ───────────
        plain            84.8
        adaptive         90.4
    """
    width = shutil.get_terminal_size().columns if width is None else width
    upright = [list(headings), *map(list, rows)]
    transposed = [list(cells) for cells in zip(*upright, strict=True)]
    lines = (grid(transposed, width) if transpose else None) or grid(upright, width)
    above, below = (break_lines(text, width) if text else [] for text in (title, note))
    return "\n".join([*above, *(lines or blocks(upright, width) or paragraphs(upright, width)), *below])


def terminal_width() -> int | None:
    """Return the columns of the terminal, or `None` where the output is a file or a pipe and `COLUMNS` says nothing."""
    return shutil.get_terminal_size((0, 0)).columns or None


def is_number_column(cells: Sequence[str]) -> bool:
    """Say whether most cells are numbers; empty ones and dashes say nothing.

    Example:
        >>> is_number_column(["", "–", "+1.5 M"]), is_number_column(["left", "after the pool"])
        (True, False)
    """
    said = [cell for cell in cells if cell.strip("–- ")]
    return 2 * sum(_NUMBER.match(cell) is not None for cell in said) >= len(said)


def grid(rows: Sequence[Sequence[str]], width: int) -> list[str] | None:
    """Return the lines of a table whose first row are the headings, or `None` if it cannot be as narrow as `width`."""
    columns = list(zip(*rows, strict=True))
    widest = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    widths = [least_width(column) for column in columns]
    spare = width - sum(widths) - len(_GAP) * (len(widths) - 1)
    if spare < 0:
        return None
    while spare and widths != widest:
        neediest = max(range(len(widths)), key=lambda i: widest[i] - widths[i])
        widths[neediest] += 1
        spare -= 1
    right = [i > 0 and is_number_column(column[1:]) for i, column in enumerate(columns)]
    lines = []
    for number, row in enumerate(rows):
        broken = [break_lines(cell, size) for cell, size in zip(row, widths, strict=True)]
        for i in range(max(map(len, broken))):
            cells = [cell[i] if i < len(cell) else "" for cell in broken]
            aligned = [
                cell.rjust(size) if is_number else cell.ljust(size)
                for cell, size, is_number in zip(cells, widths, right, strict=True)
            ]
            lines.append(_GAP.join(aligned).rstrip())
        if number == 0:
            lines.append(_GAP.join("─" * size for size in widths))
    return lines


def blocks(rows: Sequence[Sequence[str]], width: int) -> list[str] | None:
    """Return the lines of tables below each other with some of the columns each, if two of them fit side by side.

    A block is as narrow as its names can be, but breaks no value of a few words.
    """
    names, *columns = zip(*rows, strict=True)
    free = width - min(max(least_width(names), width // 4), max(map(len, names)))
    groups: list[list[Sequence[str]]] = []
    room = 0
    for column in columns:
        sizes = (len(cell) if len(cell) < width // 3 else least_width([cell]) for cell in column[1:])
        size = len(_GAP) + max(least_width(column), *sizes)
        if size > room:
            groups.append([names])
            room = free
        groups[-1].append(column)
        room -= size
    if len(groups) > len(columns) // 2:
        return None
    grids = [grid(list(zip(*block, strict=True)), width) for block in groups]
    return [line for grid in grids for line in ["", *(grid or ())]][1:] if all(grids) else None


def least_width(column: Sequence[str]) -> int:
    """Return how narrow a column can be."""
    return max((len(part) for cell in column for part in _UNBREAKABLE.findall(cell)), default=0)


def paragraphs(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table with a paragraph a row, and in it a line a heading."""
    (_, *headings), lines = rows[0], []
    indent = min(max(map(len, headings), default=0) + 4, width // 2)
    for name, *values in rows[1:]:
        lines += ["", *break_lines(name, width)] if lines else break_lines(name, width)
        for heading, value in zip(headings, values, strict=True):
            left, right = break_lines(heading, indent - 4), break_lines(value, width - indent)
            for i in range(max(len(left), len(right))):
                label, text = (column[i] if i < len(column) else "" for column in (left, right))
                lines.append(f"{_GAP}{label}".ljust(indent) + text if text else f"{_GAP}{label}")
    return lines


def break_lines(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` columns, between its unbreakable parts where that is possible."""
    lines, width = [], max(width, 1)
    for paragraph in text.split("\n"):
        line = ""
        pieces = _UNBREAKABLE.findall(paragraph)
        for part in (word for piece in pieces for word in (piece.split() if len(piece) > width else [piece])):
            if line and len(line) + 1 + len(part) > width:
                lines.append(line)
                line = ""
            line = f"{line} {part}" if line else part
            while len(line) > width:
                lines.append(line[:width])
                line = line[width:]
        lines.append(line)
    return lines
