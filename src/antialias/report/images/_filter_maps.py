"""Where the predicted filters blur, and where they let detail pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from antialias.metrics import Normalize, predicted_filters

from ._image import Image


@dataclass(frozen=True, kw_only=True)
class SiteMap:
    """Map one site's filter variance over the picture.

    Args:
        site: Name of the site.
        height: Rows of the map.
        width: Columns of the map.
        taps: Number of weights of a filter.
        values: The variances, row by row.
    """

    site: str
    height: int
    width: int
    taps: int
    values: tuple[float, ...]

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


@dataclass(frozen=True, kw_only=True)
class FilterMaps:
    """Show, for one picture and each site of a network, where the predicted filters blur and where they do not."""

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
    """Make the page's maps of `filter_variance`.

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
            SiteMap.of(site, filters.variance()[0].mean(0).cpu(), taps=filters.kernel_size**2)
            for site, filters in predicted_filters(model, floats[None], normalize=normalize).items()
        )
        maps.append(FilterMaps(image=Image.of(pixels, name), network=network, sites=sites))
    return tuple(maps)
