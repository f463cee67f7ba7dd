"""What results look like: described once, as text for terminals and as HTML for notebooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from ._bars import Bar
from ._terminal import break_lines, is_number_column, table_text, terminal_width

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_STYLE = """<style>
.antialias{line-height:1.45;max-width:100%}.antialias p{margin:.3em 0;max-width:76ch;text-align:left}
.antialias .scroll{overflow-x:auto}.antialias details{margin:.3em 0}.antialias summary{cursor:pointer}
.antialias details p{white-space:pre-line}
.antialias table{border-collapse:collapse;margin:.6em 0;font-variant-numeric:tabular-nums}
.antialias caption{text-align:left;font-weight:600;padding:.2em 0}.antialias tr.strong>*{font-weight:700}
.antialias :is(th,td){padding:.25em .8em .25em 0;text-align:left;vertical-align:top;white-space:pre-line}
.antialias :is(th,td).number{text-align:right}.antialias thead th{border-bottom:1px solid currentColor}
.antialias tbody th{font-weight:400}.antialias .bar{display:block;width:100%;min-width:110px;height:18px;margin-top:3px}
.antialias .bar path{vector-effect:non-scaling-stroke;fill:none;stroke:var(--n)}
.antialias .bar .track{stroke:currentColor;opacity:.2}.antialias .bar .whisker{stroke-width:5px;opacity:.45}
.antialias .bar .middle{stroke-width:3px}.antialias .bar .seed{stroke-width:2px}
.antialias .n0{--n:#868d99}.antialias .n1{--n:#2f8fd8}.antialias .n2{--n:#e06a1f}
.antialias .n3{--n:#c9579b}.antialias .n4{--n:#1f9a78}.antialias .n5{--n:#a8831a}
</style>"""


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """Hold a table whose cells are written out.

    Attributes:
        headings: One a column; the first column names the rows.
        rows: One text a column; a text may have several lines.
        title: Above the table.
        note: Below it.
        transpose: Set rows side by side in a terminal, with a line a heading, where that fits.
        strong: Numbers of the rows that stand out.
        bars: For each row one a column behind the first, drawn under the text in HTML; none anywhere if empty.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    note: str = ""
    transpose: bool = False
    strong: tuple[int, ...] = ()
    bars: Sequence[Sequence[Bar | None]] = ()

    def text(self, width: int | None = None) -> str:
        """Return the table in lines of at most `width` columns, as long as they are if `None`."""
        return table_text(
            self.headings,
            self.rows,
            title=self.title,
            note=self.note,
            transpose=self.transpose,
            width=sys.maxsize if width is None else width,
        )

    def html(self) -> str:
        """Return the table as HTML, without style.

        Example:
            >>> print(TextTable(headings=("network", "Accuracy"), rows=[("plain", "84.8")]).html())
            <table><thead><tr><th scope="col">network</th><th scope="col" class="number">Accuracy</th></tr></thead>
            <tbody>
            <tr><th scope="row">plain</th><td class="number">84.8</td></tr>
            </tbody></table>
        """
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.headings)
        classes = [' class="number"' if i and is_number_column(column) else "" for i, column in enumerate(columns)]
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        pairs = zip(classes, map(escape, self.headings), strict=True)
        heads = [f'<th scope="col"{kind}>{heading}</th>' for kind, heading in pairs]
        lines = [f"<table>{caption}<thead><tr>{''.join(heads)}</tr></thead>", "<tbody>"]
        for number, (name, *cells) in enumerate(self.rows):
            bars = [bar.svg() if bar else "" for bar in self.bars[number]] if self.bars else [""] * len(cells)
            trios = zip(classes[1:], cells, bars, strict=True)
            values = [f"<td{kind}>{escape(cell)}{bar}</td>" for kind, cell, bar in trios]
            strong = ' class="strong"' if number in self.strong else ""
            lines.append(f'<tr{strong}><th scope="row">{escape(name)}</th>{"".join(values)}</tr>')
        return "\n".join([*lines, "</tbody></table>"])


@dataclass(frozen=True)
class Display:
    """Say what an object shows.

    Attributes:
        verdict: One or two sentences.
        tables: Below the verdict.
        notes: Lines below the tables; one that begins with two spaces belongs to the one before.
        details: What HTML unfolds on demand, by its heading; text leaves it out.
    """

    verdict: str = ""
    tables: tuple[TextTable, ...] = ()
    notes: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    def text(self, width: int | None = None, *, styled: bool = False) -> str:
        """Return all of it as text.

        Args:
            width: Of the lines in columns; as long as they are if `None`.
            styled: Set the verdict and headings bold, by a terminal's control sequences.
        """
        limit = sys.maxsize if width is None else width
        lines = break_lines(self.verdict, limit) if self.verdict else []
        if styled:
            lines = [f"{_BOLD}{line}{_PLAIN}" for line in lines]
        for table in self.tables:
            shown = table.text(width).split("\n")
            lines += [""] * bool(lines) + (list(_styled(shown)) if styled else shown)
        for note in self.notes:
            indent = "  " * note.startswith("  ")
            lines += [f"{indent}{line}" for line in break_lines(note, limit - len(indent))]
        return "\n".join(lines)

    def html(self) -> str:
        """Return all of it as HTML for a notebook, light or dark."""
        parts = [f"<p><strong>{escape(self.verdict)}</strong></p>"] if self.verdict else []
        for table in self.tables:
            parts.append(f'<div class="scroll">{table.html()}</div>')
            parts += [f"<p>{escape(table.note)}</p>"] if table.note else []
        parts += [f"<p>{escape(note)}</p>" for note in self.notes if note]
        parts += [
            f"<details><summary>{escape(heading)}</summary><p>{escape(text)}</p></details>"
            for heading, text in self.details.items()
        ]
        return "\n".join([_STYLE, '<div class="antialias">', *parts, "</div>"])


class Displayed:
    """Give what has a `display()` its forms: `print`, IPython's and rich's terminals, and a notebook's HTML."""

    def display(self) -> Display:
        """Say what is shown."""
        raise NotImplementedError

    def text(self, width: int | None = None) -> str:
        """Return it as text.

        Args:
            width: Of the lines in columns; without limit if `None`.
        """
        return self.display().text(width)

    def __str__(self) -> str:
        return self.text(terminal_width() or 80)

    def _repr_html_(self) -> str:
        return self.display().html()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.text(terminal_width() or 80))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield Text.from_ansi(self.display().text(options.max_width, styled=True))


def show(result: Displayed) -> None:
    """Print a result: as wide as the terminal or `COLUMNS`, bold headings in a terminal; else as `str` has it."""
    width, styled = terminal_width(), sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(result if width is None else result.display().text(width, styled=styled))


def in_words(value: Any) -> str:
    """Write nested plain values in a line.

    Example:
        >>> in_words({"shift": [1, 2], "border": None})
        'shift: 1, 2, border: None'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {in_words(item)}" for key, item in value.items())
    return ", ".join(map(in_words, value)) if isinstance(value, list | tuple) else str(value)


def _styled(lines: Sequence[str]) -> Iterator[str]:
    """Set what stands above a rule bold, and the rule dim."""
    rules = {i for i, line in enumerate(lines) if line and not line.strip("─ ")}
    heads = set()
    for rule in rules:
        above = rule - 1
        while above >= 0 and lines[above]:
            heads.add(above)
            above -= 1
    for i, line in enumerate(lines):
        mark = _DIM if i in rules else _BOLD if i in heads else ""
        yield f"{mark}{line}{_PLAIN}" if mark else line
