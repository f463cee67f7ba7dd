"""Single rules on networks of a few lines."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

import pytest
import timm.layers
import torch
from timm.layers import Conv2dSame, StdConv2dSame
from timm.layers.pool2d_same import AvgPool2dSame, MaxPool2dSame
from torch import Tensor, nn
from torch.nn import functional as F

from antialias.nn import Adaptive, BlurPool2d, Fixed, Gaussian
from antialias.surgery import Conversion, convert_, inspect

DELTA = Fixed(kernel_size=1)


def picture(height: int = 32, width: int = 29) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def assert_exact(model: nn.Module, x: Tensor) -> Conversion:
    """Convert with filters that hand on their centre tap: only a wrong place, size or phase can change the output."""
    with torch.no_grad():
        before = model(x)
        done = convert_(model, DELTA, example=x)
        torch.testing.assert_close(model(x), before, rtol=1e-4, atol=1e-5)
    return done


def named(**layers: nn.Module) -> Any:
    return nn.Sequential(OrderedDict(layers)).eval()


def after_stem(*layers: nn.Module) -> Any:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *layers, nn.Conv2d(8, 4, 1)).eval()


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(3, 2, 1, dilation=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.MaxPool2d(2, 3, ceil_mode=True),
        nn.MaxPool2d(3, (1, 2), ceil_mode=True),
        nn.AvgPool2d(2),
        nn.AvgPool2d(3, 2, 1),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.AvgPool2d(2, 2, ceil_mode=True),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True),
        nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        nn.AvgPool2d(3, 2, ceil_mode=True, divisor_override=5),
        nn.AvgPool2d(2, 3, ceil_mode=True),
        nn.Conv2d(8, 8, 3, 2, 1),
        nn.Conv2d(8, 8, 5, 2),
        nn.Conv2d(8, 8, 2, 2),
        nn.Conv2d(8, 8, 3, (1, 2), 1),
        nn.Conv2d(8, 8, 2, 4, groups=8),
        nn.Conv2d(8, 8, 3, 2, 1, padding_mode="reflect"),
        nn.Conv2d(8, 8, 3, 2, 2, dilation=2),
        nn.Conv2d(8, 8, 1, 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(32, 29), (31, 30), (33, 28), (27, 34)], ids=str)
def test_size_and_phase_of_every_window_are_kept(layer, size):
    model = after_stem(copy.deepcopy(layer))
    description = repr(model)
    done = assert_exact(model, picture(*size))
    assert len(done.changed) == 1
    assert repr(done.revert_()) == description


@pytest.mark.parametrize("size", [(32, 29), (31, 34), (28, 33)], ids=str)
@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kernel_size", [2, 3, 5])
def test_same_padding_keeps_the_phase(kernel_size, stride, size):
    layers = (
        Conv2dSame(8, 8, kernel_size, stride),
        MaxPool2dSame(kernel_size, stride),
        AvgPool2dSame(kernel_size, stride),
        StdConv2dSame(8, 8, kernel_size, stride),
    )
    model = after_stem(named(**{type(layer).__name__: layer for layer in layers}))
    assert len(assert_exact(model, picture(*size)).changed) == 4


def test_a_filter_follows_norm_and_activation():
    model = after_stem(nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.GELU())
    assert assert_exact(model, picture()).changed[0].place == "output of 3"


class Gate(nn.Module):
    """A strided convolution, `x * sigmoid(x)` as plain functions, and squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.conv = nn.Conv2d(8, 8, 3, 2, 1)
        self.squeeze = nn.Conv2d(8, 8, 1)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(self.stem(x))
        y = y * y.sigmoid()
        return self.head(y * self.squeeze(y.mean((2, 3), keepdim=True)).sigmoid())


def test_a_functional_activation_before_excitation_falls_back_and_says_so():
    (site,) = assert_exact(Gate(), picture()).changed
    assert site.place == "output of conv"
    assert "all readers of the activation's output cannot be reached in one place" in site.reason


