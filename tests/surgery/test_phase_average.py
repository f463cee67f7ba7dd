"""Averages over phases, compared with what they mean: the network run on each phase, written out by hand."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import antialias as aa
from antialias._torch import tree_leaves
from antialias.surgery import convert_, inspect, phase_groups
from antialias.surgery.dataflow import network_macs, observe
from antialias.surgery.polyphase._borders import circular_borders


def small(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    ).eval()  # fmt: skip


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def answers(model: nn.Module, x: Tensor) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(model(x)) if isinstance(leaf, Tensor)]


def close_borders_(model: nn.Module, x: Tensor) -> nn.Module:
    """Give a network circular borders."""
    edits, notes = circular_borders(observe(model, (x,)), {})
    for edit in edits:
        edit.apply(model, aa.PhaseAverage())
    assert all("makes its map smaller" in note for note in notes)  # pools whose windows do not overlap
    return model


@pytest.mark.parametrize("size", [(16, 20), (17, 21)])
@pytest.mark.parametrize("phases", [2, 4, "all"])
def test_each_phase_of_the_sites_map_runs_through_the_rest(size: tuple[int, int], phases: Literal[2, 4, "all"]) -> None:
    model, x = small(), noise(3, 3, *size)
    dense = copy.deepcopy(model[:3])
    dense[0].stride = (1, 1)  # type: ignore[assignment]
    y, (h, w) = F.pad(dense(x), (0, 1, 0, 1), mode="replicate"), (-(-size[0] // 2), -(-size[1] // 2))
    offsets = [(0, 0), (1, 1)] if phases == 2 else [(0, 0), (0, 1), (1, 0), (1, 1)]
    by_hand = torch.stack([model[3:](y[..., i : i + 2 * h - 1 : 2, j : j + 2 * w - 1 : 2]) for i, j in offsets]).mean(0)
    convert_(model, aa.PhaseAverage(phases=phases), where="0", example=x)
    torch.testing.assert_close(model(x), by_hand)


NETWORKS = [
    ("torchvision:resnet18", 64),
    ("torchvision:mobilenet_v2", 64),
    ("torchvision:convnext_tiny", 64),
    ("timm:mobilenetv4_conv_small", 64),
    ("timm:hrnet_w18_small", 64),
    ("smp:Unet", 64),
    ("antialias:TinyResNet", 32),
]


@pytest.mark.parametrize(("name", "side"), NETWORKS)
def test_in_a_circle_it_is_the_average_over_rolled_images(zoo: ModuleType, name: str, side: int) -> None:
    x = noise(2, 3, side, 2 * side)
    model = close_borders_(zoo.network(name), x[:1])
    before, config = answers(model, x), aa.PhaseAverage(padding_mode="circular")
    groups = phase_groups(model, x)
    assert groups
    for group in {groups[0], groups[-1]}:
        plan = inspect(model, x, config, where=list(group))
        site = next(site for site in plan.sites if site.name == group[0])
        pitch = side // site.input_size[0]
        rolled = []
        for i, j in config.offsets((site.stride[0], site.stride[1])):
            maps = answers(model, x.roll((-i * pitch, -j * pitch), (2, 3)))
            rolled.append([m.roll((i * pitch, j * pitch), (2, 3)) if m.ndim == 4 else m for m in maps])
        conversion = convert_(model, config, where=list(group), example=x)
        after = answers(model, x)
        for average, *single in zip(after, *rolled, strict=True):
            expected = torch.stack(single).double().mean(0)
            assert (average.double() - expected).norm() / expected.norm() < 1e-5
        assert any(not torch.allclose(new, old, rtol=1e-4) for new, old in zip(after, before, strict=True))
        observed = network_macs(observe(model, (x,)))  # a circle adds positions to windows that do not overlap
        assert plan.macs + sum(s.macs for s in plan.sites) == pytest.approx(observed, rel=0.02 * ("convnext" in name))
        conversion.revert_()
        assert all(map(torch.equal, answers(model, x), before))


def test_nested_groups_multiply_and_cost_what_is_said() -> None:
    model, x = small(), noise(2, 3, 32, 32)
    stem, last = model[:3], model[3:]
    convert_(model, aa.PhaseAverage(phases=2), where=["0", "3"], example=x)
    plan = inspect(small(), x, aa.PhaseAverage(phases=2), where=["0", "3"])
    assert plan.macs + sum(site.macs for site in plan.sites) == network_macs(observe(model, (x,)))
    outer = copy.deepcopy(small())
    by_hand = []
    for i in (0, 1):
        outer = small()
        outer[0].stride = outer[3].stride = (1, 1)  # type: ignore[assignment]
        y = outer[:3](x)[..., i::2, i::2]
        y = outer[3:6](y)
        by_hand += [outer[6:](y[..., k::2, k::2]) for k in (0, 1)]
    torch.testing.assert_close(model(x), torch.stack(by_hand).mean(0))
    assert stem is not last


def test_one_phase_is_the_network_bit_by_bit() -> None:
    model, x = small(), noise(2, 3, 33, 32)
    before = model(x)
    convert_(model, aa.PhaseAverage(phases=1), example=x)
    assert torch.equal(model(x), before)


def test_the_last_group_is_the_default() -> None:
    model = aa.models.build("antialias:TinyResNet").eval()
    groups = phase_groups(model)
    conversion = convert_(model, aa.PhaseAverage(phases=2))
    assert tuple(site.name for site in conversion.changed) == groups[-1]
    assert len(groups[-1]) == 2  # a residual block and its shortcut


def test_one_site_brings_those_that_must_split_with_it() -> None:
    model = aa.models.build("antialias:TinyResNet").eval()
    conv, shortcut = phase_groups(model)[-1]
    assert [site.name for site in convert_(model, aa.PhaseAverage(), where=shortcut).changed] == [conv, shortcut]


def test_every_copy_and_file_averages(tmp_path: Path) -> None:
    model, x = small(), noise(2, 3, 32, 32)
    before = model(x)
    conversion = convert_(model, aa.PhaseAverage(phases=2), example=x)
    after = model(x)
    assert torch.equal(copy.deepcopy(model)(x), after)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), after)
    aa.save(model, tmp_path / "m.safetensors")
    assert torch.equal(aa.load(tmp_path / "m.safetensors", small(1)).eval()(x), after)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.testing.assert_close(program.module()(x[:1].repeat(5, 1, 1, 1)), after[:1].repeat(5, 1))
    conversion.revert_()
    assert torch.equal(model(x), before)


@pytest.mark.parametrize("filter", [aa.Fixed(), aa.Adaptive(init="binomial"), aa.Adaptive(predictor="separable")])
def test_after_another_conversion_phases_are_of_the_filtered_map(filter: aa.nn.Filter, tmp_path: Path) -> None:
    model, x = small(), noise(2, 3, 32, 32)
    convert_(model, filter, example=x)
    dense = copy.deepcopy(model)
    for module in dense[5].antialias.modules():  # type: ignore[union-attr]
        if hasattr(module, "stride"):
            module.stride = (1, 1)
    filtered, before = dense[:6](x), model(x)
    by_hand = torch.stack([dense[6:](filtered[..., i::2, j::2]) for i in (0, 1) for j in (0, 1)]).mean(0)
    conversion = convert_(model, aa.PhaseAverage(), where="3", example=x)  # the name it had without its filter
    torch.testing.assert_close(model(x), by_hand)
    aa.save(model, tmp_path / "m.safetensors")
    assert torch.equal(aa.load(tmp_path / "m.safetensors", small(1)).eval()(x), model(x))
    conversion.revert_()  # both
    assert torch.equal(model(x), small()(x))
    assert before.shape == by_hand.shape


def test_patches_that_do_not_overlap_take_the_image_moved() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.Flatten(2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()).eval()
    x = noise(2, 3, 16, 16)
    assert phase_groups(model, x) == (("0",),)
    moved = [F.pad(x, (0, 2, 0, 2), mode="replicate")[..., i : i + 16, j : j + 16] for i in (0, 2) for j in (0, 2)]
    by_hand = torch.stack([model(image) for image in moved]).mean(0)
    convert_(model, aa.PhaseAverage(), example=x)
    torch.testing.assert_close(model(x), by_hand)


class Pyramid(nn.Module):
    """A map that bypasses the split is concatenated, another one added, a gate multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 2, 1)
        self.gate, self.head = nn.Linear(4, 4), nn.Conv2d(8, 2, 3, 1, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        fine = self.stem(x).relu()
        up = F.interpolate(self.down(fine).relu(), scale_factor=2)
        up = up * self.gate(fine.mean((2, 3))).sigmoid()[:, :, None, None]
        return {"maps": self.head(torch.cat([up, fine], 1)), "fine": fine, "mean": (up + fine).mean((2, 3))}


def test_what_bypasses_the_split_is_repeated_and_moved_alike() -> None:
    torch.manual_seed(0)
    x = noise(2, 3, 8, 8)
    model = close_borders_(Pyramid().eval(), x)
    rolled: list[dict[str, Tensor]] = []
    for i, j in aa.PhaseAverage().offsets((2, 2)):
        moved = model(x.roll((-i, -j), (2, 3)))
        rolled.append({k: v.roll((i, j), (2, 3)) if v.ndim == 4 else v for k, v in moved.items()})
    fine = model(x)["fine"]
    convert_(model, aa.PhaseAverage(padding_mode="circular"), example=x)
    after = model(x)
    assert torch.equal(after["fine"], fine)
    for key in ("maps", "mean"):
        torch.testing.assert_close(after[key], torch.stack([each[key] for each in rolled]).mean(0))


def test_phases_and_what_joins_them_compile_in_one_graph() -> None:
    torch.manual_seed(0)
    model, x = Pyramid().eval(), noise(2, 3, 8, 8)
    convert_(model, aa.PhaseAverage(phases=2), example=x)
    with torch.no_grad():
        after = model(x)
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)(x)
    for key, value in after.items():
        torch.testing.assert_close(compiled[key], value)


