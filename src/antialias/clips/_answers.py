"""What a network says of each frame of a clip, as it is and smoothed over time, and what scores count of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from antialias.metrics import Adapter, ClassScores, Instances, LabelMaps, evaluating
from antialias.metrics.detection import checked_instances

from ._clip import Clip
from ._maps import changes_and_overlaps, value_changes, video_consistency
from ._smoothing import LAGS, averaged, smoothed_tracks
from ._tally import Tally
from ._tracks import detection_stability, track_counts

VC_WINDOWS = (8, 16)
CHANGES, CONTINUITY, CONSISTENCY, DENSE = (
    *("answers changed per second", "track continuity", "temporal consistency", "change along the motion"),
)
COUNT = "objects per frame"

Answers = dict[int, Any]
"""By the lag of smoothing, 0 for none: class probabilities `(F, K)`, classes of pixels `(F, H, W)`, values
`(F, C, H, W)`, or a list of objects a frame."""


def answer_clip(
    adapter: Adapter, clip: Clip, least: float, tick: Callable[[int], None], lags: Sequence[int] = LAGS
) -> Answers:
    """Show a network each frame of a clip, and smooth what it says.

    Args:
        adapter: The network.
        clip: The frames.
        least: Objects of a lower score do not exist.
        tick: Called with the number of frames that were answered.
        lags: Of the smoothed answers.
    """

    def frames() -> Iterator[Any]:
        for start in range(0, len(clip), adapter.batch_size):
            pixels = clip.pixels(start, start + adapter.batch_size)
            if isinstance(adapter, ClassScores):
                answers: Any = adapter.answer(pixels).float().softmax(1).cpu()
            elif isinstance(adapter, LabelMaps):
                answers = adapter.logits(pixels).float().softmax(1).cpu()
            else:
                answers = adapter.answer(pixels)
            yield from answers
            tick(len(pixels))

    with evaluating(adapter.model), torch.no_grad():
        if isinstance(adapter, Instances):
            objects = [_likely(answer, least) for answer in frames()]
            return {0: objects} | {lag: smoothed_tracks(objects, clip, lag) for lag in lags}
        columns: list[list[Tensor]] = [[] for _ in (0, *lags)]
        for answers in averaged(frames(), lags):
            for column, answer in zip(columns, answers, strict=True):
                column.append(answer.argmax(0).short() if isinstance(adapter, LabelMaps) else answer.float().cpu())
    return {lag: torch.stack(column) for lag, column in zip((0, *lags), columns, strict=True)}


def _likely(answer: Mapping[str, Tensor], least: float) -> dict[str, Tensor]:
    """Return the objects of a frame that exist, as far as they are measured and drawn."""
    objects = checked_instances(answer, "output", "box")
    exist = objects["scores"] >= least
    kept = {name: objects[name][exist].cpu() for name in ("boxes", "labels", "scores")}
    if "masks" in answer:
        masks = torch.as_tensor(answer["masks"]).cpu()[exist]
        kept["masks"] = (masks[:, 0] if masks.ndim == 4 else masks) > 0.5
    return kept


def tally_clip(adapter: Adapter, clip: Clip, answers: Answers, truth: Any = None) -> dict[int, dict[str, Tally]]:
    """Count what the scores of a kind of answer are made of, by lag and name.

    Args:
        adapter: Of which kind the answers are.
        clip: Of which they are.
        answers: As they are, and smoothed.
        truth: Classes of pixels `(F, H, W)`, or the objects of each frame.
    """
    along = f"along the {clip.motion}" if clip.motion else "in place, so that what moves counts as well"
    if isinstance(adapter, Instances):
        return {lag: _of_objects(objects, clip, truth) for lag, objects in answers.items()}
    series = torch.stack(list(answers.values()))
    tallies: list[list[Tally]] = [[] for _ in series]
    if isinstance(adapter, ClassScores):
        best = series.argmax(-1)
        changed = (best[:, 1:] != best[:, :-1]).double()
        before = best[:, :-1, None]
        jitter = (series[:, 1:].gather(2, before) - series[:, :-1].gather(2, before)).abs()[..., 0]
        for tally, change, shake in zip(tallies, changed, jitter, strict=True):
            words = "first classes of frames that follow each other"
            seconds = torch.full_like(change, 1 / clip.fps)
            tally.append(Tally(CHANGES, change, seconds, words, unit="changes", events=True))
            words = "absolute change of the probability of a frame's first class until the next"
            tally.append(Tally.of_values("confidence jitter", shake.double(), words))
    elif isinstance(adapter, LabelMaps):
        changes, both, either = changes_and_overlaps(series, clip, int(series.max()) + 1)
        for number, tally in enumerate(tallies):
            words = f"share of pixels, {along}, times frames a second"
            rates = changes[:, number] * clip.fps
            tally.append(Tally.of_values(CHANGES, rates, words, unit="changes"))
            if clip.motion:
                words = f"mean IoU with the next frame's classes, {along}, positions counted from pixels' edges"
                tally.append(Tally(CONSISTENCY, both[:, number], either[:, number], words))
        if clip.motion or truth is not None:
            where = along if truth is None else "where the truth is constant"
            for n, shares in video_consistency(series, clip, VC_WINDOWS, truth).items():
                for number, tally in enumerate(tallies):
                    words = f"classes constant in {n} frames, {where}, all {len(shares)} windows"
                    tally.append(Tally.of_values(f"VC_{n}", shares[:, number], words))
    else:
        words = f"mean absolute change, {along}, in standard deviations of the clip's values as they are"
        for number, tally in enumerate(tallies):
            changes = value_changes(series, clip)[:, number]
            tally.append(Tally.of_values(DENSE, changes, words, unit="spreads"))
    return {lag: {one.name: one for one in tally} for lag, tally in zip(answers, tallies, strict=True)}


def _of_objects(objects: Sequence[Mapping[str, Tensor]], clip: Clip, truth: Any) -> dict[str, Tally]:
    gap = round(clip.fps / 2)
    along = f"along the {clip.motion}" if clip.motion else "in place"
    expected = f"where the {clip.motion} takes it" if clip.motion else "where a steady speed does"
    about: dict[str, tuple[str, str, bool]] = {
        CONTINUITY: (f"objects found in the next frame, too: IoU from 0.5, {along}", "percent", False),
        "presence flicker": (
            f"per object and second: lost and found again within {gap} frames",
            "disappearances",
            True,
        ),
        "position jitter": (f"distance of the centre from {expected}", "sizes", False),
        "confidence jitter": ("absolute change of the score until the next frame", "percent", False),
    }
    tallies = {name: Tally(name, *both, *about[name]) for name, both in track_counts(objects, clip, gap).items()}
    counts = torch.tensor([len(each["labels"]) for each in objects], dtype=torch.float64)
    tallies[COUNT] = Tally.of_values(COUNT, counts, "objects found in a frame", unit="objects")
    if truth is not None:
        words = "mean over true trajectories that are found; matched at an IoU of 0.5, by falling IoU"
        units = {"centre error": "sizes", "ratio error": "ratios"}
        for name, both in detection_stability(objects, truth).items():
            counted = words if name != "recall" else "frames of true trajectories in which they are found"
            unit = units.get(name, "percent")
            tallies[name] = Tally(name, *both, counted, unit, part="trajectory")
    return tallies
