"""The instances of one image, as torchvision's detectors return them or take them as a target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

Kind = Literal["mask", "box"]
Detections = Mapping[str, Tensor]
"""What torchvision's detectors return of an image, or take as its target: `boxes`, `labels`, `masks` and so on."""

KINDS: tuple[Kind, ...] = ("mask", "box")
_PIXELS_AT_ONCE = 2**20


def checked_instances(
    values: Mapping[str, Any], role: str, kind: Kind, size: tuple[int, int] | None = None
) -> dict[str, Tensor]:
    """Return instances of which every column has one entry an instance; those of no instance get their shapes.

    Args:
        values: Columns by name; what is not known here is passed on.
        role: `"output"`, which has `scores`, or `"target"`.
        kind: `"mask"` or `"box"`: which regions there must be.
        size: Height and width of the image, where that is known.

    Raises:
        TypeError: A column holds no numbers.
        ValueError: A column is missing, of another length or shape, or holds what cannot be.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is unknown. Use one of: {', '.join(KINDS)}.")
    where = {"mask": "masks", "box": "boxes"}[kind]
    names = ("labels", "scores" if role == "output" else "image_id", where)
    if missing := [name for name in names if name not in values]:
        raise ValueError(f"the {role} of a picture has no {missing[0]!r}. Pass {', '.join(names)}.")
    labels = _whole(values["labels"], "labels", role)
    if len(labels) and int(labels.min()) < 0:
        raise ValueError(
            f"the {role} of a picture has label {int(labels.min())}. Use classes from 0, iscrowd=1 for what is ignored."
        )
    columns: dict[str, Tensor] = {**values, "labels": labels}
    if kind == "box":
        columns.pop("masks", None)  # of any size, for no score of boxes looks at them
    if "iscrowd" in values:
        columns["iscrowd"] = _whole(values["iscrowd"], "iscrowd", role)
        if not bool(torch.isin(columns["iscrowd"], torch.tensor([0, 1])).all()):
            raise ValueError(f"iscrowd of the {role} is {columns['iscrowd'].tolist()}. Use 0 and 1.")
    if role == "output":
        columns["scores"] = _numbers(values["scores"], "scores", role)
    if "boxes" in values:
        boxes = _numbers(values["boxes"], "boxes", role)
        columns["boxes"] = boxes.reshape(0, 4) if not boxes.numel() else boxes
        if columns["boxes"].ndim != 2 or columns["boxes"].shape[1] != 4:
            raise ValueError(f"boxes of the {role} have shape {tuple(boxes.shape)}. Use (M, 4): x1, y1, x2, y2.")
        if role == "target" and bool((boxes[..., 2:] < boxes[..., :2]).any()):
            raise ValueError(
                f"the target of a picture has the box {boxes[(boxes[:, 2:] < boxes[:, :2]).any(1)][0].tolist()}, which "
                "ends before it begins. Use x1, y1, x2, y2."
            )
    if "masks" in columns:
        columns["masks"] = _masks(values["masks"], role, size)
    for name in ("scores", "boxes", "masks", "iscrowd"):
        if name in columns and (name != "scores" or role == "output") and len(columns[name]) != len(labels):
            raise ValueError(
                f"the {role} of a picture has {len(labels)} labels and {len(columns[name])} {name}. "
                "Pass one of each an instance."
            )
    return columns


def _whole(values: Any, name: str, role: str) -> Tensor:
    column = _numbers(values, name, role)
    if column.is_floating_point() and not torch.equal(column, column.round()):
        raise ValueError(f"{name} of the {role} are {column.tolist()}. Use whole numbers.")
    return column.long()


def _numbers(values: Any, name: str, role: str) -> Tensor:
    try:
        column = torch.as_tensor(values).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} of the {role} are {values!r}, which are no numbers. Use a tensor.") from error
    if name != "boxes" and not column.numel():
        return column.reshape(0)
    if name != "boxes" and column.ndim != 1:
        raise ValueError(f"{name} of the {role} have shape {tuple(column.shape)}. Use one number an instance, (M,).")
    if column.is_floating_point() and not bool(column.isfinite().all()):
        raise ValueError(f"{name} of the {role} are NaN or infinite. Check the model and its precision.")
    return column


def _masks(values: Any, role: str, size: tuple[int, int] | None) -> Tensor:
    masks = torch.as_tensor(values).cpu()
    if masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    if not masks.numel():
        return masks.new_zeros(0, *(size or (0, 0)))
    if masks.ndim != 3:
        raise ValueError(f"masks of the {role} have shape {tuple(masks.shape)}. Use (M, H, W) or (M, 1, H, W).")
    if size is not None and masks.shape[1:] != size:
        raise ValueError(
            f"masks of the {role} are {masks.shape[1]}x{masks.shape[2]} and the picture is {size[0]}x{size[1]}. "
            "Use masks of the picture's size."
        )
    if masks.is_floating_point() and masks.numel():
        low, high = (float(bound) for bound in masks.aminmax())
        if not -1e-3 <= low <= high <= 1 + 1e-3:
            raise ValueError(f"masks of the {role} hold {low:g} to {high:g}. Use bool, or probabilities in [0, 1].")
    return masks


def size_of(values: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return height and width of the image that masks are of, `None` where there are none."""
    masks = values.get("masks")
    if not isinstance(masks, Tensor) or masks.ndim < 3 or not masks.numel():
        return None
    return masks.shape[-2], masks.shape[-1]


