"""A detector that is asked a few pictures at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor, nn

from antialias.metrics._loop import Model, Progress, check_positive, evaluating
from antialias.metrics._score import check_level
from antialias.metrics.detection._average_precision import Detections
from antialias.metrics.inputs._images import check_pixels
from antialias.metrics.inputs._normalization import Normalization, Normalize


class DetectorOptions(TypedDict, total=False):
    """The settings that every score of a detector takes.

    normalize: As in `Options`; detectors of torchvision normalise by themselves and get nothing.
    batch_size: Frames in one forward pass; default 8.
    level: Confidence level of the interval; default 0.95.
    first: Number of the first picture, where the pictures are a part of a larger set (`joined`); default 0.
    progress: Called with (pictures done, pictures in all; 0 if unknown).
    """

    normalize: Normalize
    batch_size: int
    level: float
    first: int
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """`DetectorOptions` with their defaults, checked."""

    normalize: Normalize = "model"
    batch_size: int = 8
    level: float = 0.95
    first: int = 0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_level(self.level)
        check_positive(batch_size=self.batch_size)


@dataclass(frozen=True)
class Detector:
    """A model that is asked a few frames at a time, on its own device and in its own precision."""

    model: Model
    normalization: Normalization
    batch_size: int

    @classmethod
    def of(cls, model: Model, settings: DetectorSettings) -> Detector:
        """Resolve the normalisation for this model."""
        return cls(model, Normalization.resolve(settings.normalize, model), settings.batch_size)

    @torch.no_grad()
    def __call__(self, frames: Sequence[Tensor]) -> Iterator[Detections]:
        """Yield the predictions of pictures `(3, h, w)`, one after the other."""
        parameter = next(self.model.parameters(), None) if isinstance(self.model, nn.Module) else None
        for start in range(0, len(frames), self.batch_size):
            asked = [frame if parameter is None else frame.to(parameter) for frame in frames[start:][: self.batch_size]]
            answers = self.model([self.normalization.apply(frame[None])[0] for frame in asked])  # type: ignore[arg-type]
            _check_answers(answers, len(asked))
            yield from answers


def _check_answers(answers: Any, count: int) -> None:
    if not isinstance(answers, (list, tuple)) or not all(isinstance(answer, dict) for answer in answers):
        raise TypeError(
            f"the model returned a {type(answers).__name__}. Wrap it to return a list of dictionaries, one a picture."
        )
    if len(answers) != count:
        raise ValueError(f"the model returned {len(answers)} dictionaries for {count} pictures. Return one a picture.")


def detections(
    model: Model, pictures: Iterable[tuple[Tensor, Detections]], **options: Unpack[DetectorOptions]
) -> Iterator[tuple[Detections, Detections]]:
    """Yield what a model finds in each picture together with the picture's target, one after the other.

    That is what `average_precision` takes, as two streams or through `AveragePrecision.update`.

    Args:
        model: As in `instance_consistency`. It is in eval mode until the last picture.
        pictures: Of each the pixels `(3, H, W)` in [0, 1] and the target.
        **options: See `DetectorOptions`.
    """
    settings = DetectorSettings(**options)
    ask, source, number = Detector.of(model, settings), iter(pictures), settings.first
    with evaluating(model):
        while some := list(islice(source, settings.batch_size)):
            for place, (image, _) in enumerate(some, number):
                check_pixels(image, place)
            yield from zip(ask([image for image, _ in some]), (target for _, target in some), strict=True)
            number += len(some)
            if settings.progress is not None:
                settings.progress(number - settings.first, 0)
