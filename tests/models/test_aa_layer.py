"""Filters that timm's own constructors place, beside timm's own filter."""

from __future__ import annotations

import functools

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from timm.layers import BlurPool2d as TimmBlurPool2d
from torch import Tensor, nn

import antialias as aa
from antialias.nn import LAYERS, Adaptive, AdaptiveBlurPool2d, BlurPool2d, Filter, Fixed, Polyphase, PolyphasePool2d

FILTERED = [
    ("resnet18", 4),
    ("resnet26d", 4),
    ("efficientnet_b0", 4),
    ("mobilenetv3_small_100", 4),
    ("densenet121", 1),
    ("cspresnet50", 4),
    ("skresnet18", 7),
    ("resnext26ts", 6),
]


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if isinstance(module, LAYERS)}


@pytest.mark.parametrize(("name", "count"), FILTERED)
def test_the_filters_are_where_timm_has_its_own(name: str, count: int) -> None:
    theirs = timm.create_model(name, aa_layer=TimmBlurPool2d, num_classes=4)
    ours = timm.create_model(name, aa_layer=aa.aa_layer(Adaptive()), num_classes=4)
    found = layers_of(ours)
    assert len(found) == count
    assert {n for n, module in theirs.named_modules() if isinstance(module, TimmBlurPool2d)} == set(found)
    assert all(isinstance(layer, AdaptiveBlurPool2d) for layer in found.values())


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "densenet121", "mobilenetv3_small_100"])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_the_fixed_filter_is_timms_borders_included(name: str, kernel_size: int, image: Tensor) -> None:
    class TheirLayer(TimmBlurPool2d):  # a class, since that is what timm's ResNet takes
        __init__ = functools.partialmethod(TimmBlurPool2d.__init__, filt_size=kernel_size)

    theirs = timm.create_model(name, aa_layer=TheirLayer, num_classes=4).eval()
    ours = timm.create_model(name, aa_layer=aa.aa_layer(Fixed(kernel_size=kernel_size)), num_classes=4).eval()
    ours.load_state_dict(theirs.state_dict())  # strictly: neither adds a key
    with torch.no_grad():
        for x in (image, image[..., :61, :59]):  # odd maps, too
            torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)


def test_an_even_filter_of_timms_makes_maps_a_sample_larger() -> None:
    x = torch.rand(1, 8, 16, 16)
    assert TimmBlurPool2d(8, filt_size=4, stride=2)(x).shape[-2:] == (9, 9)
    assert aa.aa_layer(Fixed(kernel_size=4))(8, stride=2)(x).shape[-2:] == (8, 8)


