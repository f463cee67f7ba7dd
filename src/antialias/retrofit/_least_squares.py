"""Pointwise convolutions, fitted in closed form: each to the mean of the original's maps over other, nearby windows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ._batches import Batches, mean_of_others

RIDGES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
_FOLDS = 4


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

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both's samples."""
        return Moments(self.inputs + other.inputs, self.targets + other.targets)

    def error(self, weight: Tensor) -> float:
        """Return the summed squared error of weights `(O, I)` on these samples, but for a constant."""
        return float(((weight @ self.inputs - 2 * self.targets) * weight).sum())

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
    ridge: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Fit the pointwise convolutions of a network, in each view, to the original's mean maps over the other views.

    What differs between views that lie a few pixels apart is mostly aliasing; their mean has little of it. The best
    linear map from one view to the mean of the others leans on the directions that are the same in all views and turns
    away from those that are not. (A mean with the view itself in it would keep a share of these.) It has a closed form,
    so that there is no noise of gradients, no rate and no step to choose, and it takes back what filters ahead of it
    have changed. Each layer is fitted behind the fitted ones before it: all fitted at once, they would take out the
    same aliasing again and again.

    Args:
        network: What is fitted, in place, in evaluation mode.
        original: Where the maps come from; its layers have the same names.
        batches: Gives the batches, views of an image one after the other; called twice for the same ones.
        views: Windows of each image; of one alone, its own map is the target.
        radius: Pixels within which they lie. Layers are left whose map has more than one sample every `2 * radius`
            pixels: the views would not lie on one another.
        ridge: How strongly weights are drawn to what they were, relative to the mean power of their inputs. `None`
            takes for each layer the one of `RIDGES` with the least error on every fourth batch, fitted to the others;
            then all batches are fitted. Few images need more of it: else the network learns them by heart.
        progress: Called with (layers fitted, layers in all), from several threads, one at a time.

    Returns:
        The names of the fitted layers.

    Source: Wiener's filter; layer by layer as in He, Zhang, Sun, "Channel pruning for accelerating very deep neural
        networks", ICCV 2017, section 3.1.
    """
    theirs = narrowing_layers(original)
    layers = {name: layer for name, layer in narrowing_layers(network).items() if name in theirs}
    targets: list[dict[str, Tensor]] = []
    for images in batches():
        maps: dict[str, Tensor] = {}
        handles = [
            theirs[name].register_forward_hook(lambda _, x, y, name=name, maps=maps: maps.update({name: y}))
            for name in layers
        ]
        try:
            original(images)
        finally:
            for handle in handles:
                handle.remove()
        fine = images.shape[-1] / (2 * radius) if radius else images.shape[-1]
        targets.append({name: mean_of_others(y, views) for name, y in maps.items() if y.shape[-1] <= fine})
    fitted = [name for name in layers if all(name in maps for maps in targets)]
    _Relay(network, {layers[name]: name for name in fitted}, targets, ridge, progress).run(batches())
    return fitted


def fit_batches_(
    network: nn.Module,
    original: nn.Module,
    batches: Batches,
    inputs: Callable[[Tensor], Tensor],
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Fit a network to the original's mean maps over other views: `fit_pointwise_` on `batches`, as their config says.

    Args:
        network: What is fitted, in place, in evaluation mode.
        original: Where the maps come from.
        batches: The images, and how many of them are shown in which views.
        inputs: From windows of pixels to what both networks take.
        progress: Called with (work done, work in all): half of it is asking the original, half the layers.

    Returns:
        The names of the fitted layers.
    """
    config = batches.config
    half, asked = -(-config.fit_images // config.batch_size), False

    def shown() -> Iterator[Tensor]:
        nonlocal asked
        for step in range(half):
            yield inputs(batches.shown(step))
            if progress is not None and not asked:
                progress(step + 1, 2 * half)
        asked = True

    def fitted(done: int, layers: int) -> None:
        if progress is not None:
            progress(half + half * done // layers, 2 * half)

    return fit_pointwise_(
        network,
        original,
        shown,
        views=config.views,
        radius=config.radius or 1,
        ridge=config.ridge,
        progress=fitted,
    )


@dataclass
class _Relay:
    """Forward passes on all batches that wait for one another at each layer, so that it is fitted to all of them.

    Every batch has a thread, of which one runs at a time and in the same order always; between two layers each holds
    the maps of its batch there, which are small behind the first strides.
    """

    network: nn.Module
    layers: dict[nn.Conv2d, str]
    targets: list[dict[str, Tensor]]
    ridge: float | None
    progress: Callable[[int, int], None] | None = None
    turn: int = 0
    error: BaseException | None = None
    moments: dict[str, tuple[Moments, Moments]] = field(default_factory=dict)
    moved: threading.Condition = field(default_factory=threading.Condition)
    own: threading.local = field(default_factory=threading.local)

    def run(self, batches: Iterable[Tensor]) -> None:
        """Run all passes to their end."""
        handles = [layer.register_forward_pre_hook(self._fit) for layer in self.layers]
        threads = [
            threading.Thread(target=self._forward, args=(number, images), daemon=True)
            for number, images in enumerate(batches)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            for handle in handles:
                handle.remove()
        if self.error is not None:
            raise self.error

    def _forward(self, number: int, images: Tensor) -> None:
        self.own.number = number
        try:
            with torch.no_grad():
                self._wait()
                self.network(images)
        except BaseException as error:
            self.error = self.error or error
        self._pass_on()

    def _wait(self) -> None:
        with self.moved:
            self.moved.wait_for(lambda: self.turn == self.own.number or self.error is not None)
        if self.error is not None:
            raise self.error

    def _pass_on(self) -> None:
        with self.moved:
            self.turn = (self.own.number + 1) % len(self.targets)
            self.moved.notify_all()

    def _fit(self, layer: nn.Conv2d, inputs: tuple[Tensor, ...]) -> None:
        name, x = self.layers[layer], inputs[0]
        target = self.targets[self.own.number].pop(name, None)
        if target is None:  # a layer that runs a second time
            return
        moments = self.moments.setdefault(name, (Moments.of(layer), Moments.of(layer)))
        if x.shape[-2:] == target.shape[-2:]:
            y = target if layer.bias is None else target - layer.bias[:, None, None]
            moments[self.own.number % _FOLDS == _FOLDS - 1].add(x, y)
        last = self.own.number == len(self.targets) - 1
        if last and self.progress is not None:
            self.progress(
                len(self.layers) - sum(name in self.targets[-1] for name in self.layers.values()), len(self.layers)
            )
        if last and any(bool(part.inputs.any()) for part in self.moments.pop(name)):
            weight, (taught, left_out) = layer.weight.flatten(1), moments
            ridge = self.ridge or min(RIDGES, key=lambda ridge: left_out.error(taught.solve(weight, ridge)))
            layer.weight.copy_((taught + left_out).solve(weight, ridge).view_as(layer.weight))
        self._pass_on()
        self._wait()


def narrowing_layers(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Return the 1x1 convolutions over all channels to fewer of them, by name.

    In inverted residual blocks these are the ones without an activation behind them, where the mean of a map over
    views is what the next layer should see. Those that widen a map stand before an activation, of which the mean is
    another thing; fitting them, too, was no better.

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
