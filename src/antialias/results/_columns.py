"""The registry of measures: every score and cost by the one name that files, tables and verdicts call it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ._cost import Cost
from .tables import Column

_SCORES = {
    key: Column(key=key, title=title, better=better, note=note)
    for key, title, better, note in (
        ("accuracy", "Accuracy", "higher", ""),
        ("top5_accuracy", "Top-5 accuracy", "higher", ""),
        ("video_accuracy", "Video accuracy", "higher", ""),
        ("consistency", "Consistency", "higher", "of two random windows"),
        ("consistency_on_correct", "Consistency if correct", "higher", "of pictures classified correctly"),
        ("top1_change", "One-pixel flips", "lower", "of diagonal one-pixel moves"),
        ("mean_absolute_change", "Mean change", "lower", "of probability, a pixel"),
        ("agreement", "Agreement", "", "with the first network"),
        ("mask_ap", "Mask AP", "higher", ""),
        ("mask_ap50", "Mask AP50", "higher", ""),
        ("box_ap", "Box AP", "higher", ""),
        ("mask_consistency", "Mask mAISC", "higher", "masks of two random crops"),
        ("box_consistency", "Box mAISC", "higher", "boxes of two random crops"),
        ("mean_iou", "mIoU", "higher", "over the data set"),
        ("pixel_accuracy", "Pixel accuracy", "higher", ""),
        ("segmentation_consistency", "mASSC", "higher", "pixels of two random crops"),
        ("segmentation_consistency_on_correct", "mASSC if correct", "higher", "of pixels classified correctly"),
        ("dense_consistency", "Dense difference", "lower", "values of two random crops"),
        ("dense_psnr", "Dense PSNR", "higher", "values of two random crops"),
    )
}
_COSTS = (
    Column(key="parameters", title="Parameters", unit="M", digits=2, better="lower"),
    Column(key="macs", title="Multiply-adds", unit="G", digits=2, better="lower", note="one picture, forward"),
    Column(key="milliseconds", title="Time", unit="ms", better="lower", note="one picture, forward"),
    Column(key="time", title="Time", unit="x", digits=2, better="lower", note="forward, of the same without filters"),
    Column(
        key="memory",
        title="Memory",
        unit="x",
        digits=2,
        better="lower",
        note="kept for backward, of the same without filters",
    ),
)
_UNITS = {"M": 1e6, "G": 1e9}
_SIDES = ("masked", "unmasked")
_FEW = 1e9
"""Multiply-adds that need more decimals."""


def score_columns(keys: Iterable[str], units: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """Return the columns of scores, in the order in which they are first named; unknown ones are named by their key.

    Args:
        keys: Names of scores.
        units: What those that are no shares are counted in, such as `"pixels"`.

    Example:
        >>> [column.title for column in score_columns(["top1_change", "mask_ap_unmasked", "my_score"])]
        ['One-pixel flips', 'Mask AP, unmasked classes', 'My score']
    """
    columns = []
    for key in dict.fromkeys(keys):
        name, _, side = key.rpartition("_")
        if key in _SCORES:
            columns.append(_SCORES[key])
        elif name in _SCORES and side in _SIDES:
            columns.append(replace(_SCORES[name], key=key, title=f"{_SCORES[name].title}, {side} classes"))
        else:
            better = "lower" if key.endswith(("change", "error")) else "higher"
            columns.append(Column(key=key, title=key.replace("_", " ").capitalize(), better=better))
        if key in (units or {}):
            columns[-1] = replace(columns[-1], unit=(units or {})[key], digits=2)
    return tuple(columns)


def cost_columns(costs: Sequence[Cost]) -> dict[Column, float]:
    """Return the columns of what networks take that some of them say, each with the size of its unit.

    Example:
        >>> [(column.title, column.unit, size) for column, size in cost_columns([Cost(macs=4_000_000_000)]).items()]
        [('Multiply-adds', 'G', 1000000000.0)]
    """
    columns = [column for column in _COSTS if any(getattr(cost, column.key) is not None for cost in costs)]
    if max((cost.macs or 0 for cost in costs), default=0) < _FEW:
        columns = [replace(column, digits=4) if column.key == "macs" else column for column in columns]
    return {column: _UNITS.get(column.unit, 1.0) for column in columns}
