"""What the papers say about ResNets, site by site, and what users do with a converted one."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
import torchvision
from matrix import needs_kernel
from torch import nn

from antialias.models import TinyResNet
from antialias.nn import Adaptive, AdaptiveBlurPool2d, BlurPool2d, Fixed
from antialias.surgery import conversion_of, convert_, inspect, replay_, unconverted_copy

SEVEN = {
    "maxpool": ("output of maxpool", 64),
    "layer2.0.conv2": ("input of layer2.0.conv3", 128),
    "layer2.0.downsample.0": ("input of layer2.0.downsample.0", 256),
    "layer3.0.conv2": ("input of layer3.0.conv3", 256),
    "layer3.0.downsample.0": ("input of layer3.0.downsample.0", 512),
    "layer4.0.conv2": ("input of layer4.0.conv3", 512),
    "layer4.0.downsample.0": ("input of layer4.0.downsample.0", 1024),
}


@pytest.fixture(scope="module")
def resnet50() -> Any:
    return torchvision.models.resnet50(weights=None).eval()


@pytest.fixture
def resnet18() -> Any:
    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None).eval()


def test_resnet50_gets_the_seven_sites_at_the_cost_of_the_papers(resnet50):
    plan = inspect(resnet50, torch.rand(1, 3, 224, 224))
    assert {site.name: (site.place, site.channels) for site in plan.changed} == SEVEN
    assert [(site.name, site.kind) for site in plan.skipped] == [("conv1", "stem")]
    assert "stem=True" in plan.skipped[0].reason
    assert sum(site.parameters for site in plan.sites) / plan.parameters == pytest.approx(0.070, abs=0.001)
    assert plan.macs / 1e9 == pytest.approx(4.09, abs=0.01)
    predictors = sum(site.parameters * math.prod(site.output_size) for site in plan.changed)
    assert (plan.macs + sum(site.macs for site in plan.sites) - predictors) / 1e9 == pytest.approx(5.13, abs=0.03)


def test_stem_makes_it_eight(resnet50):
    plan = inspect(resnet50, torch.rand(1, 3, 64, 64), stem=True)
    places = {site.name: (site.place, site.channels) for site in plan.changed}
    assert places == SEVEN | {"conv1": ("output of relu", 64)}
    assert plan.skipped == ()


def test_the_plan_reads_as_a_table(resnet50):
    text = str(inspect(resnet50, torch.rand(1, 3, 64, 64)))
    assert text.startswith("ResNet: 7 sites to filter with Adaptive(kernel_size=3")
    assert "layer2.0.conv2" in text
    assert "before the 1x1 convolution" in text
    assert len({line.index("why") for line in text.splitlines() if line.startswith("site ")}) == 1


def test_a_conversion_prints_what_it_did(resnet18):
    done = convert_(resnet18, Fixed(), example=torch.rand(1, 3, 64, 64))
    assert str(done).startswith("ResNet: 7 sites filtered with Fixed(kernel_size=3, padding_mode='reflect'), 1 left.")
    done.revert_()
    assert str(done) == "ResNet is not converted."


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("*.downsample.*", {"layer2.0.downsample.0", "layer3.0.downsample.0", "layer4.0.downsample.0"}),
        (["maxpool", "layer4.*"], {"maxpool", "layer4.0.conv1", "layer4.0.downsample.0"}),
        (lambda site: site.kind == "max pool", {"maxpool"}),
    ],
)
def test_where_selects_sites(resnet18, where, names):
    plan = inspect(resnet18, torch.rand(1, 3, 64, 64), where=where)
    assert {site.name for site in plan.changed} == names
    assert {site.reason for site in plan.skipped} > {"not selected by `where`"}


def test_converting_the_rest_later_adds_to_the_conversion(resnet18):
    x = torch.rand(1, 3, 64, 64)
    before, keys = resnet18(x), list(resnet18.state_dict())
    convert_(resnet18, Fixed(), example=x, where="maxpool")
    done = convert_(resnet18, Fixed(), example=x)
    assert len(done.changed) == 7
    assert len(done.filters()) == 7
    fresh = replay_(copy.deepcopy(unconverted_copy(resnet18)), done.to_dict())
    assert torch.equal(fresh.model(x), resnet18(x))
    done.revert_()
    assert torch.equal(resnet18(x), before)
    assert list(resnet18.state_dict()) == keys


def test_converting_twice_filters_nothing_twice(resnet18):
    x = torch.rand(1, 3, 64, 64)
    convert_(resnet18, example=x)
    with pytest.raises(ValueError, match=r"no site to filter. Looked at 8 operations:[\s\S]*already anti-aliased"):
        convert_(resnet18, example=x)


def test_filters_follow_type_and_mode(resnet18):
    model = resnet18.to(torch.bfloat16).train()
    done = convert_(model, example=torch.rand(2, 3, 64, 64, dtype=torch.bfloat16))
    assert {p.dtype for layer in done.filters().values() for p in layer.parameters()} == {torch.bfloat16}
    assert all(module.training for layer in done.filters().values() for module in layer.modules())
    assert model(torch.rand(2, 3, 64, 64, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_autocast_keeps_filters_in_float32(resnet18):
    x = torch.rand(1, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        done = convert_(resnet18, example=x)
        assert resnet18(x).dtype == torch.bfloat16
    assert {p.dtype for layer in done.filters().values() for p in layer.parameters()} == {torch.float32}


def test_filters_follow_the_device():
    with torch.device("meta"):
        model = torchvision.models.resnet18(weights=None)
    done = convert_(model, example=torch.rand(1, 3, 64, 64, device="meta"))
    assert all(p.is_meta for layer in done.filters().values() for p in layer.parameters())


def test_training_reaches_the_filters(resnet18):
    done = convert_(resnet18.train(), example=torch.rand(1, 3, 64, 64))
    resnet18(torch.rand(2, 3, 64, 64)).square().sum().backward()
    scales = [layer.get_parameter("bn.weight").grad for layer in done.filters().values()]
    assert len(scales) == 7
    assert all(grad is not None and grad.abs().sum() > 0 for grad in scales)


def test_compiles_without_a_graph_break(resnet18):
    x = torch.rand(1, 3, 75, 93)
    convert_(resnet18, example=x)
    torch.testing.assert_close(torch.compile(resnet18, fullgraph=True, backend="eager")(x), resnet18(x))


def test_the_random_state_is_kept_by_converting_too(resnet18):
    before = torch.get_rng_state()
    convert_(resnet18, example=torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), before)


def test_unconverted_copy_has_the_present_weights_and_no_filters(resnet18):
    x = torch.rand(1, 3, 64, 64)
    convert_(resnet18, Fixed(), example=x)
    with torch.no_grad():
        resnet18.fc.bias.add_(1)
    plain = unconverted_copy(resnet18)
    assert torch.equal(plain.get_parameter("fc.bias"), resnet18.fc.bias)
    assert not any(isinstance(module, BlurPool2d) for module in plain.modules())
    assert conversion_of(plain) is None
    assert conversion_of(resnet18) is not None
    assert (plain(x) - resnet18(x)).abs().max() > 0


def test_a_wrapper_shows_the_conversion_inside(resnet18):
    convert_(resnet18, example=torch.rand(1, 3, 64, 64))
    found = conversion_of(nn.Sequential(nn.Identity(), resnet18))
    assert found is not None
    assert found.model is resnet18


def test_revert_keeps_what_was_trained(resnet18):
    done = convert_(resnet18, example=torch.rand(1, 3, 64, 64))
    with torch.no_grad():
        resnet18.conv1.weight.mul_(2)
    doubled = resnet18.conv1.weight.clone()
    done.revert_()
    assert torch.equal(resnet18.conv1.weight, doubled)


def test_paper_placement_shrinks_the_max_pool(resnet18):
    done = convert_(resnet18, Adaptive(init="paper"), example=torch.rand(1, 3, 64, 64), placement="paper")
    assert (resnet18.maxpool.kernel_size, resnet18.maxpool.stride, resnet18.maxpool.padding) == ((2, 2), 1, 0)
    assert resnet18.maxpool(torch.rand(1, 64, 32, 32)).shape == (1, 64, 16, 16)
    done.revert_()
    assert (resnet18.maxpool.kernel_size, resnet18.maxpool.stride, resnet18.maxpool.padding) == (3, 2, 1)


def test_replay_needs_the_same_network(resnet18):
    values = convert_(resnet18, example=torch.rand(1, 3, 64, 64)).to_dict()
    with pytest.raises(ValueError, match=r"Sequential has no module 'layer2.0.conv1' \(10 of 10 are missing\)"):
        replay_(nn.Sequential(), values)
    with pytest.raises(ValueError, match=r"ResNet is converted already\. Call conversion_of\(model\)\.revert_\(\)"):
        replay_(resnet18, values)


def test_dilated_stages_keep_filters_of_stride_1():
    options = {"weights": None, "replace_stride_with_dilation": [False, True, True]}
    plan = inspect(torchvision.models.resnet50(**options), torch.rand(1, 3, 64, 64))
    dilated = {site.name: (site.place, site.stride) for site in plan.changed if site.kind.startswith("dilated")}
    stages = ("layer3.0", "layer4.0")
    assert dilated == {f"{stage}.conv2": (f"input of {stage}.conv3", (1, 1)) for stage in stages} | {
        f"{stage}.downsample.0": (f"input of {stage}.downsample.0", (1, 1)) for stage in stages
    }
    assert len(plan.changed) == 7


def test_dilated_basic_blocks_are_filtered_between_their_convolutions_once():
    model, x = TinyResNet(output_stride=8), torch.rand(1, 3, 64, 64)
    dilated = {site.name: site.place for site in inspect(model, x).sites if site.kind == "dilated"}
    assert dilated == {f"layer{stage}.conv1": f"output of layer{stage}.relu1" for stage in (3, 4)}
    assert len(convert_(model, Fixed(), example=x).changed) == 7
    assert inspect(model, x).changed == ()


def test_dilated_stages_are_not_filtered_twice():
    options = {"weights": None, "replace_stride_with_dilation": [False, False, True]}
    model, x = torchvision.models.resnet50(**options), torch.rand(1, 3, 64, 64)
    assert len(convert_(model, Fixed(), example=x).changed) == 7
    assert inspect(model, x).changed == ()


def test_frozen_norms_get_filters_with_frozen_norms():
    norm = torchvision.ops.FrozenBatchNorm2d
    model = torchvision.models.resnet18(weights=None, norm_layer=norm)
    done = convert_(model, example=torch.rand(1, 3, 64, 64))
    layers = list(done.filters().values())
    assert all(isinstance(layer, AdaptiveBlurPool2d) for layer in layers)
    assert all(type(layer.bn).__name__ == "FrozenBatchNorm2d" for layer in layers)


@needs_kernel
@pytest.mark.parametrize("placement", ["exact", "paper"])
def test_a_pool_that_slides_keeps_no_indices_and_becomes_what_it_was(resnet18, placement):
    done, kept = convert_(resnet18, Fixed(), example=torch.zeros(1, 3, 64, 64), placement=placement), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.dtype) or tensor, lambda t: t):
        resnet18.maxpool(torch.rand(1, 64, 32, 32, requires_grad=True))
    assert set(kept) == {torch.float32}
    done.revert_()
    assert type(resnet18.maxpool) is torch.nn.MaxPool2d
    assert vars(resnet18.maxpool).keys() == vars(torch.nn.MaxPool2d(3, 2, 1)).keys()
