"""The ablations: each against brute force, and all against what every filter here promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias.models import build, load, save
from antialias.nn import (
    Adaptive,
    Attention,
    AttentionBlurPool2d,
    Average,
    AverageBlurPool2d,
    BlurPool2d,
    Filter,
    Fixed,
    Gaussian,
    GaussianBlurPool2d,
    Ideal,
    IdealBlurPool2d,
    filter_from_dict,
)
from antialias.surgery import convert_, inspect

CONFIGS: list[Filter] = [
    *(Gaussian(width=width) for width in ("learned", "channel", "image", "location")),
    Gaussian(kernel_size=5, groups=2, padding_mode="circular"),
    Attention(),
    Attention(groups=2, kernel_sizes=(1, 3)),
    Ideal(),
    Average(),
    Average(kernel_size=3, padding_mode="replicate"),
]
LEARNING = [config for config in CONFIGS if hasattr(config, "init")]


def maps(height: int = 7, width: int = 9, channels: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.randn(2, channels, height, width, generator=generator, dtype=dtype)


def awake(layer: nn.Module) -> nn.Module:
    """Give what predicts weights that do something."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return layer.eval()


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (3, 3)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_sizes_layouts_and_constants_are_kept(
    config: Filter, stride: tuple[int, int], layout: torch.memory_format
) -> None:
    layer = awake(config.build(4, stride, dtype=torch.float64))
    for height, width in ((7, 9), (4, 6), (1, 2), (1, 1)):
        x = maps(height, width).contiguous(memory_format=layout)
        y = layer(x)
        assert y.shape == (2, 4, -(-height // stride[0]), -(-width // stride[1]))
        assert y.dtype == x.dtype
        assert y.is_contiguous(memory_format=layout)
        torch.testing.assert_close(layer(torch.ones_like(x)), torch.ones_like(y))


@pytest.mark.parametrize("config", LEARNING, ids=repr)
def test_an_identity_start_hands_the_samples_on(config: Filter) -> None:
    layer = config.build(4, (2, 2), init="identity", dtype=torch.float64).train()
    x = maps()
    assert (layer(x) - x[:, :, ::2, ::2]).norm() < 1e-3 * x[:, :, ::2, ::2].norm()


@pytest.mark.parametrize("config", LEARNING, ids=repr)
def test_start_values_from_scratch_are_a_blur(config: Any) -> None:
    assert config.from_scratch().init == "binomial"
    assert config.from_scratch().from_scratch() == config.from_scratch()
    x = maps()
    layer = config.from_scratch().build(4, (2, 2), init="identity", dtype=torch.float64).eval()
    assert (layer(x) - x[:, :, ::2, ::2]).norm() > 0.1 * x[:, :, ::2, ::2].norm()


def test_other_configs_start_as_they_do() -> None:
    assert Fixed().from_scratch() == Fixed()
    assert Adaptive(normalize="joint").from_scratch() == Adaptive(normalize="joint", init="paper")


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_gradients_are_right_and_reach_everything(config: Filter) -> None:
    layer = awake(config.build(4, (2, 2), dtype=torch.float64))
    x = maps(5, 4).requires_grad_()
    assert torch.autograd.gradcheck(layer, x)
    layer.train()(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


@pytest.mark.parametrize("groups", [1, 2])
def test_a_gaussian_per_location_is_what_the_equation_says(groups: int) -> None:
    layer: Any = awake(GaussianBlurPool2d(4, 3, 2, "location", groups).double())
    x = maps()
    log_precision, x_pad = layer.predictor(x).detach(), F.pad(x, (1, 1, 1, 1), mode="reflect")
    y = layer(x).detach()
    for n, c, i, j in product(range(2), range(4), range(4), range(5)):
        sigma2 = 1 / (2 * math.exp(log_precision[n, c * groups // 4, i, j]))
        rows = [[math.exp(-(a * a + b * b) / (2 * sigma2)) for b in (-1, 0, 1)] for a in (-1, 0, 1)]
        taps = torch.tensor(rows, dtype=torch.float64)
        window = x_pad[n, c, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        assert float(y[n, c, i, j]) == pytest.approx(float((window * taps / taps.sum()).sum()), rel=1e-6)


def test_widths_are_whose_they_say() -> None:
    x = maps(8, 8)
    for width, differs in (("learned", False), ("channel", False), ("image", True), ("location", True)):
        layer = awake(GaussianBlurPool2d(4, width=width).double())  # type: ignore[arg-type]
        responses = [(layer(x + eps) - layer(x)) for eps in torch.eye(2, dtype=torch.float64)[:, :, None, None, None]]
        assert all(r[1 - n].abs().max() < 1e-12 for n, r in enumerate(responses)), "pictures do not see each other"
        linear = torch.allclose(layer(2 * x), 2 * layer(x))
        assert linear is not differs


def test_a_binomial_start_has_the_binomial_s_variance() -> None:
    for size in (3, 5):
        log_precision = GaussianBlurPool2d(1, size, width="learned").log_precision.detach()
        assert float(1 / (2 * log_precision.exp())) == pytest.approx((size - 1) / 4)


def test_attention_mixes_the_fixed_filters() -> None:
    layer: Any = awake(AttentionBlurPool2d(4, groups=2).double())
    x = maps()
    weights = layer.mixing_weights(x)
    torch.testing.assert_close(weights.sum(2), torch.ones_like(weights[:, :, 0]))
    parts = torch.stack([BlurPool2d(4, size, dtype=torch.float64)(x) for size in (1, 3, 5)])
    expected = torch.stack([(parts[:, :, c] * weights[:, c // 2].movedim(1, 0)).sum(0) for c in range(4)], 1)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("size", "stride"), [((8, 8), (2, 2)), ((9, 12), (3, 2)), ((6, 7), (1, 2))])
def test_the_ideal_filter_keeps_what_the_new_grid_holds(size: tuple[int, int], stride: tuple[int, int]) -> None:
    (height, width), x = size, maps(*size)
    rows, columns = (torch.exp(-2j * math.pi * torch.outer(n, n) / len(n)) for n in map(torch.arange, size))
    spectrum = rows.to(torch.complex128) @ x.to(torch.complex128) @ columns.to(torch.complex128)
    for i, j in product(range(height), range(width)):
        frequencies = [min(k, n - k) / n for k, n in ((i, height), (j, width))]
        if any(s > 1 and f >= 0.5 / s for f, s in zip(frequencies, stride, strict=True)):
            spectrum[:, :, i, j] = 0
    smooth = rows.conj().to(torch.complex128) @ spectrum @ columns.conj().to(torch.complex128) / (height * width)
    expected = smooth.real[:, :, :: stride[0], :: stride[1]]
    torch.testing.assert_close(IdealBlurPool2d(4, stride)(x), expected, atol=1e-6, rtol=1e-6)


def test_averages_are_torch_s() -> None:
    x = maps(8, 8)
    torch.testing.assert_close(AverageBlurPool2d(4)(x), F.avg_pool2d(x, 2))
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    torch.testing.assert_close(AverageBlurPool2d(4, 3)(x), F.avg_pool2d(padded, 3, 2))


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_configs_convert_networks_and_are_values(config: Filter) -> None:
    assert filter_from_dict(config.to_dict()) == config
    assert eval(repr(config)) == config
    model, x = build("antialias:TinyResNet", 5).eval(), maps(32, 32, 3, torch.float32)
    before = model(x)
    done = convert_(model, config, example=x)
    assert len(done.changed) == 7
    assert torch.equal(done.model(x), before) is False
    if config in LEARNING:
        assert (model(x) - before).norm() < 1e-3 * before.norm()
    assert all(site.action == "leave" for site in inspect(model, x).sites)
    assert torch.equal(done.revert_()(x), before)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_files_keep_config_and_function(config: Filter, tmp_path: Path) -> None:
    model, x = build("antialias:TinyResNet", 5).eval(), maps(32, 32, 3, torch.float32)
    for layer in convert_(model, config, example=x).filters().values():
        awake(layer)
    save(model, tmp_path / "model.safetensors")
    torch.testing.assert_close(load(tmp_path / "model.safetensors").eval()(x), model(x))


@pytest.mark.parametrize("config", [Gaussian(phase="norm", padding_mode="circular"), Ideal(phase="learned")], ids=repr)
def test_a_phase_can_be_chosen_behind_them(config: Filter) -> None:
    layer, x = awake(config.build(4, (2, 2), dtype=torch.float64)), maps(8, 8)
    moved = layer(x[:1].roll((1, 1), (2, 3)))
    back = [layer(x[:1]).roll(shift, (2, 3)) for shift in product(range(2), range(2))]
    assert any(torch.allclose(moved, y) for y in back)


def test_the_ideal_filter_before_a_selection_cuts_for_the_selection() -> None:
    x = maps(8, 8)
    alternating = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(4).expand_as(x)
    layer = awake(Ideal(phase="learned").build(4, (2, 2), dtype=torch.float64))
    torch.testing.assert_close(layer(x + alternating), layer(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussian(width="wide"), "width='wide' is unknown. Use one of 'learned', 'channel', 'image', 'loc"),  # type: ignore[arg-type]
        (lambda: Gaussian(kernel_size=4), "kernel_size=4 has no centre tap. Use an odd size such as 3 or 5."),
        (lambda: Gaussian(groups=0), "groups=0 is no number of groups. Use 1 or more."),
        (lambda: GaussianBlurPool2d(4, groups=3), "groups=3 does not divide channels=4. Use groups=2 or 4."),
        (lambda: Attention(kernel_sizes=(3,)), r"kernel_sizes=\(3,\) leaves no choice or has even sizes."),
        (lambda: Attention(kernel_sizes=(1, 9)), "kernel_size=9 is no binomial filter of this layer. Use 1 to 7."),
        (
            lambda: AttentionBlurPool2d(4, (3, 5), init="identity"),
            r"init='identity' needs no filter among kernel_sizes=\(3",
        ),
        (lambda: Ideal(padding_mode="reflect"), "padding_mode='reflect' is not how a Fourier transform continues"),
        (lambda: Ideal(phase="norm"), "phase='norm' cannot choose: behind an ideal filter all phases tie."),
        (lambda: Average(kernel_size=0), "kernel_size=0 does not fit 1 dimension"),
        (
            lambda: AverageBlurPool2d(4)(torch.zeros(1, 3, 4, 4)),
            r"x has shape \(1, 3, 4, 4\), but this layer filters 4",
        ),
        (
            lambda: filter_from_dict({"filter": "Median"}),
            "filter 'Median' is unknown. Use one of Adaptive, Attention, Av",
        ),
    ],
)
def test_bad_arguments_are_explained(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
