"""A network that is shown images: the one path from pixels to its input, and what its answer is.

There are four kinds of answers. What a score needs to know of a kind is how an answer moves when the image moves: class
scores stay, a map of labels, instances and dense values move along. That is `within`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias.metrics._score import check_level
from antialias.metrics._top1 import top1
from antialias.metrics._transformers import in_plain_words
from antialias.metrics.inputs._normalization import Normalization, Normalize, unwrapped

Model = Callable[[Any], Any]
Progress = Callable[[int, int], None]
Frames = Tensor | list[Tensor]


class Options(TypedDict, total=False):
    """How a network is shown images: the options that every score takes, and the fields of every `Adapter`.

    normalize: What the network expects of pixels: `"model"` (default: `normalization_of(model)`), `(mean, std)`, a
        function on batches, or `None`.
    resize: Resample the shorter side to this many pixels and take the central square first; default: as given.
    multiple: The network takes heights and widths that are multiples of this; default: `side_multiple_of(model)`. For
        label maps and dense values.
    batch_size: Frames in one forward pass; default 64 for class scores, 8 for others. It never changes a score.
    level: Confidence level of the interval; default 0.95.
    first: Number of the first image, where the images are a part of a larger set (`Measurement.join`); default 0.
    progress: Called with (images done, images in all; 0 if unknown).
    """

    normalize: Normalize
    resize: int | None
    multiple: int | None
    batch_size: int
    level: float
    first: int
    progress: Progress | None


def check_positive(**counts: int) -> None:
    """Refuse a count below one, by its argument's name.

    Raises:
        ValueError: One is.
    """
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}={value} is not positive. Use {name}=1 or more.")


@dataclass(frozen=True)
class Adapter:
    """Show images to a network; each kind of answer is a subclass.

    The functions make the adapter that they need of a network and `Options`. Make one yourself where a function cannot
    know what a network answers.

    Args:
        model: Any callable. A module runs in eval mode on its own device and in its own precision.
        normalize: As in `Options`, and so are the others.
        resize: Side to resample to.
        multiple: What heights and widths are multiples of.
        batch_size: Frames in one forward pass.
        level: Confidence level.
        first: Number of the first image.
        progress: Called after each image.

    Raises:
        ValueError: An option cannot be; the message says what can.
    """

    model: Model
    normalize: Normalize = field(default="model", kw_only=True)
    resize: int | None = field(default=None, kw_only=True)
    multiple: int | None = field(default=None, kw_only=True)
    batch_size: int = field(default=8, kw_only=True)
    level: float = field(default=0.95, kw_only=True)
    first: int = field(default=0, kw_only=True)
    progress: Progress | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_level(self.level)
        counts = {"batch_size": self.batch_size, "resize": self.resize, "multiple": self.multiple}
        check_positive(**{name: count for name, count in counts.items() if count is not None})

    @classmethod
    def of(cls, model: Model, **options: Any) -> Self:
        """Adapt a network, or take an adapter of this kind with other options.

        Raises:
            TypeError: The model is an adapter of another kind, or an option is unknown.
        """
        if isinstance(model, cls):
            return replace(model, **options)
        if isinstance(model, Adapter):
            raise TypeError(f"this score is of {cls.__name__} and the model gives {type(model).__name__}. Use another.")
        return cls(model, **options)

    @functools.cached_property
    def network(self) -> Model:
        """The network, answering in this library's words where it is another's (`TransformersNetwork`)."""
        return in_plain_words(self.model)

    @functools.cached_property
    def normalization(self) -> Normalization:
        """What is done to the pixels."""
        return Normalization.resolve(self.normalize, self.network)

    def inputs(self, pixels: Tensor) -> Tensor:
        """Return what the network is given for pixels `(N, C, H, W)` in [0, 1]: the one path from one to the other.

        Pixels are moved to the network's device, normalised in their own precision and only then cast to the network's.
        """
        parameter = next(self.model.parameters(), None) if isinstance(self.model, nn.Module) else None
        if parameter is not None:
            pixels = pixels.to(parameter.device)
        inputs = self.normalization.apply(pixels)
        if parameter is not None and parameter.is_floating_point():
            inputs = inputs.to(parameter.dtype)
        return inputs

    def answer(self, pixels: Tensor) -> Any:
        """Return the answers to pixels `(N, C, H, W)`, one an image, checked.

        Raises:
            NotImplementedError: This is no kind of answer.
        """
        raise NotImplementedError

    def __call__(self, pixels: Tensor) -> Any:
        """Return the answers to pixels `(N, C, H, W)` without a gradient, in eval mode."""
        with evaluating(self.model), torch.no_grad():
            return self.answer(pixels)

    def answers(self, frames: Sequence[Any]) -> Sequence[Any]:
        """Return the answers to several images' frames in few forward passes."""
        answers = torch.cat([self.answer(batch) for batch in torch.cat(list(frames)).split(self.batch_size)])
        return answers.split([len(shown) for shown in frames])

    def together(self, frames: Sequence[Any]) -> bool:
        """Whether the frames of several images fit into one forward pass: they have one size."""
        sizes = {shown.shape[1:] for shown in frames}
        return len(sizes) == 1 and sum(map(len, frames)) <= self.batch_size

    @staticmethod
    def within(answer: Any, corner: Sequence[int], size: Sequence[int]) -> Any:
        """Return what the answer to an image says of the window of `size` (height, width) at `corner` (y, x).

        Raises:
            NotImplementedError: This is no kind of answer.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class ClassScores(Adapter):
    """A classifier: logits `(N, K)`, of which nothing moves when the image moves."""

    batch_size: int = field(default=64, kw_only=True)

    def answer(self, pixels: Tensor) -> Tensor:
        """Return logits `(N, K)`.

        Raises:
            TypeError: The network returned no tensor.
            ValueError: It is of another shape.
        """
        logits = self.network(self.inputs(pixels))
        if not isinstance(logits, Tensor):
            raise TypeError(f"the model returned a {type(logits).__name__}. Wrap it to return logits (N, classes).")
        if logits.ndim != 2 or len(logits) != len(pixels):
            raise ValueError(
                f"the model returned {tuple(logits.shape)} for {len(pixels)} pictures. "
                "Wrap it to return logits (N, classes)."
            )
        return logits

    @staticmethod
    def within(answer: Any, corner: Sequence[int], size: Sequence[int]) -> Any:
        """Return the answer: a window of an image is of the image's class."""
        return answer


