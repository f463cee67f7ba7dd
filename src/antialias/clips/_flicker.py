"""Measure how much a network's answers flicker on clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from antialias.metrics import Adapter, Instances, LabelMaps, Model, Score, adapter_for
from antialias.models import class_names

from ._answers import Answers, answer_clip, tally_clip
from ._clip import Clip
from ._open import open_clips
from ._result import Flicker, Row
from ._smoothing import LAGS
from ._tally import Tally, score_of


def flicker(
    model: Model | Mapping[str, Model],
    clip: Any,
    *,
    fps: float | None = None,
    truth: Any = None,
    size: int | None = None,
    seed: int = 0,
    detection_score: float = 0.5,
    progress: Callable[[int, int], None] | None = None,
) -> Flicker:
    """Measure how much the answers of a network, or of several, flicker on clips.

    Beside each network as it is stands the usual remedy, its answers averaged over time, with what it gains for each
    frame that answers come later. Scores are of one clip, with an interval over its windows (or true trajectories), or
    means over several, with an interval over clips.

    Args:
        model: A classifier, segmenter, detector, or an adapter of one or of a network of dense values; or several of
            one kind by name, such as `{"as it is": model, "mended": other}`.
        clip: A video file, a folder of frames, `pan:IMAGE` (a camera's path over a still), frames `(F, 3, H, W)`, a
            `Clip`, which can know its motion, or a sequence of these.
        fps: Frames a second, where the clip does not say.
        truth: True classes of pixels `(F, H, W)`, or of each frame its objects: `boxes`, `labels`, and `ids`, which
            follow them through the clip. Of several clips one each.
        size: Resample frames to this shorter side and cut the central square; the side of a pan's frames, 224 if none.
        seed: Chooses where pans move to.
        detection_score: What a detector finds with a lower score does not count.
        progress: Called with the frames answered and in all.

    Raises:
        ValueError: A clip cannot be used, truth does not fit, or networks give answers of different kinds.
        TypeError: The answer is of no known kind, or the clip is something else.

    Example:
        >>> import torch, antialias as aa
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 0.5 - 0 * x.mean((1, 2, 3))], 1)
        >>> blinking = (torch.arange(30) % 2).float().view(30, 1, 1, 1).expand(-1, 3, 8, 8)
        >>> round(aa.flicker(brightness, blinking, fps=30).scores["answers changed per second"].value, 3)
        30.0

    Source: docs/flicker.md has the formulas with their sources.
    """
    clips = open_clips(clip, fps=fps, size=size, seed=seed)
    several = isinstance(clip, Sequence) and not isinstance(clip, str)
    truths = [None] * len(clips) if truth is None else list(truth) if several else [truth]
    if len(truths) != len(clips):
        raise ValueError(f"there are {len(clips)} clips and {len(truths)} truths. Pass one of each.")
    bare: Any = model.model if isinstance(model, Adapter) else model
    networks = dict(model) if isinstance(model, Mapping) else {getattr(bare, "__name__", type(bare).__name__): model}
    adapters = adapters_of(networks, clips[0])
    first = next(iter(adapters.values()))
    for one, true in zip(clips, truths, strict=True):
        check_truth(first, one, true)

    done, total = 0, sum(map(len, clips)) * len(adapters)

    def tick(frames: int) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(done, total)

    rows, notes, answers = [], dict[str, None](), dict[str, list[Answers]]()
    for name, adapter in adapters.items():
        answers[name] = [answer_clip(adapter, one, detection_score, tick) for one in clips]
        tallies = [
            tally_clip(adapter, one, own, true) for one, own, true in zip(clips, answers[name], truths, strict=True)
        ]
        normalisation = adapter.normalization.protocol
        for lag in (0, *LAGS):
            scores, missing = scores_of([of_clip[lag] for of_clip in tallies], clips, normalisation)
            rows.append(Row(network=name, lag=lag, scores=scores))
            notes |= dict.fromkeys(f"{name}: {why}" for why in missing)
    return Flicker(
        kind=type(first).__name__,
        clips=tuple(clips),
        rows=tuple(rows),
        notes=tuple(notes),
        answers=answers,
        classes={name: class_names(adapter.model) for name, adapter in adapters.items()},  # pyrefly: ignore
    )


def adapters_of(networks: Mapping[str, Model], clip: Clip) -> dict[str, Adapter]:
    """Return what shows frames to each network, by their names.

    Raises:
        ValueError: There is none, they give answers of different kinds, or one resizes what it is shown.
    """
    adapters = {name: adapter_for(network, clip.pixels(0, 1)[0]) for name, network in networks.items()}
    kinds = {type(adapter).__name__ for adapter in adapters.values()}
    if len(kinds) != 1:
        raise ValueError(f"networks give {' and '.join(sorted(kinds)) or 'nothing'}. Compare those of one kind.")
    for adapter in adapters.values():
        if adapter.resize is not None:
            raise ValueError(f"resize={adapter.resize} would move pixels that are followed. Pass flicker(size=).")
    return adapters


def scores_of(
    tallies: Sequence[Mapping[str, Tally]], clips: Sequence[Clip], normalisation: Any
) -> tuple[dict[str, Score], list[str]]:
    """Return the scores of one network on clips by name, and why those that are missing are.

    Args:
        tallies: What was counted of each clip, by the score's name; a short clip may lack some.
        clips: The clips.
        normalisation: What the network does to pixels first, for the protocol.
    """
    scores, missing = dict[str, Score](), list[str]()
    about = {
        "clips": [clip.name for clip in clips],
        "fps": [clip.fps for clip in clips],
        "frames": [len(clip) for clip in clips],
        "motion": [clip.motion or "not known" for clip in clips],
        "normalisation": normalisation,
    }
    for name in dict.fromkeys(name for of_clip in tallies for name in of_clip):
        own = [(of_clip[name], clip.seconds) for of_clip, clip in zip(tallies, clips, strict=True) if name in of_clip]
        counted, seconds = zip(*own, strict=True)
        try:
            scores[name] = score_of(counted, seconds, about)
        except ValueError as error:
            missing.append(str(error))
    return scores, missing


def check_truth(adapter: Adapter, clip: Clip, truth: Any) -> None:
    """Refuse truth that a kind of answer or a clip has no use for.

    Raises:
        ValueError: It is of another kind or size.
    """
    if truth is None:
        return
    if isinstance(adapter, LabelMaps):
        shape = tuple(truth.shape) if isinstance(truth, Tensor) else type(truth).__name__
        if shape != (len(clip), *clip.size):
            raise ValueError(f"the truth of {clip.name} is {shape}. Use classes {(len(clip), *clip.size)}.")
    elif isinstance(adapter, Instances):
        if not isinstance(truth, Sequence) or len(truth) != len(clip):
            count = len(truth) if isinstance(truth, Sequence) else type(truth).__name__
            raise ValueError(f"the truth of {clip.name} is of {count} frames. Pass the objects of {len(clip)}.")
        for number, objects in enumerate(truth):
            if missing := {"boxes", "labels", "ids"} - set(objects):
                raise ValueError(f"frame {number} of the truth of {clip.name} has no {sorted(missing)[0]!r}.")
    else:
        raise ValueError(f"truth is of label maps and objects, and this network gives {type(adapter).__name__}.")
