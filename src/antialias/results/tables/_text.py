"""Tables as text: for a terminal, Markdown for a repository, LaTeX for a paper."""

from __future__ import annotations

from collections.abc import Callable

from antialias._terminal import table_text

from ._table import Cell, Column, Table, number

_SIDE_BY_SIDE = 4
"""Networks that a terminal shows side by side at most, where they fit."""

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
}


def words(cell: Cell, column: Column) -> str:
    """Return a cell as one line of text: its value with its interval.

    Example:
        >>> words(Cell(value=0.5, low=0.4, high=0.6), Column(key="accuracy", title="Accuracy"))
        '50.0 (40.0 to 60.0)'
    """
    if cell.value is None:
        return cell.text or "–"
    numbers = (cell.value, cell.low, cell.high)
    value, *interval = (number(x, column.unit, column.digits) for x in numbers if x is not None)
    return f"{value} ({' to '.join(interval)})" if interval else value


def terminal(table: Table, width: int | None = None) -> str:
    """Return a table for a terminal: a few networks side by side, many or wide ones below each other.

    Args:
        table: The table.
        width: Of the lines; the terminal's by default.

    Example:
        >>> print(terminal(Table.of([Column(key="top1", title="Accuracy")], {"plain": {"top1": 0.848}})))
        network      plain
        ───────────  ─────
        Accuracy, %   84.8
    """
    names = [f"{row.network}\n{row.note}" if row.note else row.network for row in table.rows]
    return table_text(
        ["network", *(column.heading for column in table.columns)],
        [[name, *map(words, row.cells, table.columns)] for name, row in zip(names, table.rows, strict=True)],
        title=table.caption,
        note=table.note,
        transpose=len(names) <= _SIDE_BY_SIDE,
        width=width,
    )


def markdown(table: Table) -> str:
    """Return a table in GitHub's Markdown.

    Example:
        >>> print(markdown(Table.of([Column(key="top1", title="Accuracy")], {"plain": {"top1": 0.848}})))
        | network | Accuracy, % |
        |---|---:|
        | plain | 84.8 |
        <BLANKLINE>
    """
    rows = [
        ["network", *(column.heading for column in table.columns)],
        ["---", *["---:"] * len(table.columns)],
        *_rows(table, lambda text: text.replace("|", r"\|")),
    ]
    lines = [f"| {' | '.join(row)} |" if row[0] != "---" else f"|{'|'.join(row)}|" for row in rows]
    caption = [table.caption, ""] if table.caption else []
    return "\n".join([*caption, *lines]) + "\n"


def latex(table: Table) -> str:
    r"""Return a table for LaTeX with the package booktabs; intervals are small, behind their values.

    Example:
        >>> print(latex(Table.of([Column(key="top1", title="Accuracy")], {"k_3": {"top1": 0.848}})))
        \begin{tabular}{lr}
        \toprule
        network & Accuracy, \% \\
        \midrule
        k\_3 & 84.8 \\
        \bottomrule
        \end{tabular}
        <BLANKLINE>
    """
    heading = ["network", *(_escaped(column.heading) for column in table.columns)]
    body = [" & ".join(row) + r" \\" for row in _rows(table, _escaped)]
    caption = [f"% {table.caption}"] if table.caption else []
    begin, end = rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\end{tabular}"
    head = [begin, r"\toprule", " & ".join(heading) + r" \\", r"\midrule"]
    return "\n".join([*caption, *head, *body, r"\bottomrule", end]) + "\n"


def _rows(table: Table, safe: Callable[[str], str]) -> list[list[str]]:
    return [
        [safe(row.network), *(safe(words(cell, column)) for cell, column in zip(row.cells, table.columns, strict=True))]
        for row in table.rows
    ]


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)
