"""Statistics of predicted filters over images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias._display import Display, Displayed, TextTable
from antialias.metrics._adapter import Progress, check_positive
from antialias.metrics._score import Score, check_level, difference
from antialias.metrics.filters._predicted import PredictedFilters, adaptive_layers, predicted_filters
from antialias.metrics.filters._similarity import channel_correlations, group_similarity, regrouped_contrasts
from antialias.metrics.inputs._images import Images, ImageStream
from antialias.metrics.inputs._normalization import Normalization, Normalize

_UNITS = {
    "variance": "of a single tap's",
    "entropy": "bits",
    "offset": "samples",
    "stopband": "of white noise",
    "edges": "rank correlation",
    "within": "correlation",
    "between": "correlation",
}
_NAMES = {
    "variance": "variance of the filters' weights",
    "entropy": "entropy of the filters' weights",
    "offset": "distance of the filters' centre of mass",
    "stopband": "energy above the new Nyquist limit that passes",
    "edges": "correlation of filter variance with the image's gradient",
    "within": "similarity of maps within a group",
    "between": "similarity of maps of different groups",
}
_FEWEST_POSITIONS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteStatistics:
    """What the filters of one layer do, on average over positions and images.

    Attributes:
        name: Of the layer in the network.
        kernel_size: Side of the filters in samples.
        stride: Samples per kept sample.
        groups: Number of channel groups.
        by_group: Of `variance` (as a share of a single tap's), `entropy` (bits), `offset` (distance of the centre of
            mass, samples) and `stopband` (share of white noise above the new Nyquist limit that passes): means over
            positions, `(N, G)`.
        scores: The same over groups, and `edges`, `within` and `between`, each with its interval over images. `edges`
            is the rank correlation, over the positions of an image, of the filters' variance with the image's
            gradient: below zero where filters blur edges and texture. What counts on fewer than two images is missing.
        contrast: `within` minus `between`, paired by image; `None` where one is missing.
        chance: Between which bounds 95 % of the contrasts lie if channels are dealt to groups at random.
        response: Mean frequency response of each group, `(G, 17, 17)`; see `PredictedFilters.response`.
    """

    name: str
    kernel_size: int
    stride: tuple[int, int]
    groups: int
    by_group: Mapping[str, Tensor]
    scores: Mapping[str, Score]
    contrast: Score | None
    chance: tuple[float, float]
    response: Tensor

    @property
    def resembles(self) -> bool | None:
        """Whether maps of a group resemble each other more than maps of different groups, beyond images and chance.

        `None` where there is no telling: one group, or one channel a group.
        """
        if self.contrast is None:
            return None
        return self.contrast.interval[0] > max(self.chance[1], 0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {
            "name": self.name,
            "kernel_size": self.kernel_size,
            "stride": list(self.stride),
            "groups": self.groups,
            "by_group": {name: values.nanmean(0).tolist() for name, values in self.by_group.items()},
            "scores": {name: score.to_dict() for name, score in self.scores.items()},
            "contrast": None if self.contrast is None else self.contrast.to_dict(),
            "chance": list(self.chance),
            "response": self.response.tolist(),
        }


@dataclass(frozen=True, eq=False)
class FilterStatistics(Displayed):
    """What the predicted filters of a network do, layer by layer.

    Attributes:
        sites: One a layer, in the order of the forward pass.
        images: How many images were shown.
    """

    sites: tuple[SiteStatistics, ...]
    images: int

    def __getitem__(self, name: str) -> SiteStatistics:
        """Return the statistics of the layer of this name.

        Raises:
            KeyError: There is none; the message lists the names.
        """
        for site in self.sites:
            if site.name == name:
                return site
        raise KeyError(
            f"{name!r} is no layer with predicted filters. There are {', '.join(s.name for s in self.sites)}."
        )

    @property
    def verdict(self) -> str:
        """Say at how many sites the two claims hold that are made of such filters."""
        grouped = [site.resembles for site in self.sites if site.resembles is not None]
        edged = [site.scores["edges"].interval[1] < 0 for site in self.sites if "edges" in site.scores]
        claims = [f"filters blur edges and texture more than the rest at {sum(edged)} of {len(edged)} sites"] * bool(
            edged
        )
        if grouped:
            claims.append(
                "maps of a group resemble each other more than those of different groups at "
                f"{sum(grouped)} of {len(grouped)}"
            )
        said = "; ".join(claims) or "nothing can be told"
        return f"{said[0].upper()}{said[1:]}, over {self.images:,} images."

    def display(self) -> Display:
        """Show a row a layer: what its filters do, and how its maps resemble each other."""
        filters, maps = [], []
        for site in self.sites:
            values = [f"{site.scores[key].value:.3f}" if key in site.scores else "–" for key in _NAMES]
            shape = f"{site.groups} of {site.kernel_size}x{site.kernel_size} /{site.stride[0]}"
            filters.append((site.name, shape, *values[:5], interval_text(site.scores.get("edges"))))
            chance = f"{site.chance[0]:+.3f} to {site.chance[1]:+.3f}" if site.contrast else "–"
            contrast = f"{site.contrast.value:+.3f}" if site.contrast else "–"
            maps.append((site.name, *values[5:], contrast, interval_text(site.contrast), chance))
        of_filters = ("site", "filters", "variance", "entropy", "offset", "stopband", "edges", "interval")
        of_maps = ("site", "within groups", "between", "difference", "interval", "by chance")
        return Display(
            self.verdict,
            (
                TextTable(headings=of_filters, rows=filters, title="What the filters do"),
                TextTable(headings=of_maps, rows=maps, title="How much the filtered maps resemble each other"),
            ),
            details={"What the columns are": "\n".join(f"{key}: {_NAMES[key]}, in {_UNITS[key]}" for key in _NAMES)},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {"images": self.images, "sites": [site.to_dict() for site in self.sites]}


def filter_statistics(
    model: nn.Module,
    images: Images,
    *,
    normalize: Normalize = "model",
    resize: int | None = None,
    batch_size: int = 8,
    level: float = 0.95,
    progress: Progress | None = None,
) -> FilterStatistics:
    """Measure what predicted filters do on images, and how much the maps of a group resemble each other.

    Args:
        model: A network with `AdaptiveBlurPool2d` layers, such as `conversion.model`.
        images: Pixels in [0, 1], `(N, 3, H, W)`, or a loader of them.
        normalize: What the network expects of pixels; see `antialias.metrics`.
        resize: Side to which images are resampled, the central square.
        batch_size: Images of one size that are shown together.
        level: Confidence level of the intervals.
        progress: Called with `(images done, images in all; 0 if unknown)`.

    Raises:
        ValueError: The model has no `AdaptiveBlurPool2d`, or there are fewer than two images.

    Example:
        >>> import antialias as aa
        >>> network = aa.models.TinyResNet(num_classes=4)
        >>> conversion = aa.convert_(network, aa.Adaptive())
        >>> statistics = filter_statistics(conversion.model, torch.rand(4, 3, 32, 32))
        >>> len(statistics.sites), round(statistics.sites[0].scores["variance"].value, 2)
        (7, 1.0)

    Source: Zou, Xiao, Yu, Lee, "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020: filters of low variance
    where frequencies are high, and maps that resemble each other within a group.
    """
    check_level(level)
    check_positive(batch_size=batch_size)
    adaptive_layers(model)
    stream = ImageStream(images, resize=resize)
    rows: dict[str, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))
    sums: dict[str, dict[str, Tensor]] = defaultdict(dict)
    layers: dict[str, PredictedFilters] = {}
    for batch in _batches(stream, batch_size):
        for name, filters in predicted_filters(model, batch, normalize=normalize).items():
            layers[name], correlations = filters, channel_correlations(filters.maps)
            for key, values in _rows(filters, correlations, batch).items():
                rows[name][key].append(values.cpu())
            for key, values in {
                "correlations": correlations.nan_to_num(),
                "correlated": (~correlations.isnan()).float(),
                "response": filters.response(),
            }.items():
                sums[name][key] = values.sum(0).cpu() + sums[name].get(key, 0)
        if progress is not None:
            progress(stream.count, stream.total)
    if stream.count < 2:
        raise ValueError(f"{stream.count} image gives no interval. Pass two or more.")
    about = {
        "in_words": "mean over positions",
        "pictures": stream.protocol(),
        "normalisation": Normalization.resolve(normalize, model).protocol,
    }
    sites = []
    for name, filters in layers.items():
        kept = {key: torch.cat(values) for key, values in rows[name].items()}
        sites.append(_site(name, filters, kept, sums[name], about, level))
    return FilterStatistics(tuple(sites), stream.count)


def interval_text(score: Score | None) -> str:
    """Return a score's interval in parentheses, a dash for `None`."""
    return "–" if score is None else f"({score.interval[0]:+.3f} to {score.interval[1]:+.3f})"


