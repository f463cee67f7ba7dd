"""A segmenter that is asked a few pictures at a time, and answers with maps of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from antialias.metrics._loop import Model, Question, Settings, check_positive
from antialias.metrics._top1 import top1
from antialias.metrics.detection._detector import DetectorOptions
from antialias.metrics.inputs._images import Picture
from antialias.metrics.inputs._normalization import Normalization, unwrapped
from antialias.metrics.segmentation._overlaps import IGNORED


class SegmenterOptions(DetectorOptions, total=False):
    """The settings that every score of a segmenter takes: those of `DetectorOptions` and one more.

    multiple: The network takes heights and widths that are multiples of this; default: `side_multiple_of(model)`.
    """

    multiple: int | None


def settings_of(model: Model, options: SegmenterOptions) -> tuple[Settings, int]:
    """Return the options with their defaults, checked, and the multiple for this model."""
    given: dict[str, Any] = {"batch_size": 8, **options}
    multiple = given.pop("multiple", None)
    multiple = side_multiple_of(model) if multiple is None else multiple
    check_positive(multiple=multiple)
    return Settings(**given), multiple


def side_multiple_of(model: Model) -> int:
    """Return the number of which the heights and widths of a segmenter's pictures must be multiples.

    Networks of segmentation_models_pytorch say so themselves; others get 1.

    Example:
        >>> side_multiple_of(lambda images: images)
        1
    """
    model = unwrapped(model)
    if not getattr(model, "requires_divisible_input_shape", False):
        return 1
    return int(getattr(getattr(model, "encoder", None), "output_stride", 1))


def segmentation_logits(model: Model, images: Tensor, multiple: int = 1) -> Tensor:
    """Return a segmenter's logits `(N, K, H, W)` of inputs `(N, C, H, W)` of any size.

    Args:
        model: Takes the inputs as they are; returns logits, or a mapping with them at `"out"`.
        images: Inputs, normalised if the model needs that.
        multiple: Inputs are continued to the right and downwards by their last pixels to multiples of this, such as
            `side_multiple_of(model)`, and the answer is cut back.

    Raises:
        TypeError: The answer is neither a tensor nor a mapping with one at `"out"`.
        ValueError: It is of another shape.

    Example:
        >>> import torch
        >>> segmentation_logits(lambda x: {"out": x}, torch.zeros(1, 3, 30, 40), multiple=32).shape
        torch.Size([1, 3, 30, 40])
    """
    height, width = images.shape[-2:]
    inputs = continued(images, multiple)
    return logits_in(model(inputs), inputs)[..., :height, :width]


def continued(images: Tensor, multiple: int) -> Tensor:
    """Continue pictures `(N, C, H, W)` to the right and downwards by their last pixels to multiples of a number."""
    height, width = images.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    return F.pad(images, padding, mode="replicate") if any(padding) else images


def logits_in(answer: Any, frames: Tensor) -> Tensor:
    """Return the logits `(N, K, H, W)` that an answer to frames `(N, C, H, W)` holds, checked."""
    logits = answer.get("out") if isinstance(answer, Mapping) else answer
    if not isinstance(logits, Tensor):
        kind = f"mapping of {', '.join(map(str, answer))}" if isinstance(answer, Mapping) else type(answer).__name__
        raise TypeError(f"the model returned a {kind}. Wrap it to return logits (N, classes, H, W), or them as 'out'.")
    count, _, height, width = frames.shape
    if logits.ndim != 4 or logits.shape[1] < 2 or (len(logits), *logits.shape[2:]) != (count, height, width):
        raise ValueError(
            f"the model returned {tuple(logits.shape)} for {count} pictures of {height}x{width}. "
            f"Wrap it to return logits ({count}, classes, {height}, {width}) of 2 classes or more."
        )
    return logits


def class_maps(logits: Tensor) -> Tensor:
    """Return the best class `(N, H, W)` of logits `(N, K, H, W)`; a NaN among them is an error."""
    return top1(logits.movedim(1, -1))


@dataclass(frozen=True)
class MapQuestion(Question):
    """What is shown to a segmenter that takes multiples of a number, and how many classes its answers had."""

    multiple: int = 1
    outputs: set[int] = field(default_factory=set)

    @classmethod
    def about(cls, model: Model, frames: Callable[[Picture], Tensor], settings: Settings, multiple: int) -> MapQuestion:
        """Resolve the normalisation for this model."""
        return cls(model, frames, Normalization.resolve(settings.normalize, model), multiple)

    def answer(self, batch: Tensor) -> Tensor:
        """Return classes `(N, H, W)` of pixels `(N, C, H, W)`."""
        logits = segmentation_logits(self.forward, batch, self.multiple)
        self.outputs.add(logits.shape[1])
        return class_maps(logits)

    def truth_of(self, picture: Picture) -> Tensor:
        """Return the classes `(H, W)` of a picture that has been answered, or say what is wrong with them.

        Raises:
            ValueError: There are none, they are of another size, or the network does not know them.
        """
        truth, sides = picture.mask, tuple(picture.pixels.shape[-2:])
        if truth is None:
            raise ValueError(f"picture {picture.index} has no mask. Pass an iterable of (images, masks).")
        if tuple(truth.shape) != sides:
            raise ValueError(
                f"picture {picture.index} is {sides[0]}x{sides[1]} and its mask {truth.shape[0]}x{truth.shape[1]}. "
                "Use one class a pixel."
            )
        known = truth[truth != IGNORED]
        if known.numel() and not 0 <= int(known.min()) <= int(known.max()) < min(self.outputs):
            raise ValueError(
                f"picture {picture.index} has pixels of classes {int(known.min())} to {int(known.max())}, the network "
                f"{min(self.outputs)} outputs. Use classes from 0, and {IGNORED} for what does not count."
            )
        return truth
