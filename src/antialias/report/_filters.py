"""Where the predicted filters blur, and where they let detail pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import ClassScores, Normalize, evaluating
from antialias.nn import AdaptiveBlurPool2d

from ._pictures import FilterMaps, Picture, SiteMap


def filter_variance(model: nn.Module, images: Tensor, *, normalize: Normalize = "model") -> dict[str, Tensor]:
    """Measure the variance of every predicted filter's weights, at every site and position.

    A filter near a box, which blurs strongly, has variance 0; one near a single tap, which lets everything pass, has
    `(T - 1) / T**2` for T taps: 0.099 for 3x3. Trained filters are low at edges and texture, high in smooth areas.

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
    layers = _adaptive_layers(model)
    found: dict[str, Tensor] = {}
    with ExitStack() as stack, torch.no_grad():
        for name, layer in layers.items():
            hook = layer.register_forward_pre_hook(_recorder(found, name))
            stack.callback(hook.remove)
        stack.enter_context(evaluating(model))
        model(ClassScores(model, normalize=normalize).inputs(images))
    return found


def filter_maps(
    network: str, model: nn.Module, pictures: Mapping[str, Tensor], *, normalize: Normalize = "model"
) -> tuple[FilterMaps, ...]:
    """Make the page's maps of `filter_variance` for each picture `(3, H, W)`, by name."""
    layers = _adaptive_layers(model)
    made = []
    for name, pixels in pictures.items():
        shown = pixels.float() if pixels.is_floating_point() else pixels.float() / 255
        variances = filter_variance(model, shown[None], normalize=normalize)
        sites = tuple(SiteMap.of(s, v[0].cpu(), taps=layers[s].kernel_size ** 2) for s, v in variances.items())
        made.append(FilterMaps(picture=Picture.of(pixels, name), network=network, sites=sites))
    return tuple(made)


def _adaptive_layers(model: nn.Module) -> dict[str, AdaptiveBlurPool2d]:
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, AdaptiveBlurPool2d)}
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no AdaptiveBlurPool2d, so there are no predicted filters to show. "
            "Convert it first: antialias.convert_(model, antialias.Adaptive())."
        )
    return layers


def _recorder(found: dict[str, Tensor], name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    def record(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(layer, AdaptiveBlurPool2d)
        weights = layer.filters(inputs[0]).float()
        found[name] = (weights / weights.sum(2, keepdim=True)).var(2, correction=0).mean(1)

    return record
