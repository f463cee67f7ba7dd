"""Part (a): the same small network, trained plain, with fixed and with adaptive filters."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from antialias.data import LabelledImages, in_memory, open_data
from antialias.metrics import ImageCount, watched
from antialias.nn import Adaptive, Filter, Fixed
from antialias.report import FilterMaps, Similarity, filter_maps, similarities
from antialias.results import Comparison, Cost, Entry, Evaluation, KeyFigure, Table, difference_sentence, key_figures
from antialias.surgery import inspect
from antialias.tasks import TrainConfig, network, task_named, train_

from ._config import DemoConfig, Stage

PLAIN, FIXED, ADAPTIVE = "plain", "fixed 3x3", "adaptive k3 G8"
FILTERS: dict[str, Filter | None] = {PLAIN: None, FIXED: Fixed(), ADAPTIVE: Adaptive()}
SCORES = ("accuracy", "consistency", "top1_change")


@dataclass(frozen=True)
class Scratch:
    """Hold what part (a) trained and measured.

    Attributes:
        comparison: The networks, the plain one first, each with a run a seed.
        models: The networks of the first seed, by name.
        test: The test scenes.
    """

    comparison: Comparison
    models: dict[str, nn.Module]
    test: LabelledImages

    def table(self, config: DemoConfig) -> Table:
        """Set the networks side by side."""
        caption = f"TinyResNet on {config.train_length:,} composed pictures, {config.epochs} epochs"
        return self.comparison.table(SCORES, caption=caption, note="Another seed can differ by points.")

    @property
    def points(self) -> list[str]:
        """How the filtered networks differ from the plain one, a sentence each."""
        _, fixed, adaptive = self.comparison.entries
        sentences = (difference_sentence(self.comparison, entry, SCORES) for entry in (adaptive, fixed))
        return [f"Trained from scratch, {sentence}" for sentence in sentences]

    @property
    def key_figures(self) -> tuple[KeyFigure, ...]:
        """Accuracy and flips of the plain network and of the adaptive one."""
        keys, suffix = ("accuracy", "top1_change"), ", trained from scratch"
        return key_figures(self.comparison, self.comparison.entries[-1], keys, suffix)

    def filter_maps(self, count: int = 2) -> tuple[FilterMaps, ...]:
        """Map the trained adaptive network's filters on the first test scenes."""
        images = {f"scene {index + 1}": self.test.images[index] for index in range(count)}
        return filter_maps(f"{ADAPTIVE}, trained on scenes", self.models[ADAPTIVE], images)

    def similarities(self, count: int = 64) -> tuple[Similarity, ...]:
        """Say how much the maps of the trained adaptive network's groups resemble each other on test scenes."""
        networks = {f"{ADAPTIVE}, trained on scenes": self.models[ADAPTIVE]}
        return similarities(networks, [self.test.images[:count].float() / 255])


def train_from_scratch(config: DemoConfig, stage: Stage) -> Scratch:
    """Train and measure every small network; a seed gives all of them the same start and the same pictures.

    Args:
        config: How much.
        stage: Opens a progress bar for a part that is named.
    """
    base = TrainConfig(
        epochs=config.epochs, train_length=config.train_length, test_length=config.test_length, devices=1
    )
    side = base.image_side
    with stage("Drawing scenes") as progress:
        train = in_memory(open_data("scenes", "train", size=side, length=base.train_length), progress=progress)
    with stage("Drawing scenes to measure on") as progress:
        test = in_memory(open_data("scenes", "test", size=side, length=base.test_length), progress=progress)
    runs: dict[str, list[Evaluation]] = {name: [] for name in FILTERS}
    models: dict[str, nn.Module] = {}
    for seed in config.seeds:
        for name, filter in FILTERS.items():
            settings = TrainConfig.from_dict(base.to_dict() | {"seed": seed, "filter": filter and filter.to_dict()})
            model = network(settings, len(train.classes))
            with stage(f"Training: {name}, seed {seed}") as progress:
                train_(model, train, settings, progress=progress)
            with stage(f"Measuring: {name}, seed {seed}") as progress:
                task = task_named(settings.task)
                with watched(ImageCount(progress, task.passes)):
                    scores = task.evaluate(model, test, settings)
            evaluation = Evaluation(
                model=name,
                config=settings.evaluation,
                scores=scores,
                training=settings.to_dict(),
                cost=Cost(macs=inspect(model).macs),
            )
            runs[name].append(evaluation)
            models.setdefault(name, model)
    entries = tuple(Entry(name, tuple(evaluations)) for name, evaluations in runs.items())
    return Scratch(Comparison(entries), models, test)
