"""What was tried, what it did and what was applied, as plain data that prints as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antialias._bars import bars_on_one_scale
from antialias._display import Display, Displayed, TextTable
from antialias.metrics import Score
from antialias.results import Column, Table

from ._remedy import Remedy

_COLUMNS = (
    Column(key="cost", title="Multiply-adds", unit="x", digits=2, better="lower", note="of the network as given"),
    Column(key="time", title="Time", unit="x", digits=2, better="lower", note="of the network as given"),
    Column(key="flips", title="Flips", better="lower", note="of shifts by one pixel and more"),
    Column(key="consistency", title="Consistency", better="higher", note="of two random windows"),
    Column(key="mean_absolute_change", title="Mean change", better="lower", note="of probability, a pixel"),
    Column(key="confidence", title="Confidence", note="of the best class"),
    Column(key="agreement", title="Agreement", better="higher", note="with the original averaged over shifts"),
    Column(key="agreement_with_original", title="Same answer", note="as the network as given"),
    Column(key="accuracy", title="Accuracy", better="higher"),
)


@dataclass(frozen=True, eq=False)
class Trial:
    """What one remedy did; every score is of the reporting images.

    Attributes:
        remedy: What was done to a copy of the network.
        scores: By name; empty if the trial ended early.
        changes: Paired differences of the scores from the network as it is.
        time: Of a forward pass, over that of the network as given.
        choosing: Paired difference in flips on the images that choose, by which it was chosen or not.
        agreeing: Difference in agreement on them, over all windows of the flips.
        ended: When and why it ended early, empty if it did not.
        cost: Multiply-adds of the network with it, relative to the network as given; where they are different for each
            image, on average over those that report.
    """

    remedy: Remedy
    cost: float
    scores: Mapping[str, Score] = field(default_factory=dict, repr=False)
    changes: Mapping[str, Score] = field(default_factory=dict, repr=False)
    time: float | None = None
    choosing: Score | None = field(default=None, repr=False)
    agreeing: float | None = None
    ended: str = ""

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.remedy.name

    @property
    def flips(self) -> float:
        """Share of shifts by a few pixels that change the answer; NaN if the trial ended early."""
        return self.scores["flips"].value if self.scores else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {
            **self.remedy.to_dict(),
            "cost": self.cost,
            "time": self.time,
            "scores": {name: score.to_dict() for name, score in self.scores.items()},
            "changes": {name: score.to_dict() for name, score in self.changes.items()},
            "choosing": None if self.choosing is None else self.choosing.to_dict(),
            "agreeing": self.agreeing,
            "ended": self.ended,
        }


@dataclass(frozen=True, kw_only=True)
class Mending(Displayed):
    """What was tried on a network, and what was applied.

    Attributes:
        table: One trial a remedy: the network as it is, what was reported by cost, the yardstick, what ended early.
        chosen: The trial whose remedy was applied; `None` if the network is as it was.
        budget: The most multiply-adds, relative to the network as given.
        margin: The most agreement that could be lost, as a share of the images.
        seed: Chose parts and windows.
        distance: Longest shift of the flips, in pixels.
        images: Number of images to learn from, to choose by and to report on.
        passes: How often each image was shown on average, besides learning.
        left_out: Why remedies were not tried, by name.
        reason: Why nothing was applied, empty if something was.
        counted: What the flips are, in words.
    """

    table: tuple[Trial, ...]
    chosen: Trial | None
    budget: float
    margin: float
    seed: int
    distance: int
    images: Mapping[str, int]
    passes: float
    left_out: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    counted: str = "flips"

    @property
    def changed(self) -> bool:
        """Whether the network is another one than before."""
        return self.chosen is not None

    @property
    def scores(self) -> dict[str, Mapping[str, Score]]:
        """The scores of the network as it was and, last, as it is, by the names of their trials."""
        return {trial.name: trial.scores for trial in (self.table[0], *([self.chosen] if self.chosen else []))}

    @property
    def gained(self) -> bool:
        """Whether what was applied has fewer flips on the reporting images, by an interval that excludes zero."""
        return self.chosen is not None and self.chosen.changes["flips"].interval[1] < 0

    @property
    def front(self) -> tuple[Trial, ...]:
        """The trials that no cheaper one equals in flips, from the network as it is to the costliest."""
        front: list[Trial] = []
        measured = [trial for trial in self.table if trial.scores and trial.remedy.copies == 1]
        for trial in sorted(measured, key=lambda trial: (trial.cost, trial.flips)):
            if not front or trial.flips < front[-1].flips:
                front.append(trial)
        return tuple(front)

    @property
    def verdict(self) -> str:
        """The outcome in a sentence or two."""
        if self.chosen is None:
            return f"Nothing within budget helps: {self.reason}. The network is as it was."
        change, counted = self.chosen.changes["flips"], self.chosen.changes["flips"].protocol.get("unit", "image")
        video = ""
        if self.chosen.remedy.alignment is not None:
            video = (
                " For moves by whole pixels, that is: on video, aligned images changed answers more often, not less."
            )
        helped = "lowers" if self.gained else "was chosen, but does not measurably lower"
        return (
            f'Remedy "{self.chosen.name}" {helped} {self.counted} from '
            f"{100 * self.table[0].flips:.1f} to {100 * self.chosen.flips:.1f} % (paired difference {points(change)} "
            f"points, {100 * change.level:g} % interval over {change.images} {counted}s) at {self.chosen.cost:.2f} "
            f"times the multiply-adds.{video}"
        )

    def to_table(self) -> Table:
        """Return the reported trials as a table for pages and CSV, each score with its interval."""
        reported = [trial for trial in self.table if trial.scores]
        columns = [column for column in _COLUMNS if column.key in {"cost", "time", *reported[0].scores}]
        rows: dict[str, dict[str, Any]] = {
            trial.name: {"cost": trial.cost, "time": trial.time}
            | {column.key: trial.scores[column.key] for column in columns if column.key in trial.scores}
            for trial in reported
        }
        notes = {} if self.chosen is None else {self.chosen.name: "applied"}
        return Table.of(columns, rows, caption=self.verdict, notes=notes)

    def display(self) -> Display:
        """Show the verdict, the trials, and what was not tried."""
        columns = [column for column in _COLUMNS if column.key in {"cost", "time", *self.table[0].scores}]
        places = [i for i, column in enumerate(columns) if column.key == "flips"]
        headings = ["remedy", *(f"{column.title.lower()}, {column.unit}" for column in columns)]
        headings.insert(places[0] + 2, "difference in flips")
        rows, reported = [], [trial for trial in self.table if trial.scores]
        for trial in reported:
            values = {"cost": trial.cost, "time": trial.time} | {key: s.value for key, s in trial.scores.items()}
            cells = [_cell(values.get(column.key), column) for column in columns]
            cells.insert(places[0] + 1, points(trial.changes["flips"]) if trial.changes else "")
            rows.append([f"{'* ' if trial is self.chosen else ''}{trial.name}", *cells])
        placed = [
            bars_on_one_scale(
                [
                    (score.value, *score.interval, ())
                    if (score := trial.scores.get(column.key))
                    else (None,) * 3 + ((),)
                    for trial in reported
                ]
            )
            for column in columns
        ]
        placed.insert(places[0] + 1, (None,) * len(reported))
        bars = tuple(zip(*placed, strict=True))
        strong = tuple(i for i, trial in enumerate(reported) if trial is self.chosen)
        ended = [f"  {trial.name} ({trial.cost:.2f} x): {trial.ended}" for trial in self.table if trial.ended]
        missing = [f"  {name}: {why}" for name, why in self.left_out.items()]
        notes = ["* applied"] * (self.chosen is not None)
        notes += ["Ended early:", *ended] if ended else []
        notes += ["Not tried:", *missing] if missing else []
        return Display(self.verdict, (TextTable(headings=headings, rows=rows, strong=strong, bars=bars),), tuple(notes))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {
            "verdict": self.verdict,
            "chosen": None if self.chosen is None else self.chosen.name,
            "front": [trial.name for trial in self.front],
            "table": [trial.to_dict() for trial in self.table],
            "budget": self.budget,
            "margin": self.margin,
            "seed": self.seed,
            "images": dict(self.images),
            "passes": self.passes,
            "left_out": dict(self.left_out),
        }

    def draw(self, path: str | Path) -> Path:
        """Draw flips against cost with the front, as SVG or what else the file's ending says.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from ._figure import draw_front

        return draw_front(self, Path(path))


def points(change: Score) -> str:
    """Write a difference of shares in points, with its interval.

    Example:
        >>> points(Score("difference in flip rate", -0.01, (-0.025, 0.005), 100))
        '−1.0 (−2.5 to +0.5)'
    """
    value, low, high = (f"{100 * number:+.1f}" for number in (change.value, *change.interval))
    return f"{value} ({low} to {high})".replace("-", "−")


def _cell(value: float | None, column: Column) -> str:
    if value is None:
        return ""
    return f"{100 * value:.1f}" if column.unit == "%" else f"{value:.2f}"
