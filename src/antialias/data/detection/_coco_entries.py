"""What is wrong with the entries of a COCO file, in the words of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from antialias.data.images import Fault

_FAR, _LONGEST = 4, 2**20  # sides of the picture, pixels


def sound_entries(
    entries: Sequence[Any], needed: Mapping[str, Any], file: Path, kind: str
) -> tuple[list[Mapping[str, Any]], list[Fault]]:
    """Part the entries that have all that is needed from the others.

    Args:
        entries: Of one list of the file.
        needed: Type of each key that an entry must have.
        file: Named in a fault.
        kind: What a fault calls an entry.
    """
    sound, faults = [], []
    for number, entry in enumerate(entries):
        reason, place = None, number
        if not isinstance(entry, Mapping):
            reason = f"it is {entry!r:.80}, which says nothing"
        else:
            place = entry.get("id", number)
            if missing := [key for key in needed if key not in entry]:
                reason = f"it has no {missing[0]}"
            elif wrong := [key for key, kinds in needed.items() if not _is(entry[key], kinds)]:
                reason = f"its {wrong[0]} is {entry[wrong[0]]!r:.80}"
        if reason is None:
            sound.append(entry)
        else:
            faults.append(Fault(f"{file}, {kind} {place!s:.80}", reason))
    return sound, faults


def _is(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and value != ""


def why_no_name(name: str) -> str | None:
    """Return why a file's name is none in the folder of images, if it is none."""
    path = PurePath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        return f"its file_name {name[:80]!r} leaves the folder of images"
    return None


def crowd_of(annotation: Mapping[str, Any]) -> bool | None:
    """Return whether an annotation is of a crowd: 0 or 1, as a number or a text; `None` where it says something else.

    Example:
        >>> [crowd_of({"iscrowd": field}) for field in (1, "0", "no")], crowd_of({})
        ([True, False, None], False)
    """
    field = annotation.get("iscrowd", 0)
    field = field.strip() if isinstance(field, str) else field
    return next((bool(value) for value in (0, 1) if field in (value, str(value))), None)


def why_no_box(box: Sequence[Any], size: tuple[int, int]) -> str | None:
    """Return what is wrong with a box `x, y, width, height` in an image of height and width `size`, if anything is."""
    if len(box) != 4 or not _finite(box):
        return f"its bbox {box} is not x, y, width and height"
    x, y, width, height = box
    if not min(width, height) > 0:
        return f"its bbox {box} has no inside"
    if max(map(abs, box)) > _FAR * max(size):
        return f"its bbox {box} reaches far beyond the picture, which is {size}"
    if x >= size[1] or y >= size[0] or x + width <= 0 or y + height <= 0:
        return f"its bbox {box} lies outside of the picture, which is {size}"
    return None


def why_no_mask(segmentation: Any, size: tuple[int, int]) -> str | None:
    """Return what is wrong with polygons or run lengths in an image of height and width `size`, if anything is."""
    if isinstance(segmentation, list):
        if not segmentation:
            return "its segmentation is empty"
        if not all(isinstance(polygon, list) and _finite(polygon) for polygon in segmentation):
            return "a polygon is no list of numbers"
        short = [polygon for polygon in segmentation if len(polygon) < 6 or len(polygon) % 2]
        if short:
            return f"a polygon has {len(short[0])} numbers, not 6, 8, 10 .."
        if any(abs(number) > _FAR * max(size) for polygon in segmentation for number in polygon):
            return f"a polygon reaches far beyond the picture, which is {size}"
        # What draws polygons makes a list of all pixels on their lines.
        longest = max(_length(polygon) for polygon in segmentation)
        return f"a polygon's lines are {longest:,.0f} pixels long" if longest > _LONGEST else None
    lengths, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(lengths, list) or not isinstance(counts, list | str):
        return "its run lengths lack size or counts"
    if tuple(lengths) != size:
        return f"its run lengths are for {tuple(lengths)}, the picture is {size}"
    counts = run_lengths(counts)
    if counts is None or not all(_is(count, int) and count >= 0 for count in counts):
        return "its run lengths are no whole numbers from 0"
    if sum(counts) != size[0] * size[1]:
        return f"its run lengths cover {sum(counts)} pixels of {size[0] * size[1]}"
    return None


def run_lengths(counts: list[int] | str) -> list[int] | None:
    """Return run lengths as numbers; `None` where a text holds none.

    In COCO's text each character holds five bits from 48 on, the lowest first, and in a sixth bit whether more follow;
    the last one's fifth is the sign. From the fourth run on, differences to the run before last are written. The
    decoder of faster-coco-eval takes a text as it is, and writes beyond the mask if it covers more.

    Example:
        >>> run_lengths("2321"), run_lengths("\u2014"), run_lengths("o")
        ([2, 3, 2, 4], None, None)
    """
    if isinstance(counts, list):
        return counts
    lengths: list[int] = []
    value, shift = 0, 0
    for letter in counts:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value, shift = 0, 0
    return None if shift else lengths


def _length(polygon: Sequence[float]) -> float:
    """Return how many pixels a polygon's lines cross, about."""
    points = list(zip(polygon[::2], polygon[1::2], strict=True))
    return sum(max(abs(x - u), abs(y - v)) for (x, y), (u, v) in zip(points, points[1:] + points[:1], strict=True))


def _finite(numbers: Sequence[Any]) -> bool:
    return all(_is(number, int | float) and math.isfinite(number) for number in numbers)
