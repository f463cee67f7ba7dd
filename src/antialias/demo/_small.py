"""Part (a): the same small network, trained plain, with fixed and with adaptive filters."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from antialias.data import LabelledImages, in_memory, open_data
from antialias.metrics import Score, average
from antialias.nn import Adaptive, Filter, Fixed
from antialias.report import FilterMaps, filter_maps
from antialias.results import Column, Table
from antialias.surgery import inspect
from antialias.tasks import TrainConfig, network, task_named, train_

from ._settings import Progress, Settings, Stage

PLAIN, FIXED, ADAPTIVE = "plain", "fixed 3x3", "adaptive k3 G8"
FILTERS: dict[str, Filter | None] = {PLAIN: None, FIXED: Fixed(), ADAPTIVE: Adaptive()}
COLUMNS = (
    Column(key="accuracy", title="Accuracy", better="higher"),
    Column(key="consistency", title="Consistency", better="higher", note="of two random windows"),
    Column(key="flips", title="One-pixel flips", better="lower", note="of diagonal one-pixel moves"),
    Column(key="macs", title="Multiply-adds", unit="M", note="one picture, forward"),
)


@dataclass(frozen=True)
class Small:
    """What part (a) found.

    Attributes:
        scores: For each network, by name, each seed's scores.
        models: The networks of the first seed.
        test: The test scenes.
    """

    scores: dict[str, list[dict[str, Score]]]
    models: dict[str, nn.Module]
    test: LabelledImages

    def score(self, name: str, key: str) -> Score:
        """Return one score of one network, averaged over the seeds picture by picture."""
        return average([scores[key] for scores in self.scores[name]])


def train_small(settings: Settings, stage: Stage) -> Small:
    """Train and measure every small network; a seed gives all of them the same start and the same pictures."""
    base = TrainConfig(
        epochs=settings.epochs, train_length=settings.train_length, test_length=settings.test_length, devices=1
    )
    with stage("Drawing scenes") as progress:
        train, test = _scenes(base, progress)
    found = Small({name: [] for name in FILTERS}, {}, test)
    for seed in settings.seeds:
        for name, filter in FILTERS.items():
            config = TrainConfig.from_dict(base.to_dict() | {"seed": seed, "filter": filter and filter.to_dict()})
            model = network(config, len(train.classes))
            with stage(f"Training: {name}, seed {seed}") as progress:
                train_(model, train, config, progress=progress)
            with stage(f"Measuring: {name}, seed {seed}"):
                found.scores[name].append(task_named(config.task).evaluate(model, test, config))
            found.models.setdefault(name, model)
    return found


def training_table(small: Small, settings: Settings) -> Table:
    """Set the small networks side by side."""
    rows = {
        name: {
            "accuracy": [score["accuracy"] for score in scores],
            "consistency": [score["consistency"] for score in scores],
            "flips": [score["top1_change"] for score in scores],
            "macs": macs(small.models[name]) / 1e6,
        }
        for name, scores in small.scores.items()
    }
    return Table.of(
        COLUMNS,
        rows,
        caption=f"TinyResNet on {settings.train_length:,} composed pictures, {settings.epochs} epochs",
        note="Another seed can differ by points.",
    )


def small_filter_maps(small: Small, count: int = 2) -> tuple[FilterMaps, ...]:
    """Map the trained adaptive network's filters on the first test scenes."""
    pictures: dict[str, Tensor] = {f"scene {index + 1}": small.test.images[index] for index in range(count)}
    return filter_maps(f"{ADAPTIVE}, trained on scenes", small.models[ADAPTIVE], pictures)


def macs(model: nn.Module) -> int:
    """Count the multiply-adds of a forward pass on one picture."""
    return inspect(model).macs


def _scenes(config: TrainConfig, progress: Progress) -> tuple[LabelledImages, LabelledImages]:
    train = in_memory(
        open_data("scenes", "train", size=config.image_side, length=config.train_length), progress=progress
    )
    return train, in_memory(open_data("scenes", "test", size=config.image_side, length=config.test_length))
