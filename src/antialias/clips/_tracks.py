"""Objects followed through a clip: by a tracker of our own, or along their true trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from antialias.metrics.detection import greedy_pairs, pairwise_iou

from ._clip import Clip

Objects = Mapping[str, Tensor]
_SAME = 0.5


@dataclass
class Track:
    """One object through the frames in which it was found.

    Attributes:
        label: Its class.
        frames: Where it was found.
        indices: As which of the frame's objects.
    """

    label: int
    frames: list[int] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)


def moved(boxes: Tensor, clip: Clip, frame: int) -> Tensor:
    """Return boxes `(M, 4)` of a frame as they are in the next: their centres follow the motion."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    after = clip.follow(centre, frame)
    return torch.cat([after - half, after + half], 1)


def link(objects: Sequence[Objects], clip: Clip, gap: int) -> list[Track]:
    """Follow objects from frame to frame: one is found again if its class is the same and the IoU is 0.5 or more.

    Boxes follow the motion where it is known; pairs are taken in the order of falling IoU.

    Args:
        objects: Of each frame, with `boxes` and `labels`.
        clip: Whose motion is followed.
        gap: For how many frames an object may be lost and still be found again.
    """
    tracks: list[Track] = []
    open_tracks: list[tuple[Track, Tensor]] = []
    for frame, found in enumerate(objects):
        boxes, labels = found["boxes"].double(), found["labels"].tolist()
        if open_tracks:
            alike = torch.tensor([[track.label == label for label in labels] for track, _ in open_tracks])
            ious = pairwise_iou(torch.stack([box for _, box in open_tracks]), boxes)
            pairs = greedy_pairs(torch.where(alike.view_as(ious).bool(), ious, -1.0), _SAME, inclusive=True)
        else:
            pairs = []
        for number, index in pairs:
            track = open_tracks[number][0]
            track.frames.append(frame)
            track.indices.append(index)
            open_tracks[number] = (track, boxes[index])
        again = {index for _, index in pairs}
        for index in (each for each in range(len(labels)) if each not in again):
            tracks.append(Track(labels[index], [frame], [index]))
            open_tracks.append((tracks[-1], boxes[index]))
        open_tracks = [each for each in open_tracks if frame - each[0].frames[-1] <= gap]
        if open_tracks and frame + 1 < len(objects):
            after = moved(torch.stack([box for _, box in open_tracks]), clip, frame)
            open_tracks = [(track, box) for (track, _), box in zip(open_tracks, after, strict=True)]
    return tracks


