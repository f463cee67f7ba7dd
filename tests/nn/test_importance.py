"""Local importance pooling against torch's own pools, and against what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import antialias as aa
from antialias.nn import Average, Fixed, Importance, ImportancePool2d, Taps


def maps(height: int = 7, width: int = 9, channels: int = 4) -> Tensor:
    return torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(height), dtype=torch.float64)


def awake(layer: ImportancePool2d) -> ImportancePool2d:
    """Give it importance that varies."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return layer.eval()


@pytest.mark.parametrize("groups", [None, 1, 2])
@pytest.mark.parametrize("stride", [2, 3, (1, 2)])
def test_it_is_the_ratio_of_torch_s_average_pools(groups: int | None, stride: int | tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer, x = awake(ImportancePool2d(4, 3, stride, groups, dtype=torch.float64)), maps()
    weight = layer.importance(x).repeat_interleave(4 // layer.groups, 1)
    assert weight.std() > 0.05
    pad = (1, 1, 1, 1)
    total = F.avg_pool2d(F.pad(x * weight, pad, mode="reflect"), 3, stride)
    expected = total / F.avg_pool2d(F.pad(weight, pad, mode="reflect"), 3, stride)
    torch.testing.assert_close(layer(x), expected)


def test_importance_is_the_equation_s() -> None:
    layer, x = awake(ImportancePool2d(4, groups=2, dtype=torch.float64)), maps()
    read = F.conv2d(x, layer.predictor.conv.weight)  # type: ignore[arg-type]
    norm = layer.predictor.bn
    logits = read / (1 + norm.eps) ** 0.5 * norm.weight[:, None, None] + norm.bias[:, None, None]
    expected = (12 / (1 + (-logits).exp())).exp() / torch.tensor(12.0, dtype=torch.float64).exp()
    torch.testing.assert_close(layer.importance(x), expected)


def test_the_most_important_sample_wins() -> None:
    layer = ImportancePool2d(1, dtype=torch.float64).eval()
    with torch.no_grad():
        layer.predictor.conv.weight.fill_(1)  # type: ignore[operator, union-attr]
        layer.predictor.bn.weight.fill_(100)
    x = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    x[0, 0, 3, 3] = 1  # a window of nine samples has it, or has not
    expected = torch.zeros(4, 4, dtype=torch.float64)
    expected[1:3, 1:3] = 1  # as max pooling, where an average keeps a ninth
    torch.testing.assert_close(layer(x)[0, 0], expected, atol=0.03, rtol=0)


@pytest.mark.parametrize(("taps", "alike"), [("equal", Average(kernel_size=3)), ("binomial", Fixed())])
@pytest.mark.parametrize("training", [True, False])
def test_it_starts_as_its_window(taps: Taps, alike: aa.nn.Filter, training: bool) -> None:
    x = maps()
    layer = Importance(taps=taps).build(4, (2, 2), init="identity", dtype=torch.float64).train(training)
    torch.testing.assert_close(layer(x), alike.build(4, (2, 2), dtype=torch.float64)(x))
    frozen = Importance(taps=taps).build(4, (2, 2), frozen_norm=True, dtype=torch.float64)
    torch.testing.assert_close(frozen(x), layer(x))


def test_it_learns_from_the_first_step() -> None:
    layer, x = ImportancePool2d(4, dtype=torch.float64).train(), maps()
    optimizer = torch.optim.SGD(layer.parameters(), lr=1)
    target = F.max_pool2d(x, 3, 2, 1)
    losses = []
    for _ in range(20):
        loss = F.mse_loss(layer(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert layer.predictor.bn.weight.detach().abs().min() > 0


@pytest.mark.parametrize("mode", ["reflect", "replicate", "zeros", "circular"])
@pytest.mark.parametrize("size", [(7, 9), (4, 6), (1, 2), (1, 1)])
def test_constants_and_layouts_are_kept(mode: aa.ops.PaddingMode, size: tuple[int, int]) -> None:
    layer = awake(ImportancePool2d(4, padding_mode=mode, dtype=torch.float64))
    x = torch.ones(2, 4, *size, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    y = layer(x)
    torch.testing.assert_close(y, torch.ones(2, 4, -(-size[0] // 2), -(-size[1] // 2), dtype=torch.float64))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_half_precision_holds_the_range_of_importance() -> None:
    x = 100 * maps().to(torch.bfloat16)
    layer = awake(ImportancePool2d(4)).to(torch.bfloat16)
    assert layer(x).isfinite().all()
    with torch.autocast("cpu", torch.bfloat16):
        assert awake(ImportancePool2d(4))(x.float()).isfinite().all()


def test_gradients_are_right() -> None:
    layer = awake(ImportancePool2d(2, groups=1, dtype=torch.float64))
    x = maps(4, 5, 2)[:1].requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))


def test_a_network_is_converted_saved_and_reverted(tmp_path: Path) -> None:
    x = torch.rand(2, 3, 64, 64)
    model: nn.Module = aa.models.build("antialias:TinyResNet", 5).eval()
    before = model(x)
    conversion = aa.convert_(model, aa.Importance(groups=24), example=x)
    assert [layer.groups for layer in conversion.filters().values()] == [16, 16, 16, 16, 16, 16, 16]
    for layer in conversion.filters().values():
        awake(layer)
    aa.save(model, tmp_path / "model.safetensors")
    torch.testing.assert_close(aa.load(tmp_path / "model.safetensors")(x), model(x))
    sites = aa.inspect(model, x).sites
    assert all(site.action == "leave" for site in sites)
    assert next(site for site in sites if site.name == "maxpool.antialias").operation == "ImportancePool2d 3x3"
    assert torch.equal(conversion.revert_()(x), before)


def test_its_cost_is_counted_at_every_sample() -> None:
    model, x = aa.models.TinyResNet(num_classes=5), torch.rand(1, 3, 64, 64)
    site = next(site for site in aa.inspect(model, x, aa.Importance()).sites if site.name == "maxpool")
    assert site.macs == 16 * 16 * (4 * 16 * 16 + (16 + 16) * 9)
    assert site.parameters == 16 * 16 + 2 * 16


def test_bad_arguments_are_explained() -> None:
    with pytest.raises(ValueError, match="taps='wide' is unknown. Use one of 'equal', 'binomial'."):
        Importance(taps="wide")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="kernel_size=4 has no centre tap. Use an odd size such as 3 or 5."):
        Importance(kernel_size=4)
    with pytest.raises(ValueError, match="groups=3 does not divide channels=4. Use groups=2 or 4."):
        ImportancePool2d(4, groups=3)
    with pytest.raises(ValueError, match="groups=0 is no number of groups. Use 1 or more."):
        Importance(groups=0)
