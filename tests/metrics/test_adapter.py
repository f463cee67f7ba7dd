"""From pixels to a network's input there is one path, and each answer moves with the image."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import (
    ClassScores,
    DenseValues,
    Instances,
    LabelMaps,
    consistency,
    instance_consistency,
    mean_iou,
    segmentation_consistency,
)

KINDS = (ClassScores, LabelMaps, DenseValues, Instances)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Recorder(nn.Module):
    """Remembers what it was given and answers in whatever way is asked for."""

    normalization = (MEAN, STD)

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind, self.inputs = kind, list[Tensor]()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Any) -> Any:
        self.inputs.extend(x)
        if self.kind is Instances:
            one = {"boxes": torch.tensor([[1.0, 2.0, 9.0, 12.0]]), "labels": torch.tensor([1]), "scores": torch.ones(1)}
            return [one for _ in x]
        return x.mean((2, 3)) if self.kind is ClassScores else x


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_every_kind_of_network_gets_the_same_inputs(kind: Any, dtype: torch.dtype) -> None:
    images = torch.rand((3, 3, 16, 20), generator=torch.Generator().manual_seed(0))
    model = Recorder(kind).to(dtype)
    kind(model)(images)
    mean, std = (torch.tensor(value)[:, None, None] for value in (MEAN, STD))
    # Normalised in the pixels' precision, and only then rounded to the network's.
    expected = ((images - mean) / std).to(dtype)
    assert {given.dtype for given in model.inputs} == {dtype}
    assert torch.equal(torch.stack(model.inputs), expected)


def test_scores_take_adapters_of_their_kind_with_their_options() -> None:
    images = torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    model = Recorder(ClassScores)
    score = consistency(ClassScores(model, normalize=None, level=0.9), images, batch_size=7)
    assert (score.level, score.protocol["normalisation"]) == (0.9, {"source": "none"})
    with pytest.raises(TypeError, match=r"this score is of LabelMaps and the model gives ClassScores\. Use another\."):
        segmentation_consistency(ClassScores(model), images)
    with pytest.raises(ValueError, match="resize=32 is not for detectors, which resize by themselves"):
        instance_consistency(Recorder(Instances), images, "box", resize=32)
    with pytest.raises(ValueError, match="multiple=0 is not positive"):
        mean_iou(model, images, multiple=0)


def test_dense_values_are_asked_for_as_label_maps_are() -> None:
    images = torch.rand((2, 3, 30, 41), generator=torch.Generator().manual_seed(0))
    shapes = []

    def depth(x: Tensor) -> Any:
        shapes.append(tuple(x.shape))
        return {"out": x[:, 0]}

    values = DenseValues(depth, multiple=32)(images)
    assert shapes == [(2, 3, 32, 64)]
    assert torch.equal(values, images[:, :1])
    with pytest.raises(TypeError, match=r"the model returned a list\. Wrap it to return values \(N, C, H, W\)\."):
        DenseValues(lambda x: [x])(images)
    with pytest.raises(ValueError, match=r"the model returned \(2, 3, 15, 41\) for 2 pictures of 30x41\. Wrap it"):
        DenseValues(lambda x: x[:, :, ::2])(images)
    with pytest.raises(ValueError, match="7380 of 7380 values are NaN or infinite"):
        DenseValues(lambda x: x / 0)(images + 1)


def test_answers_move_with_the_image() -> None:
    image = torch.rand((1, 3, 16, 20), generator=torch.Generator().manual_seed(0))
    corner, size = (3, 5), (8, 10)
    window = image[..., 3:11, 5:15]
    for adapter in (LabelMaps(lambda x: x), DenseValues(lambda x: x)):
        assert torch.equal(adapter.within(adapter(image), corner, size), adapter(window))
    logits = torch.tensor([[1.0, 2.0]])
    assert ClassScores.within(logits, corner, size) is logits
    masks = torch.zeros(2, 1, 16, 20)
    masks[0, 0, 2:6, 4:9] = 1
    found = {"boxes": torch.tensor([[4.0, 2, 9, 6], [0, 0, 2, 2]]), "masks": masks, "labels": torch.tensor([1, 2])}
    moved = Instances.within(found, corner, size)
    assert moved["boxes"].tolist() == [[0, 0, 4, 3], [0, 0, 0, 0]]
    assert torch.equal(moved["masks"], masks[..., 3:11, 5:15])
    assert moved["labels"].tolist() == [1, 2]
