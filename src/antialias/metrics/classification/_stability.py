"""Every score of a classifier's stability from one set of windows an image."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from antialias.metrics._adapter import ClassScores, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._measurement import Measurement
from antialias.metrics._top1 import top1
from antialias.metrics.classification._flips import one_pixel_frames, window_with_room
from antialias.metrics.classification._formulas import correct, flips, pair_absolute_change, pair_agreement, pair_change
from antialias.metrics.inputs import _shifts
from antialias.metrics.inputs._images import Images, Sample


def measure_classifier(
    model: Model,
    images: Images,
    labels: Tensor | None = None,
    *,
    distance: int = 3,
    passes: int = 2,
    window: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> dict[str, Measurement]:
    """Measure all that there is to measure of a classifier's stability, with every answer used for all scores.

    An image is shown in `3 * distance + 1` windows from one start, `2 * passes` random ones and the central one. What
    `flip_rate`, `one_pixel_changes`, `consistency` and `accuracy` measure on the same windows comes out the same.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        images: As in `consistency`.
        labels: Classes `(N,)`, where the images do not come with them and there are any.
        distance: Longest shift in pixels; all shorter ones are measured, too.
        passes: Pairs of random windows an image; 0 leaves `consistency` out.
        window: Side of the windows; default 7/8 of the shorter side, less where the longest shift needs room.
        seed: Chooses the windows.
        **options: See `Options`. Parts of a set, each with its `first`, can be measured apart and joined.

    Returns:
        `flips`, the mean of `flip_rate` over all distances and the three directions; `top1_change`,
        `mean_absolute_change` (diagonal one-pixel steps), `consistency`; of the central window `confidence` (the
        probability of the best class), `accuracy` where there are labels, and `answers`, whose rows are classes;
        `window_answers`, whose rows are the classes of the windows of `flips` and of the central one.

    Raises:
        ValueError: The windows do not fit, or the answers cannot be measured.

    Example:
        >>> import torch
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
        >>> measured = measure_classifier(brightness, torch.ones(12, 3, 32, 32))
        >>> [(name, round(measured[name].value(), 2)) for name in ("flips", "consistency", "confidence")]
        [('flips', 0.0), ('consistency', 1.0), ('confidence', 0.73)]
    """
    check_positive(distance=distance)
    steps = torch.arange(1, distance + 1)[:, None]
    along = torch.cat([steps * torch.tensor(step) for step in ((0, 1), (1, 0))])

    def frames(sample: Sample) -> Tensor:
        square = _shifts.central_square(sample.batch)
        size = window_with_room(square.shape[-1], window, distance)
        diagonal = one_pixel_frames(square, passes=distance, size=size, seed=seed, first=sample.index)[0]
        room = square.shape[-1] - size - distance + 1
        start = _shifts.random_offsets(room, 1, seed=seed, index=sample.index)
        shown = [diagonal, _shifts.slide(square[0], start + along, size)]
        if passes:
            shown.append(_shifts.windows(square, 2 * passes, window=size, seed=seed, first=sample.index)[0])
        return torch.cat([*shown, _shifts.centre_window(square, size)])

    def row(sample: Sample, logits: Tensor) -> Tensor:
        moved, pairs, centre = logits.split([3 * distance + 1, 2 * passes, 1])
        before, after = moved[None, :distance], moved[None, 1 : distance + 1]
        columns = [
            flips(moved[None, :1], moved[None, None, 1:]).mean(1),
            pair_change(before, after),
            pair_absolute_change(before, after),
            pair_agreement(pairs[None, ::2], pairs[None, 1::2]) if passes else torch.full((1,), torch.nan),
            centre.float().softmax(-1).amax(-1),
            torch.full((1,), torch.nan) if sample.label is None else correct(centre, torch.tensor([sample.label])),
            *top1(torch.cat([centre, moved]))[:, None].float(),
        ]
        return torch.stack([column.cpu() for column in columns], 1)

    measured = measure(images, [Show(ClassScores.of(model, **options), frames)], row, labels)
    windows = f"min(floor(7/8 * shorter side), shorter side - {distance})" if window is None else window
    steps_in_words = f"{distance} diagonal one-pixel steps, crop, seed {seed}"
    said = {
        "flips": ("flip rate", f"mean of 1 to {distance} pixels horizontal, vertical and diagonal, seed {seed}"),
        "top1_change": ("P(top-1 change)", steps_in_words),
        "mean_absolute_change": ("mean absolute change", steps_in_words),
        "consistency": ("classification consistency", f"{passes} pairs of windows each, seed {seed}"),
        "confidence": ("confidence", "of the best class, central window"),
        "accuracy": ("accuracy", "central window"),
        "answers": ("answers", "central window"),
    }
    protocol = {"windows": {"size": windows, "cut_from": "central square"}, "seed": seed}
    columns = zip(said.items(), measured.rows.unbind(1), strict=False)
    all_of = {key: about(measured, *words, column, **protocol) for (key, words), column in columns}
    windows_of = f"central window and those of {3 * distance} moves from one more, seed {seed}"
    classes = measured.rows[:, len(said) - 1 :]
    all_of["window_answers"] = about(measured, "answers", windows_of, classes, **protocol)
    return {key: one for key, one in all_of.items() if key not in ("consistency", "accuracy") or not one.empty}