def test_norms_with_statistics_of_the_map_stay_behind_the_filter():
    model = after_stem(nn.Conv2d(8, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.ReLU())
    assert assert_exact(model, picture()).changed[0].place == "output of 1"


class Shared(nn.Module):
    """One pool and one activation for all stages, as small U-Nets have."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 8, 3), nn.Conv2d(8, 16, 3)
        self.pool, self.relu = nn.MaxPool2d(2), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.stem(x)))
        x = self.pool(self.relu(self.first(x)))
        return self.relu(self.second(x))


def test_a_pool_with_several_widths_gets_a_filter_at_each_reader():
    (site,) = assert_exact(Shared(), picture()).changed
    assert (site.name, site.place) == ("pool", "input of first, input of second")


class Siamese(nn.Module):
    """A strided convolution that runs twice a forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) - self.body(x.flip(-1))


def test_a_module_called_twice_gets_one_filter():
    done = assert_exact(Siamese().eval(), picture())
    assert [site.place for site in done.changed] == ["output of body.3"]
    assert len(done.filters()) == 1


class Inconsistent(nn.Module):
    """A pool called twice, once read by two: no place reaches all."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pool, self.conv = nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(x))
        y = self.pool(self.conv(torch.cat([x, x + 1], 1)))
        return y.sum() + x.mean()


def test_what_cannot_be_proven_is_left_with_the_reason():
    with pytest.raises(ValueError, match=r"pool: MaxPool2d 2x2: no place reaches all readers .* \(called 2 times\)"):
        convert_(Inconsistent(), example=picture())


class FunctionalPool(nn.Module):
    def __init__(self, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.pool, self.conv = pool, nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(x).relu())


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
        lambda x: F.max_pool2d(x, kernel_size=2),
        lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
        lambda x: F.max_pool2d(F.avg_pool2d(F.max_pool2d(x, 3, 1), 2), 1, 2),
    ],
)
def test_pools_called_as_functions_are_filtered(pool):
    model = named(block=FunctionalPool(pool), head=nn.Conv2d(8, 4, 1))
    x = picture()
    with torch.no_grad():
        before = model(x)
    done = assert_exact(model, x)
    assert "test_rules.py:" in done.changed[0].reason
    assert {site.kind for site in inspect(model, x).sites} == {"filter"}
    twin = copy.deepcopy(model)
    assert torch.equal(twin(x), model(x))
    done.revert_()
    assert type(model.block) is FunctionalPool
    assert torch.equal(model(x), before)


def test_each_of_several_functions_of_one_forward_is_filtered():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return F.max_pool2d(self.second(F.max_pool2d(self.first(x).relu(), 2)).relu(), 2)

    model = named(net=Net(), head=nn.Conv2d(6, 2, 1))
    done = assert_exact(model, picture())
    assert [site.name for site in done.changed] == ["net:max_pool2d", "net:max_pool2d_1"]
    assert [layer.channels for layer in done.filters().values()] == [4, 6]
    done.revert_()
    assert type(model.net) is Net


def half(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2)


def test_a_redirected_pool_slides_by_one_and_is_filtered():
    model, x = named(block=FunctionalPool(half)), picture()
    convert_(model, Fixed(), example=x)
    expected = BlurPool2d(8)(F.max_pool2d(model.block.conv(x).relu(), 2, 1))
    torch.testing.assert_close(model(x), expected)


def test_a_network_with_a_redirected_pool_is_picklable_and_compiles():
    model = named(block=FunctionalPool(half), head=nn.Conv2d(8, 4, 1))
    x = picture()
    convert_(model, example=x)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="eager")(x), model(x))


def test_functions_that_cannot_be_redirected_are_reported_with_their_line():
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.pool = nn.Conv2d(3, 8, 3), nn.MaxPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(
                F.max_pool2d(self.pool(self.conv(x)), 2), self.conv.weight[:, :1].repeat(1, 8, 1, 1), None, 2
            )

    plan = inspect(Root(), picture(64, 64))
    reasons = {site.name: site.reason for site in plan.skipped}
    assert "test_rules.py:" in reasons[":max_pool2d"]
    assert "no named module calls it" in reasons[":max_pool2d"]
    assert "convolution called as a function at" in reasons[":conv"]
    nested = inspect(nn.Sequential(Root()), picture(64, 64))
    assert any("0 calls modules that pool, too" in site.reason for site in nested.skipped)


def test_filters_that_the_network_computes_are_counted_and_left():
    class Computed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, 2, 1)
            self.bias = nn.Parameter(torch.zeros(8))

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            weight = F.adaptive_avg_pool2d(x[:1], 3).transpose(0, 1)
            return F.conv2d(F.conv2d(x, weight, self.bias, 2, 1, groups=8), weight, None, padding=1, groups=8)

    model, x = named(stem=nn.Conv2d(3, 3, 1), net=Computed()), picture(32, 32)
    plan = inspect(model, x)
    reasons = {site.name: site.reason for site in plan.skipped}
    assert "convolution called as a function at" in reasons["net:conv"]
    assert plan.macs == 2 * (3 * 3 * 32**2 + 3 * 9 * 8 * 16**2 + 2 * 9 * 8 * 8**2)
    assert {site.name for site in assert_exact(model, x).changed} == {"net.conv"}


class Leftovers(nn.Module):
    """Everything that subsamples and is left."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.adaptive = nn.AdaptiveAvgPool2d(3)
        self.audio, self.audio_pool = nn.Conv1d(8, 8, 3, 2), nn.MaxPool1d(2)
        self.volume, self.volume_pool = nn.Conv3d(8, 8, 3, 2, 1), nn.AvgPool3d((1, 2, 2))
        self.indices = nn.MaxPool2d(2, return_indices=True)
        self.average = nn.AvgPool2d(7, 7)
        self.unused = nn.Conv2d(8, 8, 3, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.up(self.patches(x))
        flat, deep = x.flatten(2), x[:, :, None].repeat(1, 1, 4, 1, 1)
        return (
            self.adaptive(x),
            self.audio_pool(self.audio(flat)),
            self.volume_pool(self.volume(deep)),
            self.indices(x)[0],
            self.average(x[..., :7, :7]),
            x[:, :, ::2, ::2],
        )


def test_whatever_is_left_is_reported_with_the_reason():
    with pytest.raises(ValueError, match="Leftovers has no site to filter. Looked at 1") as error:
        convert_(Leftovers(), Gaussian(), example=picture(32, 32))
    for text in (
        "patches: Conv2d 4x4: stem of 4x4 patches that do not overlap",
        "up: ConvTranspose2d 2x2: transposed convolution: it upsamples",
        "adaptive pool: it averages all that it subsamples",
        "audio: Conv1d 3: Gaussian takes maps of two dimensions, and this one has 1: use Fixed or Adaptive",
        "audio_pool: MaxPool1d 2: Gaussian takes maps of two dimensions, and this one has 1",
        "volume: Conv3d 3x3x3: Gaussian takes maps of two dimensions, and this one has 3",
        "volume_pool: AvgPool3d 1x2x2: Gaussian takes maps of two dimensions, and this one has 3",
        "returns indices, which a filtered map does not have",
        "global pool: one position is left",
        "slices with a step at",
        "unused: Conv2d 3x3: not called on the example in evaluation mode",
    ):
        assert text in str(error.value)


def test_nothing_at_all_is_said_too():
    with pytest.raises(ValueError, match="none of its operations has a stride or pools"):
        convert_(nn.Sequential(nn.Conv2d(3, 4, 3)), example=picture())


def test_anti_aliasing_that_is_there_is_left():
    model = after_stem(timm.layers.BlurPool2d(8), BlurPool2d(8), nn.MaxPool2d(2))
    plan = inspect(model, picture())
    assert [site.name for site in plan.changed] == ["3"]
    assert [site.reason for site in plan.skipped] == [
        "already anti-aliased: a depthwise convolution with a constant filter",
        "already anti-aliased by this filter",
    ]


def test_groups_that_do_not_divide_are_said():
    model = after_stem(nn.Conv2d(8, 12, 3, 2), nn.ReLU(), nn.Conv2d(12, 8, 1))
    done = convert_(model, Adaptive(groups=8), example=picture())
    assert "groups=6, as 8 does not divide 12 channels" in done.changed[0].reason
    assert next(iter(done.filters().values())).groups == 6


def test_average_pools_become_the_filter_in_the_papers_placement():
    model = after_stem(nn.AvgPool2d(2))
    done = convert_(model, Fixed(), example=picture(), placement="paper")
    x = torch.randn(1, 8, 16, 16)
    torch.testing.assert_close(model[1](x), BlurPool2d(8)(x))
    assert repr(done.revert_()) == repr(after_stem(nn.AvgPool2d(2)))


def test_what_is_no_filter():
    for surgery in (inspect, convert_):
        with pytest.raises(TypeError, match=r"filter=Adaptive is a class, no filter. Use Adaptive\(\)\."):
            surgery(after_stem(nn.MaxPool2d(2)), example=picture(), filter=cast(Any, Adaptive))


def test_unknown_placement():
    with pytest.raises(ValueError, match=r"placement='papers' is unknown\. Use 'exact' or 'paper'\."):
        inspect(after_stem(nn.MaxPool2d(2)), picture(), placement=cast(Any, "papers"))


class Inputs(nn.Module):
    def __init__(self, **attributes: object) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)
        self.__dict__.update(attributes)

    def forward(self, image: Tensor | list[Tensor], scale: float = 1.0) -> Tensor:
        return self.pool(self.conv(image[0][None] if isinstance(image, list) else image)) * scale


