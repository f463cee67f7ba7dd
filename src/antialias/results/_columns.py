"""What the columns of a comparison are called."""

from __future__ import annotations

from collections.abc import Iterable

from ._table import Column

_SCORES = {
    "accuracy": ("Accuracy", ""),
    "top5_accuracy": ("Top-5 accuracy", ""),
    "consistency": ("Consistency", "of two random windows"),
    "consistency_on_correct": ("Consistency if correct", "of pictures classified correctly"),
    "top1_change": ("One-pixel flips", "of diagonal one-pixel moves"),
    "mask_ap": ("Mask AP", ""),
    "mask_ap50": ("Mask AP50", ""),
    "box_ap": ("Box AP", ""),
    "mask_consistency": ("Mask mAISC", "masks of two random crops"),
    "box_consistency": ("Box mAISC", "boxes of two random crops"),
    "mean_iou": ("mIoU", "over the data set"),
    "pixel_accuracy": ("Pixel accuracy", ""),
    "segmentation_consistency": ("mASSC", "pixels of two random crops"),
    "segmentation_consistency_on_correct": ("mASSC if correct", "of pixels classified correctly"),
}
_COSTS = (
    Column(key="parameters", title="Parameters", unit="M", digits=2),
    Column(key="macs", title="Multiply-adds", unit="G", digits=2, note="one picture, forward"),
    Column(key="time", title="Time", unit="x", digits=2, note="forward, of the same network without filters"),
    Column(key="memory", title="Memory", unit="x", digits=2, note="kept for backward, of the same without filters"),
)


def score_columns(keys: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of scores, in the order in which they are first named."""
    return tuple(map(_score_column, dict.fromkeys(keys)))


def cost_columns() -> tuple[Column, ...]:
    """Return the columns of what networks take."""
    return _COSTS


def _score_column(key: str) -> Column:
    title, note = _SCORES.get(key, (key.replace("_", " ").capitalize(), ""))
    return Column(key=key, title=title, note=note, better="lower" if key.endswith("change") else "higher")
