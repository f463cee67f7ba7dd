"""The whole report as one value."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from torch import Tensor

from antialias.diagnosis import Diagnosis
from antialias.results import Cell, Line, Table, Verdict, from_dict, to_dict

from ._similarity import Similarity
from .images import FilterMaps, InstanceView, SegmentationView, ShiftViewer

PACKAGES = ("antialias", "torch", "torchvision", "timm", "lightning")


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of the packages (default: those that move numbers) that are installed.

    Example:
        >>> sorted(versions("torch", "no-such-package"))
        ['python', 'torch']
    """
    installed = {"python": platform.python_version()}
    for package in packages or PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def check_inputs(networks: Mapping[str, Any], images: Any, kind: str, give: str) -> None:
    """Refuse to report on nothing, or on images that are gone after one look.

    Args:
        networks: What is reported on, by name.
        images: A tensor, or what can be iterated over.
        kind: What each network is.
        give: What images may be, beside a DataLoader.

    Raises:
        ValueError: There is no network, or the images can be read only once.
    """
    if not networks:
        raise ValueError(f"networks is empty. Give at least one {kind}, by the name the page shows.")
    if not isinstance(images, Tensor) and iter(images) is images:
        raise ValueError(f"images can be read only once, but a report reads them often. Give {give} or a DataLoader.")


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """Say how to get the same numbers again.

    Args:
        command: The command line that made the report.
        versions: Version of each package that matters, by name.
        seeds: Every seed, by what it seeds.
        settings: Whatever else was chosen: learning rate, steps, number of pictures.
        caveats: What the numbers do not show.
    """

    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mended:
    """Hold what was tried to steady one network.

    Args:
        network: Its name.
        table: A row a remedy, the first the network as it is, with the columns `cost` (times its multiply-adds) and
            `flips`.
        front: The rows that no cheaper one equals in flips.
        chosen: The row that was applied; empty if none was.
        budget: The most multiply-adds that were allowed.
    """

    network: str
    table: Table
    front: tuple[str, ...]
    chosen: str = ""
    budget: float | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Hold everything the page shows; any part may be missing, but not all.

    Args:
        title: The page's title.
        verdict: What was found.
        subtitle: What was measured on what, in a sentence.
        table: The networks compared.
        curves: Flip rate against shift distance: one line a network and direction.
        viewers: Pictures over which a window moves, with the networks' predictions.
        segmentations: Label maps of segmenters on pictures, and the pixels that flip.
        detections: What detectors find in pictures over which a window moves.
        filters: Maps of the predicted filters.
        similarities: How much the maps of channel groups resemble each other.
        diagnoses: Where networks alias, and what mending each place brings.
        mended: What was tried to steady networks, at which cost.
        training: The small networks trained from scratch.
        reproduction: How to get the numbers again.

    Raises:
        ValueError: It shows nothing.
    """

    title: str
    verdict: Verdict | None = None
    subtitle: str = ""
    table: Table | None = None
    curves: tuple[Line, ...] = ()
    viewers: tuple[ShiftViewer, ...] = field(default=(), metadata={"formerly": "sliders"})
    segmentations: tuple[SegmentationView, ...] = ()
    detections: tuple[InstanceView, ...] = ()
    filters: tuple[FilterMaps, ...] = ()
    similarities: tuple[Similarity, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    mended: tuple[Mended, ...] = ()
    training: Table | None = None
    reproduction: Reproduction = Reproduction()

    def __post_init__(self) -> None:
        parts = (
            "table",
            "training",
            "curves",
            "viewers",
            "segmentations",
            "detections",
            "filters",
            "similarities",
            "diagnoses",
            "mended",
        )
        if not any(getattr(self, part) for part in parts):
            raise ValueError(f"The report {self.title!r} is empty. Give at least one of {', '.join(parts)}.")

    def cells(self) -> Iterator[Cell]:
        """Go through every number of the tables, curves and diagnoses."""
        tables = (self.training, self.table, *(one.table for one in (*self.mended, *self.similarities)))
        for table in tables:
            yield from (cell for row in (table.rows if table else ()) for cell in row.cells)
        yield from (cell for line in self.curves for cell in line.cells)
        for diagnosis in self.diagnoses:
            scores = [diagnosis.flips, diagnosis.borders, diagnosis.resizing, diagnosis.suppression]
            scores += [one for s in diagnosis.sites for one in (s.alias_share, s.tangled_share, s.effect, s.ideal)]
            yield from (Cell.of(score) for score in scores if score is not None)

    def to_dict(self) -> dict[str, Any]:
        """Turn the report into nested dictionaries and lists."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Report:
        """Rebuild a report from `to_dict`'s dictionary.

        Raises:
            ValueError: There are keys that a report has not.
        """
        return from_dict(cls, values)

    def to_json(self) -> str:
        """Write the report as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Rebuild a report from `to_json`'s text."""
        return cls.from_dict(json.loads(text))
