"""A number with its interval, its protocol and the images it came from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from antialias._display import Display, Displayed, TextTable, in_words
from antialias.metrics._bootstrap import (
    RESAMPLES,
    interval_of_amounts,
    interval_of_mean,
    interval_of_mean_difference,
    percentiles,
    resampled_statistic,
)
from antialias.metrics._stored import check_curve, check_score

PERCENT = "percent"


@dataclass(frozen=True)
class Score(Displayed):
    """Hold a measured number, what it could have been, and how it was measured.

    A consistency without its protocol cannot be compared with anybody's: window size, offsets, passes and
    normalisation move it by points. So the number does not travel alone. The interval resamples *pictures* (pairs of
    one picture depend on each other); where fewer than ten pictures disagree with the rest it is Wilson's, so a
    network that never flipped on 100 pictures reads "96.3 to 100.0", not "100.0 to 100.0".

    Attributes:
        name: What was measured, such as `"classification consistency"`.
        value: Fraction in [0, 1] (a difference: in [-1, 1]), or a number of `unit`.
        interval: Lower and upper bound of `value`.
        images: How many pictures count.
        protocol: Every free choice, JSON-able; `protocol["in_words"]` is the part that `str` prints.
        level: Confidence level of `interval`.
        per_image: Values `(N,)` in the order of the pictures, NaN for a picture that does not count. Empty where the
            score is no mean over pictures.
        resampled: Where the score is no mean over pictures (mean IoU, average precision): its value on each resample
            of the pictures. Resample `i` of a number of pictures is the same for every score, so that two networks'
            scores are paired.
        spread: Where random draws were repeated: the standard deviation of the score from repeat to repeat.
        unit: `"percent"` for a share, which is printed as such; else what `value` is counted in, such as `"pixels"`.

    Example:
        >>> import torch
        >>> flips = torch.tensor([0.0, 1.0] * 50)
        >>> print(Score.from_images("flip rate", flips, {"in_words": "1 pixel to the right"}))
        flip rate 50.0 % (95 % interval 40.0 to 60.0; 100 images, 1 pixel to the right)
    """

    name: str
    value: float
    interval: tuple[float, float]
    images: int
    protocol: dict[str, Any] = field(default_factory=dict)
    level: float = 0.95
    per_image: Tensor = field(default_factory=lambda: torch.empty(0), repr=False, compare=False)
    resampled: Tensor = field(default_factory=lambda: torch.empty(0), repr=False, compare=False)
    spread: float | None = field(default=None, compare=False)
    unit: str = PERCENT

    @classmethod
    def from_images(
        cls,
        name: str,
        per_image: Tensor,
        protocol: Mapping[str, Any] | None = None,
        level: float = 0.95,
        unit: str = PERCENT,
    ) -> Score:
        """Average the values of the images, and bound the average.

        Args:
            name: What was measured.
            per_image: `(N,)`, NaN for images that do not count; in [0, 1] where `unit` is percent.
            protocol: Every free choice.
            level: Confidence level.
            unit: What the values are counted in.

        Raises:
            ValueError: No image counts, only one does and it is no share, a share is not in [0, 1], or `level` is not
                between 0 and 1.

        Example:
            >>> print(Score.from_images("error", torch.arange(20) / 4, unit="pixels"))
            error 2.375 pixels (95 % interval 1.712 to 3.038; 20 images)
        """
        check_level(level)
        per_image = per_image.detach().cpu().float().flatten()
        counted = per_image[~per_image.isnan()].double()
        if not len(counted):
            raise ValueError(f"{name}: none of {len(per_image)} pictures counts. Add pictures that do.")
        if unit == PERCENT:
            if not 0 <= float(counted.min()) <= float(counted.max()) <= 1:
                raise ValueError(
                    f"{name}: shares from {float(counted.min()):g} to {float(counted.max()):g} are not in [0, 1]. "
                    "Use shares, or say what they are counted in: unit=."
                )
            low, high, method = interval_of_mean(counted, level)
        else:
            low, high, method = interval_of_amounts(counted, level)
        protocol = {**(protocol or {}), "interval": _interval_protocol(method, protocol or {})}
        # Per-picture values are float32: beyond the seventh digit their mean is noise.
        value, low, high = (round(number, 7) for number in (float(counted.mean()), low, high))
        return cls(name, value, (low, high), len(counted), protocol, level, per_image, unit=unit)

    @classmethod
    def from_pictures(
        cls, name: str, per_image: Tensor, protocol: Mapping[str, Any] | None = None, level: float = 0.95
    ) -> Score:
        """Call `from_images`, by the name that it had.

        Args:
            name: As there, and so are the others.
            per_image: Values of the images.
            protocol: Every free choice.
            level: Confidence level.
        """
        warnings.warn("Score.from_pictures is deprecated. Use Score.from_images.", DeprecationWarning, stacklevel=2)
        return cls.from_images(name, per_image, protocol, level)

    @classmethod
    def from_statistic(
        cls,
        name: str,
        statistic: Callable[[Tensor], Tensor],
        images: int,
        protocol: Mapping[str, Any] | None = None,
        level: float = 0.95,
        unit: str = PERCENT,
    ) -> Score:
        """Bound a score of a whole set that is no mean over its pictures, such as data-set mean IoU.

        Args:
            name: What was measured.
            statistic: Turns how often each picture counts, `(B, N)` whole numbers, into the score of each row, `(B,)`.
            images: Number `N` of pictures.
            protocol: Every free choice.
            level: Confidence level.
            unit: What the score is counted in.

        Raises:
            ValueError: there is no picture, or `level` is not between 0 and 1.

        Example:
            >>> import torch
            >>> hits, tries = torch.arange(50) % 3, torch.full((50,), 2)
            >>> print(Score.from_statistic("hit rate", lambda n: (n @ hits) / (n @ tries), 50))
            hit rate 49.0 % (95 % interval 38.0 to 60.0; 50 images)
        """
        check_level(level)
        if images < 1:
            raise ValueError(f"{name}: there is no picture to measure. Add pictures.")
        value = float(statistic(torch.ones(1, images, dtype=torch.int64)))
        score = cls._of_resamples(name, value, resampled_statistic(statistic, images), images, protocol or {}, level)
        return replace(score, unit=unit)

    @classmethod
    def _of_resamples(
        cls, name: str, value: float, resampled: Tensor, images: int, protocol: Mapping[str, Any], level: float
    ) -> Score:
        protocol = {**protocol, "interval": _interval_protocol("percentile bootstrap", protocol)}
        low, high = percentiles(resampled, level)
        return cls(name, value, (low, high), images, protocol, level, resampled=resampled)

    def __str__(self) -> str:
        if self.unit == PERCENT:
            low, high = (f"{100 * bound:.1f}" for bound in self.interval)
            amount = f"{100 * self.value:+.1f} points" if "difference" in self.protocol else f"{100 * self.value:.1f} %"
            spread = "" if self.spread is None else f" +- {100 * self.spread:.2f}"
        else:
            low, high = (f"{bound:.4g}" for bound in self.interval)
            amount = f"{self.value:{'+' if 'difference' in self.protocol else ''}.4g} {self.unit}"
            spread = "" if self.spread is None else f" +- {self.spread:.2g}"
        counted = self.protocol.get("unit", "image")
        measured_on = ", ".join([f"{self.images:,} {counted}{'' if self.images == 1 else 's'}", *self._words()])
        about = f"{100 * self.level:g} % interval {low} to {high}; {measured_on}"
        return f"{self.name} {amount}{spread} ({about})"

    def __float__(self) -> float:
        return self.value

    def display(self) -> Display:
        """Show the sentence, with the protocol on demand."""
        lines = [f"{key}: {in_words(value)}" for key, value in self.protocol.items() if key != "in_words"]
        return Display(str(self), details={"Protocol": "\n".join(lines)})

    def _words(self) -> list[str]:
        return [self.protocol["in_words"]] if self.protocol.get("in_words") else []

    def to_dict(self, *, per_image: bool = False) -> dict[str, Any]:
        """Return plain JSON-able data; `per_image=True` adds the values by picture or resample, for `difference`."""
        data: dict[str, Any] = {
            "name": self.name,
            "value": self.value,
            "interval": list(self.interval),
            "level": self.level,
            "images": self.images,
            "protocol": self.protocol,
        }
        if self.unit != PERCENT:
            data["unit"] = self.unit
        if self.spread is not None:
            data["spread"] = self.spread
        if per_image:
            data["per_image"] = [None if value != value else value for value in self.per_image.tolist()]
            data["resampled"] = self.resampled.tolist()
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Score:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A field is missing, is of another kind, or says what cannot be, such as a share of 3.7.
        """
        check_score(data, share=PERCENT)
        values = [float("nan") if value is None else value for value in data.get("per_image", [])]
        low, high = data["interval"]
        per_image = torch.tensor(values, dtype=torch.float32)
        resampled = torch.tensor(data.get("resampled", []), dtype=torch.float64)
        about = data["images"], data["protocol"], data["level"]
        optional = data.get("spread"), data.get("unit", PERCENT)
        return cls(data["name"], data["value"], (low, high), *about, per_image, resampled, *optional)


