"""Filters behind what upsamples: no checkerboards, weaker images, and nothing changed at the start."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import antialias as aa
from antialias.nn import AdaptiveBlurPool2d, Average, Filter, Ideal

TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def upsampling(dims: int, *args: Any, **kwargs: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(TRANSPOSED[dims](4, 4, *args, **kwargs), nn.ReLU()).double().eval()


def converted(model: nn.Module, filter: Filter, x: Tensor, **options: Any) -> nn.Module:
    twin = copy.deepcopy(model)
    aa.convert_(twin, filter, example=x, sites="up", **options)
    return twin


def spread(y: Tensor) -> float:
    """The largest deviation of a map from its mean, in any channel."""
    flat = y.flatten(2)
    return float((flat - flat.mean(2, keepdim=True)).abs().max().detach())


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_constant_map_stays_constant_behind_a_fixed_filter(dims: int) -> None:
    ones = torch.ones(1, 4, *[6] * dims, dtype=torch.float64)
    model = upsampling(dims, 2, 2)
    model[1] = nn.Identity()
    assert spread(model(ones)) > 0.1
    assert spread(converted(model, aa.Fixed(), ones)(ones)) < 1e-12
    overlapping = upsampling(dims, 4, 2, 1)  # whose border gets fewer taps than the middle
    overlapping[1] = nn.Identity()
    inside = (..., *[slice(2, -2)] * dims)
    assert spread(overlapping(ones)[inside]) > 0.1
    assert spread(converted(overlapping, aa.Fixed(), ones)(ones)[inside]) < 1e-12


@pytest.mark.parametrize("stride", [3, 4])
def test_other_factors_take_an_average_or_the_ideal_filter(stride: int) -> None:
    ones, model = torch.ones(1, 4, 6, 6, dtype=torch.float64), upsampling(2, stride, stride)
    model[1] = nn.Identity()
    average = Average(kernel_size=stride, padding_mode="circular")
    assert spread(converted(model, average, ones)(ones)) < 1e-12
    assert spread(converted(model, Ideal(), ones)(ones)) < 1e-12
    assert 1e-3 < spread(converted(model, aa.Fixed(), ones)(ones)) < spread(model(ones))


def test_a_pixel_shuffle_leaves_no_checkerboard() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 1), nn.PixelShuffle(2)).eval()
    ones = torch.ones(1, 3, 6, 6)
    assert spread(model(ones)) > 0.1
    assert spread(converted(model, aa.Fixed(), ones)(ones)) < 1e-6


@pytest.mark.parametrize(("dims", "stride"), [(1, (2,)), (2, (2, 2)), (2, (1, 2)), (3, (1, 2, 2)), (2, (4, 4))])
def test_a_fixed_filter_is_torchs_convolution_of_what_was_upsampled(dims: int, stride: tuple[int, ...]) -> None:
    model, x = upsampling(dims, 3, stride), noise(2, 4, *[5] * dims)
    kernel = torch.ones(1, dtype=torch.float64)
    for step in stride:
        row = [0.25, 0.5, 0.25] if step > 1 else [0.0, 1.0, 0.0]
        kernel = kernel[..., None] * torch.tensor(row, dtype=torch.float64)
    padded: Any = F.pad(model[0](x), (1, 1) * dims, "reflect")
    expected = CONV[dims](padded, kernel.expand(4, 1, *[3] * dims), groups=4).relu()
    torch.testing.assert_close(converted(model, aa.Fixed(), x)(x), expected, rtol=1e-12, atol=1e-12)


class Repeats(nn.Module):
    """Two interpolations called as functions in one forward."""

    def __init__(self, modes: tuple[str, str] = ("nearest", "nearest-exact")) -> None:
        super().__init__()
        self.modes = modes

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.modes
        return F.interpolate(F.interpolate(x, scale_factor=2, mode=first).relu(), scale_factor=2, mode=second)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_nearest_interpolation_and_three_taps_are_linear_interpolation(dims: int) -> None:
    filter, x = aa.Fixed(padding_mode="replicate"), noise(2, 4, *[5] * dims)
    expected = F.interpolate(x, scale_factor=2, mode=LINEAR[dims])
    layer = converted(nn.Sequential(nn.Upsample(scale_factor=2)), filter, x)
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)
    functions = nn.Sequential(Repeats())
    done = aa.convert_(functions, filter, example=x, sites="up")
    assert [site.name for site in done.changed] == ["0:interpolate", "0:interpolate_1"]
    expected = F.interpolate(expected.relu(), scale_factor=2, mode=LINEAR[dims])
    torch.testing.assert_close(functions(x), expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(pickle.loads(pickle.dumps(copy.deepcopy(functions)))(x), functions(x))
    assert {site.reason for site in aa.inspect(functions, x, sites="up").sites} == {"already filtered"}
    done.revert_()
    assert type(functions[0]) is Repeats
    assert not dict(functions[0].named_children())


@pytest.mark.parametrize(
    "make", [lambda: upsampling(2, 3, 2, 1, 1), lambda: nn.Sequential(nn.Upsample(scale_factor=2))]
)
def test_images_of_the_spectrum_are_weaker_by_what_the_filter_lets_through(make: Callable[[], nn.Sequential]) -> None:
    model, x = make(), noise(8, 4, 32, 32)
    model.append(nn.Identity())
    model[-2] = model[-2] if isinstance(model[-2], nn.Upsample) else nn.Identity()
    filter = aa.Fixed(padding_mode="circular")
    plain, filtered = (
        torch.fft.fft2(one(x)).abs().square().mean((0, 1)) for one in (model, converted(model, filter, x))
    )
    frequency = torch.fft.fftfreq(64, dtype=torch.float64)
    response = ((1 + torch.cos(2 * torch.pi * frequency)) / 2).square()
    torch.testing.assert_close(filtered, plain * response[:, None] * response, rtol=1e-9, atol=1e-9)
    image = (frequency.abs()[:, None] > 0.25) | (frequency.abs() > 0.25)
    shares = [float((energy[image].sum() / energy.sum()).detach()) for energy in (plain, filtered)]
    assert shares[1] < 0.35 * shares[0]


@pytest.fixture(params=["antialias:TinyUNet", "antialias:TinyGenerator", "smp:Unet:resnet18"])
def case(request: pytest.FixtureRequest, zoo: ModuleType) -> tuple[nn.Module, Tensor]:
    assert request.param in zoo.UPSAMPLING
    return zoo.network(request.param), zoo.images(request.param)


@torch.no_grad()
def test_networks_of_the_zoo_start_as_they_were(case: tuple[nn.Module, Tensor], tmp_path: Path) -> None:
    model, x = case
    untouched_copy, before, description = copy.deepcopy(model), model(x), repr(model)
    keys = list(model.state_dict())
    done = aa.convert_(model, example=x, sites="up")
    assert len(done.changed) in (2, 3, 5)
    assert (model(x) - before).norm() <= 1e-3 * before.norm()
    assert [key for key in model.state_dict() if ".antialias" not in key] == keys
    for layer in done.filters().values():
        assert isinstance(layer, AdaptiveBlurPool2d)
        assert layer.stride == (1, 1)
        nn.init.uniform_(layer.bn.weight)
    expected = model(x)
    assert not torch.allclose(expected, before, rtol=1e-3)
    aa.save(model, tmp_path / "network.safetensors")
    assert torch.equal(aa.load(tmp_path / "network.safetensors", untouched_copy)(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), expected)
    done.revert_()
    assert repr(model) == description
    assert torch.equal(model(x), before)


def test_filters_learn_compile_and_export() -> None:
    model, x = aa.models.build("antialias:TinyGenerator").eval(), torch.randn(2, 64, 4, 4)
    done = aa.convert_(model, aa.Adaptive(init="binomial", predictor="separable"), example=x, sites="up")
    assert {site.reason.partition(";")[0] for site in done.changed} == {"behind what upsamples"}
    expected = model(x)
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), expected)
    items = torch.export.Dim("items", min=2)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: items},))
    torch.testing.assert_close(program.module()(torch.cat([x, x])), torch.cat([expected] * 2), rtol=1e-4, atol=1e-5)
    model.train()(x).square().mean().backward()
    assert all(p.grad is not None for layer in done.filters().values() for p in layer.parameters())


def test_a_site_says_what_it_costs() -> None:
    model, x = aa.models.build("antialias:TinyGenerator").eval(), torch.randn(1, 64, 4, 4)
    plan = aa.inspect(model, x, aa.Fixed(), sites="up")
    assert [site.macs for site in plan.sites] == [9 * 32 * 8**2, 9 * 16 * 16**2, 9 * 3 * 32**2]
    assert [(site.kind, site.stride) for site in plan.sites] == [("transposed convolution", (2, 2))] * 3
    assert "ConvTranspose2d 4x4 x2" in str(plan)


def shift_error(model: nn.Module, x: Tensor) -> float:
    """How far the answer to a moved image is from the moved answer, in the middle, which no border reaches."""
    middle = (..., slice(48, 80), slice(48, 80))
    with torch.no_grad():
        still = model(x)
        errors = [
            (model(x.roll(by, (2, 3))) - still.roll(by, (2, 3)))[middle].norm() / still[middle].norm()
            for by in ((1, 0), (0, 1), (1, 1), (2, 1))
        ]
    return float(torch.stack(errors).mean())


def test_a_unet_moves_better_with_its_image_when_both_ways_are_filtered(zoo: ModuleType) -> None:
    images = torch.randn(4, 3, 132, 132, generator=torch.Generator().manual_seed(0))
    model, x = zoo.network("antialias:TinyUNet"), F.avg_pool2d(images, 5, 1)
    errors = {"plain": shift_error(model, x)}
    done = aa.convert_(model, aa.Fixed(), example=x)
    errors["down"] = shift_error(model, x)
    aa.convert_(model, aa.Fixed(), example=x, sites="up")
    errors["both"] = shift_error(model, x)
    assert errors["both"] < 0.1 * min(errors["plain"], errors["down"]), errors
    assert len(done.changed) == 4
    assert [site.name for site in done.changed] == ["pool1", "pool2", "up2", "up1"]
    done.revert_()
    assert shift_error(model, x) == errors["plain"]


class Shared(nn.Module):
    """One upsampling for maps of two widths."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.conv = nn.Upsample(scale_factor=2), nn.Conv2d(4, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.conv(self.up(x)))


