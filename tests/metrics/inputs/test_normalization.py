from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import nn

from antialias.metrics import consistency, normalization_of

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _small_resnet() -> nn.Module:
    return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=4)


def test_torchvision_classifiers_take_imagenets_values() -> None:
    assert normalization_of(_small_resnet()) == IMAGENET


def test_detectors_normalise_by_themselves() -> None:
    class Detector(nn.Module):
        pass

    Detector.__module__ = "torchvision.models.detection.generalized_rcnn"
    assert normalization_of(Detector()) is None


def test_timm_networks_say_their_own() -> None:
    assert normalization_of(timm.create_model("tf_efficientnet_lite0")) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_the_attribute_comes_first() -> None:
    network: Any = _small_resnet()
    network.normalization = (torch.zeros(3), torch.ones(3))
    assert normalization_of(network) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_a_submodule_of_that_name_is_not_taken_for_values() -> None:
    network = nn.Sequential()
    network.normalization = nn.BatchNorm2d(3)
    assert normalization_of(network) is None


@pytest.mark.parametrize("model", [nn.Conv2d(3, 2, 1), lambda x: x])
def test_nothing_known_is_none(model: nn.Module) -> None:
    assert normalization_of(model) is None


def test_wrappers_are_looked_through() -> None:
    assert normalization_of(nn.DataParallel(_small_resnet())) == IMAGENET
    assert normalization_of(torch.compile(_small_resnet())) == IMAGENET


def negative(images: torch.Tensor) -> torch.Tensor:
    return -images


class Recorder(nn.Module):
    """Answers anything and remembers the mean of what it was shown."""

    normalization = ((1.0,) * 3, (0.5,) * 3)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(float(images.mean()))
        return torch.eye(2)[:1].expand(len(images), 2)


@pytest.mark.parametrize(
    ("normalize", "seen", "source"),
    [
        ("model", -1.0, {"source": "model.normalization", "mean": [1.0] * 3, "std": [0.5] * 3}),
        (None, 0.5, {"source": "none"}),
        (((0.5,), (0.5,)), 0.0, {"source": "argument", "mean": [0.5], "std": [0.5]}),
        (negative, -0.5, {"source": "function", "function": "negative"}),
    ],
)
def test_the_model_sees_what_normalize_says_and_the_protocol_too(
    normalize: Any, seen: float, source: dict[str, Any]
) -> None:
    model = Recorder()
    score = consistency(model, torch.full((2, 3, 16, 16), 0.5), normalize=normalize)
    assert model.seen == pytest.approx([seen])
    assert score.protocol["normalisation"] == source


@pytest.mark.parametrize(
    ("normalize", "message"),
    [
        ("imagenet", r'normalize="imagenet" is unknown\. Use "model", \(mean, std\), a function or None\.'),
        (
            ((0.5, 0.5), (0.5, 0.5)),
            r"the normalisation has 2 channels and the images 3\. Pass normalize=\(mean, std\)\.",
        ),
        (((0.5,), (0.5, 0.5)), r"mean=\(0\.5,\) and std=\(0\.5, 0\.5\) do not fit\. Use one mean and one std > 0"),
        (((0.5,), (0.0,)), r"mean=\(0\.5,\) and std=\(0\.0,\) do not fit"),
    ],
)
def test_wrong_normalisations_are_refused(normalize: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        consistency(Recorder(), torch.full((2, 3, 16, 16), 0.5), normalize=normalize)
