from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import antialias as aa
from antialias.data import open_data
from antialias.mend import MendConfig, ShiftedCopies, mend_
from antialias.mend._answers import answers_of
from antialias.metrics import instance_consistency, segmentation_consistency
from antialias.surgery import conversion_of

from .conftest import noise

SMALL = MendConfig(most=2, keep=2, confirm=1, shifts=4, phases=(4,))


class Sketcher(nn.Module):
    """Names for each pixel the channel that is brightest at one pixel of its 4x4."""

    input_size = (3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 2, stride=2, bias=False)
        self.conv2 = nn.Conv2d(3, 3, 2, stride=2, bias=False)
        with torch.no_grad():
            for layer in (self.conv1, self.conv2):
                layer.weight.zero_()
                layer.weight[range(3), range(3), 0, 0] = 1

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = F.interpolate(self.conv2(self.conv1(x)), x.shape[-2:], mode="bilinear", align_corners=False)
        return {"out": 5 * maps}


class Finder(nn.Module):
    """Finds the bright square of an image to within its stride of four pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1, stride=4, bias=False)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 3)

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        found = []
        for image in images:
            rows, columns = (self.conv(image[None])[0, 0] > 0.5).nonzero().unbind(1)
            one = int(len(rows) > 0)
            box = [4.0 * columns.min(), 4.0 * rows.min(), 4.0 * columns.max() + 4, 4.0 * rows.max() + 4] if one else []
            boxes = torch.tensor(box).view(one, 4)
            found.append({"boxes": boxes, "labels": torch.ones(one, dtype=torch.int64), "scores": torch.ones(one)})
        return found


def squares(count: int) -> Tensor:
    """Return images of a bright square each."""
    images, generator = torch.zeros(count, 3, 48, 48), torch.Generator().manual_seed(0)
    for image, (y, x, side) in zip(
        images, torch.randint(13, 19, (count, 3), generator=generator).tolist(), strict=True
    ):
        image[:, y : y + side, x : x + side] = 1
    return images


def test_a_segmenters_pixels_are_steadied() -> None:
    network, images = Sketcher().eval(), noise(64, seed=3)
    mending = mend_(network, images, budget=4, margin=0.05, config=SMALL)
    assert mending.chosen is not None
    assert "lowers pixels that change their class between overlapping crops from " in mending.verdict
    assert conversion_of(network) is not None
    *_, report = aa.mend._split.Part.of(images).split((0.5, 0.125, 0.125, 0.25), 0)
    pixels = [image for image, _ in report.images]
    same = segmentation_consistency(network, pixels, passes=4)
    assert mending.chosen.scores["consistency"].value == pytest.approx(same.value, abs=1e-6)
    assert mending.chosen.flips == pytest.approx(1 - same.value, abs=1e-6)
    assert mending.chosen.changes["agreement"].value > -0.05
    assert mending.left_out["filters and learning"] == "of networks that are no classifiers, only phases are averaged"


def test_a_detectors_objects_are_steadied() -> None:
    network, images = Finder().eval(), squares(160)
    mending = mend_(network, images, budget=4, margin=0.1, config=SMALL)
    as_it_is = instance_consistency(Finder(), images, "box", passes=4).value
    assert mending.chosen is not None
    assert "lowers objects that are not the same in overlapping crops from " in mending.verdict
    assert mending.table[0].flips == pytest.approx(1 - as_it_is, abs=0.15)
    assert mending.chosen.flips < mending.table[0].flips
    assert [trial.name for trial in mending.table if trial.remedy.copies > 1] == [
        "2 shifted copies averaged",
        "4 shifted copies averaged",
    ]


def test_copies_of_maps_are_moved_back() -> None:
    steps = nn.Module()
    steps.forward = lambda x: {"out": x, "more": x[:, :1]}  # type: ignore[method-assign]
    x = torch.rand(2, 3, 9, 9)
    for copies in (2, 4, 9):
        answer = ShiftedCopies(steps, copies)(x)
        torch.testing.assert_close(answer["out"], x)  # what moves with the image is what it was
        torch.testing.assert_close(answer["more"], x[:, :1])


def test_copies_of_detections_are_moved_back_and_fused() -> None:
    image = squares(1)[0]
    (one,) = ShiftedCopies(Finder(), 4).eval()([image])
    (as_it_is,) = Finder()([image])
    assert one["boxes"].shape == (1, 4)
    assert float((one["boxes"] - as_it_is["boxes"]).abs().max()) <= 4


@pytest.mark.parametrize(("name", "scale"), [("antialias:TinyDeepLab", 40.0), ("antialias:TinyMaskRCNN", 40.0)])
def test_this_librarys_segmenter_and_detector_are_measured_on_scenes(name: str, scale: float) -> None:
    torch.manual_seed(0)
    network = aa.models.build(name).eval()
    head = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
    if "RCNN" in name:
        head = network.roi_heads.box_predictor.cls_score  # untrained, it is sure of nothing
    with torch.no_grad():
        head.weight.mul_(scale)
    images = open_data("scenes", "train", size=48, length=3).labelled(torch.arange(3))[0].float() / 255
    part, config = aa.mend._split.Part.of(images), MendConfig(shifts=2)
    answers = answers_of(network, images[:1, :, :40, :40], config, 0)
    measured = answers.measure(network, part, answers.judge(network, part, 0), 1, 0)
    assert {"flips", "consistency", "agreement", "window_agreement"} == measured.keys()
    torch.testing.assert_close(measured["flips"].rows, 1 - measured["consistency"].rows, equal_nan=True)
    assert 0 < measured["flips"].value() < 1
    assert 0 <= measured["agreement"].value() <= 1
    itself = answers.measure(network, part, answers.answers(network, part, 0), 1, 0)
    assert itself["agreement"].value() == 1


class Tokens(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)


def test_answers_of_no_known_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Tokens cannot be mended: .* tensor \(1, 3, 3136\), neither class scores"):
        mend_(Tokens(), torch.rand(64, 3, 64, 64))


def test_values_are_refused_for_they_neither_change_nor_stay() -> None:
    with pytest.raises(ValueError, match="Conv2d cannot be mended: it gives numbers, which neither change nor stay"):
        mend_(nn.Conv2d(3, 1, 3, padding=1).eval(), torch.rand(64, 3, 64, 64))
