"""The filters that a network predicts, and what they do to each frequency."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics._adapter import Adapter, evaluating
from antialias.metrics.inputs._normalization import Normalize
from antialias.nn import AdaptiveBlurPool2d


@dataclass(frozen=True, eq=False)
class PredictedFilters:
    """The filters that one layer predicts for N images, and the maps that it filters.

    Attributes:
        weights: The taps `(N, G, k*k, H, W)` at each kept position, row by row. They sum to one: those of
            `normalize="joint"`, which do not, are scaled to.
        maps: What is filtered, `(N, C, H_in, W_in)`.
        stride: Samples per kept sample, down and to the right.
    """

    weights: Tensor
    maps: Tensor
    stride: tuple[int, int]

    @property
    def groups(self) -> int:
        """Number of channel groups."""
        return self.weights.shape[1]

    @property
    def kernel_size(self) -> int:
        """Side of the filters in samples."""
        return round(self.weights.shape[2] ** 0.5)

    def variance(self) -> Tensor:
        """Return the variance of each filter's weights, `(N, G, H, W)`.

        It is 0 for a box, which blurs strongly, and `(T - 1) / T**2` for a single one of T taps: 0.099 for 3x3.

        Source: Zou, Xiao, Yu, Lee, "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020 (the variance maps).
        """
        return self.weights.var(2, correction=0)

    def entropy(self) -> Tensor:
        """Return the entropy of each filter in bits, `(N, G, H, W)`: 0 for a single tap, 3.17 for a 3x3 box."""
        return -torch.xlogy(self.weights, self.weights).sum(2) / torch.log(self.weights.new_tensor(2.0))

    def offset(self) -> Tensor:
        """Return how far each filter's centre of mass lies down and to the right, `(N, G, 2, H, W)` in samples.

        A filter that is no low-pass filter around its position, but moves the map, shows here.
        """
        side = self.kernel_size
        steps = torch.arange(side, dtype=self.weights.dtype, device=self.weights.device) - side // 2
        taps = self.weights.unflatten(2, (side, side))
        return torch.stack(
            [torch.einsum("ngyxhw,y->nghw", taps, steps), torch.einsum("ngyxhw,x->nghw", taps, steps)], 2
        )

    def stopband(self) -> Tensor:
        """Return which share of white noise above the new Nyquist limit each filter lets through, `(N, G, H, W)`.

        Frequencies are above the limit if `|f| > 1 / (2 * stride)` on either axis; they are what subsampling aliases. A
        single tap lets all of it through, 1, an ideal low-pass filter nothing, 0. Where the stride is 1 nothing
        aliases, and all is NaN.

        The energy below the limit is `sum(w_t w_u sinc((t - u) / s) / s)` on each axis, the integral of the squared
        response in closed form; the rest of `sum(w_t**2)` is above.
        """
        side, weights = self.kernel_size, self.weights
        steps = torch.arange(side, dtype=weights.dtype, device=weights.device)
        down, right = (torch.sinc((steps[:, None] - steps) / s) / s for s in self.stride)
        taps = weights.unflatten(2, (side, side))
        below = (taps * torch.einsum("ngvuhw,yv,xu->ngyxhw", taps, down, right)).sum((2, 3))
        return (weights.square().sum(2) - below) / (1 - 1 / (self.stride[0] * self.stride[1]) or float("nan"))

    def kernels(self, positions: Sequence[tuple[int, int]]) -> Tensor:
        """Return the weights at some positions of the output, `(N, G, P, k, k)`.

        Args:
            positions: Row and column of each.

        Raises:
            IndexError: A position lies outside.
        """
        height, width = self.weights.shape[-2:]
        if outside := [one for one in positions if not (0 <= one[0] < height and 0 <= one[1] < width)]:
            raise IndexError(
                f"position {outside[0]} is not on the map of {height}x{width}. Use rows and columns of it."
            )
        rows, columns = (torch.tensor([one[axis] for one in positions], dtype=torch.long) for axis in (0, 1))
        side = self.kernel_size
        return self.weights[..., rows, columns].transpose(2, 3).unflatten(3, (side, side))

    def response(self, points: int = 17) -> Tensor:
        """Return how much each group's filters leave of each frequency on average, `(N, G, points, points)`.

        It is the mean over positions of the magnitude of `frequency_response`.
        """
        side = self.kernel_size
        groups = [
            frequency_response(group.permute(0, 2, 3, 1).unflatten(3, (side, side)), points).mean((1, 2))
            for group in self.weights.unbind(1)
        ]
        return torch.stack(groups, 1)


def frequency_response(kernels: Tensor, points: int = 17) -> Tensor:
    """Return the magnitude of the response of kernels `(..., k, k)`, `(..., points, points)`.

    Frequencies go from -1/2 to 1/2 cycles a sample on each axis, so that an odd number of points has 0 in the middle.

    Args:
        kernels: Weights.
        points: Number of frequencies on each axis.

    Example:
        >>> frequency_response(torch.full((1, 3), 1 / 3).expand(3, 3) / 3, points=3)[1].tolist()
        [0.3333333432674408, 1.0, 0.3333333432674408]
    """
    frequencies = torch.linspace(-0.5, 0.5, points, device=kernels.device)
    steps = torch.arange(kernels.shape[-1], device=kernels.device) - kernels.shape[-1] // 2
    waves = torch.exp(-2j * torch.pi * frequencies[:, None] * steps)
    return torch.einsum("py,...yx,qx->...pq", waves, kernels.to(waves.dtype), waves).abs()


def predicted_filters(
    model: nn.Module, images: Tensor, *, normalize: Normalize = "model"
) -> dict[str, PredictedFilters]:
    """Return what every layer with predicted filters predicts for images.

    Args:
        model: A network with `AdaptiveBlurPool2d` layers, such as a converted one; it runs once, in eval mode, and gets
            its flags back.
        images: Pixels in [0, 1], shape `(N, 3, H, W)`.
        normalize: What the network expects of pixels; see `antialias.metrics`.

    Returns:
        The filters by the layer's name, in the order of the forward pass.

    Raises:
        ValueError: The model has no `AdaptiveBlurPool2d`.

    Example:
        >>> layer = nn.Sequential(AdaptiveBlurPool2d(3, groups=3, init="identity"))
        >>> filters = predicted_filters(layer, torch.rand(1, 3, 8, 8), normalize=None)["0"]
        >>> filters.weights.shape, round(filters.kernels([(0, 0)])[0, 0, 0, 1, 1].item(), 4)
        (torch.Size([1, 3, 9, 4, 4]), 0.9999)
    """
    layers = adaptive_layers(model)
    names = {layer: name for name, layer in layers.items()}
    predicted: dict[str, PredictedFilters] = {}

    def record(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(layer, AdaptiveBlurPool2d)
        weights = layer.filters(inputs[0]).float()
        predicted[names[layer]] = PredictedFilters(
            weights / weights.sum(2, keepdim=True), inputs[0].float(), (layer.stride[0], layer.stride[1])
        )

    with ExitStack() as stack, torch.no_grad():
        for layer in layers.values():
            stack.callback(layer.register_forward_pre_hook(record).remove)
        stack.enter_context(evaluating(model))
        model(Adapter(model, normalize=normalize).inputs(images))
    return predicted


def adaptive_layers(model: nn.Module) -> dict[str, AdaptiveBlurPool2d]:
    """Return the layers of a network that predict filters, by name.

    Raises:
        ValueError: There is none.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, AdaptiveBlurPool2d)}
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no AdaptiveBlurPool2d, so there are no predicted filters to show. "
            "Convert it first: antialias.convert_(model, antialias.Adaptive())."
        )
    return layers
