"""What is measured of each kind of answer: a classifier's, a segmenter's and a detector's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from antialias.metrics import (
    Adapter,
    ClassScores,
    DenseValues,
    Instances,
    LabelMaps,
    Measurement,
    Score,
    adapter_for,
    instance_agreement,
    instance_consistency,
    measure_classifier,
    normalization_of,
    segmentation_consistency,
    shift_averaged_answers,
    windows,
)

from ._config import MendConfig
from ._remedy import ShiftedCopies
from ._split import Part

_PAIRS = 4


@dataclass(frozen=True)
class Answers:
    """A classifier's answers; other kinds are subclasses.

    Attributes:
        config: Which windows.
        seed: Chooses them.
        normalize: What networks expect of pixels.
    """

    config: MendConfig
    seed: int
    normalize: Any
    adapter: ClassVar[type[Adapter]] = ClassScores
    learns: ClassVar[bool] = True

    @property
    def flips(self) -> str:
        """What the flips are, in words."""
        return f"1- to {self.config.distance}-pixel flips"

    def views(self, passes: int) -> int:
        """Return how many windows an image is shown in, beside those of the judge."""
        return 3 * self.config.distance + 2 * passes + 2

    def judge(self, model: nn.Module, part: Part, first: int) -> list[Any]:
        """Return what a network answers to each image on average over shifts.

        Args:
            model: The network as given.
            part: The images.
            first: Number of the first image.
        """
        shifts, window = self.config.shifts, self.config.window
        answers = shift_averaged_answers(model, part.images, shifts=shifts, window=window, seed=self.seed, first=first)
        return answers.argmax(1).tolist()

    def measure(
        self, network: nn.Module, part: Part, judge: list[Any], passes: int, first: int
    ) -> dict[str, Measurement]:
        """Measure all scores of a network, a row an image.

        Args:
            network: The network.
            part: The images.
            judge: What `judge` returned for them.
            passes: Pairs of windows of the consistency; 0 leaves it out.
            first: Number of the first image.
        """
        return measure_classifier(
            ClassScores(network, normalize=self.normalize),
            part.images,
            distance=self.config.distance,
            passes=passes,
            window=self.config.window,
            seed=self.seed,
            first=first,
        )


@dataclass(frozen=True)
class MapAnswers(Answers):
    """A segmenter's: the pixels of two overlapping crops that change their class."""

    adapter: ClassVar[type[Adapter]] = LabelMaps
    learns: ClassVar[bool] = False

    @property
    def flips(self) -> str:
        """What the flips are, in words."""
        return "pixels that change their class between overlapping crops"

    def views(self, passes: int) -> int:
        """Return how many windows an image is shown in, beside those of the judge."""
        return 2 * _PAIRS + 1

    def judge(self, model: nn.Module, part: Part, first: int) -> list[Any]:
        """Return the answer to a window of each image, averaged over shifted copies.

        Args:
            model: The network as given.
            part: The images.
            first: Number of the first image.
        """
        return self.answers(ShiftedCopies(model, min(self.config.shifts, ShiftedCopies.most)), part, first)

    def answers(self, network: nn.Module, part: Part, first: int) -> list[Any]:
        """Return a network's answer to a window of each image."""
        adapter = self.adapter(network, normalize=self.normalize)
        answers = []
        for number, (pixels, _) in enumerate(part.images):
            window = windows(pixels[None], 1, window=self.config.window, seed=self.seed, first=first + number)
            answers.append(adapter(window[0])[0])
        return answers

    def consistency(self, adapter: Adapter, part: Part, first: int) -> Score:
        """Return the share of each image that two crops agree on."""
        return segmentation_consistency(adapter, _pixels(part), passes=_PAIRS, seed=self.seed, first=first)

    def agreement(self, ours: Any, theirs: Any) -> float:
        """Return the share of one image's answer that two networks agree on."""
        return float((ours == theirs).float().mean())

    def measure(
        self, network: nn.Module, part: Part, judge: list[Any], passes: int, first: int
    ) -> dict[str, Measurement]:
        """Measure all scores of a network, a row an image.

        Args:
            network: The network.
            part: The images.
            judge: What `judge` returned for them.
            passes: Is not used: flips and consistency are of the same pairs.
            first: Number of the first image.
        """
        same = Measurement.of(self.consistency(self.adapter(network, normalize=self.normalize), part, first))
        ours = self.answers(network, part, first)
        kept = torch.tensor([self.agreement(*each) for each in zip(ours, judge, strict=True)])
        agreed = replace(same, name="agreement", rows=kept)
        return {
            "flips": replace(same, name="flip rate", rows=1 - same.rows),
            "consistency": same,
            "agreement": agreed,
            "window_agreement": agreed,
        }


@dataclass(frozen=True)
class InstanceAnswers(MapAnswers):
    """A detector's: the objects in one of two overlapping crops that the other does not have."""

    masks: bool = False
    adapter: ClassVar[type[Adapter]] = Instances

    @property
    def flips(self) -> str:
        """What the flips are, in words."""
        return "objects that are not the same in overlapping crops"

    def consistency(self, adapter: Adapter, part: Part, first: int) -> Score:
        """Return the share of each image's objects that two crops agree on."""
        kind = "mask" if self.masks else "box"
        return instance_consistency(adapter, _pixels(part), kind, passes=_PAIRS, seed=self.seed, first=first)

    def agreement(self, ours: Any, theirs: Any) -> float:
        """Return the share of one image's objects that two networks agree on."""
        return instance_agreement(ours, theirs, "mask" if self.masks else "box")


def answers_of(model: nn.Module, pixels: Tensor, config: MendConfig, seed: int) -> Answers:
    """Look at what a network answers to images, and return what there is to measure of it.

    Args:
        model: The network.
        pixels: Windows of images, `(N, C, H, W)` in [0, 1].
        config: Which windows.
        seed: Chooses them.

    Raises:
        ValueError: It is neither logits, nor maps of logits, nor instances.
    """
    normalize = normalization_of(model)
    try:
        adapter = adapter_for(model, pixels[0], normalize=normalize)
        if isinstance(adapter, DenseValues):
            raise TypeError("it gives numbers, which neither change nor stay. Return classes")
    except TypeError as error:
        raise ValueError(
            f"{type(model).__name__} cannot be mended: {str(error).partition('. ')[0]}. Wrap it to return one of these."
        ) from error
    if isinstance(adapter, Instances):
        return InstanceAnswers(config, seed, normalize, masks="masks" in adapter(pixels[:1])[0])
    kind = MapAnswers if isinstance(adapter, LabelMaps) else Answers
    return kind(config, seed, normalize)


def _pixels(part: Part) -> list[Tensor]:
    return [pixels for pixels, _ in part.images]