@pytest.mark.parametrize("filter", [Fixed(), Adaptive(), Polyphase()])
@pytest.mark.filterwarnings("ignore:Polyphase.* chooses a phase")
def test_it_trains_saves_and_loads(filter: Filter, image: Tensor) -> None:
    layer = aa.aa_layer(filter)
    model = timm.create_model("resnet18", aa_layer=layer, num_classes=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(image), torch.tensor([0, 1])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer.step()
    assert all(
        not torch.equal(p, before[n]) for n, p in model.named_parameters() if p.grad is not None and p.grad.any()
    )
    twin = timm.create_model("resnet18", aa_layer=layer, num_classes=4)
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(model.eval()(image), twin.eval()(image))


def test_keys_are_plain_but_for_the_filters() -> None:
    plain = timm.create_model("resnet18")
    fixed = timm.create_model("resnet18", aa_layer=aa.aa_layer(Fixed()))
    adaptive = timm.create_model("resnet18", aa_layer=aa.aa_layer("adaptive"))
    assert fixed.state_dict().keys() == plain.state_dict().keys()
    added = adaptive.state_dict().keys() - plain.state_dict().keys()
    assert {"layer2.0.aa.conv.weight", "maxpool.1.bn.bias"} < added
    assert all(".aa." in name or name.startswith("maxpool.1.") for name in added)


def test_inspect_says_that_they_are_filtered(image: Tensor) -> None:
    model = timm.create_model("resnet18", aa_layer=aa.aa_layer(Fixed()))
    plan = aa.inspect(model, image)
    filtered = {site.name for site in plan.sites if site.reason == "already anti-aliased by this filter"}
    assert filtered == {"maxpool.1", "layer2.0.aa", "layer3.0.aa", "layer4.0.aa"}
    assert {site.name for site in plan.changed} == {f"layer{n}.0.downsample.0" for n in (2, 3, 4)}


def test_convert_adds_the_shortcuts_that_timm_leaves(image: Tensor) -> None:
    model = timm.create_model("resnet18", aa_layer=aa.aa_layer(Fixed()), num_classes=4).eval()
    conversion = aa.convert_(model, Fixed(), example=image)
    assert len(conversion.changed) == 3
    assert model(image).shape == (2, 4)


def test_dilated_stages_have_filters_of_stride_1(image: Tensor) -> None:
    model = timm.create_model("resnet18", aa_layer=aa.aa_layer(Fixed()), output_stride=8, num_classes=4)
    assert [layer.stride for layer in layers_of(model).values()] == [(2, 2), (2, 2), (1, 1), (1, 1)]
    assert model.forward_features(image).shape[-2:] == (8, 8)


def test_it_is_made_on_the_device_that_timm_is_told() -> None:
    model = timm.create_model("resnet18", aa_layer=aa.aa_layer(Adaptive()), device="meta")
    assert all(tensor.is_meta for tensor in model.state_dict().values())


def test_smp_hands_it_to_timm(image: Tensor) -> None:
    model = smp.Unet("tu-resnet18", encoder_weights=None, classes=3, aa_layer=aa.aa_layer(Fixed()))
    assert len(layers_of(model)) == 4
    assert model(image).shape == (2, 3, 64, 64)


@pytest.mark.parametrize("name", ["timm:efficientnet_b0", "timm:densenet121", "timm:resnet18", "smp:Unet:tu-resnet18"])
def test_build_keeps_the_start_values_that_constructors_overwrite(name: str) -> None:
    model = aa.models.build(name, aa_layer=Adaptive(init="identity"))
    found = layers_of(model)
    assert found
    x = torch.rand(1, next(iter(found.values())).channels, 8, 8)
    torch.testing.assert_close(next(iter(found.values())).eval()(x), x[..., ::2, ::2], atol=1e-3, rtol=1e-3)


def test_a_network_of_build_does_not_pass_for_the_one_of_its_name(tmp_path) -> None:
    model = aa.models.build("timm:resnet18", 4, aa_layer="fixed").eval()
    aa.save(model, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="holds a network of your own"):
        aa.load(tmp_path / "net.safetensors")
    twin = aa.load(tmp_path / "net.safetensors", aa.models.build("timm:resnet18", 4, aa_layer="fixed"))
    x = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(twin(x), model(x))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "timm:convnext_tiny",
            "the constructor of timm:convnext_tiny takes no aa_layer= .*ConvNeXt.* Leave it out and ",
        ),
        ("timm:resnest14d", "takes no aa_layer= .aa_layer is not supported.. Leave it out and use aa.convert_"),
        ("smp:Unet:resnet18", "the constructor of smp:Unet:resnet18 took aa_layer= and placed no filter. Leave it out"),
        ("torchvision:resnet18", "aa_layer= is an option of timm's constructors, and torchvision:resnet18 is none."),
        ("timm:resnet18000", "timm model 'resnet18000' is unknown|resnet18000"),
    ],
)
def test_a_family_without_it_is_refused_with_a_way_out(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        aa.models.build(name, aa_layer=Fixed())


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(
        ValueError, match="PhaseAverage changes what a whole network is given or answers, which a layer cannot."
    ):
        aa.aa_layer(aa.PhaseAverage())
    with pytest.raises(ValueError, match="filter 'Median' is unknown. Use one of Adaptive, "):
        aa.aa_layer("median")
    with pytest.raises(TypeError, match=r"filter=Fixed is a class, no filter. Use Fixed\(\)."):
        aa.aa_layer(Fixed)
    with pytest.raises(TypeError, match=r"filter=3 is int, no filter. Use a config, such as Fixed\(\)"):
        aa.aa_layer(3)
    with pytest.raises(ValueError, match="weights='default' are of a network without aa_layer=. Use build"):
        aa.models.build("timm:resnet18", weights="default", aa_layer=Fixed())
    with pytest.raises(TypeError, match="stride"):
        aa.aa_layer(Fixed())(2)  # timm's last resort for layers that take a stride alone


def test_a_choice_of_phases_warns_of_the_shortcuts(image: Tensor) -> None:
    with pytest.warns(UserWarning, match=r"Polyphase.* chooses a phase at each layer, and .* shortcuts .*aa\.convert_"):
        layer = aa.aa_layer(Polyphase())
    model = timm.create_model("resnet18", aa_layer=layer, num_classes=4)
    assert all(isinstance(found, PolyphasePool2d) for found in layers_of(model).values())
    assert model(image).shape == (2, 4)


def test_a_filter_has_one_class() -> None:
    assert aa.aa_layer(Fixed()) is aa.aa_layer("fixed")
    assert aa.aa_layer() is aa.aa_layer(Adaptive(init="binomial"))
    assert isinstance(aa.aa_layer(Fixed())(8, stride=2), BlurPool2d)