def track_counts(objects: Sequence[Objects], clip: Clip, gap: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Count what objects do that are followed without truth, at each step from a frame to the next.

    Args:
        objects: Of each frame, with `boxes`, `labels` and `scores`.
        clip: Whose motion is followed.
        gap: For how many frames an object may be lost and still be found again.

    Returns:
        What was counted of what, `(F - 1,)` each. `track continuity`: objects that are found in the next frame, too, of
        those whose centre is in it. `presence flicker`: times that an object is lost and found again, of the seconds
        from its first to its last frame. `position jitter`: distance of the centre from where the motion takes it, or,
        where that is not known, from where a steady speed does, in square roots of the object's area. `confidence
        jitter`: absolute change of the score.
    """
    names = ("track continuity", "presence flicker", "position jitter", "confidence jitter")
    counts = {name: torch.zeros(2, len(clip) - 1, dtype=torch.float64) for name in names}
    for track in link(objects, clip, gap):
        boxes = torch.stack([objects[f]["boxes"][i].double() for f, i in zip(track.frames, track.indices, strict=True)])
        scores = [float(objects[f]["scores"][i]) for f, i in zip(track.frames, track.indices, strict=True)]
        centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt()
        counts["presence flicker"][1, track.frames[0] : track.frames[-1]] += 1 / clip.fps
        for place, frame in enumerate(track.frames):
            if frame + 1 == len(clip):
                continue
            following = track.frames[place + 1] if place + 1 < len(track.frames) else None
            expected = clip.follow(centres[place], frame)
            if following == frame + 1 or bool(clip.inside(expected)):
                counts["track continuity"][:, frame] += torch.tensor([float(following == frame + 1), 1])
            if following is None:
                continue
            if following != frame + 1:
                counts["presence flicker"][0, frame] += 1
                continue
            counts["confidence jitter"][:, frame] += torch.tensor([abs(scores[place + 1] - scores[place]), 1])
            if not clip.motion:
                if place == 0 or track.frames[place - 1] != frame - 1:
                    continue
                expected = 2 * centres[place] - centres[place - 1]
            distance = float((centres[place + 1] - expected).norm() / sizes[place])
            counts["position jitter"][:, frame] += torch.tensor([distance, 1])
    return {name: (both[0], both[1]) for name, both in counts.items()}


def detection_stability(objects: Sequence[Objects], truth: Sequence[Objects]) -> dict[str, tuple[Tensor, Tensor]]:
    """Measure the errors of detections along true trajectories, each trajectory with its number of them.

    In each frame detections are matched to true objects of their class, in the order of falling IoU from 0.5 on (the
    paper pairs them by the Hungarian algorithm).

    Args:
        objects: Of each frame, with `boxes` and `labels`.
        truth: Of each frame, with `boxes`, `labels` and `ids`, which are the same in all frames of a trajectory.

    Returns:
        What was counted of what, `(trajectories,)` each. `fragment error`: changes between found and not found, of the
        n - 1 possible. `centre error`: standard deviation of the distance from the true centre in widths, plus that in
        heights. `ratio error`: that of the square root of the area relative to the truth's, plus that of the aspect
        ratio. A trajectory that is never found counts in none of them, but in `recall`, the share of frames in which it
        is found.

    Source: Zhang & Wang, "On The Stability of Video Detection and Tracking", arXiv 1611.06467, section 3.
    """
    trajectories: dict[int, list[tuple[Tensor, Tensor | None]]] = {}
    for found, there in zip(objects, truth, strict=True):
        ious = pairwise_iou(there["boxes"].double(), found["boxes"].double())
        alike = there["labels"][:, None] == found["labels"]
        pairs = dict(greedy_pairs(torch.where(alike, ious, -1.0), _SAME, inclusive=True))
        for number, (identity, box) in enumerate(zip(there["ids"].tolist(), there["boxes"].double(), strict=True)):
            seen = found["boxes"][pairs[number]].double() if number in pairs else None
            trajectories.setdefault(identity, []).append((box, seen))
    rows = []
    for steps in trajectories.values():
        status = [seen is not None for _, seen in steps]
        errors = []
        for true, seen in steps:
            if seen is not None:
                size, true_size = seen[2:] - seen[:2], true[2:] - true[:2]
                off = ((seen[:2] + seen[2:]) - (true[:2] + true[2:])) / 2 / true_size
                scale = (size.prod() / true_size.prod()).sqrt()
                errors.append(torch.stack([*off, scale, (size[0] / size[1]) / (true_size[0] / true_size[1])]))
        counts = float(bool(errors))
        spread = torch.stack(errors).std(0, correction=0) if errors else torch.zeros(4, dtype=torch.float64)
        switches = sum(a != b for a, b in pairwise(status))
        rows.append(
            [
                *(counts * switches / max(1, len(status) - 1), counts * (len(status) > 1)),
                *(float(spread[:2].sum()), counts, float(spread[2:].sum()), counts),
                *(float(sum(status)), float(len(status))),
            ]
        )
    columns = torch.tensor(rows, dtype=torch.float64).reshape(-1, 8).unbind(1)
    names = ("fragment error", "centre error", "ratio error", "recall")
    return {name: (columns[2 * i], columns[2 * i + 1]) for i, name in enumerate(names)}
