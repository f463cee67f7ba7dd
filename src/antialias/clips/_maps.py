"""What maps do from frame to frame: of labels, and of values. Several series of maps are measured along one motion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from antialias._conventions import IGNORED

from ._clip import Clip, read_at, read_between


def video_consistency(
    labels: Tensor, clip: Clip, windows: Sequence[int], truth: Tensor | None = None
) -> dict[int, Tensor]:
    """Measure VC_n: of the pixels whose class is truly the same in n successive frames, the share predicted constant.

    Without truth, pixels are followed along the known motion: what stays in the frame is truly the same. There are
    F - n + 1 windows in F frames, as in the paper; the script released with it leaves out the last.

    Args:
        labels: Predicted classes of S series `(S, F, H, W)`.
        clip: Whose motion is followed without truth.
        windows: Lengths n.
        truth: True classes `(F, H, W)`; pixels of 255 do not count. Then they stay in place.

    Returns:
        Each window's share `(F - n + 1, S)`, NaN where nothing is truly the same; by n, for those that fit.

    Source: Miao et al., "VSPW: A Large-scale Dataset for Video Scene Parsing in the Wild", CVPR 2021, section 5.
    """
    shares: dict[int, list[Tensor]] = {n: [] for n in windows if n <= len(clip)}
    for start in range(len(clip)):
        points, first = clip.centres(), labels[:, start]
        lasts = torch.ones(clip.size, dtype=torch.bool) if truth is None else truth[start] != IGNORED
        constant = lasts.expand(len(labels), -1, -1)
        for length in range(2, max(shares, default=0) + 1):
            frame = start + length - 1
            if frame == len(clip):
                break
            if truth is None:
                points = clip.follow(points, frame - 1)
                lasts = lasts & clip.inside(points)
                constant = constant & (read_at(labels[:, frame], points) == first)
            else:
                lasts = lasts & (truth[frame] == truth[start])
                constant = constant & (labels[:, frame] == first)
            if length in shares:
                shares[length].append((constant & lasts).sum((1, 2)).double() / lasts.sum())
    return {n: torch.stack(rows) for n, rows in shares.items()}


def changes_and_overlaps(labels: Tensor, clip: Clip, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Compare each frame's classes with those of the next, followed along the motion; in place where it is not known.

    The mean IoU of the overlaps is the temporal consistency of Liu et al.: a prediction is warped to its neighbour by
    the nearest pixel. Their released script divides positions by `width - 1` for a sampling that counts from edge to
    edge, and so reads half a pixel beside; here positions count from the pixels' edges.

    Args:
        labels: Predicted classes of S series `(S, F, H, W)`.
        clip: Whose motion is followed.
        classes: How many there are.

    Returns:
        The share of pixels that change `(F - 1, S)` of those that both frames show, NaN where they share none, and the
        pixels of each class in both frames, and in either, `(F - 1, S, K)`.

    Source: Liu et al., "Efficient Semantic Video Segmentation with Per-frame Inference", ECCV 2020, section 4.2.
    """
    changed, both, either = [], [], []
    for frame in range(len(clip) - 1):
        points = clip.follow(clip.centres(), frame)
        visible = clip.inside(points)
        before, after = labels[:, frame, visible].long(), read_at(labels[:, frame + 1], points[visible]).long()
        changed.append((before != after).double().mean(1))
        shared, first, second = (
            torch.stack([one.bincount(minlength=classes) for one in parts])
            for parts in ([a[a == b] for a, b in zip(before, after, strict=True)], before, after)
        )
        both.append(shared)
        either.append(first + second - shared)
    return torch.stack(changed), torch.stack(both), torch.stack(either)


def value_changes(values: Tensor, clip: Clip) -> Tensor:
    """Return how much values change from each frame to the next along the motion, in spreads `(F - 1, S)`.

    The spread is the standard deviation of the first series' values of each channel over the clip. The next frame's
    values are read between pixels linearly.

    Args:
        values: Of S series `(S, F, C, H, W)`.
        clip: Whose motion is followed.
    """
    spread = values[0].double().transpose(0, 1).flatten(1).std(1, correction=0)
    spread = torch.where(spread > 0, spread, 1)  # values that are all the same do not change either
    rows = []
    for frame in range(len(clip) - 1):
        points = clip.follow(clip.centres(), frame)
        visible = clip.inside(points)
        after = torch.stack([read_between(one[frame + 1].double(), points[visible]) for one in values])
        change = (after - values[:, frame][..., visible].double()).abs()
        rows.append((change / spread[:, None]).mean((1, 2)))
    return torch.stack(rows)