def _batches(stream: ImageStream, size: int) -> Iterator[Tensor]:
    """Yield images of one size together."""
    waiting: list[Tensor] = []
    for sample in stream:
        if waiting and (len(waiting) == size or waiting[0].shape != sample.pixels.shape):
            yield torch.stack(waiting)
            waiting = []
        waiting.append(sample.pixels)
    if waiting:
        yield torch.stack(waiting)


def _rows(filters: PredictedFilters, correlations: Tensor, images: Tensor) -> dict[str, Tensor]:
    """Return what is kept of each image: means over positions."""
    taps, variance = filters.kernel_size**2, filters.variance()
    similarity = group_similarity(correlations, filters.groups)
    return {
        "variance": (variance * (taps**2 / max(taps - 1, 1))).mean((2, 3)),
        "entropy": filters.entropy().mean((2, 3)),
        "offset": filters.offset().norm(dim=2).mean((2, 3)),
        "stopband": filters.stopband().mean((2, 3)),
        "edges": edge_correlation(variance.mean(1), images),
        "within": similarity.within,
        "between": similarity.between,
    }


def edge_correlation(variance: Tensor, images: Tensor) -> Tensor:
    """Correlate the ranks of filter variance with those of the image's gradient, `(N,)`.

    The gradient is that of the channels' mean, by central differences, averaged over what falls on a position.

    Args:
        variance: `(N, H, W)`.
        images: Pixels `(N, C, H_in, W_in)`.

    Returns:
        Spearman's correlation over positions; NaN on maps of fewer than 16 positions or where one does not vary.
    """
    grey = F.pad(images.float().mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate").to(variance.device)
    across, down = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2], grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    gradient = F.adaptive_avg_pool2d(torch.hypot(across, down), (variance.shape[-2], variance.shape[-1]))[:, 0]
    if variance[0].numel() < _FEWEST_POSITIONS:
        return variance.new_full((len(variance),), float("nan"))
    pairs = torch.stack([variance.flatten(1), gradient.flatten(1)], 1)
    ranks = torch.stack([torch.stack([mean_ranks(one) for one in pair]) for pair in pairs])
    return channel_correlations(ranks[..., None])[:, 0, 1]