@dataclass(frozen=True)
class _Maps(Adapter):
    """A network whose answer has a place for each pixel."""

    @functools.cached_property
    def sides_of(self) -> int:
        """What the sides of the inputs are multiples of."""
        return side_multiple_of(self.network) if self.multiple is None else self.multiple

    def inputs(self, pixels: Tensor) -> Tensor:
        """Return the inputs, continued to the right and downwards by their last pixels to multiples of `multiple`."""
        inputs = super().inputs(pixels)
        height, width = inputs.shape[-2:]
        padding = (0, -width % self.sides_of, 0, -height % self.sides_of)
        return F.pad(inputs, padding, mode="replicate") if any(padding) else inputs

    @staticmethod
    def within(answer: Any, corner: Sequence[int], size: Sequence[int]) -> Any:
        """Return the window of maps `(..., H, W)`."""
        (top, left), (height, width) = corner, size
        return answer[..., top : top + height, left : left + width]


@dataclass(frozen=True)
class LabelMaps(_Maps):
    """A segmenter: logits `(N, K, H, W)`, or a mapping with them at `"out"`, whose best classes move with the image.

    Example:
        >>> segmenter = LabelMaps(lambda x: {"out": x}, multiple=32)
        >>> segmenter.logits(torch.zeros(1, 3, 30, 40)).shape, segmenter(torch.zeros(1, 3, 30, 40)).shape
        (torch.Size([1, 3, 30, 40]), torch.Size([1, 30, 40]))
    """

    outputs: set[int] = field(default_factory=set, init=False, repr=False, compare=False)

    def logits(self, pixels: Tensor) -> Tensor:
        """Return logits `(N, K, H, W)` of pixels of any size.

        Raises:
            TypeError: The answer is neither a tensor nor a mapping with one at `"out"`.
            ValueError: It is of another shape.
        """
        inputs = self.inputs(pixels)
        return self.logits_in(self.network(inputs), inputs)[..., : pixels.shape[-2], : pixels.shape[-1]]

    @staticmethod
    def logits_in(answer: Any, inputs: Tensor) -> Tensor:
        """Return the logits `(N, K, H, W)` that a segmenter's answer to inputs `(N, C, H, W)` holds.

        Raises:
            TypeError: It is neither a tensor nor a mapping with one at `"out"`.
            ValueError: It is of another shape.
        """
        logits = answer.get("out") if isinstance(answer, Mapping) else answer
        if not isinstance(logits, Tensor):
            keys = ", ".join(map(str, answer)) if isinstance(answer, Mapping) else ""
            kind = f"mapping of {keys}" if keys else type(answer).__name__
            raise TypeError(
                f"the model returned a {kind}. Wrap it to return logits (N, classes, H, W), or them as 'out'."
            )
        count, _, height, width = inputs.shape
        if logits.ndim != 4 or logits.shape[1] < 2 or (len(logits), *logits.shape[2:]) != (count, height, width):
            raise ValueError(
                f"the model returned {tuple(logits.shape)} for {count} pictures of {height}x{width}. "
                f"Wrap it to return logits ({count}, classes, {height}, {width}) of 2 classes or more."
            )
        return logits

    def answer(self, pixels: Tensor) -> Tensor:
        """Return classes `(N, H, W)`."""
        logits = self.logits(pixels)
        self.outputs.add(logits.shape[1])
        return top1(logits.movedim(1, -1))


