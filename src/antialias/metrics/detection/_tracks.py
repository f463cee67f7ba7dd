"""Which detection is which while a window moves over an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from antialias.metrics._adapter import Instances
from antialias.metrics.detection._consistency import SameInstance, likely
from antialias.metrics.detection._instances import Detections, Kind, pairwise_iou, regions
from antialias.metrics.detection._matching import greedy_pairs

TRACKED = SameInstance(iou=0.5)
"""Neighbouring windows show nearly the same, so that half of the area says who is who."""
_FAINT = 0.2


@dataclass
class Track:
    """Follow one object along the windows in which a detector finds it.

    Attributes:
        label: Its class.
        sightings: What was found of it, by the number of the window: `box` `(4,)` and `score`, and `mask` `(h, w)` as
            `bool` where the detector gives masks, all within the window.
    """

    label: int
    sightings: dict[int, Detections] = field(default_factory=dict)

    @property
    def peak(self) -> float:
        """The highest of its scores."""
        return max(float(seen["score"]) for seen in self.sightings.values())


def track_instances(
    answers: Sequence[Detections],
    corners: Sequence[Sequence[int]],
    size: tuple[int, int],
    kind: Kind = "box",
    *,
    same: SameInstance = TRACKED,
) -> list[Track]:
    """Follow the instances that a detector finds in windows of one image, without labels.

    Each window's instances are paired with those followed so far in the order of falling IoU within what both windows
    show, those of one class only. What is found with a fifth of the score that counts is followed, too, so that a score
    can be seen to fall; an object that never counts is left out.

    Args:
        answers: What the detector says of each window.
        corners: Where the windows were cut, y and x.
        size: Height and width of a window.
        kind: `"box"` or `"mask"`: what is compared. Boxes say who is who where masks are rough.
        same: When two instances are one, and from which score one counts.

    Returns:
        The objects, those with the highest score first.

    Raises:
        ValueError: There is not one answer a window.

    Example:
        >>> def found(x, score):
        ...     box, one = torch.tensor([[x, 2.0, x + 9, 11.0]]), torch.ones(1)
        ...     return {"boxes": box, "labels": one.long(), "scores": score * one}
        >>> answers = [found(5, 0.9), found(4, 0.3), found(3, 0.8)]
        >>> (track,) = track_instances(answers, [(0, 0), (0, 1), (0, 2)], (16, 16), "box")
        >>> [round(float(seen["score"]), 1) for seen in track.sightings.values()]
        [0.9, 0.3, 0.8]
    """
    if len(answers) != len(corners):
        raise ValueError(f"there are {len(answers)} answers to {len(corners)} windows. Pass one a window.")
    faint = _FAINT * same.score
    seen = [likely(answer, faint, "mask" if "masks" in answer else "box", size) for answer in answers]
    tracks: list[Track] = []
    last: list[tuple[int, int]] = []  # of each track its last window and its place there
    for number, found in enumerate(seen):
        ious = torch.full((len(tracks), len(found["labels"])), -1.0, dtype=torch.float64)
        for earlier in {window for window, _ in last}:
            own = [i for i, (window, _) in enumerate(last) if window == earlier]
            table = _ious(seen[earlier], found, corners[earlier], corners[number], size, kind)
            ious[own] = table[[last[i][1] for i in own]]
        taken = {place: track for track, place in greedy_pairs(ious, same.iou)}
        for place, label in enumerate(found["labels"].tolist()):
            if place not in taken:
                taken[place] = len(tracks)
                tracks.append(Track(label))
                last.append((number, place))
            last[taken[place]] = (number, place)
            sighting = {"box": found["boxes"][place], "score": found["scores"][place]} if "boxes" in found else {}
            if "masks" in found:
                sighting["mask"] = regions(found, "mask")[place]
            tracks[taken[place]].sightings[number] = {"score": found["scores"][place], **sighting}
    return sorted((track for track in tracks if track.peak >= same.score), key=lambda track: -track.peak)


def _ious(
    a: Detections, b: Detections, corner_a: Sequence[int], corner_b: Sequence[int], size: tuple[int, int], kind: Kind
) -> Tensor:
    """Return the IoU of two windows' instances within what both show, -1 where the classes differ."""
    starts = torch.tensor([list(corner_a), list(corner_b)])
    start = starts.amax(0)
    height, width = (side - int(apart) for side, apart in zip(size, start - starts.amin(0), strict=True))
    inside = (
        regions(Instances.within(one, (start - own).tolist(), (height, width)), kind)
        for one, own in zip((a, b), starts, strict=True)
    )
    return pairwise_iou(*inside).where(a["labels"][:, None] == b["labels"], -1.0)
