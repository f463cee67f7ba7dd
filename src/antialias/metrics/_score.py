"""A number with its interval, its protocol and the pictures it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from antialias.metrics._bootstrap import (
    RESAMPLES,
    interval_of_mean,
    interval_of_mean_difference,
    percentiles,
    resampled_statistic,
)


@dataclass(frozen=True)
class Score:
    """Hold a measured share, what it could have been, and how it was measured.

    A consistency without its protocol cannot be compared with anybody's: window size, offsets, passes and
    normalisation move it by points. So the number does not travel alone. The interval resamples *pictures* (pairs of
    one picture depend on each other); where fewer than ten pictures disagree with the rest it is Wilson's, so a
    network that never flipped on 100 pictures reads "96.3 to 100.0", not "100.0 to 100.0".

    Attributes:
        name: What was measured, such as `"classification consistency"`.
        value: Fraction in [0, 1] (a difference: in [-1, 1]).
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

    Example:
        >>> import torch
        >>> flips = torch.tensor([0.0, 1.0] * 50)
        >>> print(Score.from_pictures("flip rate", flips, {"in_words": "1 pixel to the right"}))
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

    @classmethod
    def from_pictures(
        cls, name: str, per_image: Tensor, protocol: Mapping[str, Any] | None = None, level: float = 0.95
    ) -> Score:
        """Average per-picture values `(N,)` in [0, 1], NaN for pictures that do not count, and bound the average.

        Raises:
            ValueError: no picture counts, or `level` is not between 0 and 1.
        """
        check_level(level)
        per_image = per_image.detach().cpu().float().flatten()
        counted = per_image[~per_image.isnan()].double()
        if not len(counted):
            raise ValueError(f"{name}: none of {len(per_image)} pictures counts. Add pictures that do.")
        low, high, method = interval_of_mean(counted, level)
        protocol = {**(protocol or {}), "interval": _interval_protocol(method, protocol or {})}
        # Per-picture values are float32: beyond the seventh digit their mean is noise.
        value, low, high = (round(number, 7) for number in (float(counted.mean()), low, high))
        return cls(name, value, (low, high), len(counted), protocol, level, per_image)

    @classmethod
    def from_statistic(
        cls,
        name: str,
        statistic: Callable[[Tensor], Tensor],
        images: int,
        protocol: Mapping[str, Any] | None = None,
        level: float = 0.95,
    ) -> Score:
        """Bound a score of a whole set that is no mean over its pictures, such as data-set mean IoU.

        Args:
            name: What was measured.
            statistic: Turns how often each picture counts, `(B, N)` whole numbers, into the score of each row, `(B,)`.
            images: Number `N` of pictures.
            protocol: Every free choice.
            level: Confidence level.

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
        return cls._of_resamples(name, value, resampled_statistic(statistic, images), images, protocol or {}, level)

    @classmethod
    def _of_resamples(
        cls, name: str, value: float, resampled: Tensor, images: int, protocol: Mapping[str, Any], level: float
    ) -> Score:
        protocol = {**protocol, "interval": _interval_protocol("percentile bootstrap", protocol)}
        low, high = percentiles(resampled, level)
        return cls(name, value, (low, high), images, protocol, level, resampled=resampled)

    def __str__(self) -> str:
        low, high = (f"{100 * bound:.1f}" for bound in self.interval)
        measured_on = ", ".join([_count(self.images, self.protocol.get("unit", "image")), *self._words()])
        about = f"{100 * self.level:g} % interval {low} to {high}; {measured_on}"
        amount = f"{100 * self.value:+.1f} points" if "difference" in self.protocol else f"{100 * self.value:.1f} %"
        spread = "" if self.spread is None else f" +- {100 * self.spread:.2f}"
        return f"{self.name} {amount}{spread} ({about})"

    def __float__(self) -> float:
        return self.value

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
        if self.spread is not None:
            data["spread"] = self.spread
        if per_image:
            data["per_image"] = [None if value != value else value for value in self.per_image.tolist()]
            data["resampled"] = self.resampled.tolist()
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Score:
        """Read what `to_dict` wrote."""
        values = [float("nan") if value is None else value for value in data.get("per_image", [])]
        low, high = data["interval"]
        per_image = torch.tensor(values, dtype=torch.float32)
        resampled = torch.tensor(data.get("resampled", []), dtype=torch.float64)
        about = data["images"], data["protocol"], data["level"]
        return cls(data["name"], data["value"], (low, high), *about, per_image, resampled, data.get("spread"))


@dataclass(frozen=True)
class Curve:
    """Hold one `Score` per shift distance in pixels, in one direction.

    Example:
        >>> import torch
        >>> scores = {d: Score.from_pictures("flip rate", torch.arange(20) < d) for d in (1, 2)}
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
            _check_has_pictures(score)
        protocol = {key: value for key, value in scores[0].protocol.items() if key != "distance"}
        protocol["distances"] = self.distances
        protocol["in_words"] = f"{self.direction} shifts of {', '.join(map(str, self.distances))} pixels"
        per_image = torch.stack([score.per_image for score in scores]).mean(0)
        return Score.from_pictures(f"mean {self.name}", per_image, protocol, scores[0].level)

    def __str__(self) -> str:
        return "\n".join(f"{distance} px {self.direction}: {score}" for distance, score in self)

    def to_dict(self, *, per_image: bool = False) -> dict[str, Any]:
        """Return plain JSON-able data; distances become strings, as JSON wants its keys."""
        scores = {str(distance): score.to_dict(per_image=per_image) for distance, score in self}
        return {"name": self.name, "direction": self.direction, "scores": scores}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Curve:
        """Read what `to_dict` wrote."""
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
        >>> a = Score.from_pictures("accuracy", torch.arange(100) < 60)
        >>> b = Score.from_pictures("accuracy", torch.arange(100) < 40)
        >>> print(difference(a, b))
        difference in accuracy +20.0 points (95 % interval 12.0 to 28.0; 100 images)
    """
    _check_comparable(a, b)
    protocol = {**a.protocol, "difference": "first minus second, picture by picture, those that count in both"}
    name = f"difference in {a.name}"
    if len(a.resampled):
        return Score._of_resamples(name, a.value - b.value, a.resampled - b.resampled, a.images, protocol, a.level)
    differences = a.per_image.double() - b.per_image.double()
    differences = differences[~differences.isnan()]
    if not len(differences):
        raise ValueError(f"{a.name}: no picture counts in both scores. Compare scores that share pictures.")
    low, high, method = interval_of_mean_difference(differences, a.level)
    protocol["interval"] = _interval_protocol(method, protocol)
    return Score(
        name, float(differences.mean()), (low, high), len(differences), protocol, a.level, a.per_image - b.per_image
    )


def average(scores: Sequence[Score]) -> Score:
    """Average the scores of several seeds picture by picture; the interval is over pictures, not over seeds.

    A picture counts if it counts in every score.

    Raises:
        ValueError: there is no score, or they are of different kinds, pictures or protocols.

    Example:
        >>> import torch
        >>> seeds = [Score.from_pictures("accuracy", torch.arange(100) < right) for right in (50, 60)]
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
        return Score._of_resamples(first.name, value, resampled, first.images, protocol, first.level)
    per_image = torch.stack([score.per_image for score in scores]).mean(0)
    return Score.from_pictures(first.name, per_image, protocol, first.level)


