"""What an ONNX file answers: class scores, label maps, instances or dense values, recognised by names and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["classes", "labels", "instances", "dense"]
KINDS: tuple[Kind, ...] = ("classes", "labels", "instances", "dense")
INSTANCES = (("boxes", "labels", "scores"), ("detection_boxes", "detection_classes", "detection_scores"))
"""Names of outputs: torchvision's, with corners in pixels, and TensorFlow's, with shares of the sides, y first."""
_LEAST_SCORE, _SAME_SHAPE, _SUMS_TO_ONE = 0.05, 0.02, 1e-3


def main_output(names: Sequence[str], path: object, output: str | None) -> str:
    """Return the output that is scored: the one that is asked for, the only one, or `out` or `logits` of several.

    Raises:
        ValueError: There is none, or none of that name, or several and none is asked for.
    """
    if not names:
        raise ValueError(f"{path} has no output. Use a whole .onnx file of a network.")
    if output is not None and output not in names:
        raise ValueError(f"{path} has no output {output!r}. Use one of: {', '.join(names)}.")
    if output is None and len(names) > 1 and not {"out", "logits"} & set(names):
        raise ValueError(
            f"{path} has {len(names)} outputs: {', '.join(names)}. Say which is scored by output=NAME (--output NAME); "
            f"detectors are recognised by outputs named {' or '.join('/'.join(each) for each in INSTANCES)}."
        )
    return output or next((name for name in ("out", "logits") if name in names), names[0])


def plain_answer(
    values: Tensor, size: Sequence[int], kind: Kind | None, threshold: float, *, channels_last: bool
) -> tuple[Kind, Tensor]:
    """Return what an output says, and of which kind it is.

    - `(N, K)` or `(N, K, 1, 1)` are class scores. Rows of probabilities become logits.
    - `(N, K, h, w)` of several channels, and whole numbers `(N, h, w)`, are label maps.
    - `(N, 1, h, w)`, and `(N, h, w)` with sides in the proportion of the image's, are dense values. As label maps they
      are probabilities of the second of two classes.

    Args:
        values: The output.
        size: Height and width of what the network was shown.
        kind: What the user says it is.
        threshold: From where on a probability is of the second class.
        channels_last: The channels of maps come last.

    Raises:
        ValueError: It is none of these.

    Example:
        >>> plain_answer(torch.tensor([[0.25, 0.75]]), (8, 8), None, 0.5, channels_last=False)[1].softmax(1)
        tensor([[0.2500, 0.7500]])
    """
    shape = f"its output {tuple(values.shape)} for images of {size[0]}x{size[1]}"
    whole = not values.is_floating_point()
    if values.ndim == 4:
        there, elsewhere = (values[..., 0], values[:, 0]) if channels_last else (values[:, 0], values[..., 0])
        if _is_map(elsewhere, size) and not _is_map(there, size):
            places = ("second", "last") if channels_last else ("last", "second")
            raise ValueError(
                f"{shape} has its channels {places[0]}, and its input {places[1]}. Use a file that has them in one "
                "place, or a module:callable that runs this one and moves them."
            )
        values = values.movedim(-1, 1) if channels_last else values
    if values.ndim == 4 and values.shape[2:] == (1, 1) and kind in (None, "classes"):
        values = values.flatten(1)
    if values.ndim == 3 and _is_map(values, size):
        values = values[:, None]
    if values.ndim == 2 and values.shape[1] > 1 and kind in (None, "classes"):
        return "classes", _logits(values.float())
    if values.ndim == 4 and kind != "classes":
        several = values.shape[1] > 1
        if kind == "labels" or (kind is None and (several or whole)):
            if several:
                return "labels", values.float()
            classes = values[:, 0].long() if whole else (values[:, 0] >= threshold).long()
            return "labels", F.one_hot(classes, max(2, int(classes.max()) + 1)).movedim(-1, 1).float()
        return "dense", values.float()
    asked = "" if kind is None else f", nor {kind}"
    raise ValueError(
        f"{shape} is of no kind that can be told{asked}: class scores are (N, K), label maps (N, K, h, w), dense "
        "values (N, 1, h, w). Name another output (--output), say kind= (--kind), or use a module:callable that runs "
        "the file and returns one of these."
    )


def found_instances(
    answers: Mapping[str, Tensor], names: Sequence[str], shown: Sequence[int], size: Sequence[int]
) -> dict[str, Tensor]:
    """Return the instances of one image, with corners in pixels of the window, without scores below 0.05.

    Args:
        answers: The file's outputs, with or without a first dimension of images, of which the first is meant.
        names: Those of boxes, classes and scores.
        shown: Height and width of what the network was shown.
        size: Height and width of the window.
    """
    if answers[names[0]].ndim == 3:  # a file that takes several images at once was given one image several times
        count = answers[names[0]].shape[:1]
        answers = {name: each[:1] if each.shape[:1] == count else each for name, each in answers.items()}
    boxes, labels, scores = (answers[name] for name in names)
    boxes, labels, scores = boxes.reshape(-1, 4).float(), labels.reshape(-1).long(), scores.reshape(-1).float()
    if names == INSTANCES[1]:
        boxes = boxes[:, [1, 0, 3, 2]] * boxes.new_tensor([size[1], size[0]] * 2)
    else:
        boxes = boxes * boxes.new_tensor([size[1] / shown[1], size[0] / shown[0]] * 2)
    found = {"boxes": boxes, "labels": labels, "scores": scores}
    if "masks" in answers:
        masks = answers["masks"].float().reshape(len(scores), 1, *answers["masks"].shape[-2:])
        found["masks"] = masks if not len(masks) else resized_maps(masks, size)
        found["masks"] = found["masks"].reshape(len(scores), 1, *size)
    likely = scores >= _LEAST_SCORE
    return {name: column[likely] for name, column in found.items()}


def resized_maps(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Return maps `(N, K, h, w)` in the size of the windows, bilinearly between the centres of pixels."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, tuple(size), mode="bilinear", align_corners=False)


def _is_map(values: Tensor, size: Sequence[int]) -> bool:
    """Whether the sides of values `(N, h, w)` are in the proportion of an image's."""
    down, across = (mine / side for mine, side in zip(values.shape[1:], size, strict=True))
    return min(values.shape[1:]) > 1 and abs(down - across) <= _SAME_SHAPE * max(down, across)


def _logits(scores: Tensor) -> Tensor:
    """Return logits, of probabilities their logarithm."""
    total = scores.sum(1)
    is_probability = bool((scores >= 0).all()) and bool(((total - 1).abs() < _SUMS_TO_ONE).all())
    return scores.clamp(min=torch.finfo(torch.float32).tiny).log() if is_probability else scores
