"""Networks by name, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from published import scramble_
from safetensors.torch import save_file
from torch import Tensor, nn

from antialias.metrics import IMAGENET, ClassScores, normalization_of
from antialias.models import TinyResNet, build, load, save
from antialias.models._origin import Origin, origin_of
from antialias.models.libraries import build_architecture
from antialias.models.libraries._others import smp_normalization


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("antialias:TinyResNet", (1, 7)),
        ("antialias:EfficientNetLite0", (1, 7)),
        ("timm:resnet10t", (1, 7)),
        ("torchvision:squeezenet1_1", (1, 7)),
        ("smp:Unet:resnet18", (1, 7, 64, 64)),
    ],
)
def test_each_library_builds_with_the_asked_classes(name: str, outputs: tuple[int, ...]) -> None:
    model = build(name, num_classes=7).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 64, 64)).shape == outputs
    assert origin_of(model) == Origin(name, 7)


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_the_tiny_one_dilates_what_it_does_not_subsample(stride: int) -> None:
    model = TinyResNet(output_stride=stride).eval()
    x = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    plain = TinyResNet().eval()
    plain.load_state_dict(model.state_dict())
    maps = [_last_map(one, x) for one in (model, plain)]
    assert maps[0].shape == (1, 128, 64 // stride, 64 // stride)
    assert torch.allclose(maps[0][:, :, :: 32 // stride, :: 32 // stride], maps[1], atol=1e-5)
    with pytest.raises(ValueError, match=r"output_stride=6 is no stride of a stage. Use 4, 8, 16 or 32\."):
        TinyResNet(output_stride=6)


def _last_map(model: nn.Module, x: Tensor) -> Tensor:
    seen: list[Tensor] = []
    handle = model.get_submodule("layer4").register_forward_hook(lambda *args: seen.append(args[2]))
    with torch.no_grad():
        model(x)
    handle.remove()
    return seen[0]


def test_segmentation_and_googlenet_build_without_fetching_or_warning() -> None:
    for name in ("torchvision:lraspp_mobilenet_v3_large", "torchvision:googlenet"):
        assert isinstance(build(name), nn.Module)


@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_googles_weights_come_back_with_what_they_expect_of_pixels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = scramble_(torchvision.models.googlenet(init_weights=False)).state_dict()
    monkeypatch.setattr(torchvision.models.GoogLeNet_Weights, "get_state_dict", lambda *_, **__: state)
    theirs = torchvision.models.googlenet(weights="DEFAULT").eval()
    ours = build("torchvision:googlenet", weights="default")
    assert theirs.transform_input
    save(ours, tmp_path / "ours.safetensors")
    images, inputs, answers = torch.rand(2, 3, 64, 64), list[Tensor](), list[Tensor]()
    for network in (theirs, ours, load(tmp_path / "ours.safetensors")):
        network.conv1.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
        answers.append(ClassScores(network)(images))
    for same in (inputs, answers):
        torch.testing.assert_close(same[1:], [same[0]] * 2)


@pytest.mark.parametrize(
    ("encoder", "same"),
    [
        ("resnet18", "resnet18.tv_in1k"),
        ("dpn68", "dpn68"),
        ("inceptionv4", "inception_v4"),
        ("tu-vit_tiny_patch16_224", "vit_tiny_patch16_224"),
    ],
)
def test_segmenters_of_smp_say_which_pixels_the_weights_of_their_encoders_expect(encoder: str, same: str) -> None:
    config = timm.get_pretrained_cfg(same)
    mean, std = smp_normalization(encoder)
    assert (mean, std) == (pytest.approx(config.mean), pytest.approx(config.std))


def test_that_is_what_scores_apply() -> None:
    assert normalization_of(build("smp:Unet:resnet18")) == IMAGENET


def test_a_callable_of_the_users() -> None:
    model = build("antialias.models:TinyResNet", num_classes=3)
    assert isinstance(model, TinyResNet)
    assert origin_of(model) is None  # running the user's code again is not for a file to ask


def test_weights_from_a_file(tmp_path: Path) -> None:
    source = TinyResNet()
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.save({"state_dict": source.state_dict()}, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        model = build("antialias:TinyResNet", weights=tmp_path / name)
        assert torch.equal(model.fc.weight, source.fc.weight)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet50", "model='resnet50' is unknown. Use timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER"),
        ("timm:resnet5", r"timm model='resnet5' is unknown. Use one of \d+, such as .*resnet50"),
        ("torchvision:resnet51", r"torchvision model='resnet51' is unknown. Use one of \d+, such as .*resnet50"),
        ("smp:Vnet:resnet18", "smp architecture='Vnet' is unknown. Use one of: .*DeepLabV3Plus.*Unet"),
        ("smp:Unet:resnet19", r"smp encoder='resnet19' is unknown. Use one of \d+, such as .*resnet18"),
        (
            "antialias:Tiny",
            "model='antialias:Tiny' is unknown. Use one of: antialias:Agnostic.*antialias:TinyResNet",
        ),
        ("nowhere:net", r"model='nowhere:net' is unknown \(No module named 'nowhere'\). Use timm:NAME"),
        ("math:net", r"model='math:net' is unknown \(module 'math' has no attribute 'net'\)"),
        ("collections:OrderedDict", "collections:OrderedDict returned OrderedDict. Use a callable that returns"),
    ],
)
def test_bad_names_are_explained(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name)


def test_weights_that_cannot_be_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none.pth is not a file. Use the path of weights that exist"):
        build("antialias:TinyResNet", weights="none.pth")
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors")
    message = r"w.safetensors does not fit TinyResNet: \d+ missing \(conv1.weight, .* 1 unexpected \(x\)"
    with pytest.raises(ValueError, match=message):
        build("antialias:TinyResNet", weights=tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="weights='default' means nothing for antialias.models:TinyResNet"):
        build("antialias.models:TinyResNet", weights="default")
    with pytest.raises(ValueError, match="w.safetensors fixes its own classes and weights"):
        build(str(tmp_path / "w.safetensors"), num_classes=3)


def test_an_architecture_alone_reads_no_embedded_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = "antialias.models.backbones._lite0.load_embedded_weights_"
    monkeypatch.setattr(reader, lambda _: pytest.fail("weights were read"))
    assert isinstance(build_architecture(Origin("antialias:EfficientNetLite0", None)), nn.Module)


def test_tiny_resnet_is_the_network_of_the_facts() -> None:
    model = TinyResNet()
    strides = [m.stride for m in model.modules() if isinstance(m, nn.Conv2d) and m.stride != (1, 1)]
    assert len(strides) == 7  # stem, and convolution and shortcut of three stages
    assert [model.get_submodule(f"layer{i}.conv1").out_channels for i in (1, 2, 3, 4)] == [16, 32, 64, 128]
    assert model(torch.zeros(1, 3, 33, 47)).shape == (1, 20)
