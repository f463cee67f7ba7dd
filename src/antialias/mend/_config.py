"""Every choice of a mending beside those that everybody makes, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from antialias.nn import ShiftAverage, check_period
from antialias.retrofit import RetrofitConfig

# Views within 8 pixels: the layers are fitted whose samples lie 16 pixels apart and more.
_FIT: dict[str, Any] = {"steps": 0, "least_squares": True, "batch_size": 8, "views": 4, "radius": 8}


@dataclass(frozen=True, kw_only=True)
class MendConfig:
    """How remedies are tried and measured.

    With the defaults a mending shows the network about 90 windows for each image, besides learning.

    Attributes:
        retrofit: How students learn; `steps=0` in it leaves learning out. Its seed and margin are the mending's.
        fit: How pointwise convolutions are fitted in closed form to the original's mean maps over nearby windows.
        fit_shares: How far students go towards the weights that were fitted, such as `(0.75, 1.0)`. None leaves the fit
            out, which cost photographs unlike those that taught it their answers (docs/mending.md).
        phases: How many phases are averaged at a group of sites.
        periods: Pixels of the grids with which images are aligned by what they show, such as `(8, 16)`; copies are made
            of images that are aligned with the first of these, too. None leaves that out, which steadies answers to
            moves by whole pixels and unsteadies those to video, whose moves are none (docs/mending.md).
        shift_copies: Most shifted copies whose answers are averaged, of each image as many as it needs; 1 leaves that
            out.
        most: Remedies that are tried at most, of each kind of phases as many, over its whole range of cost.
        keep: Remedies that are left after half of the choosing images, and that are reported.
        confirm: Of those that learn nothing, how many the images to learn from choose among, too.
        distance: Longest shift of the flips, in pixels.
        passes: Pairs of windows an image of the reported consistency.
        shifts: Windows over which the original's answers are averaged, to judge agreement.
        copies: How many shifted copies the yardsticks average.
        window: Side of the windows in pixels; 7/8 of the images' side if `None`.

    Raises:
        ValueError: A value is out of range.
    """

    retrofit: RetrofitConfig = field(default_factory=lambda: RetrofitConfig(steps=100))
    fit: RetrofitConfig = field(default_factory=lambda: RetrofitConfig(**_FIT))
    fit_shares: tuple[float, ...] = ()
    phases: tuple[int, ...] = (2, 4)
    periods: tuple[int, ...] = ()
    shift_copies: int = 8
    most: int = 14
    keep: int = 4
    confirm: int = 2
    distance: int = 3
    passes: int = 2
    shifts: int = 8
    copies: tuple[int, ...] = (2, 4)
    window: int | None = None

    def __post_init__(self) -> None:
        for name in ("most", "keep", "confirm", "distance", "passes", "shifts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is too small. Use 1 or more.")
        if self.shift_copies not in range(1, ShiftAverage.most + 1):
            raise ValueError(f"shift_copies={self.shift_copies} is not offered. Use 1 to {ShiftAverage.most}.")
        for period in self.periods:
            check_period(period)
        if any(phases < 2 for phases in self.phases):
            raise ValueError(f"phases={self.phases} has less than 2, which averages nothing. Use 2 or 4.")
