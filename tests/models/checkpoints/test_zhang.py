"""Files of fixed filters (`filt`) of every family compute here what the published networks compute."""

from __future__ import annotations

from pathlib import Path

import published
import pytest
import torch
import torchvision
from torch import Tensor, nn

import antialias as aa
from antialias.surgery import conversion_of


def _blur(size: int) -> published.MakeFilter:
    return lambda channels, stride: published.Blur(channels, stride, size)


def _small_head(name: str, width: int) -> nn.Module:
    """Build one of torchvision's networks, its hundred million weights of fully connected layers replaced by a few."""
    with torch.device("meta"):
        network = torchvision.models.get_model(name, weights=None)
        network.avgpool, network.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(width, 10)
    return network.to_empty(device="cpu")


def _difference(ours: nn.Module, theirs: nn.Module, side: int) -> float:
    x = torch.rand(2, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected: Tensor = theirs(x)
        return float((ours(x) - expected).abs().max() / expected.abs().max())


def _resnet(blocks: tuple[int, ...], size: int, **options) -> nn.Module:
    return published.ResNet(blocks, _blur(size), **options)


FAMILIES = {
    "resnet18": (lambda size: _resnet((2, 2, 2, 2), size), None, 7),
    "resnet50": (lambda size: _resnet((3, 4, 6, 3), size, bottleneck=True), None, 7),
    "resnext50_32x4d": (lambda size: _resnet((3, 4, 6, 3), size, bottleneck=True, cardinality=(32, 4)), None, 7),
    "alexnet": (lambda size: published.alexnet(_blur(size)), 256, 4),
    "vgg11": (lambda size: published.vgg11(_blur(size), norm=False), 512, 5),
    "vgg11_bn": (lambda size: published.vgg11(_blur(size), norm=True), 512, 5),
    "densenet121": (lambda size: published.densenet121(_blur(size)), None, 4),
    "mobilenet_v2": (lambda size: published.mobilenet_v2(_blur(size)), None, 4),
}


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("resnet18", size) for size in (1, 2, 3, 6)),
        *(("resnext50_32x4d", 7), ("alexnet", 2), ("alexnet", 5), ("vgg11", 4)),
        *(("vgg11_bn", 3), ("densenet121", 5), ("mobilenet_v2", 4)),
    ],
)
def test_it_computes_what_the_published_network_does(name: str, size: int, tmp_path: Path) -> None:
    make, width, count = FAMILIES[name]
    theirs = published.scramble_(make(size))
    path = tmp_path / "model_best.pth.tar"
    state = {f"module.{key}": tensor for key, tensor in theirs.state_dict().items()}
    torch.save({"epoch": 90, "arch": f"{name}_lpf{size}", "state_dict": state, "best_acc1": torch.tensor(71.0)}, path)
    ours = aa.load_checkpoint(path, None if width is None else _small_head(name, width))
    assert not ours.training
    conversion = conversion_of(ours)
    assert len(conversion.changed) == count
    assert {step.filter for step in conversion.steps} == {aa.Fixed(kernel_size=size)}
    ours, theirs = ours.double(), theirs.double()
    for side in (96, 109) if name == "alexnet" else (64, 77):
        assert _difference(ours, theirs, side) < 1e-10, side


def test_what_was_loaded_can_be_saved_and_reverted(tmp_path: Path) -> None:
    theirs = published.scramble_(_resnet((2, 2, 2, 2), 4, classes=7))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = aa.load_checkpoint(tmp_path / "theirs.pth")
    assert ours.fc.out_features == 7
    aa.save(ours, tmp_path / "ours.safetensors")
    assert _difference(aa.load(tmp_path / "ours.safetensors").double(), theirs.double(), 64) < 1e-10
    plain = torchvision.models.resnet18(num_classes=7)
    assert list(conversion_of(ours).revert_().state_dict()) == list(plain.state_dict())


def test_filters_of_several_sizes(tmp_path: Path) -> None:
    sizes = iter((2, 3, 5, 3, 4, 7, 6))
    theirs = published.scramble_(
        published.ResNet((2, 2, 2, 2), lambda channels, stride: published.Blur(channels, stride, next(sizes)))
    )
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = aa.load_checkpoint(tmp_path / "theirs.pth", "torchvision:resnet18")
    assert _difference(ours.double(), theirs.double(), 64) < 1e-10


def test_timms_resnet_takes_them_too(tmp_path: Path) -> None:
    theirs = published.scramble_(_resnet((2, 2, 2, 2), 3))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = aa.load_checkpoint(tmp_path / "theirs.pth", "timm:resnet18")
    assert _difference(ours.double(), theirs.double(), 64) < 1e-10


def test_a_converted_network_is_filled(tmp_path: Path) -> None:
    theirs = published.scramble_(_resnet((2, 2, 2, 2), 4))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    example = torch.zeros(1, 3, 64, 64)
    ours = torchvision.models.resnet18(num_classes=10)
    aa.convert_(ours, aa.Fixed(kernel_size=4), example=example, placement="paper")
    assert aa.load_checkpoint(tmp_path / "theirs.pth", ours) is ours
    assert _difference(ours.double(), theirs.double(), 64) < 1e-10
    other = torchvision.models.resnet18(num_classes=10)
    aa.convert_(other, aa.Fixed(kernel_size=3), example=example, placement="paper")
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"has Fixed\(kernel_size=4.*\) at maxpool.1, where the network has BlurPool2d"
    ):
        aa.load_checkpoint(tmp_path / "theirs.pth", other)
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())
    exact = torchvision.models.resnet18(num_classes=10)
    aa.convert_(exact, aa.Fixed(kernel_size=4), example=example)
    with pytest.raises(ValueError, match=r"has maxpool with kernel_size=\(2, 2\), .* has kernel_size=3, .*: it was"):
        aa.load_checkpoint(tmp_path / "theirs.pth", exact)
    some = torchvision.models.resnet18(num_classes=10)
    aa.convert_(some, aa.Fixed(kernel_size=4), example=example, placement="paper", where="layer*")
    with pytest.raises(ValueError, match=r"has filters where ResNet has no place for them: maxpool.1 \(64 channels\)"):
        aa.load_checkpoint(tmp_path / "theirs.pth", some)


def test_a_filter_that_is_no_binomial_is_refused(tmp_path: Path) -> None:
    state = _resnet((2, 2, 2, 2), 3).state_dict()
    state["layer3.0.conv2.0.filt"] = torch.full((256, 1, 3, 3), 1 / 9)
    torch.save(state, tmp_path / "theirs.pth")
    message = r"fixed filter layer3.0.conv2.0.filt of shape \(256, 1, 3, 3\) that is not the binomial one"
    with pytest.raises(ValueError, match=message):
        aa.load_checkpoint(tmp_path / "theirs.pth", "torchvision:resnet18")
