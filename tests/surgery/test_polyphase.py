"""Networks with polyphase subsampling: exact under circular shifts, and honest where they are not."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from antialias.models import build, load, save
from antialias.nn import Adaptive, Filter, Fixed, Polyphase, PolyphasePool2d
from antialias.surgery import convert_, inspect

SHIFTS = [(0, 1), (1, 0), (1, 1), (3, 6), (17, 30)]


def picture(size: int = 64) -> Tensor:
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(name: str, num_classes: int = 10) -> nn.Module:
    torch.manual_seed(0)
    return restless(build(name, num_classes))


def restless(model: nn.Module) -> nn.Module:
    """Give every BatchNorm the statistics of a batch, so that what a shift does is not lost on the way."""
    model.double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.cat([picture().roll(n, 2) * n for n in range(1, 5)]))
    return model.eval()


@torch.no_grad()
def error(model: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Return how far a shift of `x` moves the output, maps being shifted back, relative to the output."""
    y = model(x)
    moved = [model(x.roll(shift, (2, 3))) for shift in SHIFTS]
    back = [z.roll((-i, -j), (2, 3)) if z.dim() == 4 else z for z, (i, j) in zip(moved, SHIFTS, strict=True)]
    return max(float((z - y).norm() / y.norm()) for z in back)


