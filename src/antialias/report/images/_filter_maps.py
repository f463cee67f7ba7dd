"""The predicted filters of a network on images: where they blur, and where they let detail pass."""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from antialias.metrics import Normalize, PredictedFilters, predicted_filters

from ._image import Image

# A site's weights take at most so many bytes of the page, so that a page of many sites and images stays small.
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class SiteMap:
    """Map what one site's filters are over the picture.

    Args:
        site: Name of the site.
        height: Rows of the map.
        width: Columns of the map.
        taps: Number of weights of a filter.
        values: The variances, the mean over groups, row by row.
        groups: Number of channel groups whose weights are held; 0 if none are.
        weights: The weights in one byte each, base64: groups, then taps, then positions, row by row.
        step: Weights are of every so many-th row and column.
        low: Weight that a byte of 0 stands for.
        high: Weight that a byte of 255 stands for.
        stride: Samples per kept sample, down and to the right.
    """

    site: str
    height: int
    width: int
    taps: int
    values: tuple[float, ...]
    groups: int = 0
    weights: str = ""
    step: int = 1
    low: float = 0.0
    high: float = 0.0
    stride: tuple[int, int] = (1, 1)

    @property
    def kernel_size(self) -> int:
        """Side of the filters in samples."""
        return math.isqrt(self.taps)

    @property
    def rows(self) -> int:
        """Rows of the positions whose weights are held."""
        return math.ceil(self.height / self.step)

    @property
    def columns(self) -> int:
        """Columns of the positions whose weights are held."""
        return math.ceil(self.width / self.step)

    @classmethod
    def of(cls, site: str, variance: Tensor, *, taps: int) -> SiteMap:
        """Make a map of a tensor of shape `(H, W)`; values keep four significant digits.

        Raises:
            ValueError: The tensor has another number of dimensions.
        """
        if variance.ndim != 2:
            raise ValueError(f"The map of {site!r} has shape {tuple(variance.shape)}. Give one picture's map, (H, W).")
        values = tuple(float(f"{value:.4g}") for value in variance.flatten().tolist())
        return cls(site=site, height=variance.shape[0], width=variance.shape[1], taps=taps, values=values)

    @classmethod
    def of_filters(cls, site: str, predicted: PredictedFilters) -> SiteMap:
        """Make a map of the filters of the first image, with their weights at as many positions as 64 KiB hold.

        A weight is off by at most half of the 255th part of the range of the site's weights on the image.
        """
        weights = predicted.weights[0].cpu()
        _, taps, height, width = weights.shape
        step = next(
            step
            for step in itertools.count(1)
            if weights[..., ::step, ::step].numel() <= _MOST_BYTES or step >= max(height, width)
        )
        low, high = weights.min().item(), weights.max().item()
        levels = ((weights[..., ::step, ::step] - low) * (255 / ((high - low) or 1.0))).round().byte()
        return replace(
            cls.of(site, predicted.variance()[0].mean(0).cpu(), taps=taps),
            groups=len(weights),
            weights=base64.b64encode(levels.contiguous().numpy().tobytes()).decode(),
            step=step,
            low=low,
            high=high,
            stride=predicted.stride,
        )

    def filters(self) -> PredictedFilters:
        """Return the held filters of the one image, as near as their bytes say.

        Raises:
            ValueError: The map holds no weights.
        """
        if not self.weights:
            raise ValueError(f"The map of {self.site!r} holds no weights. Make it of filters, with SiteMap.of_filters.")
        levels = torch.frombuffer(bytearray(base64.b64decode(self.weights)), dtype=torch.uint8)
        weights = self.low + levels.view(1, self.groups, self.taps, self.rows, self.columns) * (
            (self.high - self.low) / 255
        )
        return PredictedFilters(weights, torch.empty(1, self.groups, 0, 0), self.stride)


@dataclass(frozen=True, kw_only=True)
class FilterMaps:
    """Show, for one picture and each site of a network, what the predicted filters are, position by position."""

    image: Image = field(metadata={"formerly": "picture"})
    network: str
    sites: tuple[SiteMap, ...]


def filter_variance(model: nn.Module, images: Tensor, *, normalize: Normalize = "model") -> dict[str, Tensor]:
    """Measure the variance of every predicted filter's weights, at every site and position.

    A filter near a box, which blurs strongly, has variance 0; one near a single tap, which lets everything pass, has
    `(T - 1) / T**2` for T taps: 0.099 for 3x3. As published, trained filters are low at edges and texture and high in
    smooth areas; `antialias.metrics.filter_statistics` says whether a network's are, and docs/methods.md of one whose
    filters are not.

    Args:
        model: A network with `AdaptiveBlurPool2d` layers; it runs once, in eval mode, and gets its flags back.
        images: Pixels in [0, 1], shape `(N, 3, H, W)`.
        normalize: What the network expects of pixels; see `antialias.metrics`.

    Returns:
        For each such layer, by its name and in the order of the forward pass, the variance `(N, H_out, W_out)`, the
        mean over groups. Filters that do not sum to one (`normalize="joint"`) are first scaled to.

    Raises:
        ValueError: The model has no `AdaptiveBlurPool2d`.

    Source: Zou, Xiao, Yu, Lee, "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020 (the variance maps).
    """
    predicted = predicted_filters(model, images, normalize=normalize)
    return {site: filters.variance().mean(1) for site, filters in predicted.items()}


def filter_maps(
    network: str, model: nn.Module, images: Mapping[str, Tensor], *, normalize: Normalize = "model"
) -> tuple[FilterMaps, ...]:
    """Make the page's maps of the predicted filters, with their weights.

    Args:
        network: What the page calls the network.
        model: The network, with `AdaptiveBlurPool2d` layers.
        images: Pixels `(3, H, W)`, uint8 or floats in [0, 1], by the name the page shows.
        normalize: What the network expects of pixels; see `antialias.metrics`.

    Raises:
        ValueError: The model has no `AdaptiveBlurPool2d`.
    """
    maps = []
    for name, pixels in images.items():
        floats = pixels.float() if pixels.is_floating_point() else pixels.float() / 255
        sites = tuple(
            SiteMap.of_filters(site, filters)
            for site, filters in predicted_filters(model, floats[None], normalize=normalize).items()
        )
        maps.append(FilterMaps(image=Image.of(pixels, name), network=network, sites=sites))
    return tuple(maps)
