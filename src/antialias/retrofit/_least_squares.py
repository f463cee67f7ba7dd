"""Pointwise convolutions, fitted in closed form: each to the mean of the original's maps over nearby windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Moments:
    """Second moments of a layer's inputs `(I, I)` and of what it is to answer with its inputs `(O, I)`, summed up."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, layer: nn.Conv2d) -> Moments:
        """Return the moments of no samples."""
        zeros = torch.zeros(layer.in_channels, layer.in_channels, dtype=torch.float64, device=layer.weight.device)
        return cls(zeros, zeros.new_zeros(layer.out_channels, layer.in_channels))

    def add(self, x: Tensor, y: Tensor) -> None:
        """Add the samples of maps `(N, I, H, W)` and `(N, O, H, W)`."""
        x, y = (each.movedim(1, -1).flatten(0, -2) for each in (x, y))  # no copy of channels-last maps
        self.inputs += x.T @ x
        self.targets += y.T @ x

    def solve(self, weight: Tensor, ridge: float) -> Tensor:
        """Return the weights `(O, I)` of least squared error, drawn to `weight` by `ridge` times the inputs' power."""
        penalty = ridge * self.inputs.diagonal().mean()
        system = self.inputs + penalty * torch.eye(len(self.inputs)).to(self.inputs)
        return torch.linalg.solve(system, (self.targets + penalty * weight.to(self.inputs)).T).T


@torch.no_grad()
def fit_pointwise_(
    network: nn.Module,
    original: nn.Module,
    batches: Callable[[], Iterable[Tensor]],
    *,
    views: int,
    radius: int = 1,
    ridge: float = 0.01,
    sweeps: int = 3,
) -> list[str]:
    """Fit the pointwise convolutions of a network to the original's mean maps over the views of an image.

    What differs between views that lie a few pixels apart is mostly aliasing; their mean has little of it. The best
    linear map from one view to the mean leans on the directions that are the same in all views and turns away from
    those that are not. It has a closed form, so that there is no noise of gradients, no rate and no step to choose, and
    it takes back what filters ahead of it have changed.

    Args:
        network: What is fitted, in place, in evaluation mode.
        original: Where the maps come from; its layers have the same names.
        batches: Gives the batches of a sweep, views of an image one after the other, the same images each time.
        views: Windows of each image.
        radius: Pixels within which they lie. Layers are left whose map has more than one sample every `2 * radius`
            pixels: the views would not lie on one another.
        ridge: How strongly weights are drawn to what they were, relative to the mean power of their inputs.
        sweeps: The layers are fitted in so many groups from the input on, each behind the fitted ones before it.

    Returns:
        The names of the fitted layers.

    Source: Wiener's filter; layer by layer as in He, Zhang, Sun, "Channel pruning for accelerating very deep neural
        networks", ICCV 2017, section 3.1.
    """
    ours, theirs = narrowing_layers(network), narrowing_layers(original)
    first = next(iter(batches()))
    maps = _record(original, first[:1], {layer: name for name, layer in theirs.items() if name in ours}, outputs=True)
    names = [name for name, y in maps.items() if first.shape[-1] >= 2 * radius * y.shape[-1]]
    size = max(1, -(-len(names) // sweeps))
    for group in (names[at : at + size] for at in range(0, len(names), size)):
        moments = {name: Moments.of(ours[name]) for name in group}
        for images in batches():
            maps = _record(original, images, {theirs[name]: name for name in group}, outputs=True)
            targets = {
                name: y.unflatten(0, (-1, views)).mean(1).repeat_interleave(views, 0) for name, y in maps.items()
            }
            maps = _record(network, images, {ours[name]: name for name in group}, outputs=False)
            for name, target in targets.items():
                bias = ours[name].bias
                if maps[name].shape[-2:] == target.shape[-2:]:
                    moments[name].add(maps[name], target if bias is None else target - bias[:, None, None])
        for name, measured in moments.items():
            weight = ours[name].weight
            if bool(measured.inputs.any()):
                weight.copy_(measured.solve(weight.flatten(1), ridge).view_as(weight))
    return names


def narrowing_layers(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Return the 1x1 convolutions over all channels to fewer of them, by name.

    In inverted residual blocks these are the ones without an activation behind them, where the mean of a map over
    views is what the next layer should see. Those that widen a map stand before an activation, of which the mean is
    another thing; fitting them, too, cost agreement and gained nothing.

    Example:
        >>> narrowing_layers(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)))
        {'1': Conv2d(8, 4, kernel_size=(1, 1), stride=(1, 1))}
    """
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.groups == 1
        and module.out_channels < module.in_channels
    }


class _AllRecorded(Exception):
    """Ends a forward pass of which nothing more is needed."""


def _record(network: nn.Module, images: Tensor, layers: Mapping[nn.Conv2d, str], *, outputs: bool) -> dict[str, Tensor]:
    """Run a network as far as its last layer of interest.

    Args:
        network: The network.
        images: What it is shown.
        layers: Those of interest, and what to call them.
        outputs: Return their outputs; else their inputs.
    """
    maps: dict[str, Tensor] = {}

    def hook(layer: nn.Conv2d, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        maps[layers[layer]] = output if outputs else inputs[0]
        if len(maps) == len(layers):
            raise _AllRecorded

    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        with suppress(_AllRecorded):
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return maps
