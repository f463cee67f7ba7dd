"""Accuracy on frames of videos by a network that learnt other, finer classes: ImageNet VID."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from antialias.metrics._adapter import ClassScores, Model, Options
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._score import Score
from antialias.metrics._top1 import top1
from antialias.metrics.classification._accuracy import centre_of
from antialias.metrics.inputs._images import Images, Sample

MOST_VIDEOS = 2**24  # that numbers of 32 bits tell apart, in which they are kept


def grouped_answer(logits: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """Return the group `(N,)` of the largest logit of `(N, K)` among the outputs that belong to one.

    Outputs of no group are set to minus infinity. (Set to zero, as by the code released with the paper, they win over
    negative logits.)

    Raises:
        ValueError: An output is in two groups or not there, or a group is empty.

    Example:
        >>> grouped_answer(torch.tensor([[-3.0, -1.0, 5.0]]), [[1], [0]])
        tensor([0])
    """
    outputs = logits.shape[1]
    group_of = torch.full((outputs,), -1, device=logits.device)
    for number, group in enumerate(groups):
        if not group:
            raise ValueError(f"group {number} is empty. Name one output or more.")
        for output in group:
            if not 0 <= output < outputs:
                raise ValueError(
                    f"group {number} names output {output}, the network has {outputs}. Use 0 to {outputs - 1}."
                )
            if group_of[output] >= 0:
                raise ValueError(
                    f"groups {int(group_of[output])} and {number} share output {output}. Leave it to one of them."
                )
            group_of[output] = number
    return group_of[top1(logits.masked_fill(group_of < 0, -torch.inf))]


def video_accuracy(
    model: Model,
    frames: Images,
    truths: Tensor,
    videos: Tensor,
    groups: Sequence[Sequence[int]],
    *,
    window: int | None = None,
    **options: Unpack[Options],
) -> Score:
    """Measure how well a network names what is in frames of videos, in classes that group its own.

    ImageNet VID's thirty classes are each a set of ImageNet's. A frame may show several objects: naming any of them is
    right. A video's value is the mean over its frames, and the interval resamples videos, for its frames are alike.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        frames: Pictures, floats in [0, 1].
        truths: Classes of each frame's objects `(F, G)` `bool`; a frame without any does not count.
        videos: Number of each frame's video `(F,)`, from 0.
        groups: Outputs of the network that mean each of the G classes; an output is in one group at most.
        window: Side of the central window that is classified; default: the whole picture.
        **options: See `Options`.

    Raises:
        ValueError: `groups` or `truths` do not fit the network or the frames, or no frame counts.

    Example:
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3)), x.mean((1, 2, 3)) + 9], 1)
        >>> frames, truths = torch.tensor([1.0, 1.0, 0.0, 1.0]).view(4, 1, 1, 1).expand(4, 3, 8, 8), torch.eye(2).bool()
        >>> print(video_accuracy(brightness, frames, truths[[0, 0, 0, 1]], torch.tensor([0, 0, 1, 1]), [[0], [1]]))
        accuracy on videos 50.0 % (95 % interval 9.5 to 90.5; 2 videos, 2 classes, whole pictures)

    Source: Shankar et al., "Do Image Classifiers Generalize Across Time?", arXiv 1906.02168, for the classes; Zou et
        al., BMVC 2020, for the frames.
    """
    truths = checked_truths(truths, len(videos), len(groups))
    adapter = ClassScores.of(model, **options)

    def row(sample: Sample, logits: Tensor) -> Tensor:
        place = min(sample.index - adapter.first, len(truths) - 1)
        return truths[place, grouped_answer(logits, groups).cpu()]

    measured = measure(frames, [Show(adapter, lambda sample: centre_of(sample, window))], row)
    if len(measured.rows) != len(truths):
        raise ValueError(f"there are {len(measured.rows)} frames and truths of {len(truths)}. Pass one of each.")
    values = torch.where(truths.any(1), measured.rows.float(), torch.nan)
    view = "whole pictures" if window is None else f"central windows of {window} pixels"
    said = {"unit": "video", "classes": [list(group) for group in groups], "view": view}
    words = f"{len(groups)} classes, {view}"
    return about(measured, "accuracy on videos", words, by_video(values, videos), **said).score()


def checked_truths(truths: Tensor, frames: int, groups: int) -> Tensor:
    """Return the classes of each frame's objects `(F, G)` as `bool`.

    Raises:
        ValueError: They are of another shape, or something else than 0 and 1.
    """
    if truths.shape != (frames, groups):
        raise ValueError(
            f"truths have shape {tuple(truths.shape)} for {frames} frames and {groups} groups. Use (frames, groups)."
        )
    if truths.dtype != torch.bool and not bool(torch.isin(truths, torch.tensor([0, 1]).to(truths)).all()):
        raise ValueError(f"truths hold {truths.amin().item()} to {truths.amax().item()}. Use bool, or 0 and 1.")
    return truths.bool()


def checked_videos(videos: Tensor) -> Tensor:
    """Return the number of each frame's video.

    Raises:
        ValueError: One is below 0, not whole or too large.
    """
    numbers = videos.double()
    wrong = numbers[~((numbers >= 0) & (numbers < MOST_VIDEOS) & (numbers == numbers.round()))]
    if len(wrong):
        raise ValueError(
            f"a frame is of video {float(wrong[0]):g}. Number videos from 0, wholly and below {MOST_VIDEOS}."
        )
    return videos


def by_video(values: Tensor, videos: Tensor) -> Tensor:
    """Return the mean of each video over its frames that count, NaN where none does, in the order of their numbers."""
    numbers = checked_videos(videos).unique()
    return torch.stack([values[videos == number].nanmean() for number in numbers]) if len(numbers) else values
