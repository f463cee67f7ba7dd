"""Whole data sets in memory, so that reading them again costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar, overload

import torch

from antialias._conventions import ProgressCallback

from .classification import ClassificationDataset, LabelledImages
from .detection import AnnotatedImages, DetectionDataset
from .segmentation import SegmentationDataset, SegmentedImages

T = TypeVar("T")
R = TypeVar("R")

_CHUNKS = {"label": 128, "semantic": 32, "instances": 32}
_METHODS = {"semantic": ("segmentations", "segmented"), "instances": ("annotations", "annotated")}


@overload
def in_memory(
    data: ClassificationDataset, want: Literal["label"] = "label", *, progress: ProgressCallback | None = None
) -> LabelledImages: ...


@overload
def in_memory(
    data: SegmentationDataset, want: Literal["semantic"], *, progress: ProgressCallback | None = None
) -> SegmentedImages: ...


@overload
def in_memory(
    data: DetectionDataset, want: Literal["instances"], *, progress: ProgressCallback | None = None
) -> AnnotatedImages: ...


def in_memory(data: Any, want: str = "label", *, progress: ProgressCallback | None = None) -> Any:
    """Read a whole data set into memory, once, so that every later epoch is free.

    Args:
        data: Any data set of this package; 80 px images take 19 kB each, with masks 40 kB at most.
        want: Kind of targets, as `open_data` takes it.
        progress: Called with `(done, total)` images.

    Returns:
        `LabelledImages`, `SegmentedImages` or `AnnotatedImages`; `data` itself if it is that already.

    Raises:
        ValueError: `want` is unknown.

    Example:
        >>> from antialias.data import Scenes
        >>> data = in_memory(Scenes(size=16, length=10), "instances")
        >>> len(data), data.name(2)
        (10, 'scene 2 of train')
    """
    if want not in _CHUNKS:
        raise ValueError(f"want={want!r} is unknown. Use one of: {', '.join(_CHUNKS)}.")
    if isinstance(data, LabelledImages | SegmentedImages | AnnotatedImages):
        return data
    mismatch = getattr(data, "class_mismatch", None)
    parts: list[Any] = []
    if want == "label":
        read = data.labelled
    else:  # at once where the data set can do so faster than one by one
        several, one = _METHODS[want]
        read = getattr(data, several, lambda numbers: [getattr(data, one)(number) for number in numbers])
    for chunk, part in _in_threads(
        lambda numbers: read(numbers if want == "label" else numbers.tolist()),
        torch.arange(len(data)).split(_CHUNKS[want]),
    ):
        parts.append(part)
        if progress is not None:
            progress(int(chunk[-1]) + 1, len(data))
    if want == "label":
        images, labels = zip(*parts, strict=True)
        return LabelledImages(torch.cat(images), torch.cat(labels), data.classes, class_mismatch=mismatch)
    items, names = [item for part in parts for item in part], [data.name(index) for index in range(len(data))]
    kind = SegmentedImages if want == "semantic" else AnnotatedImages
    return kind(items, names, data.classes, class_mismatch=mismatch)


def _in_threads(read: Callable[[T], R], chunks: Sequence[T]) -> Iterator[tuple[T, R]]:
    """Read chunks side by side, in order.

    Reading is many small operations: a thread a chunk uses the cores that a thread an operation leaves idle, and does
    not stall on a busy machine.
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from zip(chunks, pool.map(read, chunks), strict=True)
    finally:
        torch.set_num_threads(threads)  # threads to come would take over the pool's value
