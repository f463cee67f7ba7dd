"""Evaluations of networks, grouped into entries and compared with the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from antialias.metrics import Score, average, difference

from ._columns import cost_columns, score_columns
from ._cost import Cost
from ._evaluation import Evaluation
from ._table import Line, Table, Value

_NOT_THE_METHOD = ("seed", "out", "accelerator", "devices", "num_nodes", "strategy", "workers", "checkpoint_every")
"""Settings in which the runs of one entry may differ."""

_SAME = ("task", "data", "size", "window", "test_length")
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
        return tuple(key for key in self.runs[0].scores if self._has(key))

    def _has(self, key: str) -> bool:
        return all(key in run.scores for run in self.runs) and _share_pictures([run.scores[key] for run in self.runs])

    def score(self, key: str) -> Score:
        """Return a score: the mean of the seeds, picture by picture, with its interval over pictures."""
        scores = [run.scores[key] for run in self.runs]
        return scores[0] if len(scores) == 1 else average(scores)

    def seeds(self, key: str) -> Value:
        """Return a score as a table shows it: with a tick for each of several seeds."""
        scores = [run.scores[key] for run in self.runs]
        return scores[0] if len(scores) == 1 else scores

    @property
    def cost(self) -> Cost | None:
        """What the network takes; times and memory are medians over the runs."""
        found = [run.cost for run in self.runs if run.cost is not None]
        if not found:
            return None
        return Cost(**{name: median(getattr(cost, name) for cost in found) for name in asdict(found[0])})


@dataclass(frozen=True)
class Comparison:
    """Set networks side by side; the first is what the others are compared with.

    Attributes:
        entries: The networks.
    """

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation]) -> Comparison:
        """Group evaluations: trainings that differ in their seed alone are one entry.

        Raises:
            ValueError: There is none, or they are not of one task on the same pictures.
        """
        if not evaluations:
            raise ValueError("there is nothing to compare. Give one run or more.")
        _check_same(evaluations)
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
        """What all were measured on."""
        return {name: getattr(self.baseline.runs[0].config, name) for name in _SAME}

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of all scores, in order."""
        return tuple(dict.fromkeys(key for entry in self.entries for key in entry.keys))

    def table(self) -> Table:
        """Return every score with its interval over pictures, and what each network takes."""
        rows = {one.name: {key: one.seeds(key) for key in one.keys} | _costs(one.cost) for one in self.entries}
        shown = tuple(column for column in cost_columns() if any(column.key in row for row in rows.values()))
        notes = {one.name: f"{len(one.runs)} seeds" for one in self.entries if len(one.runs) > 1}
        return Table.of((*score_columns(self.keys), *shown), rows, caption=self.caption(), notes=notes)

    def differences(self) -> Table | None:
        """Return the others' scores minus the baseline's, paired by picture; `None` if there are no others."""
        rows: dict[str, Mapping[str, Value]] = {
            other.name: dict(self.differences_of(other)) for other in self.entries[1:]
        }
        keys = [key for key in self.keys if any(key in row for row in rows.values())]
        caption = f"Difference from {self.baseline.name}, in points, paired by picture"
        return Table.of(score_columns(keys), rows, caption=caption) if rows else None

    def curves(self) -> tuple[Line, ...]:
        """Return flip rates against the distance, where they were measured."""
        return tuple(Line.of(one.name, run.flips) for one in self.entries for run in one.runs[:1] if run.flips)

    def differences_of(self, other: Entry) -> Iterator[tuple[str, Score]]:
        """Yield each score of a entry minus the baseline's, paired by picture, where some count in both."""
        for key in other.keys:
            if key in self.baseline.keys:
                both = [run.scores[key] for one in (other, self.baseline) for run in one.runs]
                if _share_pictures(both):
                    yield key, _paired(other, self.baseline, key)

    def caption(self) -> str:
        """Say what was measured on what, in a few words."""
        run = self.baseline.runs[0]
        score = run.scores[self.keys[0]]
        return f"{run.config.data}, {score.images:,} test {score.protocol.get('unit', 'picture')}s"


def _check_same(evaluations: Sequence[Evaluation]) -> None:
    first = evaluations[0].config
    for other in (evaluation.config for evaluation in evaluations[1:]):
        for name in _SAME:
            if getattr(first, name) != getattr(other, name):
                raise ValueError(
                    f"{name}={getattr(first, name)!r} and {name}={getattr(other, name)!r} are not measured alike. "
                    "Compare runs of one task on the same pictures."
                )


def _settings(evaluation: Evaluation) -> dict[str, Any]:
    """Return what makes an evaluation another entry's: everything but the seed and where it ran."""
    values = {**(evaluation.training or {}), **asdict(evaluation.config)}
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


def _costs(cost: Cost | None) -> dict[str, Value]:
    if cost is None:
        return {}
    return {"parameters": cost.parameters / 1e6, "macs": cost.macs / 1e9, "time": cost.time, "memory": cost.memory}


def _share_pictures(scores: Sequence[Score]) -> bool:
    """Say whether some picture counts in all scores; sets that differ in length are not compared, but refused later."""
    values = [score.per_image for score in scores if len(score.per_image)]
    if len({len(each) for each in values}) != 1:
        return True
    return bool((~torch.stack(values).isnan()).all(0).any())


def _paired(one: Entry, other: Entry, key: str) -> Score:
    """Return the difference of two scores; with as many seeds each, of their means."""
    count = min(len(one.runs), len(other.runs))
    means = (Entry(each.name, each.runs[:count]).score(key) for each in (one, other))
    return difference(*means)
