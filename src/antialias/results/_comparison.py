"""Evaluations of networks, grouped into entries and compared with the first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import torch

from antialias._display import Display, Displayed
from antialias.metrics import Score, average, difference

from ._columns import cost_columns, score_columns
from ._cost import Cost
from ._evaluation import Evaluation
from .tables import Column, Line, Table, Value

_NOT_THE_METHOD = (
    "seed",
    "out",
    "accelerator",
    "devices",
    "num_nodes",
    "strategy",
    "workers",
    "checkpoint_every",
    "timeout",
)
"""Settings in which the runs of one entry may differ."""

_COMMON = ("task", "data", "size", "window", "test_length")
"""Settings in which nobody may differ: what is measured on what."""


@dataclass(frozen=True)
class Entry:
    """Hold what was measured of one network, or of its trainings with several seeds.

    Attributes:
        name: What tables call it.
        runs: One evaluation a seed.
    """

    name: str
    runs: tuple[Evaluation, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the scores that every run has, of some pictures in common."""
        shared = [key for key in self.runs[0].scores if all(key in run.scores for run in self.runs)]
        return tuple(key for key in shared if _share_images([run.scores[key] for run in self.runs]))

    def score(self, key: str) -> Score:
        """Return a score: the mean of the seeds, picture by picture, with its interval over pictures."""
        scores = [run.scores[key] for run in self.runs]
        return scores[0] if len(scores) == 1 else average(scores)

    def value(self, key: str) -> Value:
        """Return a score as a table shows it: with a tick for each of several seeds."""
        scores = [run.scores[key] for run in self.runs]
        return scores[0] if len(scores) == 1 else scores

    @property
    def cost(self) -> Cost:
        """What the network takes; of several runs the medians."""
        medians: dict[str, Any] = {}
        for field in fields(Cost):
            values = [value for run in self.runs if run.cost and (value := getattr(run.cost, field.name)) is not None]
            medians[field.name] = median(values) if values else None
        return Cost(**medians)


