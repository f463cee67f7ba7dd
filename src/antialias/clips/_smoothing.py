"""The usual remedy against flicker: answers averaged over time, which come later for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ._clip import Clip
from ._tracks import Objects, link

LAGS = (1, 3)
"""Mean ages, in frames, of what smoothed answers say."""


def averaged(answers: Iterator[Tensor], lags: Sequence[int]) -> Iterator[list[Tensor]]:
    """Yield each frame's answer, then its exponential averages over time, one a lag.

    An average that takes `1 / (1 + lag)` of the newest answer is, on average, `lag` frames old.

    Args:
        answers: Of one frame after the other.
        lags: Mean ages in frames.

    Example:
        >>> [[float(a) for a in each] for each in averaged(iter(torch.tensor([0.0, 1.0, 1.0])), (1,))]
        [[0.0, 0.0], [1.0, 0.5], [1.0, 0.75]]
    """
    means: list[Tensor] = []
    for answer in answers:
        means = [
            mean + (answer - mean) / (1 + lag) for mean, lag in zip(means or [answer] * len(lags), lags, strict=True)
        ]
        yield [answer, *means]


def smoothed_tracks(objects: Sequence[Objects], clip: Clip, lag: int) -> list[Objects]:
    """Return each frame's objects with boxes and scores averaged along their tracks, and held while they are lost.

    As trackers do that know no motion: an object that is lost stays where it was for `lag` frames, if it is found again
    or not; masks are those of the newest answer.

    Args:
        objects: Of each frame, with `boxes`, `labels` and `scores`.
        clip: The frames, whose motion is not used.
        lag: Mean age in frames.
    """
    rows: list[list[tuple[Tensor, int, Tensor, Tensor | None]]] = [[] for _ in objects]
    for track in link(objects, replace(clip, cameras=None, flows=None), lag):
        found = dict(zip(track.frames, track.indices, strict=True))
        state, mask = torch.zeros(5, dtype=torch.float64), None
        for frame in range(track.frames[0], min(track.frames[-1] + lag + 1, len(objects))):
            if frame in found:
                now, index = objects[frame], found[frame]
                newest = torch.cat([now["boxes"][index].double(), now["scores"][index, None].double()])
                state = newest if frame == track.frames[0] else state + (newest - state) / (1 + lag)
                mask = now["masks"][index] if "masks" in now else None
            rows[frame].append((state[:4], track.label, state[4], mask))
    smooth: list[Objects] = []
    for objects_now, row in zip(objects, rows, strict=True):
        boxes = torch.stack([each[0] for each in row]) if row else torch.zeros(0, 4, dtype=torch.float64)
        scores = torch.tensor([float(each[2]) for each in row], dtype=torch.float64)
        columns = {
            "boxes": boxes,
            "labels": torch.tensor([each[1] for each in row], dtype=torch.int64),
            "scores": scores,
        }
        if "masks" in objects_now:
            masks = [each[3] for each in row if each[3] is not None]
            columns["masks"] = torch.stack(masks) if masks else objects_now["masks"][:0]
        smooth.append(columns)
    return smooth
