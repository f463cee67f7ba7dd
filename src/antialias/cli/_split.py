"""The verb `split`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from antialias.data import ClassSplit, open_data


def split(data: str, masked: Literal["voc"] | int, /, *, out: Path, seed: int = 0, reverse: bool = False) -> None:
    """Say of which classes masks are learnt, and of which only boxes, for partially supervised training.

    Args:
        data: Whose classes, such as coco:DIR or scenes.
        masked: `voc` for PASCAL VOC's 20 among COCO's 80 classes, or how many to draw.
        out: File of the classes with masks, a class a line, for `antialias train instance --masked-classes`.
        seed: Of the draw.
        reverse: Write the other direction: the classes of which `masked` has none.
    """
    classes = open_data(data, "test", want="instances").classes
    chosen = ClassSplit.of(classes, masked, seed)
    chosen = chosen.reversed() if reverse else chosen
    chosen.write(out)
    print(f"Wrote {out}: masks of {len(chosen.masked)} classes, boxes only of {len(chosen.unmasked)}.")
