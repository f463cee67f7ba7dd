"""Numbers with their intervals, in tables and along curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from antialias._bars import Bar, bars_on_one_scale
from antialias._display import Display, Displayed, TextTable
from antialias.metrics import Curve, Score, average
from antialias.results._codec import plain

_SIDE_BY_SIDE = 4
"""Networks that a terminal shows side by side at most, where they fit."""

Value: TypeAlias = "Cell | Score | Sequence[Score] | float | int | str | None"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Hold one number of a table or curve, with its interval and the protocol that gave it.

    Args:
        value: The number, in [0, 1] where its column's unit is `"%"`; `None` shows `text`.
        low: Lower end of the interval.
        high: Upper end of the interval.
        level: Confidence level of the interval, such as 0.95.
        images: Number of pictures behind the interval.
        name: What was measured.
        protocol: How it was measured; shown at the end of the page.
        runs: The value of each seed, drawn as ticks under the interval.
        text: Shown instead of a number, or as a dash where empty.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    images: int | None = None
    name: str = ""
    protocol: dict[str, Any] = field(default_factory=dict)
    runs: tuple[float, ...] = ()
    text: str = ""

    @classmethod
    def of(cls, value: Value) -> Cell:
        """Make a cell of a score, of several seeds' scores, of a number, of a text or of `None`.

        Several scores, one a seed, show their mean with the interval over pictures of that mean; each seed is drawn
        as a tick.

        Raises:
            ValueError: The scores of several seeds come from different pictures or protocols.

        >>> Cell.of(0.5).value, Cell.of("untrained").text, Cell.of(None).value
        (0.5, 'untrained', None)
        """
        if isinstance(value, Cell):
            return value
        if isinstance(value, str):
            return cls(text=value)
        if isinstance(value, Score):
            low, high = value.interval
            return cls(
                value=plain(float(value.value)),
                low=plain(float(low)),
                high=plain(float(high)),
                level=value.level,
                images=value.images,
                name=value.name,
                protocol=plain(value.protocol),
            )
        if isinstance(value, Sequence):
            return replace(cls.of(average(value)), runs=tuple(score.value for score in value))
        return cls(value=plain(value if value is None else float(value)))


@dataclass(frozen=True, kw_only=True)
class Column:
    """Say what a table's column holds.

    Args:
        key: The name under which rows give it.
        title: Its heading.
        unit: `"%"` multiplies by 100; any other unit is written behind the number.
        better: `"higher"`, `"lower"`, or `""` where neither is.
        digits: Decimals shown.
        note: One short line under the heading.

    Raises:
        ValueError: `better` is unknown.
    """

    key: str
    title: str
    unit: str = "%"
    better: str = ""
    digits: int = 1
    note: str = ""

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower", ""):
            raise ValueError(f"better={self.better!r} is unknown. Use 'higher', 'lower', or '' where neither is.")

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


def number(value: float, unit: str, digits: int) -> str:
    """Write a number in a unit, without the unit; shares become percent.

    Example:
        >>> number(0.8483, "%", 1), number(1234.5, "ms", 0)
        ('84.8', '1,234')
    """
    return f"{value * (100 if unit == '%' else 1):,.{digits}f}"


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


@dataclass(frozen=True, kw_only=True)
class Row:
    """Name a network and hold its cells, one for each column of the table, in order."""

    network: str
    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Table(Displayed):
    """Compare networks: a row for each, a column for each measure, every score with its interval.

    Args:
        columns: The columns.
        rows: The rows, with a cell for each column.
        caption: One sentence above the table.
        note: One sentence under it.

    Raises:
        ValueError: A row has more or fewer cells than there are columns.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"The row of {row.network!r} has {len(row.cells)} cells, the table {len(self.columns)} columns. "
                    "Give one cell for each column."
                )

    def to_text_table(self) -> TextTable:
        """Return the table with its cells written out."""
        names = [f"{row.network}\n{row.note}" if row.note else row.network for row in self.rows]
        return TextTable(
            headings=["network", *(column.heading for column in self.columns)],
            rows=[[name, *map(words, row.cells, self.columns)] for name, row in zip(names, self.rows, strict=True)],
            title=self.caption,
            note=self.note,
            transpose=len(names) <= _SIDE_BY_SIDE,
            bars=self.bars(),
        )

    def bars(self) -> tuple[tuple[Bar | None, ...], ...]:
        """Lay out the intervals of every row, each column on a scale of its own."""
        columns = zip(*(row.cells for row in self.rows), strict=True)
        placed = [bars_on_one_scale([(one.value, one.low, one.high, one.runs) for one in column]) for column in columns]
        return tuple(zip(*placed, strict=True))

    def display(self) -> Display:
        """Show the table."""
        return Display(tables=(self.to_text_table(),))

    def cell(self, network: str, key: str) -> Cell:
        """Return what one network has in one column.

        Raises:
            ValueError: There is no such network or column.
        """
        networks, keys = [row.network for row in self.rows], [column.key for column in self.columns]
        if network not in networks or key not in keys:
            raise ValueError(f"There is no {key} of {network!r}. The rows are {networks}, the columns {keys}.")
        return self.rows[networks.index(network)].cells[keys.index(key)]

    @classmethod
    def of(
        cls,
        columns: Sequence[Column],
        rows: Mapping[str, Mapping[str, Value]],
        *,
        caption: str = "",
        note: str = "",
        notes: Mapping[str, str] | None = None,
    ) -> Table:
        """Make a table of `{network: {column key: score or number}}`; what a row does not give stays empty.

        Args:
            columns: The columns, in order.
            rows: For each network its values by `Column.key`.
            caption: One sentence above the table.
            note: One sentence under it; the page adds what the intervals are.
            notes: For each network one short line under its name.

        Raises:
            ValueError: A row gives a key that no column has.

        >>> table = Table.of([Column(key="top1", title="Accuracy")], {"plain": {"top1": 0.848}})
        >>> table.rows[0].cells[0].value
        0.848
        """
        keys = [column.key for column in columns]
        for network, values in rows.items():
            if unknown := sorted(values.keys() - set(keys)):
                surplus = ", ".join(unknown)
                raise ValueError(f"The row of {network!r} gives {surplus}. The columns are {', '.join(keys)}.")
        lines = [
            Row(network=name, cells=tuple(Cell.of(values.get(key)) for key in keys), note=(notes or {}).get(name, ""))
            for name, values in rows.items()
        ]
        return cls(columns=tuple(columns), rows=tuple(lines), caption=caption, note=note)


@dataclass(frozen=True, kw_only=True)
class Line:
    """Follow one network's flip rate over the shift's distance, in one direction.

    Args:
        network: Its name.
        direction: Of the shifts.
        distances: Of the shifts, in pixels.
        cells: A score for each distance.

    Raises:
        ValueError: There are not as many scores as distances, or none.
    """

    network: str
    direction: str
    distances: tuple[float, ...]
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        if len(self.distances) != len(self.cells) or not self.cells:
            raise ValueError(
                f"The curve of {self.network!r} has {len(self.distances)} distances and {len(self.cells)} scores. "
                "Give as many of one as of the other, and at least one."
            )

    @classmethod
    def of(cls, network: str, curve: Curve) -> Line:
        """Make a line of what `antialias.metrics` measured."""
        distances, scores = zip(*curve, strict=True)
        return cls(
            network=network,
            direction=curve.direction,
            distances=tuple(float(distance) for distance in distances),
            cells=tuple(Cell.of(score) for score in scores),
        )
