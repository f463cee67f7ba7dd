"""Images in parts that share no source: to learn from, to choose by, to report on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, SequentialSampler

from antialias.metrics import Images, ImageStream

FEWEST = 64
_FEWEST_SOURCES = 8


@dataclass(frozen=True)
class Part:
    """Some of the images, with what they were cut from.

    Attributes:
        images: Pixels `(C, H, W)` in [0, 1], each with its label or `None`.
        sources: What each image was cut from, such as a photograph.
    """

    images: list[tuple[Tensor, int | None]]
    sources: list[Hashable]

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def of(cls, images: Images, sources: Sequence[Hashable] | None = None) -> Part:
        """Read all images of a tensor, loader or data set.

        The sources are those given, else the data set's own (`images.sources`), else every image is one.

        Raises:
            ValueError: There are not as many sources as images.
        """
        samples = list(ImageStream(images))
        given = _own_sources(images) if sources is None else sources
        if given is not None and len(given) != len(samples):
            raise ValueError(f"there are {len(given)} sources for {len(samples)} images. Give one an image.")
        return cls(
            [(sample.pixels, sample.label) for sample in samples],
            list(range(len(samples))) if given is None else list(given),
        )

    def split(self, shares: Sequence[float], seed: int) -> list[Part]:
        """Split into parts of about these shares of the images, no source in two of them.

        Args:
            shares: Of the images in each part; their sum is 1.
            seed: Shuffles the sources.

        Raises:
            ValueError: There are too few sources.
        """
        lengths = Counter(self.sources)
        if len(lengths) < _FEWEST_SOURCES:
            raise ValueError(
                f"{len(self)} images come from {len(lengths)} sources, too few for parts that share none. "
                f"Use images of at least {_FEWEST_SOURCES} sources; some dozens are better."
            )
        sources, room, part_of = list(lengths), [share * len(self) for share in shares], {}
        for place in torch.randperm(len(sources), generator=torch.Generator().manual_seed(seed)).tolist():
            source = sources[place]
            part_of[source] = max(range(len(room)), key=lambda part: room[part])
            room[part_of[source]] -= lengths[source]
        chosen = [[i for i, source in enumerate(self.sources) if part_of[source] == part] for part in range(len(room))]
        return [Part([self.images[i] for i in some], [self.sources[i] for i in some]) for some in chosen]

    def __add__(self, other: Part) -> Part:
        return Part(self.images + other.images, self.sources + other.sources)

    def by_source(self, rows: Tensor) -> Tensor:
        """Return the mean of rows `(N,)` for each source, whose images are alike; NaN does not count."""
        numbers = {source: number for number, source in enumerate(dict.fromkeys(self.sources))}
        if len(numbers) == len(self):
            return rows
        places = torch.tensor([numbers[source] for source in self.sources])
        counted = ~rows.isnan()
        totals, counts = torch.zeros(len(numbers)), torch.zeros(len(numbers))
        totals.index_add_(0, places[counted], rows[counted].float())
        counts.index_add_(0, places[counted], torch.ones(int(counted.sum())))
        return totals / counts  # 0 / 0 is NaN, which a score leaves out


def split_images(
    images: Images, held_out: Images | None, sources: Sequence[Hashable] | None, seed: int
) -> dict[str, Part]:
    """Split images into halves of those to choose by, those to report on, and those to learn from and confirm by.

    Args:
        images: All of them.
        held_out: Images to report on; then two thirds of `images` teach and a third chooses.
        sources: What each image was cut from.
        seed: Shuffles the sources.

    Raises:
        ValueError: There are too few images or sources.
    """
    part = Part.of(images, sources)
    if len(part) < FEWEST:
        raise ValueError(
            f"{len(part)} images are too few to learn from, choose by and report on. Pass {FEWEST} or more."
        )
    if held_out is None:
        train, *others = part.split((0.5, 0.125, 0.125, 0.25), seed)
    else:
        train, *others = part.split((2 / 3, 1 / 6, 1 / 6), seed)
        others.append(Part.of(held_out))
    return dict(zip(("choose", "choose again", "report"), others, strict=True)) | {"confirm": train}


def _own_sources(images: Any) -> Sequence[Hashable] | None:
    """Return what a data set says its images were cut from; of a loader's only where it goes in order."""
    if isinstance(images, DataLoader):
        images = images.dataset if isinstance(images.sampler, SequentialSampler) else None
    return getattr(images, "sources", None)