@pytest.mark.parametrize("example", [picture(), (picture(), 2.0), [picture()[0]], {"image": picture(), "scale": 2.0}])
def test_examples_of_every_form(example):
    assert len(inspect(Inputs(), example).changed) == 1


@pytest.mark.parametrize("attributes", [{"input_size": 32}, {"input_size": (3, 32, 32)}, {"input_size": (32, 24)}])
def test_a_network_may_name_its_input(attributes):
    assert inspect(Inputs(**attributes)).changed[0].input_size[0] == 30


def test_timms_configuration_names_the_input():
    assert inspect(Inputs(pretrained_cfg={"input_size": (3, 40, 40)})).changed[0].input_size == (38, 38)


def test_an_example_is_needed():
    with pytest.raises(ValueError, match=r"example is None, and Inputs names no input_size\. Pass an input"):
        inspect(Inputs())
    with pytest.raises(TypeError, match=r"example is a str\. Pass a tensor"):
        inspect(Inputs(), "picture")


class Counting(nn.Module):
    """A layer that changes its buffers and draws numbers in evaluation mode, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.fail = False

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        self.noise = torch.rand(1)
        if self.fail:
            raise RuntimeError("on demand")
        return x


@pytest.mark.parametrize("fail", [False, True])
def test_looking_puts_back_what_a_layer_changes(fail):
    model = after_stem(Counting(), nn.MaxPool2d(2)).train()
    model[1].fail = fail
    state = torch.get_rng_state()
    if fail:
        with pytest.raises(RuntimeError, match="on demand"):
            inspect(model, picture())
    else:
        inspect(model, picture())
    assert model[1].calls == 0
    assert all(module.training for module in model.modules())
    assert torch.equal(torch.get_rng_state(), state)
    model[1].fail = False
    inspect(model, picture())


def test_a_plan_shows_maps_as_they_enter_and_leave_the_module():
    model = nn.Sequential(Conv2dSame(3, 8, 1), nn.ReLU(), Conv2dSame(8, 8, 3, stride=2))
    model.append(nn.ReLU())
    (site,) = inspect(model, torch.zeros(1, 3, 48, 48)).changed
    assert (site.input_size, site.output_size) == ((48, 48), (24, 24))
    convert_(model, example=torch.zeros(1, 3, 48, 48))
    (filtered,) = (site for site in inspect(model, torch.zeros(1, 3, 48, 48)).sites if site.kind == "filter")
    assert (filtered.input_size, filtered.output_size) == ((47, 47), (24, 24))