def mean_ranks(values: Tensor) -> Tensor:
    """Return the ranks of values `(L,)` from 0; equal ones share their mean.

    Example:
        >>> mean_ranks(torch.tensor([3.0, 1.0, 3.0, 2.0]))
        tensor([2.5000, 0.0000, 2.5000, 1.0000], dtype=torch.float64)
    """
    _, places, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.double().cumsum(0)
    return (last - (counts + 1) / 2)[places]


def _site(
    name: str,
    filters: PredictedFilters,
    kept: Mapping[str, Tensor],
    sums: Mapping[str, Tensor],
    about: Mapping[str, Any],
    level: float,
) -> SiteStatistics:
    by_group = {key: kept[key] for key in ("variance", "entropy", "offset", "stopband")}
    scores = {}
    for key in _NAMES:
        values = by_group[key].mean(1) if key in by_group else kept[key]
        if int((~values.isnan()).sum()) > 1:
            scores[key] = Score.from_images(_NAMES[key], values, about, level, _UNITS[key])
    contrast, chance = None, (float("nan"), float("nan"))
    if "within" in scores and "between" in scores:
        named = [replace(scores[key], name="similarity of maps") for key in ("within", "between")]
        contrast = difference(*named)
        by_chance = regrouped_contrasts(sums["correlations"] / sums["correlated"], filters.groups)
        low, high = by_chance.quantile(torch.tensor([0.025, 0.975])).tolist()
        chance = (low, high)
    return SiteStatistics(
        name=name,
        kernel_size=filters.kernel_size,
        stride=filters.stride,
        groups=filters.groups,
        by_group=by_group,
        scores=scores,
        contrast=contrast,
        chance=chance,
        response=sums["response"] / len(kept["edges"]),
    )
