"""Tables as text: for a terminal, Markdown for a repository, LaTeX for a paper."""

from __future__ import annotations

from collections.abc import Callable
from shutil import get_terminal_size

from ._table import Table, words

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


def terminal(table: Table, width: int | None = None) -> str:
    """Return a table for a terminal: a few networks side by side, many or wide ones below each other.

    Args:
        table: The table.
        width: Of the lines; the terminal's by default.

    Example:
        >>> from antialias.results.tables import Column
        >>> print(terminal(Table.of([Column(key="top1", title="Accuracy")], {"plain": {"top1": 0.848}})))
        network      plain
        ───────────  ─────
        Accuracy, %   84.8
    """
    return table.to_text_table().text(width or get_terminal_size().columns)


def markdown(table: Table) -> str:
    """Return a table in GitHub's Markdown.

    Example:
        >>> from antialias.results.tables import Column
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
        >>> from antialias.results.tables import Column
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
