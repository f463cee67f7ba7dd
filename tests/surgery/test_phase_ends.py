"""Phases that end inside of a network, compared with what that means: maps averaged by hand, then the rest, once."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import antialias as aa
from antialias.surgery import convert_, inspect, phase_places
from antialias.surgery.dataflow import network_macs, observe


def small(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU()),
        nn.Conv2d(8, 4, 1),
        nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()),
        nn.Conv2d(8, 6, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5),
    ).eval()  # fmt: skip


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def phases_of_the_stem(model: nn.Sequential, x: Tensor, offsets: list[tuple[int, int]]) -> list[Tensor]:
    stem = copy.deepcopy(model[0])
    stem[0].stride = (1, 1)  # type: ignore[index, assignment]
    y = F.pad(stem(x), (0, 1, 0, 1), mode="replicate")
    h, w = (-(-side // 2) for side in x.shape[2:])
    return [y[..., i : i + 2 * h - 1 : 2, j : j + 2 * w - 1 : 2] for i, j in offsets]


@pytest.mark.parametrize("size", [(16, 20), (17, 21)])
@pytest.mark.parametrize("until", ["1", "2", "3.1"])
def test_what_follows_the_end_runs_once_on_the_mean_map(size: tuple[int, int], until: str) -> None:
    model, x = small(), noise(3, 3, *size)
    inside, behind = model[1 : int(until[0]) + 1], model[int(until[0]) + 1 :]
    phases = phases_of_the_stem(model, x, [(0, 0), (1, 1)])
    by_hand = behind(torch.stack([inside(phase) for phase in phases]).mean(0))
    plan = inspect(model, x, aa.PhaseAverage(phases=2, until=until), where="0.0")
    convert_(model, plan.filter, where="0.0", example=x)
    torch.testing.assert_close(model(x), by_hand)
    assert plan.macs + sum(site.macs for site in plan.sites) == network_macs(observe(model, (x,)))


def test_where_only_linear_layers_follow_it_is_the_average_of_the_answers() -> None:
    model, x = small(), noise(2, 3, 32, 32)
    ended, whole = copy.deepcopy(model), copy.deepcopy(model)
    convert_(ended, aa.PhaseAverage(until="3"), where="0.0", example=x)
    convert_(whole, aa.PhaseAverage(), where="0.0", example=x)
    torch.testing.assert_close(ended(x), whole(x))
    assert network_macs(observe(ended, (x,))) < network_macs(observe(whole, (x,)))


def test_groups_behind_the_end_go_on_to_the_answers_or_to_another_end() -> None:
    model, x = small(), noise(2, 3, 32, 32)
    first = torch.stack([model[1](phase) for phase in phases_of_the_stem(model, x, [(0, 0), (1, 1)])]).mean(0)
    second = copy.deepcopy(model[2])
    second[0].stride = (1, 1)  # type: ignore[index, assignment]
    maps = [second(first)[..., i::2, i::2] for i in (0, 1)]
    to_the_answers = torch.stack([model[3:](each) for each in maps]).mean(0)
    another = model[4:](torch.stack([model[3](each) for each in maps]).mean(0))
    for until, by_hand in (("1", to_the_answers), (("1", "3"), another)):
        copied = copy.deepcopy(model)
        convert_(copied, aa.PhaseAverage(phases=2, until=until), where=["0.0", "2.0"], example=x)
        torch.testing.assert_close(copied(x), by_hand)
    # One end for both groups: four runs up to it, of which the nested ones are averaged together.
    together = copy.deepcopy(model)
    convert_(together, aa.PhaseAverage(phases=2, until="3"), where=["0.0", "2.0"], example=x)
    maps = [
        second(model[1](p))[..., i::2, i::2] for p in phases_of_the_stem(model, x, [(0, 0), (1, 1)]) for i in (0, 1)
    ]
    torch.testing.assert_close(together(x), model[4:](torch.stack([model[3](each) for each in maps]).mean(0)))


def test_sixteen_runs_are_counted_where_they_run() -> None:
    model, x = small(), noise(1, 3, 32, 32)
    with pytest.raises(ValueError, match="4 x 4 x 4 = 64 runs"):
        convert_(model, aa.PhaseAverage(), where=["0.0", "2.0", "3.0"], example=x)
    convert_(model, aa.PhaseAverage(until="1"), where=["0.0", "2.0", "3.0"], example=x)
    assert model(x).shape == (1, 5)


def test_every_copy_and_file_ends_its_phases(tmp_path: Path) -> None:
    model, x = small(), noise(2, 3, 32, 32)
    before = model(x)
    conversion = convert_(model, aa.PhaseAverage(phases=2, until="1"), where="0.0", example=x)
    after = model(x)
    assert not torch.allclose(after, before, rtol=1e-4)
    assert torch.equal(copy.deepcopy(model)(x), after)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), after)
    aa.save(model, tmp_path / "m.safetensors")
    again = aa.load(tmp_path / "m.safetensors", small(1)).eval()
    assert torch.equal(again(x), after)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.testing.assert_close(program.module()(x[:1].repeat(5, 1, 1, 1)), after[:1].repeat(5, 1))
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model, backend="aot_eager", fullgraph=True)(x), after)
    conversion.revert_()
    assert torch.equal(model(x), before)


def test_maps_a_position_apart_are_moved_back() -> None:
    # Upsampled to the image's size, phase (1, 1) lies one position further on.
    model = nn.Sequential(nn.Conv2d(1, 1, 1, 2), nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 1)).eval()
    for layer in (model[0], model[2]):
        nn.init.ones_(layer.weight)  # type: ignore[arg-type]
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    x = torch.arange(16.0).view(1, 1, 4, 4)
    convert_(model, aa.PhaseAverage(phases=2, until="1"), example=x)
    first, second = (x[..., i::2, i::2].repeat_interleave(2, 2).repeat_interleave(2, 3) for i in (0, 1))
    expected = first.clone()
    expected[..., 1:, 1:] = (first[..., 1:, 1:] + second[..., :-1, :-1]) / 2
    torch.testing.assert_close(model(x), expected)


class Skip(nn.Module):
    """A map from before the end is read behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)
        self.again = nn.Conv2d(4, 4, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.stem(x).relu()
        up = F.interpolate(self.again(self.again(self.down(fine))), scale_factor=2)
        return (up + fine).mean((2, 3))


def test_what_cannot_end_is_refused_with_the_reason() -> None:
    x = noise(1, 3, 32, 32)
    before = (model := small())(x)
    for until, message in (
        ("layer1", r"until='layer1' is no module of Sequential that runs; there are 0, 1, 2"),
        ("6", r"until='6': it does not return one map \(N, C, H, W\)"),
    ):
        with pytest.raises(ValueError, match=message):
            convert_(model, aa.PhaseAverage(until=until), where="0.0", example=x)
    with pytest.raises(ValueError, match="until='1': no phases run there; 3.0 lie behind it, or end before it"):
        convert_(model, aa.PhaseAverage(until="1"), where="3.0", example=x)
    assert torch.equal(model(x), before)
    skip = Skip().eval()
    with pytest.raises(ValueError, match="is called 2 times"):
        convert_(skip, aa.PhaseAverage(until="again"), where="stem", example=x)
    with pytest.raises(ValueError, match="reads a map that still is in phases, which bypasses down"):
        convert_(skip, aa.PhaseAverage(until="down"), where="stem", example=x)
    for wrong in ((1,), ("",)):
        with pytest.raises(ValueError, match="holds no names of modules"):
            aa.PhaseAverage(until=wrong)  # type: ignore[arg-type]


def test_a_lost_split_or_end_is_noticed_whatever_the_batch() -> None:
    x = noise(4, 3, 32, 32)  # four images would be two phases of two
    split, end = small(), small()
    for model in (split, end):
        convert_(model, aa.PhaseAverage(phases=2, until="1"), where="0.0", example=x)
    split[0] = small()[0]
    end[1] = small()[1]
    for model in (split, end):
        with pytest.raises(RuntimeError, match="phases"):
            model(x)
    with pytest.raises(RuntimeError, match="phases"):
        split(x[:3])


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("antialias:MobileNetV2", ("", "features.1.conv", "features.3", "features.6", "features.10")),
        ("torchvision:resnet18", ("", "relu", "layer1", "layer2", "layer3")),
        ("smp:Unet", ("", "encoder.relu", "", "", "")),
    ],
)
def test_ends_are_offered_where_nothing_bypasses_them(name: str, ends: tuple[str, ...]) -> None:
    model, x = aa.models.build(name).eval(), noise(1, 3, 64, 64)
    places = phase_places(model, x)
    assert tuple(end for _, end in places) == ends
    for _, end in places[1:]:
        if end:
            plan = inspect(model, x, aa.PhaseAverage(phases=2, until=end), where=list(places[0][0]))
            copied = copy.deepcopy(model)
            convert_(copied, plan.filter, where=list(places[0][0]), example=x)
            assert plan.macs + sum(s.macs for s in plan.sites) == network_macs(observe(copied, (x,)))