@dataclass(frozen=True)
class Comparison(Displayed):
    """Set networks side by side; the first is what the others are compared with.

    Attributes:
        entries: The networks.
    """

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation]) -> Comparison:
        """Group evaluations: trainings that differ in their seed alone are one entry.

        Raises:
            ValueError: There is none, or they are not of one task on the same pictures, shown alike.
        """
        if not evaluations:
            raise ValueError("there is nothing to compare. Give one run or more.")
        first = evaluations[0].config
        for other in (evaluation.config for evaluation in evaluations[1:]):
            for name in _COMMON:
                if (here := getattr(first, name, None)) != (there := getattr(other, name, None)):
                    raise ValueError(
                        f"{name}={here!r} and {name}={there!r} are not measured alike. "
                        "Compare runs of one task on the same pictures."
                    )
        multiples = [
            (evaluation.model, score.protocol["multiple"])
            for evaluation in evaluations
            for score in evaluation.scores.values()
            if "multiple" in score.protocol
        ]
        if len({multiple for _, multiple in multiples}) > 1:
            listed = ", ".join(f"{multiple} of {model}" for model, multiple in dict.fromkeys(multiples))
            common = math.lcm(*(multiple for _, multiple in multiples))
            raise ValueError(
                f"the networks were shown heights and widths that are different multiples: {listed}. Measure them "
                f"again with `antialias evaluate --multiple {common}`."
            )
        groups: dict[tuple[Any, ...], list[Evaluation]] = {}
        for evaluation in evaluations:
            method = (evaluation.model, *sorted((name, repr(value)) for name, value in _settings(evaluation).items()))
            groups.setdefault(method, []).append(evaluation)
        names = _names([runs[0] for runs in groups.values()])
        return cls(tuple(Entry(name, tuple(runs)) for name, runs in zip(names, groups.values(), strict=True)))

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Comparison:
        """Compare runs' folders, or files that `antialias evaluate` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: A file holds something else, or they cannot be compared.
        """
        return cls.of([Evaluation.read(path) for path in paths])

    @property
    def baseline(self) -> Entry:
        """The first entry."""
        return self.entries[0]

    @property
    def common(self) -> dict[str, Any]:
        """What all were measured on, by the names of the settings; empty for pictures that no settings name."""
        config = self.baseline.runs[0].config
        return {} if config is None else {name: getattr(config, name) for name in _COMMON}

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of all scores, in order."""
        return tuple(dict.fromkeys(key for entry in self.entries for key in entry.keys))

    def caption(self) -> str:
        """Say what was measured on what, in a few words."""
        count = "nothing that a score could be made of"
        if self.keys:
            scores = (entry.score(key) for key in self.keys for entry in self.entries if key in entry.keys)
            score = next(scores)
            count = f"{score.images:,} test {score.protocol.get('unit', 'picture')}s"
        return f"{self.common['data']}, {count}" if self.common else count

    def table(
        self, keys: Sequence[str] | None = None, *, caption: str | None = None, note: str = "", cost: bool = True
    ) -> Table:
        """Return scores with their intervals over pictures, and what each network takes.

        Args:
            keys: Which scores, in order; all by default.
            caption: One sentence above the table; what was measured on what by default.
            note: One sentence under it.
            cost: Whether columns say what the networks take.
        """
        shown = self.keys if keys is None else [key for key in keys if key in self.keys]
        costs = {entry.name: entry.cost for entry in self.entries}
        columns = cost_columns(list(costs.values())) if cost else {}
        rows: dict[str, dict[str, Value]] = {}
        for entry in self.entries:
            row = rows[entry.name] = {key: entry.value(key) for key in shown if key in entry.keys}
            for column, unit in columns.items():
                if (value := getattr(costs[entry.name], column.key)) is not None:
                    row[column.key] = value / unit
        return Table.of(
            (*self.columns(shown), *columns),
            rows,
            caption=self.caption() if caption is None else caption,
            note=note,
            notes={entry.name: f"{len(entry.runs)} seeds" for entry in self.entries if len(entry.runs) > 1},
        )

    def display(self) -> Display:
        """Show the scores and the differences from the first."""
        return Display(tables=tuple(table.to_text_table() for table in (self.table(), self.differences()) if table))

    def columns(self, keys: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns of scores, in the units in which they were measured."""
        scores = {key: score for entry in self.entries for run in entry.runs for key, score in run.scores.items()}
        return score_columns(keys, {key: score.unit for key, score in scores.items() if score.unit != "percent"})

    def differences(self) -> Table | None:
        """Return the others' scores minus the baseline's, paired by picture; `None` if there are no others."""
        rows: dict[str, Mapping[str, Value]] = {
            other.name: dict(self.differences_of(other)) for other in self.entries[1:]
        }
        keys = [key for key in self.keys if any(key in row for row in rows.values())]
        caption = f"Difference from {self.baseline.name}, in points, paired by picture"
        return Table.of(self.columns(keys), rows, caption=caption) if rows else None

    def differences_of(self, other: Entry) -> dict[str, Score]:
        """Return each score of an entry minus the baseline's, paired by picture, where some count in both.

        With unequal numbers of seeds, those compare that both have.
        """
        return self._differences[other.name]

    @cached_property
    def _differences(self) -> dict[str, dict[str, Score]]:
        differences: dict[str, dict[str, Score]] = {}
        for other in self.entries[1:]:
            count = min(len(other.runs), len(self.baseline.runs))
            one, base = (Entry(entry.name, entry.runs[:count]) for entry in (other, self.baseline))
            runs, keys = (*other.runs, *self.baseline.runs), [key for key in other.keys if key in self.baseline.keys]
            differences[other.name] = {
                key: difference(one.score(key), base.score(key))
                for key in keys
                if _share_images([run.scores[key] for run in runs])
            }
        return differences

    def curves(self) -> tuple[Line, ...]:
        """Return flip rates against the distance, where they were measured, direction by direction."""
        lines = [Line.of(entry.name, curve) for entry in self.entries for curve in entry.runs[0].curves]
        directions = dict.fromkeys(line.direction for line in lines)
        return tuple(line for direction in directions for line in lines if line.direction == direction)


def _settings(evaluation: Evaluation) -> dict[str, Any]:
    """Return what makes an evaluation another entry's: everything but the seed and where it ran."""
    config = {} if evaluation.config is None else asdict(evaluation.config)
    values = {**(evaluation.training or {}), **config}
    return {name: value for name, value in values.items() if name not in _NOT_THE_METHOD}


def _names(evaluations: Sequence[Evaluation]) -> list[str]:
    """Name entries by what tells them apart: network and filter, and where these are the same, the settings."""
    names = [evaluation.model for evaluation in evaluations]
    networks = {name.partition(", ")[0] for name in names}
    if len(networks) == 1 and all(", " in name for name in names):
        names = [name.partition(", ")[2] for name in names]
    if len(set(names)) == len(names):
        return names
    settings = [_settings(evaluation) for evaluation in evaluations]
    keys = dict.fromkeys(key for each in settings for key in each)
    differing = [key for key in keys if any(each.get(key) != settings[0].get(key) for each in settings)]
    return [
        ", ".join([name, *(f"{key} {each[key]}" for key in differing if key in each)])
        for name, each in zip(names, settings, strict=True)
    ]


def _share_images(scores: Sequence[Score]) -> bool:
    """Say whether some picture counts in all scores; sets that differ in length are not compared, but refused later."""
    values = [score.per_image for score in scores if len(score.per_image)]
    if len({len(each) for each in values}) != 1:
        return True
    return bool((~torch.stack(values).isnan()).all(0).any())