def joined(parts: Sequence[Score]) -> Score:
    """Put together a score of one network that was measured in parts of a set, each with its `first`.

    The result is what measuring the whole set at once gives: same value, interval and pictures, without its spread.

    Args:
        parts: Scores of the parts, in the order of the pictures.

    Raises:
        ValueError: there is no part, they are of different kinds, or carry no per-picture values.

    Example:
        >>> import torch
        >>> right = torch.arange(100) < 60
        >>> parts = [Score.from_pictures("accuracy", some) for some in right.split(30)]
        >>> joined(parts) == Score.from_pictures("accuracy", right)
        True
    """
    protocol = joined_protocol(parts)
    for part in parts:
        if len(part.resampled) or not len(part.per_image):
            raise ValueError(f"{part.name!r} is no mean over pictures that are known. Measure the whole set at once.")
    per_image = torch.cat([part.per_image for part in parts])
    return Score.from_pictures(parts[0].name, per_image, protocol, parts[0].level)


class _Part(Protocol):
    """A score of a part of a set, or what it is made of."""

    @property
    def name(self) -> str: ...
    @property
    def level(self) -> float: ...
    @property
    def protocol(self) -> dict[str, Any]: ...


def joined_protocol(parts: Sequence[_Part]) -> dict[str, Any]:
    """Return the protocol of parts together, without their intervals.

    Raises:
        ValueError: There is no part, or they are of different kinds.
    """
    if not parts:
        raise ValueError("there is no part to join. Give one score a part.")
    first = parts[0]
    for part in parts:
        if (part.name, part.level) != (first.name, first.level):
            raise ValueError(f"{first.name!r} and {part.name!r} differ. Join parts of one score.")
    protocol = {key: value for key, value in first.protocol.items() if key != "interval"}
    if "pictures" in protocol:
        protocol["pictures"] = _joined_pictures([part.protocol["pictures"] for part in parts])
    return protocol


def _joined_pictures(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    sides = [side for part in parts for side in part["shorter_side"]]
    return {**parts[0], "count": sum(part["count"] for part in parts), "shorter_side": [min(sides), max(sides)]}


_MODELS_OWN = ("normalisation", "interval")


def _check_comparable(a: Score, b: Score) -> None:
    for score in (a, b):
        _check_has_pictures(score)
    if len(a.per_image) != len(b.per_image) or (len(a.resampled) and a.images != b.images):
        first, second = (len(score.per_image) or score.images for score in (a, b))
        raise ValueError(f"the scores come from {first} and {second} pictures. Measure both on the same ones.")
    if (a.name, a.level) != (b.name, b.level):
        raise ValueError(f"{a.name!r} at {a.level} and {b.name!r} at {b.level} differ. Compare like with like.")
    differing = [key for key in {**a.protocol, **b.protocol} if a.protocol.get(key) != b.protocol.get(key)]
    if differing := sorted(set(differing) - {*_MODELS_OWN}):
        raise ValueError(f"the protocols differ in {', '.join(differing)}. Measure both with the same settings.")


def _check_has_pictures(score: Score) -> None:
    if not len(score.per_image) and not len(score.resampled):
        raise ValueError(f"{score.name!r} carries no per-picture values. Save it with to_dict(per_image=True).")


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"level={level} is not between 0 and 1. Use level=0.95.")


def _interval_protocol(method: str, protocol: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": method, "unit": f"{protocol.get('unit', 'picture')}s", "resamples": RESAMPLES, "seed": 0}


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"