def test_maps_at_the_border_are_averaged_over_the_phases_that_have_them() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1, 2), nn.Upsample(scale_factor=2)).eval()
    nn.init.ones_(model[0].weight)  # type: ignore[arg-type]
    nn.init.zeros_(model[0].bias)  # type: ignore[arg-type]
    x = torch.arange(16.0).view(1, 1, 4, 4)
    convert_(model, aa.PhaseAverage(phases=2), example=x)
    first = x[..., ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    second = x[..., 1::2, 1::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = first.clone()
    expected[..., 1:, 1:] = (first[..., 1:, 1:] + second[..., :-1, :-1]) / 2
    torch.testing.assert_close(model(x), expected)


class Tokens(nn.Module):
    """Answers that are neither one for each image nor maps."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.patches(x).flatten(2).mT


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).mean((2, 3))
        return y.view(x.shape[0], -1)[:, :4]


class Sorted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean((2, 3)).softmax(0)


def test_networks_whose_phases_do_not_stay_apart_are_refused_and_left_alone() -> None:
    for model in (Mixed().eval(), Sorted().eval()):
        x = noise(2, 3, 8, 8)
        before = model(x)
        with pytest.raises(ValueError, match="Nothing was converted"):
            convert_(model, aa.PhaseAverage(), example=x)
        assert torch.equal(model(x), before)
        assert aa.surgery.conversion_of(model) is None


class Numbered(nn.Module):
    """Asks for the number of its images before its last stride and uses it behind, as positions of tokens do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 4, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        place = torch.ones(len(x), 1, 1, 1)
        return (self.last(x) * place).mean((2, 3))


def test_a_network_that_counts_its_images_too_early_is_refused_by_one_image() -> None:
    model, x = Numbered().eval(), noise(1, 3, 16, 16)
    with pytest.raises(ValueError, match="does not run with several phases"):
        convert_(model, aa.PhaseAverage(), example=x)
    convert_(model, aa.PhaseAverage(), where="first", example=x)
    assert model(noise(2, 3, 16, 16)).shape == (2, 4)


def test_what_cannot_be_averaged_is_refused() -> None:
    model, x = small(), noise(2, 3, 32, 32)
    deep = nn.Sequential(*small()[:6], *small(1)[3:6], *small()[6:]).eval()
    with pytest.raises(
        ValueError, match="4 x 4 x 4 = 64 runs of the network behind 3 groups of sites; 16 are the most"
    ):
        convert_(deep, aa.PhaseAverage(), where="*", example=x)
    with pytest.raises(ValueError, match=r"returns \(2, 64, 8\): neither one answer for each image"):
        convert_(Tokens().eval(), aa.PhaseAverage(), example=x)
    convert_(model, aa.PhaseAverage(), example=x)
    with pytest.raises(ValueError, match="averages phases already"):
        convert_(model, aa.PhaseAverage(), where="0", example=x)
    with pytest.raises(ValueError, match="no site to filter"):
        convert_(small(), aa.PhaseAverage(), where="none", example=x)


def test_a_lost_layer_is_noticed() -> None:
    model, x = small(), noise(2, 3, 32, 32)
    convert_(model, aa.PhaseAverage(), example=x)
    model[5] = nn.Identity()
    model[5].antialias = nn.Identity()  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="phases"):
        model(x)


def test_it_trains() -> None:
    model, x = small().train(), noise(4, 3, 32, 32)
    convert_(model, aa.PhaseAverage(phases=2), example=x)
    loss: Any = F.cross_entropy(model(x), torch.arange(4))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
