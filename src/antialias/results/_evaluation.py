"""Everything that was measured of one network, in one file that can be compared with others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from antialias._files import parsed, write_whole
from antialias.metrics import Curve, Score
from antialias.nn import Filter

from ._codec import from_dict
from ._config import EvaluationConfig
from ._cost import Cost

_FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Hold the scores of a network with what was measured on what.

    Attributes:
        model: What tables call the network: its name or file, and for one that was trained here its filter.
        config: What it was measured on; `None` for pictures that no settings name.
        scores: By name, with the values of each picture, so that two networks' can be paired.
        training: How it was trained, as plain values (`TrainConfig.to_dict()`), to be measured as `config` says in the
            end; `None` if it was not trained here.
        curves: Flip rates against the distance, one a direction, where they were measured.
        cost: What the network takes, where it was measured.
    """

    model: str
    config: EvaluationConfig | None
    scores: dict[str, Score]
    training: Mapping[str, Any] | None = None
    curves: tuple[Curve, ...] = ()
    cost: Cost | None = None

    def write(self, path: Path) -> None:
        """Write JSON; `Evaluation.read` and `antialias compare` read it.

        Raises:
            ValueError: What it was measured on is not known, so that nothing could be compared with it.
        """
        if self.config is None:
            raise ValueError(f"{self.model} was measured on pictures that no settings name. Give config=.")
        first, *others = [curve.to_dict(per_image=True) for curve in self.curves] or [None]
        cost = self.cost and {name: value for name, value in asdict(self.cost).items() if value is not None}
        values = {
            "format": _FORMAT,
            "model": self.model,
            "config": {**(self.training or {}), **asdict(self.config)},
            "scores": {name: score.to_dict(per_image=True) for name, score in self.scores.items()},
            "flips": first,
            "other_flips": others,
            "cost": cost,
        }
        write_whole(path, json.dumps(values) + "\n")

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
        values = parsed(path, "Use what antialias train or evaluate wrote.", largest=2**29)
        try:
            if not values["scores"]:
                raise ValueError("none is in it")
            curves = [values["flips"], *values.get("other_flips", [])]
            return cls(
                model=str(values["model"]),
                config=EvaluationConfig.of(values["config"]),
                scores={name: Score.from_dict(score) for name, score in values["scores"].items()},
                training=_training_of(values),
                curves=tuple(Curve.from_dict(curve) for curve in curves if curve),
                cost=values["cost"] and from_dict(Cost, values["cost"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = str(error).rstrip(".") if isinstance(error, ValueError) else repr(error)
            raise ValueError(
                f"{path} holds no scores ({reason:.300}). Use what antialias train or evaluate wrote."
            ) from error


def _training_of(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return how a file's network was trained; the first format held a run's settings where there was no run, too.

    A run had written its network's name among them.
    """
    config = values["config"]
    if values.get("format", 1) == 1:
        trained = config.get("model") is not None or config.get("filter") is not None
    else:
        trained = not config.keys() <= {field.name for field in fields(EvaluationConfig)}
    return config if trained else None


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