def of_classes(values: Detections, labels: Collection[int]) -> Detections:
    """Return the detections or objects of one image that are of some classes only.

    Average precision and instance consistency of what is left are those of these classes, since no class has a say in
    another's: the first is a mean over classes, and the second pairs instances of one class.

    Example:
        >>> of_classes({"labels": torch.tensor([3, 1, 2]), "image_id": torch.tensor(7)}, (1, 3))
        {'labels': tensor([3, 1]), 'image_id': tensor(7)}
    """
    own = torch.isin(values["labels"], torch.tensor(list(labels), device=values["labels"].device))
    return {name: column[own] if column.ndim else column for name, column in values.items()}


def regions(values: Detections, kind: Kind) -> Tensor:
    """Return masks `(M, H, W)` as `bool`, probabilities above 0.5 being true, or boxes `(M, 4)` as `float64`."""
    if kind == "box":
        return values["boxes"].cpu().double()
    masks = values["masks"].cpu()
    masks = masks[:, 0] if masks.ndim == 4 else masks
    return masks > 0.5 if masks.is_floating_point() else masks.bool()


def areas(regions: Tensor) -> Tensor:
    """Return the areas `(M,)` of masks `(M, H, W)` or boxes `(M, 4)` in pixels."""
    if regions.ndim == 3:
        return regions.sum(dim=(1, 2)).double()
    return (regions[:, 2:] - regions[:, :2]).clamp(min=0).prod(dim=1)


def pairwise_iou(first: Tensor, second: Tensor, crowd: Tensor | None = None) -> Tensor:
    """Return the IoU `(A, B)` of masks or boxes; with a crowd of `second`, the share of `first` inside of it."""
    if first.ndim == 2:
        low, high = torch.maximum(first[:, None, :2], second[:, :2]), torch.minimum(first[:, None, 2:], second[:, 2:])
        shared = (high - low).clamp(min=0).prod(dim=2)
    else:
        shared = torch.zeros(len(first), len(second), dtype=torch.float64)
        parts = (masks.flatten(1).split(_PIXELS_AT_ONCE, dim=1) for masks in (first, second))
        for a, b in zip(*parts, strict=True):
            shared += a.float() @ b.float().T  # exact: counts below 2^24
    union = areas(first)[:, None] + areas(second) - shared
    if crowd is not None:
        union = torch.where(crowd, areas(first)[:, None], union)
    return shared / union.clamp(min=1e-12)