@dataclass(frozen=True)
class Curve(Displayed):
    """Hold one `Score` per shift distance in pixels, in one direction.

    Example:
        >>> import torch
        >>> scores = {d: Score.from_images("flip rate", torch.arange(20) < d) for d in (1, 2)}
        >>> curve = Curve("flip rate", "diagonal", scores)
        >>> curve[2].value, curve.distances, curve.values
        (0.1, [1, 2], [0.05, 0.1])
    """

    name: str
    direction: str
    scores: dict[int, Score]

    def __getitem__(self, distance: int) -> Score:
        return self.scores[distance]

    def __iter__(self) -> Iterator[tuple[int, Score]]:
        return iter(self.scores.items())

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def distances(self) -> list[int]:
        """Shift distances in pixels, in the order they were asked for."""
        return list(self.scores)

    @property
    def values(self) -> list[float]:
        """One fraction per distance."""
        return [score.value for score in self.scores.values()]

    def mean(self) -> Score:
        """Average over distances picture by picture: the mean flip rate, with its own interval over pictures.

        Raises:
            ValueError: the per-picture values were not kept.
        """
        scores = list(self.scores.values())
        for score in scores:
            _check_has_images(score)
        protocol = {key: value for key, value in scores[0].protocol.items() if key != "distance"}
        protocol["distances"] = self.distances
        protocol["in_words"] = f"{self.direction} shifts of {', '.join(map(str, self.distances))} pixels"
        per_image = torch.stack([score.per_image for score in scores]).mean(0)
        return Score.from_images(f"mean {self.name}", per_image, protocol, scores[0].level, scores[0].unit)

    def __str__(self) -> str:
        return "\n".join(f"{distance} px {self.direction}: {score}" for distance, score in self)

    def display(self) -> Display:
        """Show a table with a row a distance."""
        rows = []
        for distance, score in self:
            share = score.unit == PERCENT
            value, low, high = (
                f"{100 * number:.1f}" if share else f"{number:.4g}" for number in (score.value, *score.interval)
            )
            rows.append((f"{distance} px {self.direction}", value, f"{low} to {high}", f"{score.images:,}"))
        unit = "%" if next(iter(self.scores.values())).unit == PERCENT else "value"
        return Display("", (TextTable(headings=(self.name, unit, "interval", "images"), rows=rows),))

    def to_dict(self, *, per_image: bool = False) -> dict[str, Any]:
        """Return plain JSON-able data; distances become strings, as JSON wants its keys."""
        scores = {str(distance): score.to_dict(per_image=per_image) for distance, score in self}
        return {"name": self.name, "direction": self.direction, "scores": scores}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Curve:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: The curve or a score cannot be.
        """
        check_curve(data)
        scores = {int(distance): Score.from_dict(score) for distance, score in data["scores"].items()}
        return cls(data["name"], data["direction"], scores)


def difference(a: Score, b: Score) -> Score:
    """Return a - b over the pictures that count in both, with a paired bootstrap interval.

    Two networks measured on the same pictures share those pictures' difficulty; resampling the pair removes it, so the
    interval is narrower than the two scores' own intervals suggest. If it excludes zero, the networks differ.

    Raises:
        ValueError: the scores are of different kinds, pictures or protocols, or were read without `per_image`.

    Example:
        >>> import torch
        >>> a = Score.from_images("accuracy", torch.arange(100) < 60)
        >>> b = Score.from_images("accuracy", torch.arange(100) < 40)
        >>> print(difference(a, b))
        difference in accuracy +20.0 points (95 % interval 12.0 to 28.0; 100 images)
    """
    _check_comparable(a, b)
    protocol = {**a.protocol, "difference": "first minus second, picture by picture, those that count in both"}
    name = f"difference in {a.name}"
    if len(a.resampled):
        change = Score._of_resamples(name, a.value - b.value, a.resampled - b.resampled, a.images, protocol, a.level)
        return replace(change, unit=a.unit)
    differences = a.per_image.double() - b.per_image.double()
    differences = differences[~differences.isnan()]
    if not len(differences):
        raise ValueError(f"{a.name}: no picture counts in both scores. Compare scores that share pictures.")
    bounds = interval_of_mean_difference if a.unit == PERCENT else interval_of_amounts
    low, high, method = bounds(differences, a.level)
    protocol["interval"] = _interval_protocol(method, protocol)
    return Score(
        name,
        float(differences.mean()),
        (low, high),
        len(differences),
        protocol,
        a.level,
        a.per_image - b.per_image,
        unit=a.unit,
    )


def average(scores: Sequence[Score]) -> Score:
    """Average the scores of several seeds picture by picture; the interval is over pictures, not over seeds.

    A picture counts if it counts in every score.

    Raises:
        ValueError: there is no score, or they are of different kinds, pictures or protocols.

    Example:
        >>> import torch
        >>> seeds = [Score.from_images("accuracy", torch.arange(100) < right) for right in (50, 60)]
        >>> average(seeds).value
        0.55
    """
    if not scores:
        raise ValueError("there is no score to average. Give one score a seed.")
    first = scores[0]
    for score in scores:
        _check_comparable(first, score)
    words = [*first._words(), f"mean of {len(scores)} networks"]
    protocol = {**first.protocol, "seeds_averaged": len(scores), "in_words": ", ".join(words)}
    if len(first.resampled):
        value = sum(score.value for score in scores) / len(scores)
        resampled = torch.stack([score.resampled for score in scores]).mean(0)
        mean = Score._of_resamples(first.name, value, resampled, first.images, protocol, first.level)
        return replace(mean, unit=first.unit)
    per_image = torch.stack([score.per_image for score in scores]).mean(0)
    return Score.from_images(first.name, per_image, protocol, first.level, first.unit)


_MODELS_OWN = ("normalisation", "network", "interval")


def _check_comparable(a: Score, b: Score) -> None:
    for score in (a, b):
        _check_has_images(score)
    if len(a.per_image) != len(b.per_image) or (len(a.resampled) and a.images != b.images):
        first, second = (len(score.per_image) or score.images for score in (a, b))
        raise ValueError(f"the scores come from {first} and {second} pictures. Measure both on the same ones.")
    if a.unit != b.unit:
        raise ValueError(f"{a.name!r} is in {a.unit} and {b.name!r} in {b.unit}. Compare scores of one unit.")
    if (a.name, a.level) != (b.name, b.level):
        raise ValueError(f"{a.name!r} at {a.level} and {b.name!r} at {b.level} differ. Compare like with like.")
    differing = [key for key in {**a.protocol, **b.protocol} if a.protocol.get(key) != b.protocol.get(key)]
    if differing := sorted(set(differing) - {*_MODELS_OWN}):
        raise ValueError(f"the protocols differ in {', '.join(differing)}. Measure both with the same settings.")


def _check_has_images(score: Score) -> None:
    if not len(score.per_image) and not len(score.resampled):
        raise ValueError(f"{score.name!r} carries no per-picture values. Save it with to_dict(per_image=True).")


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1).

    Raises:
        ValueError: It is.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level} is not between 0 and 1. Use level=0.95.")


def _interval_protocol(method: str, protocol: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": method, "unit": f"{protocol.get('unit', 'picture')}s", "resamples": RESAMPLES, "seed": 0}
