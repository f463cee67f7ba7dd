"""What a diagnosis found, as plain data that prints as a table and writes itself to a folder."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from antialias._display import Display, Displayed
from antialias.metrics import Score
from antialias.results import plain

from ._checks import CODES, OF_NETWORK, Check, Result
from ._text import cause_table, effect_table, sites_csv, verdict

_VERSION = 1
_SCORES = ("alias_share", "tangled_share", "effect", "agreement", "ideal", "ideal_agreement", "carried")


@dataclass(frozen=True, kw_only=True)
class SiteDiagnosis:
    """Cause and effect at one site. What could not be measured is `None`, and `reasons` says why.

    Attributes:
        name: Of the site, as `convert_(..., where=...)` takes it.
        code: What can be wrong with it, such as `"AA001"`.
        kind: `"stem"`, `"convolution"`, `"shortcut"`, `"max pool"`, `"average pool"`, `"filter"`, or what else.
        operation: What runs there.
        stride: Positions per kept position.
        alias_share: Cause: energy of the map at stride 1 above the limit of the grid it is subsampled to.
        tangled_share: Cause: of frequencies that fold into one, the energy of all but the largest.
        effect: One-pixel flips of the network as it is minus those with the site's phases averaged: what mending this
            site alone brings. Sites that share a phase have it together.
        agreement: How often the answers with its phases averaged are those of the network as it is.
        ideal: As `effect`, with an ideal low-pass filter, which removes all that is above the limit and nothing else.
        ideal_agreement: How often the answers with that filter are those of the network as it is.
        pixels: Pixels of the image from one position of the map before the site to the next: the product of the strides
            before. Borders apart, the site's next phase is the image moved by as many.
        carried: How often the site's next phases change the answer. A move does this; it is not the site's fault.
        cost: Multiply-adds of the network with each remedy there, relative to the network as it is.
        group: The sites that share its phase, this one among them.
        rank: 1 is where to mend first, by `effect`; by `ideal` where no site has one. `None` where it has none.
        result: What the numbers mean: problem, hint, fine or not applicable.
        reason: Why.
        reasons: Why a number is missing, by its name.
    """

    name: str
    code: str
    kind: str
    operation: str
    stride: tuple[int, ...]
    alias_share: Score | None = None
    tangled_share: Score | None = None
    effect: Score | None = None
    agreement: Score | None = None
    ideal: Score | None = None
    ideal_agreement: Score | None = None
    pixels: int | None = 1
    carried: Score | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    group: tuple[str, ...] = ()
    rank: int | None = None
    result: Result = "not applicable"
    reason: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data, scores with their values image by image."""
        return {
            each.name: value.to_dict(per_image=True) if isinstance(value := getattr(self, each.name), Score) else value
            for each in fields(self)
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SiteDiagnosis:
        """Read what `to_dict` wrote."""
        values: dict[str, Any] = {**data, "stride": tuple(data["stride"]), "group": tuple(data["group"])}
        values |= {name: Score.from_dict(data[name]) for name in _SCORES if data[name] is not None}
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Diagnosis(Displayed):
    """Where a network aliases, and what mending each place brings.

    Attributes:
        network: Its class.
        sites: A row for each place that subsamples, in the order in which they run.
        flips: How often one-pixel moves change the answer of the network as it is.
        borders: Of these flips, those that a move brings and the first site's next phase does not, which moves all but
            the borders: what enters and leaves, and padding. A difference, as the next two.
        resizing: Flips of one-pixel moves that are resized in the network minus those of moves after resizing.
        suppression: Flips minus those that are left where suppressed instances count as well.
        checks: Each code with its result, first those of sites.
        images: How many images were shown.
        seed: Chose the windows.
    """

    network: str
    sites: tuple[SiteDiagnosis, ...]
    flips: Score
    borders: Score | None
    resizing: Score | None
    suppression: Score | None
    checks: tuple[Check, ...]
    images: int
    seed: int

    def worst(self, n: int = 3) -> tuple[str, ...]:
        """Return the names of the sites to mend first, by `effect`, for `convert_(..., where=...)`.

        Sites that share a phase have one effect, stand next to each other, and count each.

        Args:
            n: How many at most.

        Raises:
            ValueError: `n` is below 1, or no site has a measured effect.
        """
        if n < 1:
            raise ValueError(f"n={n} names no site. Use 1 or more.")
        ranked = sorted((site for site in self.sites if site.rank is not None), key=lambda site: site.rank or 0)
        if not ranked:
            raise ValueError(f"none of {len(self.sites)} sites of {self.network} has a measured effect: {self.reasons}")
        return tuple(site.name for site in ranked[:n])

    @property
    def reasons(self) -> str:
        """Why effects are missing, in one line."""
        return "; ".join(dict.fromkeys(site.reasons["effect"] for site in self.sites if "effect" in site.reasons))

    @property
    def verdict(self) -> str:
        """The outcome in a sentence or two."""
        return verdict(self)

    def display(self) -> Display:
        """Show the verdict, cause and effect at each site, and every check with its result."""
        checks = tuple(str(check) for check in self.checks)
        return Display(self.verdict, (cause_table(self), effect_table(self)), ("", *checks))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        around = {name: getattr(self, name) for name in OF_NETWORK}
        return plain(
            {
                "version": _VERSION,
                "network": self.network,
                "verdict": self.verdict,
                "worst": list(self.worst(len(self.sites))) if any(site.rank for site in self.sites) else [],
                "images": self.images,
                "seed": self.seed,
                "flips": self.flips.to_dict(per_image=True),
                "sites": [site.to_dict() for site in self.sites],
                **{name: None if score is None else score.to_dict(per_image=True) for name, score in around.items()},
                "checks": [dataclasses.asdict(check) | {"code": check.code.code} for check in self.checks],
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Diagnosis:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A later version wrote it.
        """
        if data.get("version") != _VERSION:
            raise ValueError(f"version={data.get('version')!r} of a diagnosis is unknown. Use the antialias it is of.")
        codes = {code.code: code for code in CODES}
        checks = tuple(
            Check(codes[one["code"]], one["result"], one["reason"], tuple(one["sites"])) for one in data["checks"]
        )
        around = {name: None if data[name] is None else Score.from_dict(data[name]) for name in OF_NETWORK}
        return cls(
            network=data["network"],
            sites=tuple(SiteDiagnosis.from_dict(site) for site in data["sites"]),
            flips=Score.from_dict(data["flips"]),
            checks=checks,
            images=data["images"],
            seed=data["seed"],
            **around,
        )

    def to_csv(self) -> str:
        """Return a line for each site as CSV, every score with its interval, shares without a unit."""
        return sites_csv(self)

    def write(self, folder: str | Path) -> list[Path]:
        """Write `diagnosis.csv`, `diagnosis.json`, and where matplotlib is installed `diagnosis.svg` and `.png`.

        Args:
            folder: Where to; it is made if it is not there.

        Returns:
            The files.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / "diagnosis.csv", folder / "diagnosis.json"]
        files[0].write_text(self.to_csv())
        files[1].write_text(json.dumps(self.to_dict(), indent=1) + "\n")
        try:
            files += [self.draw(folder / f"diagnosis.{ending}") for ending in ("svg", "png")]
        except ImportError as error:
            warnings.warn(f"no figure was drawn: {error}", stacklevel=2)
        return files

    def draw(self, path: str | Path) -> Path:
        """Draw the sites along the depth of the network, cause and effect as bars, in the format of the file's ending.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from ._figure import draw_sites

        return draw_sites(self, Path(path))
