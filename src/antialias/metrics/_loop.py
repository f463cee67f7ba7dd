"""The one loop: images -> frames -> answers -> rows of a measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from antialias.metrics._adapter import Adapter, Frames, evaluating
from antialias.metrics._measurement import Measurement
from antialias.metrics._progress import watcher
from antialias.metrics._score import PERCENT
from antialias.metrics.inputs._images import Images, ImageStream, Sample


class Show(NamedTuple):
    """What an adapter is shown of each image: `frames(sample)` gives pixels `(F, C, h, w)` or a list of them."""

    adapter: Adapter
    frames: Callable[[Sample], Frames]


def measure(
    images: Images, shows: Sequence[Show], row: Callable[..., Tensor], labels: Tensor | None = None
) -> Measurement:
    """Show each image to the adapters and keep `row(sample, answers of each adapter)`.

    Args:
        images: What holds the images.
        shows: Adapters with what they see; the first one's options count.
        row: Gives `(1, ...)`, or any number of rows that say themselves whose they are.
        labels: Targets, where the images do not give them.

    Returns:
        The rows, with what the protocol says of images and normalisation; `about` gives them a name.
    """
    first = shows[0].adapter
    stream = ImageStream(images, labels, first.resize, first.first)
    rows = []
    with ExitStack() as stack:
        for show in shows:
            stack.enter_context(evaluating(show.adapter.model))
        for sample, answers in _answered(stream, shows):
            rows.append(row(sample, *answers).cpu())
            for progress in (first.progress, watcher()):
                if progress is not None:
                    progress(len(rows), stream.total)
    protocol: dict[str, Any] = {"pictures": stream.protocol(), "normalisation": first.normalization.protocol}
    if isinstance(network := getattr(first.network, "protocol", None), Mapping):
        protocol["network"] = network
    return Measurement("", torch.cat(rows), protocol, first.level)


def about(
    measured: Measurement,
    name: str,
    in_words: str,
    rows: Tensor | None = None,
    *,
    statistic: str = "mean",
    score_unit: str = PERCENT,
    **protocol: Any,
) -> Measurement:
    """Say what was measured.

    Args:
        measured: What `measure` returned.
        name: Of the score.
        in_words: What its protocol is in words.
        rows: Some of the rows; default: all.
        statistic: How they become a score.
        score_unit: What it is counted in.
        **protocol: What else there is to say.
    """
    rows = measured.rows if rows is None else rows
    said = {"in_words": in_words, **protocol, **measured.protocol}
    return replace(measured, name=name, rows=rows, protocol=said, statistic=statistic, unit=score_unit)


def _answered(stream: ImageStream, shows: Sequence[Show]) -> Iterator[tuple[Sample, tuple[Any, ...]]]:
    """Yield each image with its answers, filling forward passes across images where their frames allow it."""
    waiting: list[tuple[Sample, list[Frames]]] = []
    for sample in stream:
        shown = (sample, [show.frames(sample) for show in shows])
        if waiting and not _fits([frames for _, frames in (*waiting, shown)], shows[0].adapter):
            yield from _asked(waiting, shows)
            waiting = []
        waiting.append(shown)
    yield from _asked(waiting, shows)


def _fits(frames: Sequence[list[Frames]], first: Adapter) -> bool:
    """Whether images are shown together: the first adapter says so, and what the others see has one size."""
    others = zip(*(held[1:] for held in frames), strict=True)
    return first.together([held[0] for held in frames]) and all(
        len({shown[0].shape for shown in seen}) == 1 for seen in others
    )


@torch.no_grad()
def _asked(
    waiting: Sequence[tuple[Sample, list[Frames]]], shows: Sequence[Show]
) -> Iterator[tuple[Sample, tuple[Any, ...]]]:
    answers = [show.adapter.answers([held[i] for _, held in waiting]) for i, show in enumerate(shows)]
    return zip((sample for sample, _ in waiting), zip(*answers, strict=True), strict=True)