class Nested(nn.Module):
    """An upsampling by a function, of what a module of its own upsamples."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.up(x), scale_factor=2)


class Calls(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Shared, "up: Upsample: makes maps of 4 and 6 channels, and a filter has one width: use a module for each"),
        (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), "bilinear interpolation is a low-pass filter itself"),
        (
            lambda: Calls(lambda x: F.conv_transpose2d(x, torch.ones(4, 4, 2, 2, dtype=x.dtype), stride=2)),
            "let a module, such as nn.ConvTranspose2d, do it",
        ),
        (lambda: Calls(lambda x: F.pixel_shuffle(x, 2)), "pixel_shuffle is called as a function: let nn.PixelShuffle"),
        (Nested, "interpolate: upsample_nearest2d: called as a function at"),
        (Nested, "0 calls modules that interpolate, too"),
    ],
)
def test_what_is_left_is_said(make: Callable[[], nn.Module], reason: str) -> None:
    model = nn.Sequential(make()).double()
    sites = aa.inspect(model, noise(1, 4, 6, 6), sites="up").sites
    lines = [f"{site.name}: {site.operation}: {site.reason}" for site in sites]
    assert any(reason in line for line in lines), lines
    assert isinstance(model[0], Nested) or all(site.action == "leave" for site in sites)


@pytest.mark.parametrize(
    "filter", [aa.Polyphase(), aa.PhaseAverage(), aa.ShiftAverage(), aa.Fixed(phase="norm")], ids=repr
)
def test_filters_that_choose_samples_are_refused(filter: Filter) -> None:
    with pytest.raises(ValueError, match=r"is for what subsamples, and sites='up' keeps every sample. Use a low-pass"):
        aa.inspect(upsampling(2, 2, 2), noise(1, 4, 6, 6), filter, sites="up")
    if filter.phase is not None:
        with pytest.raises(ValueError, match="behind an upsampling all are kept. Use Fixed or Adaptive."):
            filter.build(4, (2, 2), upsampled=True)


def test_other_words_and_networks_without_upsampling_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sites='both' is unknown. Use 'down', or 'up' for what upsamples."):
        aa.inspect(upsampling(2, 2, 2), noise(1, 4, 6, 6), sites="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has no site to filter: none of its operations makes a map larger"):
        aa.convert_(nn.Sequential(nn.Conv2d(4, 4, 3, 2)), example=torch.randn(1, 4, 6, 6), sites="up")
    plan = aa.inspect(upsampling(2, 2, 2), noise(1, 4, 6, 6))
    assert [site.reason for site in plan.sites] == ["transposed convolution: it upsamples, and sites='up' filters it"]


def test_a_filter_that_a_tool_takes_away_is_missed() -> None:
    model, x = upsampling(2, 2, 2), noise(1, 4, 6, 6)
    aa.convert_(model, aa.Fixed(), example=x, sites="up")
    hooks = model[0]._forward_hooks
    for key in [key for key, hook in hooks.items() if type(hook).__name__ == "FilterOutput"]:
        del hooks[key]
    with pytest.raises(RuntimeError, match="^0 upsampled, and its filter at the output of 0 did not run"):
        model(x)
