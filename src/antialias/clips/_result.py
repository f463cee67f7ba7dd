"""What flickers, as plain data that prints as a table and writes itself to a folder."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from antialias._display import Display, Displayed, TextTable
from antialias.metrics import Score, difference
from antialias.models import imagenet_labels
from antialias.results import plain

from ._answers import CHANGES, CONSISTENCY, CONTINUITY, COUNT, DENSE, Answers
from ._clip import Clip
from ._tally import half_width_of_few

HIGHER_IS_BETTER = frozenset({CONSISTENCY, CONTINUITY, "VC_8", "VC_16", "recall"})
MAIN = {"ClassScores": CHANGES, "LabelMaps": CONSISTENCY, "Instances": CONTINUITY, "DenseValues": DENSE}


@dataclass(frozen=True, kw_only=True)
class Row:
    """The scores of a network's answers, as they are or smoothed over time.

    Attributes:
        network: Its name.
        lag: How many frames old smoothed answers are on average; 0 for answers as they are.
        scores: By name.
    """

    network: str
    lag: int
    scores: Mapping[str, Score]

    @property
    def name(self) -> str:
        """How the row is called."""
        frames = f"{self.lag} frame{'s' * (self.lag > 1)}"
        return f"{self.network}, smoothed by {frames}" if self.lag else self.network


@dataclass(frozen=True, kw_only=True)
class Flicker(Displayed):
    """How much answers flicker on clips: of networks as they are, and of the same smoothed over time.

    Attributes:
        kind: Of the answers: `"ClassScores"`, `"LabelMaps"`, `"Instances"` or `"DenseValues"`.
        clips: What was shown.
        rows: Each network as it is, and with its answers smoothed.
        notes: What could not be measured, and why.
        answers: What each network said of each clip, by lag.
        classes: The names of each network's classes, where it knows them.
    """

    kind: str
    clips: tuple[Clip, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    answers: Mapping[str, list[Answers]] = field(default_factory=dict, repr=False, compare=False)
    classes: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def scores(self) -> Mapping[str, Score]:
        """The scores of the first network, as it is, by name."""
        return self.rows[0].scores

    @property
    def main(self) -> str:
        """The name of the score that says most about this kind of answer."""
        counts = [name for name in self.scores if name != COUNT]
        return MAIN[self.kind] if MAIN[self.kind] in counts else next(iter(counts), "")

    def gained(self, row: Row, name: str) -> Score | None:
        """Return how much steadier a row is than the first network as it is, paired by part.

        `None` where one has no score, where it counts objects, of which more are not steadier, or where fewer than two
        parts count in both. Of fewer than six parts, resampling alone
        would be too sure: the interval holds Student's, too.

        Args:
            row: Which.
            name: Of the score; more is steadier, whichever way the score counts.
        """
        first = self.rows[0]
        if row is first or name == COUNT or name not in row.scores or name not in first.scores:
            return None
        a, b = row.scores[name], first.scores[name]
        a, b = (a, b) if name in HIGHER_IS_BETTER else (b, a)
        apart = (a.per_image - b.per_image).double()
        apart = apart[~apart.isnan()]
        if len(apart) < 2:
            return None
        if not torch.equal(a.per_image.isnan(), b.per_image.isnan()):  # those that count in both
            a, b = (replace(one, resampled=torch.empty(0)) for one in (a, b))
        gained = difference(a, b)
        half = half_width_of_few(apart)
        low, high = gained.interval
        return replace(gained, interval=(min(low, gained.value - half), max(high, gained.value + half)))

    @property
    def verdict(self) -> str:
        """The outcome in a sentence or two."""
        name, first = self.main, self.rows[0]
        if not name:
            return f"{first.network}: nothing could be measured."
        shown = self.clips[0].name if len(self.clips) == 1 else f"{len(self.clips)} clips"
        said = [f"{first.network}: {name} {amount(first.scores[name])} on {shown}."]
        for row in self.rows[1:]:
            if not row.lag and (gained := self.gained(row, name)) is not None:
                steady = "steadier" if gained.interval[0] > 0 else "less steady" if gained.interval[1] < 0 else ""
                steady = steady or "not measurably steadier or less"
                said.append(f"{row.network}: {amount(row.scores[name])}, {steady} (gained {amount(gained)}).")
        return " ".join(said)

    def display(self) -> Display:
        """Show the verdict, each row's scores, and what the answers gained for each frame of lag."""
        names = list(dict.fromkeys(name for row in self.rows for name in row.scores))
        units = {name: score.unit for row in self.rows for name, score in row.scores.items()}
        headings = ["answers", *(f"{n}, {'%' if units[n] == 'percent' else units[n]}" for n in names)]
        rows = [[row.name, *(amount(row.scores.get(name), bare=True) for name in names)] for row in self.rows]
        tables = [TextTable(headings=headings, rows=rows, title="Flicker")]
        gains = []
        for row in self.rows[1:]:
            gained = self.gained(row, self.main)
            smoothed = row.lag and row.network == self.rows[0].network
            each = number(gained.value / row.lag, gained.unit) if smoothed and gained is not None else ""
            gains.append([row.name, str(row.lag), amount(gained, bare=True), each])
        if self.main:
            unit = "points" if units[self.main] == "percent" else units[self.main]
            tables.append(
                TextTable(
                    headings=["answers", "lag, frames", f"gained, {unit}", "gained per frame of lag"],
                    rows=gains,
                    title=f"Gained in {self.main} on {self.rows[0].name}; more is steadier",
                )
            )
        protocols = {name: str(score) for row in self.rows[:1] for name, score in row.scores.items()}
        return Display(self.verdict, tuple(tables), self.notes, protocols)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return plain(
            {
                "verdict": self.verdict,
                "kind": self.kind,
                "clips": [
                    {"name": clip.name, "frames": len(clip), "fps": clip.fps, "size": list(clip.size)}
                    for clip in self.clips
                ],
                "rows": [
                    {
                        "network": row.network,
                        "lag": row.lag,
                        "scores": {name: score.to_dict(per_image=True) for name, score in row.scores.items()},
                    }
                    for row in self.rows
                ],
                "notes": list(self.notes),
            }
        )

    def csv(self) -> str:
        """Return a line for each score of each row, shares without a unit."""
        buffer = io.StringIO()
        table = csv.writer(buffer, lineterminator="\n")
        headings = ["network", "lag", "score", "value", "low", "high", "unit", "parts", "part"]
        table.writerow([*headings, "gained", "gained_low", "gained_high", "gained_per_frame_of_lag"])
        for row in self.rows:
            for name, score in row.scores.items():
                gained = self.gained(row, name)
                gains = ["", "", "", ""]
                if gained is not None:
                    smoothed = row.lag and row.network == self.rows[0].network
                    per_frame = f"{gained.value / row.lag:.6f}" if smoothed else ""
                    gains = [*(f"{one:.6f}" for one in (gained.value, *gained.interval)), per_frame]
                numbers = [f"{one:.6f}" for one in (score.value, *score.interval)]
                counted = [score.unit, score.images, score.protocol["unit"]]
                table.writerow([row.network, row.lag, name, *numbers, *counted, *gains])
        return buffer.getvalue()

    def write(self, folder: str | Path) -> list[Path]:
        """Write `flicker.csv`, and of each clip a video with the networks side by side and a contact sheet.

        A video has the clip's name and ends in `.mp4`, a sheet in `.png`.

        Args:
            folder: Where to; it is made if it is not there.

        Returns:
            The files.
        """
        from ._film import Panels

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / "flicker.csv"]
        files[0].write_text(self.csv())
        try:
            for number, clip in enumerate(self.clips):
                shown = {name: answers[number][0] for name, answers in self.answers.items()}
                classes = {
                    name: imagenet_labels() if names is None and is_of_imagenet(shown[name]) else names
                    for name, names in self.classes.items()
                }
                panels = Panels(clip, self.kind, shown, classes)
                stem = re.sub(r"[^\w.-]+", "_", clip.name)
                files += [panels.film(folder / f"{stem}.mp4"), panels.sheet(folder / f"{stem}.png")]
        except ImportError as error:
            warnings.warn(f"no clip was drawn: {error}", stacklevel=2)
        return files


def is_of_imagenet(answers: Any) -> bool:
    """Say whether answers are probabilities of a thousand classes, which are ImageNet's if nobody says otherwise."""
    return isinstance(answers, Tensor) and answers.ndim == 2 and answers.shape[1] == 1000


def number(value: float, unit: str) -> str:
    """Write a number of a score."""
    return f"{100 * value:.1f}" if unit == "percent" else f"{value:.3g}"


def amount(score: Score | None, *, bare: bool = False) -> str:
    """Write a score with its interval; a dash where there is none.

    Args:
        score: The score.
        bare: Without its unit.

    Example:
        >>> amount(Score("VC_8", 0.5, (0.25, 0.75), 10)), amount(Score("a", 2.5, (2, 3), 10, unit="pixels"), bare=True)
        ('50.0 (25.0 to 75.0) %', '2.5 (2 to 3)')
    """
    if score is None:
        return "-"
    value, low, high = (number(one, score.unit) for one in (score.value, *score.interval))
    unit = {"percent": "points" if "difference" in score.protocol else "%"}.get(score.unit, score.unit)
    return f"{value} ({low} to {high}){'' if bare else f' {unit}'}"
