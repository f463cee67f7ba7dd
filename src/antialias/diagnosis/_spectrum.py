"""The cause: how much of a map the grid that it is subsampled to cannot hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import Adapter, Images, Instances, Measurement, Score, Show, Windows, measure
from antialias.surgery import reduce_maps

FEWEST = 4
"""Positions along each side that a map has to keep; with fewer, its spectrum says nothing."""


def spectrum_energies(maps: Tensor, stride: tuple[int, int]) -> Tensor:
    """Return the energies of maps: in all, above the limit of the grid they are subsampled to, and tangled, `(N, 3)`.

    A map's sides are cropped to multiples of the stride, its mean is removed, and a Hann window put on it. Above the
    limit lie frequencies with more than `1 / (2 s)` cycles per sample on either axis. Subsampling folds `s_h * s_w`
    frequencies into one: tangled is, in each fold, the energy without its largest member. Energies are summed over
    channels.

    Args:
        maps: `(N, C, H, W)`.
        stride: `(s_h, s_w)`.

    Returns:
        In `float64`; NaN where a map keeps fewer than four positions along a side.

    Source: Ribeiro & Schoen, "How Convolutional Neural Networks Deal with Aliasing", ICASSP 2021, for tangled ones.

    Example:
        >>> wave = torch.cos(2 * torch.pi * 6 * torch.arange(16) / 16).expand(1, 1, 16, 16)
        >>> total, above, tangled = spectrum_energies(wave, (2, 2))[0]
        >>> round(float(above / total), 6)
        1.0
    """
    sides = [side // step * step for side, step in zip(maps.shape[-2:], stride, strict=True)]
    if any(side // step < FEWEST for side, step in zip(sides, stride, strict=True)):
        return maps.new_full((len(maps), 3), torch.nan, dtype=torch.float64)
    height, width = sides
    windows = [torch.hann_window(side, dtype=torch.float32, device=maps.device) for side in sides]
    frequencies = [(torch.arange(side, device=maps.device) + side // 2) % side - side // 2 for side in sides]
    # In whole numbers: |k| / n > 1 / (2 s) is 2 s |k| > n.
    above = [2 * step * k.abs() > side for step, k, side in zip(stride, frequencies, sides, strict=True)]
    beyond = above[0][:, None] | above[1]
    energies = []
    for image in maps[..., :height, :width].float():
        centred = (image - image.mean((-2, -1), keepdim=True)) * windows[0][:, None] * windows[1]
        energy = torch.fft.fft2(centred).abs().square().double()
        folds = energy.view(len(image), stride[0], height // stride[0], stride[1], width // stride[1])
        tangled = energy.sum() - folds.amax((1, 3)).sum()
        energies.append(torch.stack([energy.sum(), energy[:, beyond].sum(), tangled]))
    return torch.stack(energies)


@dataclass(frozen=True)
class SiteEnergies(Adapter):
    """Answer with the energies of the map at stride 1 of each site, `(N, S, 3)`, NaN where there is none.

    Attributes:
        shown: Shows images to the network.
        names: Of the sites.
    """

    shown: Adapter = field(kw_only=True)
    names: tuple[str, ...] = field(kw_only=True)

    def answer(self, pixels: Tensor) -> Tensor:
        """Return the energies of the maps of each image."""
        inputs: Any = self.shown.inputs(pixels)
        model = self.model
        assert isinstance(model, nn.Module)
        args = ([*inputs],) if isinstance(self.shown, Instances) else (inputs,)
        by_name = reduce_maps(model, args, spectrum_energies)
        missing = torch.full((len(pixels), 3), torch.nan, dtype=torch.float64)
        # A layer that runs several times has all of its maps in one; those of some part of an image are no map of it.
        of_sites = [
            torch.stack([one.cpu() for one in by_name[name]]).sum(0)
            if name in by_name and all(len(one) == len(pixels) for one in by_name[name])
            else missing
            for name in self.names
        ]
        return torch.stack(of_sites, 1)


def measure_causes(adapter: Adapter, names: Sequence[str], images: Images, seed: int) -> Mapping[str, Measurement]:
    """Measure the energies `(N, 3)` of each site's map over images.

    Args:
        adapter: Shows windows of images to the network.
        names: Of the sites.
        images: What windows are cut from.
        seed: Chooses the windows.
    """
    energies = SiteEnergies(
        adapter.model,
        normalize=adapter.normalize,
        batch_size=adapter.batch_size,
        level=adapter.level,
        resize=adapter.resize,
        progress=adapter.progress,
        shown=adapter,
        names=tuple(names),
    )
    windows = Windows(adapter, seed=seed)
    measured = measure(images, [Show(energies, windows.cut)], lambda _, answer: answer)
    return {name: replace(measured, rows=measured.rows[:, n]) for n, name in enumerate(names)}


def share(measured: Measurement, kind: str) -> Score | None:
    """Return the mean over images of the share of a map's energy that is above the limit, or tangled.

    Args:
        measured: Energies of one site.
        kind: `"alias"` or `"tangled"`.
    """
    total, above, tangled = measured.rows.unbind(1)
    part = above if kind == "alias" else tangled
    shares = torch.where(total > 0, part / total, torch.nan).clamp(0, 1)  # a constant map has no frequencies
    if bool(shares.isnan().all()):
        return None
    limit = "frequencies above 1 / (2 * stride) on either axis"
    protocol = {
        **measured.protocol,
        "in_words": limit if kind == "alias" else "of each fold all but its largest frequency",
        "map": "at stride 1, before anything else; mean removed, Hann window, cropped to a multiple of the stride",
        "channels": "by energy",
    }
    return Score.from_images(f"{kind} share", shares, protocol, measured.level)
