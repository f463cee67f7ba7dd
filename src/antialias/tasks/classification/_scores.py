"""What is measured of a classifier: accuracy beside stability, on still images or on frames of videos."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from antialias._conventions import ProgressCallback
from antialias.data import ClassificationDataset, VideoFrames
from antialias.metrics import Curve, Measurement, Score, flip_rate, on_correct, video_accuracy
from antialias.results import ClassifierScore, EvaluationConfig, classifier_scores

from .._network import expect_classes

_GUESSES = 5
_IMAGENET = 1000


class LabelledRange:
    """Whole images of a range of a data set in batches with their labels, as often as they are asked for.

    Args:
        data: The data set.
        indices: Which of its images.
    """

    def __init__(self, data: ClassificationDataset, indices: range) -> None:
        self.data, self.indices = data, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for part in torch.arange(self.indices.start, self.indices.stop).split(128):
            images, labels = self.data.labelled(part)
            yield images.float() / 255, labels


def evaluate_part(
    model: nn.Module, data: ClassificationDataset | VideoFrames, config: EvaluationConfig, indices: range
) -> dict[str, Measurement]:
    """Measure a classifier on a range of the images.

    Args:
        model: The network.
        data: The test images.
        config: Says the window.
        indices: Which of the images.

    Returns:
        Accuracy, that of the best of five guesses where there are ten classes or more, consistency and one-pixel
        changes; of videos the accuracy alone, of images without classes the last two.

    Raises:
        ValueError: The data are videos, and the network has other classes than ImageNet.
    """
    window, first = config.window, indices.start
    if isinstance(data, VideoFrames):
        targets, videos = data.truths(indices), torch.arange(len(indices)).repeat_interleave(data.each)
        with expect_classes(model, _IMAGENET, "ImageNet"):
            score = video_accuracy(model, data.frames(indices), targets, videos, data.groups, window=window)
        return {"video_accuracy": Measurement.of(score)}
    names: list[ClassifierScore] = ["consistency", "top1_change"]
    if len(data.classes) >= 2 * _GUESSES:  # fewer classes make it no feat
        names.insert(0, "top5_accuracy")
    if data.classes:
        names.insert(0, "accuracy")
    with expect_classes(model, len(data.classes) or None):
        scores = classifier_scores(model, LabelledRange(data, indices), names=names, window=window, first=first)
    return {name: Measurement.of(score) for name, score in scores.items()}


def derive(measured: dict[str, Measurement]) -> dict[str, Score]:
    """Return the scores, with the consistency of the images that are classified correctly, if there are any."""
    scores = {name: one.score() for name, one in measured.items()}
    if not scores.keys() >= {"consistency", "accuracy"}:
        return scores
    correct = on_correct(scores["consistency"], scores["accuracy"])
    return scores if correct is None else {**scores, "consistency_on_correct": correct}


def measure_flips(
    model: nn.Module,
    data: ClassificationDataset | VideoFrames,
    config: EvaluationConfig,
    progress: ProgressCallback | None = None,
) -> Curve:
    """Measure the flip rate against the distance of the shift.

    Args:
        model: The network.
        data: The test images.
        config: Says which windows the network sees.
        progress: Called with `(done, total)` images.

    Raises:
        ValueError: The data are videos.
    """
    if isinstance(data, VideoFrames):
        raise ValueError(f"data={config.data!r} measures accuracy alone. Leave out flips, or use images:DIR.")
    window = config.window if config.image_side - config.window >= 8 else None
    return flip_rate(model, LabelledRange(data, range(len(data))), window=window, progress=progress)
