"""Whatever subsamples without a convolution or a pool is listed, with the reason why it is left."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias.surgery import Site, inspect

EVERY_OTHER = torch.arange(0, 32, 2)
GRID = torch.zeros(1, 16, 8, 2)


class Between(nn.Module):
    """A function behind a convolution with 8 channels."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv2d(3, 8, 3, padding=1), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


def sites(layer: nn.Module) -> list[Site]:
    return list(inspect(nn.Sequential(nn.Conv2d(3, 3, 1), layer), torch.rand(1, 3, 32, 32)).sites)


def space_to_depth(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def patch_merging(x: Tensor) -> Tensor:
    x = x.permute(0, 2, 3, 1)
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 4, 2, 5).flatten(3)


def tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def focus(x: Tensor) -> Tensor:
    return torch.cat([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)


@pytest.mark.parametrize(
    ("function", "kind", "stride", "reason"),
    [
        (lambda x: F.interpolate(x, scale_factor=0.5), "resize", (2, 2), "use bilinear with antialias=True"),
        (lambda x: F.interpolate(x, size=(8, 32), mode="bilinear"), "resize", (4, 1), "pass antialias=True"),
        (
            lambda x: F.interpolate(x, size=16, mode="bilinear", antialias=True),
            "resize",
            (2, 2),
            "already anti-aliased",
        ),
        (lambda x: F.pixel_unshuffle(x, 4), "folding", (4, 4), "keeps every sample"),
        (space_to_depth, "folding", (2, 2), "keeps every sample"),
        (patch_merging, "folding", (2, 2), "keeps every sample"),
        (focus, "slice", (2,), "slices with a step at"),
        (lambda x: x[..., ::2, ::2], "slice", (2,), "slices with a step at"),
        (lambda x: F.unfold(x, 2, stride=2), "folding", (2, 2), "unfolds into windows"),
        (lambda x: x.unfold(2, 2, 2).unfold(3, 2, 2).amax((-2, -1)), "folding", (2,), "unfolds into windows"),
        (lambda x: x[:, :, EVERY_OTHER], "slice", (2, 1), "picks positions at .*test_resamp"),
        (lambda x: x[:, :, EVERY_OTHER[:, None], EVERY_OTHER], "slice", (2, 2), "picks positions at"),
        (lambda x: x.index_select(3, EVERY_OTHER), "slice", (1, 2), "picks positions at"),
        (lambda x: F.grid_sample(x, GRID, align_corners=False), "resize", (2, 4), "at the points of a grid at"),
        (
            lambda x: x.view(1, 8, 16, 2, 8, 4).amax((3, 5)),
            "pool of a view",
            (2, 4),
            "by amax of a view at .*test_resamp",
        ),
        (lambda x: x.reshape(1, 8, 8, 4, 32).max(3)[0], "pool of a view", (2, 2), "no stride to give to a filter"),
        (lambda x: tokens(x).view(1, 4, 256, 8).amax(1), "pool of a view", (2, 2), "by amax of a view"),
        (lambda x: tokens(x).view(1, 2, 512, 8).mean(dim=1), "pool of a view", (2,), "by mean of a view"),
        (
            lambda x: tokens(x).view(1, 16, 64, 2, 4).permute(0, 3, 1, 2, 4).reshape(1, 2, 16, 4, 16, 4).amax(-3),
            "pool of a view",
            (2, 2),
            "by amax of a view",
        ),
    ],
)
def test_what_subsamples_by_resizing_or_by_folding_is_listed(
    function: Callable[[Tensor], Tensor], kind: str, stride: tuple[int, ...], reason: str
) -> None:
    (site,) = sites(Between(function))
    assert (site.kind, site.stride, site.action) == (kind, stride, "leave")
    assert re.search(reason, site.reason)
    assert site.name == f"1:{site.operation}" or site.kind != "pool of a view"


def test_a_layer_that_unfolds_is_named_where_no_line_calls_it() -> None:
    (site,) = sites(nn.Sequential(nn.Identity(), nn.Unfold(2, stride=2)))
    assert site.reason == "unfolds into windows at 1.1 (Unfold): there is no map behind it to filter"


def test_layers_that_resize_are_named() -> None:
    names = [site.name for site in sites(nn.Sequential(nn.Upsample(scale_factor=0.5), nn.PixelUnshuffle(2)))]
    assert names == ["1.0", "1.1"]


@pytest.mark.parametrize(("conv", "size"), [(nn.Conv1d, (32,)), (nn.Conv3d, (8, 8, 8))])
def test_slices_of_signals_and_clips_are_listed(conv: Callable[..., nn.Module], size: tuple[int, ...]) -> None:
    model = Between(lambda x: x[..., ::2])
    model.conv = conv(3, 8, 3, padding=1)
    (site,) = inspect(model, torch.rand(1, 3, *size)).sites
    assert (site.kind, site.stride) == ("slice", (2,))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: tokens(x)[..., ::2],
        lambda x: x.index_select(1, torch.tensor([0, 2])),
        lambda x: x[:, :, torch.arange(31, -1, -1)],
        lambda x: x.unfold(2, 3, 1),
        lambda x: F.grid_sample(x, torch.zeros(1, 32, 40, 2), align_corners=False),
        lambda x: F.pixel_shuffle(x, 2),
        lambda x: x.view(1, 2, 4, 32, 32).transpose(1, 2).reshape(1, 8, 32, 32),
        lambda x: x.view(1, 2, 4, 32, 32).permute(0, 3, 4, 1, 2).reshape(1, -1, 4),
        lambda x: x.permute(0, 2, 3, 1).view(1, 4, 8, 4, 8, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 8, 8, 8),
        lambda x: x.view(1, 2, 4, 32, 32).amax(2),
        lambda x: x.flatten(2).amax(2),
        lambda x: tokens(x).mean(1),
        lambda x: x.view(1, 2, -1).mean(2) + x.view(1, 2, 4, 32, 32).mean((2, 3, 4)),
        lambda x: torch.max(x, x.abs()),
        lambda x: tokens(x).view(1, 1024, 2, 4).amax(3),
    ],
    ids=[
        *("upsampling", "channels of tokens", "channels", "flip", "overlapping windows", "grid of as many points"),
        *("pixel shuffle", "channel shuffle", "anchors", "windows of attention", "maxout", "global pool"),
        *("mean of tokens", "group norm", "the larger of two", "heads"),
    ],
)
def test_what_keeps_positions_is_not(function: Callable[[Tensor], Tensor]) -> None:
    assert sites(Between(function)) == []