@dataclass(frozen=True)
class DenseValues(_Maps):
    """A network that gives numbers a pixel, such as depth, flow or edges: `(N, H, W)` or `(N, C, H, W)`.

    A mapping with them at `"out"` will do, too. They move with the image and do not change with it.
    """

    def answer(self, pixels: Tensor) -> Tensor:
        """Return values `(N, C, H, W)`.

        Raises:
            TypeError: The answer is neither a tensor nor a mapping with one at `"out"`.
            ValueError: It is of another shape or not finite.
        """
        inputs = self.inputs(pixels)
        answer = self.network(inputs)
        values = answer.get("out") if isinstance(answer, Mapping) else answer
        if not isinstance(values, Tensor):
            raise TypeError(f"the model returned a {type(values).__name__}. Wrap it to return values (N, C, H, W).")
        values = values[:, None] if values.ndim == 3 else values
        if values.ndim != 4 or (len(values), *values.shape[2:]) != (len(inputs), *inputs.shape[2:]):
            height, width = inputs.shape[2:]
            raise ValueError(
                f"the model returned {tuple(values.shape)} for {len(inputs)} pictures of {height}x{width}. "
                f"Wrap it to return values ({len(inputs)}, C, {height}, {width})."
            )
        if not bool(values.isfinite().all()):
            raise ValueError(f"{int((~values.isfinite()).sum())} of {values.numel()} values are NaN or infinite.")
        return values[..., : pixels.shape[-2], : pixels.shape[-1]]


@dataclass(frozen=True)
class Instances(Adapter):
    """A detector, as torchvision's: takes a list of `(3, h, w)` of any sizes and returns a mapping for each.

    A mapping holds `boxes` `(M, 4)`, `labels` `(M,)`, `scores` `(M,)` and, for masks, `masks` `(M, 1, h, w)`; boxes and
    masks move with the image.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("resize", "multiple"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}={getattr(self, name)} is not for detectors, which resize by themselves.")

    def answer(self, pixels: Any) -> Sequence[Mapping[str, Tensor]]:
        """Return the instances of each image, of a batch or of a list of `(C, h, w)`.

        Raises:
            TypeError: The network returned something else than mappings.
            ValueError: They are not one an image.
        """
        answers = self.network([self.inputs(image[None])[0] for image in pixels])
        if not isinstance(answers, (list, tuple)) or not all(isinstance(answer, Mapping) for answer in answers):
            raise TypeError(
                f"the model returned a {type(answers).__name__}. "
                "Wrap it to return a list of dictionaries, one a picture."
            )
        if len(answers) != len(pixels):
            raise ValueError(
                f"the model returned {len(answers)} dictionaries for {len(pixels)} pictures. Return one a picture."
            )
        return answers

    def answers(self, frames: Sequence[Any]) -> Sequence[Any]:
        """Return the instances in several images' frames."""
        flat, size = [frame for shown in frames for frame in shown], self.batch_size
        answers = iter([one for start in range(0, len(flat), size) for one in self.answer(flat[start : start + size])])
        return [[next(answers) for _ in shown] for shown in frames]

    def together(self, frames: Sequence[Any]) -> bool:
        """Whether frames are shown together: whole images are, of any sizes, but not the crops of several images."""
        return all(len(shown) == 1 for shown in frames) and len(frames) <= self.batch_size

    @staticmethod
    def within(answer: Any, corner: Sequence[int], size: Sequence[int]) -> Any:
        """Return the instances with their boxes and masks cut to the window; those that leave it stay, empty."""
        (top, left), (height, width) = corner, size
        moved = dict(answer)
        if "boxes" in answer:
            # Half precision does not hold every corner.
            boxes = answer["boxes"].to(torch.promote_types(answer["boxes"].dtype, torch.float32))
            boxes = boxes - boxes.new_tensor([left, top, left, top])
            moved["boxes"] = boxes.clamp(boxes.new_zeros(4), boxes.new_tensor([width, height, width, height]))
        if "masks" in answer:
            moved["masks"] = _Maps.within(answer["masks"], corner, size)
        return moved


def side_multiple_of(model: Model) -> int:
    """Return the number of which the heights and widths of a segmenter's images must be multiples.

    Networks of segmentation_models_pytorch say so themselves, others by an attribute `model.side_multiple`, or get 1.

    Example:
        >>> side_multiple_of(lambda images: images)
        1
    """
    model = unwrapped(model)
    if not getattr(model, "requires_divisible_input_shape", False):
        return int(getattr(model, "side_multiple", 1))
    return int(getattr(getattr(model, "encoder", None), "output_stride", 1))


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Put a module into eval mode and give each of its modules its own training flag back afterwards."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    flags = [module.training for module in modules]
    try:
        for module in modules[:1]:
            module.eval()
        yield
    finally:
        for module, flag in zip(modules, flags, strict=True):
            module.training = flag
