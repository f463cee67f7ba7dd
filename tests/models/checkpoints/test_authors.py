"""Files of the adaptive filters' authors compute here what the equations say, jointly normalised or by group."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import published
import pytest
import torch
import torchvision
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter

import antialias as aa
from antialias.surgery import conversion_of


def _adaptive(size: int, groups: int, joint: bool, norm: type[nn.Module] = nn.BatchNorm2d) -> published.MakeFilter:
    return lambda channels, stride: published.Adaptive(channels, stride, size, groups, joint, norm)


def _difference(ours: nn.Module, theirs: nn.Module) -> float:
    x = torch.rand(2, 3, 64, 75, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.double()(x)
        return float((ours.double()(x) - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("size", "groups"), [(3, 8), (5, 4)])
@pytest.mark.parametrize("joint", [True, False])
def test_a_classifier(size: int, groups: int, joint: bool, tmp_path: Path) -> None:
    theirs = published.scramble_(published.ResNet((2, 2, 2, 2), _adaptive(size, groups, joint)))
    state = OrderedDict((f"module.{name}", tensor) for name, tensor in theirs.state_dict().items())
    optimizer = torch.optim.SGD(theirs.parameters(), 0.1, momentum=0.9).state_dict()
    contents = {"epoch": 90, "arch": "resnet18", "state_dict": state, "best_acc1": torch.tensor(70.0)}
    torch.save(contents | {"optimizer": optimizer}, tmp_path / "model_best.pth.tar")
    ours = aa.load_checkpoint(tmp_path / "model_best.pth.tar", normalize="joint" if joint else "group")
    conversion = conversion_of(ours)
    assert len(conversion.changed) == 7
    assert (conversion.filter.kernel_size, conversion.filter.groups) == (size, groups)
    assert _difference(ours, theirs) < 1e-10
    wrong = aa.load_checkpoint(tmp_path / "model_best.pth.tar", normalize="group" if joint else "joint")
    assert _difference(wrong, theirs) > 1e-3  # the files look alike, and only the argument tells


def test_a_segmenter_with_a_dilated_stage(tmp_path: Path) -> None:
    body = published.Body((1, 1, 1, 2), _adaptive(3, 8, True), bottleneck=True, dilated=True)
    theirs = published.scramble_(published.Segmenter(body, 2048))
    torch.save({"cur_itrs": 30000, "model_state": theirs.state_dict()}, tmp_path / "best.pth")
    resnet = torchvision.models.ResNet(
        torchvision.models.resnet.Bottleneck, [1, 1, 1, 2], replace_stride_with_dilation=[False, False, True]
    )
    plain = published.Segmenter(IntermediateLayerGetter(resnet, {"layer4": "out"}), 2048)
    ours = aa.load_checkpoint(tmp_path / "best.pth", plain)
    assert ours is plain
    assert len(conversion_of(ours).changed) == 7
    assert _difference(ours, theirs) < 1e-10


def test_a_detector_with_frozen_norms(tmp_path: Path) -> None:
    theirs = published.scramble_(published.Detector((1, 1, 1, 1), _adaptive(3, 8, True, published.FrozenNorm)))
    torch.save({"model": {f"module.{name}": t for name, t in theirs.state_dict().items()}}, tmp_path / "model.pth")
    norm = torchvision.ops.FrozenBatchNorm2d
    body = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [1, 1, 1, 1], norm_layer=norm)
    plain = published.Detector((1, 1, 1, 1), lambda channels, stride: nn.Identity(), norm)
    plain.resnet.stem.downsample, plain.resnet.stem.window = nn.MaxPool2d(3, stride=2, padding=1), 0
    for stage in (1, 2, 3, 4):
        setattr(plain.resnet, f"layer{stage}", getattr(body, f"layer{stage}"))
    ours = aa.load_checkpoint(tmp_path / "model.pth", plain)
    assert len(conversion_of(ours).changed) == 7
    assert _difference(ours, theirs) < 1e-10


def test_keys_that_fit_nothing_are_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    state = dict(published.ResNet((2, 2, 2, 2), _adaptive(3, 8, True)).state_dict())
    state["neck.weight"] = torch.zeros(3)
    state["layer1.0.conv1.weight"] = torch.zeros(64, 64, 5, 5)
    del state["layer4.1.bn2.bias"]
    torch.save(state, tmp_path / "theirs.pth")
    plain = torchvision.models.resnet18(num_classes=10)
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    message = (
        r"does not fit ResNet: 1 missing \(layer4.1.bn2.bias\); 1 unexpected \(neck.weight\); 1 of another shape "
        r"\(layer1.0.conv1.weight is 64x64x5x5 in the file, 64x64x3x3 here\). Nothing was loaded."
    )
    with pytest.raises(ValueError, match=message):
        aa.load_checkpoint(tmp_path / "theirs.pth", plain)
    assert conversion_of(plain) is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in plain.state_dict().items())


def test_filter_weights_of_another_shape_leave_the_network_as_it_was(tmp_path: Path) -> None:
    state = dict(published.ResNet((2, 2, 2, 2), _adaptive(3, 8, True)).state_dict())
    state["layer2.0.conv2.0.bn.bias"] = torch.zeros(71)
    torch.save(state, tmp_path / "theirs.pth")
    plain = torchvision.models.resnet18(num_classes=10)
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    with pytest.raises(ValueError, match="has filters that do not fit ResNet: 1 of another shape"):
        aa.load_checkpoint(tmp_path / "theirs.pth", plain)
    assert conversion_of(plain) is None
    assert list(plain.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in plain.state_dict().items())
