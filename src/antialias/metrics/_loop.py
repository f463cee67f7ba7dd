"""The one loop: pictures -> frames -> logits -> one value a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from antialias.metrics._score import Score, check_level
from antialias.metrics.inputs._images import Images, Picture, Pictures
from antialias.metrics.inputs._normalization import Normalization, Normalize

Model = Callable[[Tensor], Any]
Progress = Callable[[int, int], None]


class Options(TypedDict, total=False):
    """The settings that every score takes.

    normalize: What the network expects of pixels: `"model"` (default: `normalization_of(model)`), `(mean, std)`, a
        function on batches, or `None`.
    resize: Resample the shorter side to this many pixels and take the central square first; default: as given.
    batch_size: Frames in one forward pass; default 64. It never changes a score.
    level: Confidence level of the interval; default 0.95.
    first: Number of the first picture, where the pictures are a part of a larger set (`joined`); default 0.
    progress: Called with (pictures done, pictures in all; 0 if unknown).
    """

    normalize: Normalize
    resize: int | None
    batch_size: int
    level: float
    first: int
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`Options` with their defaults, checked."""

    normalize: Normalize = "model"
    resize: int | None = None
    batch_size: int = 64
    level: float = 0.95
    first: int = 0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_level(self.level)
        check_positive(batch_size=self.batch_size, resize=1 if self.resize is None else self.resize)


def check_positive(**counts: int) -> None:
    """Refuse a count below one, by its argument's name."""
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}={value} is not positive. Use {name}=1 or more.")


@dataclass(frozen=True)
class Question:
    """What is shown to one model: `frames(picture)` gives pixels `(F, C, h, w)`."""

    model: Model
    frames: Callable[[Picture], Tensor]
    normalization: Normalization

    @classmethod
    def of(cls, model: Model, frames: Callable[[Picture], Tensor], normalize: Normalize) -> Question:
        """Resolve the argument `normalize` for this model."""
        return cls(model, frames, Normalization.resolve(normalize, model))

    def logits(self, frames: Sequence[Tensor], batch_size: int) -> tuple[Tensor, ...]:
        """Answer several pictures' frames `(F, C, h, w)` of one size in few forward passes: logits `(F, K)` of each."""
        answers = torch.cat([self.answer(batch) for batch in torch.cat(list(frames)).split(batch_size)])
        return answers.split([len(shown) for shown in frames])

    def answer(self, batch: Tensor) -> Tensor:
        """Return logits `(N, K)` of pixels `(N, C, H, W)`."""
        logits = self.forward(batch)
        _check_logits(logits, len(batch))
        return logits

    def forward(self, batch: Tensor) -> Any:
        """Return what the model says of pixels `(N, C, H, W)`, on its device and in its precision."""
        parameter = next(self.model.parameters(), None) if isinstance(self.model, nn.Module) else None
        if parameter is not None:
            batch = batch.to(parameter.device)
        inputs = self.normalization.apply(batch)
        if parameter is not None and parameter.is_floating_point():
            inputs = inputs.to(parameter.dtype)
        return self.model(inputs)


@dataclass(frozen=True)
class Measured:
    """Values `(N, ...)` of N pictures with what the protocol says of their making."""

    values: Tensor
    pictures: Pictures
    normalization: Normalization
    level: float

    def score(self, name: str, in_words: str, values: Tensor | None = None, **protocol: Any) -> Score:
        """Bind values `(N,)` (default: all) to the protocol."""
        values = self.values if values is None else values
        return Score.from_pictures(name, values, {"in_words": in_words, **protocol, **self.protocol()}, self.level)

    def protocol(self) -> dict[str, Any]:
        """Say what the pictures were and how they were normalised."""
        return {"pictures": self.pictures.protocol(), "normalisation": self.normalization.protocol}


def measure(
    images: Images,
    questions: Sequence[Question],
    verdict: Callable[..., Tensor],
    settings: Settings,
    labels: Tensor | None = None,
) -> Measured:
    """Ask the questions about each picture and keep `verdict(picture, logits (F, K) of each question)`."""
    pictures = Pictures(images, labels, settings.resize, settings.first)
    values = []
    with ExitStack() as stack:
        for question in questions:
            stack.enter_context(evaluating(question.model))
        for picture, logits in _answers(pictures, questions, settings.batch_size):
            values.append(verdict(picture, *logits).cpu())
            if settings.progress is not None:
                settings.progress(len(values), pictures.total)
    return Measured(torch.stack(values), pictures, questions[0].normalization, settings.level)


Shown = tuple[Picture, list[Tensor]]


def _answers(
    pictures: Pictures, questions: Sequence[Question], batch_size: int
) -> Iterator[tuple[Picture, tuple[Tensor, ...]]]:
    """Yield each picture with its logits, filling forward passes across pictures while their frames have one size."""
    waiting: list[Shown] = []
    for picture in pictures:
        shown = (picture, [question.frames(picture) for question in questions])
        if waiting and not _fits(waiting, shown, batch_size):
            yield from _ask(waiting, questions, batch_size)
            waiting = []
        waiting.append(shown)
    yield from _ask(waiting, questions, batch_size)


def _fits(waiting: list[Shown], shown: Shown, batch_size: int) -> bool:
    sizes = [[frames.shape[1:] for frames in held[1]] for held in (waiting[0], shown)]
    count = sum(len(held[1][0]) for held in (*waiting, shown))
    return sizes[0] == sizes[1] and count <= batch_size


@torch.no_grad()
def _ask(
    waiting: list[Shown], questions: Sequence[Question], batch_size: int
) -> Iterator[tuple[Picture, tuple[Tensor, ...]]]:
    per_question = [
        question.logits([frames[i] for _, frames in waiting], batch_size) for i, question in enumerate(questions)
    ]
    return zip((picture for picture, _ in waiting), zip(*per_question, strict=True), strict=True)


def _check_logits(logits: Any, count: int) -> None:
    if not isinstance(logits, Tensor):
        raise TypeError(f"the model returned a {type(logits).__name__}. Wrap it to return logits (N, classes).")
    if logits.ndim != 2 or len(logits) != count:
        shape = tuple(logits.shape)
        raise ValueError(f"the model returned {shape} for {count} pictures. Wrap it to return logits (N, classes).")


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