class UNet(nn.Module):
    """Down three times, by each kind of layer, and up again by each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, 2, padding=1)
        self.pool, self.conv3 = nn.MaxPool2d(2), nn.Conv2d(8, 8, 2, 2)
        self.up1, self.up2 = nn.ConvTranspose2d(8, 8, 2, 2), nn.Upsample(scale_factor=2)
        self.conv4, self.head = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"), nn.Conv2d(24, 4, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        one = F.relu(self.conv1(x))
        two = F.relu(self.conv2(one))
        three = self.pool(two)
        four = F.relu(self.conv3(three))
        two = two + self.conv4(self.up2(three + self.up1(four)))
        ways = [one, F.interpolate(two, scale_factor=2), F.interpolate(four, size=x.shape[2:])]
        return self.head(torch.cat(ways, 1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ResNet-18": lambda: network("torchvision:resnet18"),
    "MobileNetV2": lambda: network("torchvision:mobilenet_v2"),
    "U-Net": lambda: restless(UNet()),
    "Unet of smp": lambda: network("smp:Unet:resnet18"),
    "ConvNeXt": lambda: network("timm:convnext_atto"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_networks_are_exact_before_any_training(name: str) -> None:
    model, x = NETWORKS[name](), picture()
    before = model(x)
    assert error(model, x) > 1e-3
    done = convert_(model, Polyphase(), example=x)
    assert "A circular shift of the picture only shifts what the network computes, exactly." in str(done)
    assert error(model, x) < 1e-12
    assert torch.equal(done.revert_()(x), before)


CONFIGS: list[Filter] = [
    Fixed(phase="norm", padding_mode="circular"),
    Fixed(kernel_size=4, phase="learned", padding_mode="circular"),
    Adaptive(phase="norm", padding_mode="circular"),
    Adaptive(phase="learned", padding_mode="circular", init="paper"),
    Polyphase(phase="learned"),
    Fixed(phase="input_norm", padding_mode="circular"),
    Adaptive(phase="input_norm", padding_mode="circular", predictor="bottleneck"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize("placement", ["exact", "paper"])
def test_every_filter_can_stand_before_the_selection(config: Filter, placement: Any) -> None:
    model = network("antialias:TinyResNet")
    plan = inspect(model, picture(), config, placement=placement)
    done = convert_(model, config, example=picture(), placement=placement)
    assert not plan.notes
    assert error(model, picture()) < 1e-12
    added = sum(p.numel() for layer in done.filters().values() for p in layer.parameters())
    assert sum(site.parameters for site in plan.sites) == added


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_exact_with_a_phase_chosen_before_the_filter(name: str) -> None:
    model, x = NETWORKS[name](), picture()
    config = Adaptive(phase="input_norm", padding_mode="circular", init="paper", predictor="separable")
    done = convert_(model, config, example=x)
    assert "A circular shift of the picture only shifts what the network computes, exactly." in str(done)
    assert error(model, x) < 1e-12


def test_a_phase_chosen_first_costs_the_filters_at_kept_positions_only() -> None:
    model, x = network("antialias:TinyResNet").float(), picture().float()
    config = Adaptive(phase="input_norm", padding_mode="circular")
    plan = inspect(model, x, config)
    stem, *filtered = plan.changed
    assert (stem.place, stem.macs, stem.parameters) == ("input of conv1", 0, 0)
    applied = sum(site.channels * 9 * math.prod(site.output_size) for site in filtered)
    convert_(model, config, example=x)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    assert plan.macs + sum(site.macs for site in plan.sites) == counter.get_total_flops() // 2 + applied


def test_a_stem_that_is_asked_for_is_filtered_at_the_phase_chosen_first() -> None:
    model, config = network("antialias:TinyResNet"), Adaptive(phase="input_norm", padding_mode="circular", init="paper")
    done = convert_(model, config, example=picture(), stem=True)
    assert done.changed[0].place == "output of relu"
    assert error(model, picture()) < 1e-12
    before = model(picture())
    again = convert_(done.revert_(), config, example=picture())
    assert again.changed[0].place == "input of conv1"
    assert error(model, picture()) < 1e-12
    assert (model(picture()) - before).abs().max() > 1e-6


def test_all_shifts_of_a_picture_get_one_answer() -> None:
    model = network("antialias:TinyResNet", 100).float()
    x = picture(32).float()
    shifts = [x.roll(shift, (2, 3)) for shift in product(range(32), range(32))]

    def answers() -> set[int]:
        with torch.no_grad():
            return {int(a) for part in torch.cat(shifts).split(128) for a in model(part).argmax(1)}

    assert len(answers()) > 1
    convert_(model, Polyphase(), example=x)
    assert len(answers()) == 1


def test_added_branches_need_one_phase() -> None:
    model = network("torchvision:resnet18")
    done = convert_(model, Polyphase(), example=picture())
    pools = [layer for layer in done.filters().values() if isinstance(layer, PolyphasePool2d)]
    assert [pool.follows for pool in pools].count(True) == 3
    for pool in pools:
        pool.follows = False
    assert error(model, picture()) > 1e-3


def test_batches_choose_for_each_picture() -> None:
    model = network("antialias:TinyResNet")
    convert_(model, Polyphase(), example=picture())
    x = torch.cat([picture(), picture().roll((1, 0), (2, 3)), picture().flip(3)])
    torch.testing.assert_close(model(x), torch.cat([model(one[None]) for one in x]))


@pytest.mark.parametrize("phase", ["norm", "learned", "input_norm"])
def test_files_and_copies_keep_the_function(phase: Any, tmp_path: Path) -> None:
    model = build("antialias:TinyResNet", 10).eval()
    convert_(model, Adaptive(phase=phase, padding_mode="circular", init="paper"), example=picture().float())
    expected = model(picture().float())
    save(model, tmp_path / "model.safetensors")
    # Torch multiplies matrices at other addresses in another order.
    torch.testing.assert_close(load(tmp_path / "model.safetensors").eval()(picture().float()), expected)
    assert torch.equal(copy.deepcopy(model)(picture().float()), expected)


def test_it_trains() -> None:
    model = build("antialias:TinyResNet", 10).train()
    convert_(model, Adaptive(phase="learned", padding_mode="circular"), example=picture().float())
    model(picture().float()).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


class Flat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, padding=1)
        self.fc = nn.Linear(4 * 16 * 16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv2(self.conv1(x)).flatten(1))


def sequential(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *layers, nn.Conv2d(4, 4, 1)).eval().double()


@pytest.mark.parametrize(
    ("make", "size", "options", "note"),
    [
        (lambda: network("antialias:TinyResNet"), 60, {}, "layer2.conv1 subsamples a map of 15x15, no multiple of"),
        (
            lambda: network("antialias:TinyResNet"),
            64,
            {"stem": False},
            "conv1 keeps its stride: stem: keeps its stride",
        ),
        (lambda: network("antialias:TinyResNet"), 64, {"where": "layer*"}, "maxpool keeps its stride: not selected by"),
        (
            lambda: sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")),
            64,
            {},
            "2 does not take back",
        ),
        (lambda: sequential(nn.MaxPool2d(2), nn.Conv2d(4, 4, 3)), 64, {}, "2 makes its map smaller or larger"),
        (
            lambda: sequential(nn.MaxPool2d(2), nn.ReflectionPad2d(1), nn.Conv2d(4, 4, 3)),
            64,
            {},
            "2 pads its maps itself",
        ),
        (
            lambda: Flat().eval().double(),
            32,
            {},
            "the network itself tells positions apart: it flattens a map of 16x16",
        ),
        (lambda: network("timm:tf_efficientnet_lite0"), 64, {}, "conv_stem pads its input itself, with zeros"),
    ],
)
def test_the_plan_says_where_exactness_is_lost(
    make: Callable[[], nn.Module], size: int, options: dict[str, Any], note: str
) -> None:
    model, x = make(), picture(size)
    plan = inspect(model, x, Polyphase(), **options)
    assert any(note in line for line in plan.notes)
    assert f"Not exact under circular shifts:\n  {plan.notes[0]}" in str(plan)
    convert_(model, Polyphase(), example=x, **options)
    assert error(model, x) > 1e-6


class Made(nn.Module):
    """A network of the layers and the function that it is given, between two convolutions."""

    def __init__(self, middle: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.middle = middle
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self, self.first(x)))


def up_twice(net: Any, x: Tensor) -> Tensor:
    return net.up(net.pool1(x)) + net.up(net.pool2(x.roll(1, 3)))


@pytest.mark.parametrize(
    ("make", "note"),
    [
        (
            lambda: Made(
                lambda net, x: net.wide1(net.high1(x)) + net.high2(net.wide2(x)),
                **{f"high{n}": nn.MaxPool2d((2, 1)) for n in (1, 2)},
                **{f"wide{n}": nn.MaxPool2d((1, 2)) for n in (1, 2)},
            ),
            "has stride (1, 2), and meets maps of stride (2, 1)",
        ),
        (
            lambda: Made(
                lambda net, x: net.pool2(net.pool1(x)) + net.four(x),
                pool1=nn.MaxPool2d(2),
                pool2=nn.MaxPool2d(2),
                four=nn.MaxPool2d(4),
            ),
            "the network itself joins maps that were subsampled 2 and 1 times",
        ),
        (
            lambda: Made(lambda net, x: nn.Upsample(scale_factor=2)(net.pool(x)), pool=nn.MaxPool2d(2)),
            "the network itself upsamples in a module that the network does not hold",
        ),
        (
            lambda: Made(up_twice, pool1=nn.MaxPool2d(2), pool2=nn.MaxPool2d(2), up=nn.Upsample(scale_factor=2)),
            "up upsamples, and is called several times",
        ),
        (
            lambda: Made(
                lambda net, x: F.conv_transpose2d(net.pool(x), net.last.weight.expand(4, 4, 2, 2), stride=2),
                pool=nn.MaxPool2d(2),
            ),
            "the network itself calls a transposed convolution as a function",
        ),
        (
            lambda: Made(
                lambda net, x: F.conv2d(net.pool(x), net.last.weight.expand(4, 4, 3, 3), padding=1),
                pool=nn.MaxPool2d(2),
            ),
            "the network itself calls a convolution or pool as a function, whose border stays what it is",
        ),
    ],
)
def test_the_plan_says_what_cannot_be_arranged(make: Callable[[], nn.Module], note: str) -> None:
    model = make()
    assert any(note in line for line in inspect(model, picture(), Polyphase()).notes)
    convert_(model, Polyphase(), example=picture())
    assert error(model, picture()) > 1e-6


@pytest.mark.parametrize("stride", [2, 3, 4, (1, 2), (3, 2)], ids=str)
@pytest.mark.parametrize("phase", ["norm", "learned"])
def test_any_stride_is_exact_on_maps_of_any_shape(stride: Any, phase: Any) -> None:
    torch.manual_seed(0)
    pads, up = {"padding": 1, "stride": stride}, nn.Upsample(scale_factor=stride)
    block = Made(
        lambda net, x: net.up(F.relu(net.down(x)) + net.short(x)) + x,
        down=nn.Conv2d(4, 4, 3, **pads),
        short=nn.Conv2d(4, 4, 1, stride),
        up=up,
    )
    x = torch.cat([picture(48)[:, :, :24, :36], picture(48)[:, :, 24:, :36]])
    assert error(block, x) > 1e-3
    done = convert_(block, Polyphase(phase=phase), example=x)
    assert "exactly" in str(done)
    assert error(block, x) < 1e-12


def test_other_borders_are_said_to_be_so() -> None:
    model = network("antialias:TinyResNet")
    plan = inspect(model, picture(), Fixed(phase="norm"))
    assert plan.notes == ("borders are continued by padding_mode='reflect', not 'circular'",)
    convert_(model, Fixed(phase="norm"), example=picture())
    assert error(model, picture()) > 1e-6


def test_filters_without_a_phase_change_nothing_else() -> None:
    plan = inspect(network("antialias:TinyResNet"), picture(), Fixed(padding_mode="circular"))
    assert (plan.edits, plan.notes) == ((), ())
    assert "circular" not in str(plan).partition("\n\n")[2]


@pytest.mark.parametrize(
    "filter",
    [
        Fixed(phase="norm", padding_mode="circular"),
        Polyphase(phase="learned"),
        Fixed(phase="input_norm", padding_mode="circular"),
    ],
    ids=repr,
)
def test_shared_phases_and_returns_compile_in_one_graph_and_export(filter: Filter) -> None:
    torch.manual_seed(0)
    model, x = UNet().eval(), picture(32).float()
    convert_(model, filter, example=x)
    expected = model(x)
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), expected)
    pictures = torch.export.Dim("pictures", min=2)
    program = torch.export.export(model, (torch.cat([x, x]),), dynamic_shapes={"x": {0: pictures}})
    torch.testing.assert_close(program.module()(torch.cat([x, x, x]))[:1], expected)
