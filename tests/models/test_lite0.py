"""EfficientNet-Lite0 knows what it sees."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import functional

from antialias.data import photographs
from antialias.metrics import normalization_of
from antialias.models import build, imagenet_labels
from antialias.models.backbones._lite0 import load_embedded_weights_


@pytest.mark.parametrize(("picture", "label"), [("coffee", "espresso"), ("chelsea", "Egyptian cat")])
def test_real_weights_name_real_photographs(picture: str, label: str) -> None:
    model = build("antialias:EfficientNetLite0").eval()
    square = functional.center_crop(functional.resize(photographs()[picture], [256], antialias=True), [224, 224])
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in normalization_of(model))
    with torch.no_grad():
        logits = model(((square.float() / 255 - mean) / std)[None])
    assert imagenet_labels()[logits.argmax().item()] == label


def test_there_are_a_thousand_labels() -> None:
    assert len(imagenet_labels()) == 1000


def test_a_network_of_other_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="the embedded EfficientNet-Lite0 has 296 tensors, timm's 1, or shapes differ"):
        load_embedded_weights_(torch.nn.Linear(2, 2, bias=False))
