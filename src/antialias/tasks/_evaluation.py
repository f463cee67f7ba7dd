"""Everything that was measured of one network, in one file that can be compared with others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from antialias.metrics import Curve, Score
from antialias.nn import Filter

from ._config import TrainConfig
from ._cost import Cost


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Hold the scores of a network with what was asked.

    Attributes:
        model: What tables call the network: its name or file, and for one that was trained here its filter.
        config: What it was measured on, and for a trained network how it was trained.
        scores: By name, with the values of each picture, so that two networks' can be paired.
        flips: Flip rate against the distance, where it was measured.
        cost: What the network takes, where it was measured.
    """

    model: str
    config: TrainConfig
    scores: dict[str, Score]
    flips: Curve | None = None
    cost: Cost | None = None

    def write(self, path: Path) -> None:
        """Write JSON."""
        values = {
            "model": self.model,
            "config": self.config.to_dict(),
            "scores": {name: score.to_dict(per_image=True) for name, score in self.scores.items()},
            "flips": self.flips and self.flips.to_dict(per_image=True),
            "cost": self.cost and asdict(self.cost),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values) + "\n")

    @classmethod
    def read(cls, path: Path) -> Evaluation:
        """Read a file that `write` wrote, or the `scores.json` of a run's folder.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is something else.
        """
        path = path / "scores.json" if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not a file. Use the folder of a finished run, or its scores.json.")
        try:
            return cls._of(json.loads(path.read_text()))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path} holds no scores ({error!r}). Use what antialias train or evaluate wrote."
            ) from error

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> Evaluation:
        return cls(
            model=values["model"],
            config=TrainConfig.from_dict(values["config"]),
            scores={name: Score.from_dict(score) for name, score in values["scores"].items()},
            flips=values["flips"] and Curve.from_dict(values["flips"]),
            cost=values["cost"] and Cost(**values["cost"]),
        )


def filter_words(filter: Filter | None) -> str:
    """Name a filter by what is not its default.

    Example:
        >>> from antialias.nn import Adaptive
        >>> filter_words(None), filter_words(Adaptive()), filter_words(Adaptive(kernel_size=5))
        ('plain', 'adaptive', 'adaptive kernel_size=5')
    """
    if filter is None:
        return "plain"
    default = type(filter)()
    own = [field.name for field in fields(filter) if getattr(filter, field.name) != getattr(default, field.name)]
    return " ".join([type(filter).__name__.lower(), *(f"{name}={getattr(filter, name)}" for name in own)])
