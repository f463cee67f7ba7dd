"""DMNet and the heads beside it: formulas, auxiliary output, backbones, files, conversion, export, compilation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import antialias as aa
from antialias.models import build, load, save
from antialias.models.heads import DynamicFilterHead, PyramidPoolingHead, dmnet
from antialias.nn import DynamicFilter2d

TINY = ("antialias:TinyDMNet", "antialias:TinyPSPNet", "antialias:TinyDeepLabV3")


def _seeded(make: Any, *arguments: Any, **options: Any) -> Any:
    """Make a network whose norms are not at their start values, which would hide a missing one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make(*arguments, **options)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
    return model.eval()


def _draw(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def _dynamic(layer: DynamicFilter2d, x: Tensor) -> Tensor:
    """Filter one picture after the other, one channel after the other, one tap after the other."""
    size, features = layer.kernel_size, layer.features(x)
    taps = torch.zeros(len(x), layer.channels, size, size, dtype=x.dtype)
    for row in range(size):
        for column in range(size):
            (top, bottom), (left, right) = (
                (cell * side // size, -(-(cell + 1) * side // size))
                for cell, side in zip((row, column), x.shape[2:], strict=True)
            )
            mean = x[:, :, top:bottom, left:right].mean((2, 3))
            taps[:, :, row, column] = mean @ layer.predictor.weight[:, :, 0, 0].T + layer.predictor.bias
    padded, filtered = F.pad(features, [(size - 1) // 2, size // 2] * 2), torch.zeros_like(features)
    for n in range(len(x)):
        for c in range(layer.channels):
            for row in range(size):
                for column in range(size):
                    seen = padded[n, c, row : row + x.shape[2], column : column + x.shape[3]]
                    filtered[n, c] += taps[n, c, row, column] * seen
    return layer.fusion(F.relu(layer.bn(filtered)))


@pytest.mark.parametrize("fusion", [False, True])
@pytest.mark.parametrize("size", [(5, 7), (1, 2), (4, 4)], ids=str)
def test_dmnets_head_is_a_loop_over_pictures_channels_and_taps(fusion: bool, size: tuple[int, int]) -> None:
    head = _seeded(DynamicFilterHead, 6, 3, 4, 2, (1, 2, 3, 7), fusion=fusion).double()
    x = _draw(2, 6, *size, dtype=torch.float64)  # filters of seven taps are larger than any of the maps
    beside, classify = head
    assert [branch.kernel_size for branch in beside] == [1, 2, 3, 7]
    joined = torch.cat([x, *(_dynamic(branch, x) for branch in beside)], 1)
    assert joined.shape[1] == 6 + 4 * 2
    mixed = F.relu(classify[0][1](F.conv2d(joined, classify[0][0].weight, padding=1)))
    expected = F.conv2d(mixed, classify[2].weight, classify[2].bias)
    assert torch.allclose(head(x), expected, rtol=0, atol=1e-12)


def test_pyramid_pooling_is_means_of_cells_resampled() -> None:
    head = _seeded(PyramidPoolingHead, 8, 3, 4).double()
    x = _draw(2, 8, 6, 12, dtype=torch.float64)
    beside, classify = head
    maps = [x]
    for grid, branch in zip((1, 2, 3, 6), beside, strict=True):
        cells = x.reshape(2, 8, grid, 6 // grid, grid, 12 // grid).mean((3, 5))
        maps.append(F.interpolate(branch[1](cells), (6, 12), mode="bilinear", align_corners=False))
        assert maps[-1].shape[1] == 2
    assert torch.allclose(head(x), classify(torch.cat(maps, 1)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", TINY)
def test_the_tiny_ones_differ_in_the_head_alone(name: str) -> None:
    model, reference = _seeded(build, name), _seeded(build, TINY[0])
    shapes, others = ({n: p.shape for n, p in m.named_parameters() if "head" not in n} for m in (model, reference))
    assert shapes == others
    sizes = [sum(p.numel() for p in m.head.parameters()) for m in (model, reference)]
    assert 0.8 < sizes[0] / sizes[1] < 1.25
    x = _draw(2, 3, 65, 84)
    with torch.no_grad():
        assert model(x).shape == (2, 21, 65, 84)
        assert model.body(x)["3"].shape[-2:] == (9, 11)  # output stride 8
    out = _seeded(build, name, 5).train()(x)
    assert {key: logits.shape for key, logits in out.items()} == {"out": (2, 5, 65, 84), "aux": (2, 5, 65, 84)}
    (out["out"].sum() + out["aux"].sum()).backward()


@pytest.mark.parametrize(("backbone", "device"), [("resnet10t", "cpu"), ("torchvision:resnet50", "meta")])
def test_dmnet_on_any_backbone_that_dilates(backbone: str, device: str) -> None:
    with torch.device(device), torch.no_grad():
        model: Any = build(f"antialias:DMNet:{backbone}", 19).train()
        out = model(torch.zeros(2, 3, 65, 65))
    assert out["out"].shape == out["aux"].shape == (2, 19, 65, 65)
    assert [branch.kernel_size for branch in model.head[0]] == [1, 3, 5, 7]
    assert {branch.channels for branch in model.head[0]} == {512}
    channels = model.head[0][0].in_channels
    assert model.head[1][0][0].in_channels == channels + 4 * 512
    assert model.auxiliary[0][0].in_channels == channels // 2


def test_backbones_that_do_not_dilate_are_explained() -> None:
    with pytest.raises(ValueError, match=r"backbone='timm:swin_tiny_patch4_window7_224' cannot be dilated to output"):
        dmnet("swin_tiny_patch4_window7_224")
    with pytest.raises(ValueError, match=r"backbone='' is unknown. Use timm:NAME or torchvision:NAME"):
        build("antialias:DMNet")


@pytest.mark.parametrize("name", TINY)
def test_they_convert_and_come_back_by_name(name: str, tmp_path: Path) -> None:
    model, x = _seeded(build, name, 5), _draw(2, 3, 64, 72)
    with torch.no_grad():
        before = model(x)
        plain = aa.inspect(model, x[:1]).macs
        done = aa.convert_(model, aa.Adaptive(), example=x[:1])
        after = model(x)
        assert (after - before).norm() <= 1e-3 * before.norm()
        assert {site.name for site in done.changed} >= {"body.maxpool", "body.layer2.conv1", "body.layer2.shortcut.0"}
        assert aa.inspect(model, x[:1]).macs > plain
        save(model, tmp_path / "net.safetensors")
        assert torch.allclose(load(tmp_path / "net.safetensors")(x), after, rtol=0, atol=1e-6)
        done.revert_()
        assert torch.allclose(model(x), before, rtol=0, atol=1e-6)


def test_multiply_adds_of_the_head_are_the_ones_on_paper() -> None:
    layer, x = DynamicFilter2d(8, 4, 5).eval(), torch.zeros(1, 8, 9, 9)
    predicting, reducing, filtering = 8 * 4 * 25, 8 * 4 * 81, 4 * 81 * 25
    assert aa.inspect(nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), layer), torch.zeros(1, 8, 17, 17)).macs == (
        8 * 8 * 9 * 81 + predicting + reducing + filtering
    )
    assert layer(x).shape == (1, 4, 9, 9)


def test_the_head_compiles_and_exports_whole() -> None:
    head = _seeded(DynamicFilterHead, 8, 3, 4)
    explained = torch._dynamo.explain(head)(_draw(2, 8, 6, 7))
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)
    program = torch.export.export(head, (_draw(2, 8, 6, 7),), dynamic_shapes=({0: torch.export.Dim("n", min=1)},))
    for number in (1, 3):
        x = _draw(number, 8, 6, 7)
        assert torch.allclose(program.module()(x), head(x), rtol=0, atol=1e-6)
