"""Mean IoU and pixel accuracy against a count of pixels one by one, and against torchmetrics."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

from antialias.metrics import (
    DataSetMeanIoU,
    Measurement,
    SegmentationConsistency,
    difference,
    mean_iou,
    measure_segmenter,
    random_crops,
    segmentation_consistency,
    side_multiple_of,
)
from antialias.metrics.segmentation._overlaps import overlaps

CLASSES = 5


def by_brightness(images: Tensor) -> Tensor:
    """Say class k where the red channel lies in the k-th fifth of [0, 1]."""
    steps = (torch.arange(CLASSES) + 0.5) / CLASSES
    return -(images[:, :1] - steps[:, None, None]).abs()


@pytest.fixture
def pictures() -> list[tuple[Tensor, Tensor]]:
    """Pictures of two sizes whose masks agree with `by_brightness` on most pixels; class 4 is nowhere."""
    return list(_pictures())


def _pictures(count: int = 12) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        image = 0.79 * torch.rand((3, 24, 24 + 8 * (number % 2)), generator=generator)
        mask = (image[0] * CLASSES).long()
        wrong = torch.rand(mask.shape, generator=generator) < 0.1 + number / 40
        mask[wrong] = torch.randint(4, (int(wrong.sum()),), generator=generator)
        mask[torch.rand(mask.shape, generator=generator) < 0.1] = 255
        yield image, mask.to(torch.uint8)


def _pixels(pictures: list[tuple[Tensor, Tensor]]) -> list[tuple[int, int]]:
    found = [by_brightness(image[None])[0].argmax(0).flatten().tolist() for image, _ in pictures]
    truth = [mask.flatten().tolist() for _, mask in pictures]
    return [(p, t) for pair in zip(found, truth, strict=True) for p, t in zip(*pair, strict=True) if t != 255]


def test_mean_iou_is_a_count_of_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randint(4, (6, 7, 5), generator=generator)
    truth = torch.randint(4, (6, 7, 5), generator=generator)
    truth[torch.rand(truth.shape, generator=generator) < 0.2] = 255
    pairs = [(p, t) for p, t in zip(predicted.flatten().tolist(), truth.flatten().tolist(), strict=True) if t != 255]
    ious = [sum(p == k == t for p, t in pairs) / sum(k in pair for pair in pairs) for k in range(4)]
    rows = torch.stack([overlaps(*pair, 5) for pair in zip(predicted, truth, strict=True)])
    measured = Measurement("mean IoU", rows, {}, statistic="mean IoU")
    assert measured.score().value == measured.value() == sum(ious) / 4  # the fifth class is nowhere


def test_the_scores_of_a_network_are_counts_of_pixels(pictures: list[tuple[Tensor, Tensor]]) -> None:
    measured, pairs = measure_segmenter(by_brightness, pictures), _pixels(pictures)
    score, pixel_accuracy = measured["mean_iou"].score(), measured["pixel_accuracy"].score()
    ious = [sum(p == k == t for p, t in pairs) / sum(k in pair for pair in pairs) for k in range(4)]
    assert score.value == sum(ious) / 4
    assert pixel_accuracy.value == sum(p == t for p, t in pairs) / len(pairs)
    low, high = score.interval
    assert low < score.value < high
    assert score.images == 12
    assert mean_iou(by_brightness, pictures) == score
    assert mean_iou(by_brightness, pictures, batch_size=1) == score
    assert difference(score, score).interval == (0, 0)


def test_mean_iou_is_what_torchmetrics_makes_of_all_pixels(pictures: list[tuple[Tensor, Tensor]]) -> None:
    confusion = MulticlassConfusionMatrix(CLASSES, ignore_index=255)
    jaccard = MulticlassJaccardIndex(4, ignore_index=255)  # it counts classes that are nowhere as 0
    for image, mask in pictures:
        answer = by_brightness(image[None]).argmax(1)
        confusion.update(answer, mask[None].long())
        jaccard.update(answer, mask[None].long())
    matrix = confusion.compute().double()
    ious = matrix.diagonal() / (matrix.sum(0) + matrix.sum(1) - matrix.diagonal())
    score = mean_iou(by_brightness, pictures)
    assert score.value == pytest.approx(float(ious.nanmean()), abs=1e-12)
    assert score.value == pytest.approx(float(jaccard.compute()), abs=1e-6)


def test_loaders_batches_and_mappings_give_the_same(pictures: list[tuple[Tensor, Tensor]]) -> None:
    even = pictures[::2]
    images, masks = (torch.stack(part) for part in zip(*even, strict=True))
    expected = mean_iou(by_brightness, even)
    assert mean_iou(by_brightness, [(images, masks)]) == expected
    assert mean_iou(by_brightness, DataLoader(TensorDataset(images, masks), batch_size=4)) == expected
    assert mean_iou(lambda x: {"out": by_brightness(x), "aux": x}, even) == expected


class TakesMultiples(nn.Module):
    """Takes multiples of 32 only, as networks of segmentation_models_pytorch do."""

    requires_divisible_input_shape = True

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Identity()
        self.encoder.output_stride = 32  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        assert [side % 32 for side in x.shape[-2:]] == [0, 0]
        return by_brightness(x)


def test_networks_of_multiples_are_shown_multiples(pictures: list[tuple[Tensor, Tensor]]) -> None:
    model = TakesMultiples()
    assert side_multiple_of(model) == 32
    score = mean_iou(model, pictures)
    assert score.value == mean_iou(by_brightness, pictures).value
    assert "multiples of 32" in score.protocol["view"]
    with pytest.raises(ValueError, match="crops of 21x21 pixels hold no multiple of 32. Use larger pictures."):
        segmentation_consistency(model, pictures)
    large = torch.rand(3, 3, 80, 96)
    same = segmentation_consistency(model, large, passes=2)
    assert (same.value, same.protocol["multiple"]) == (1, 32)
    assert "their centres of multiples of 32" in str(same)
    other = segmentation_consistency(by_brightness, large, passes=2)
    with pytest.raises(ValueError, match="the protocols differ in in_words, multiple"):
        difference(same, other)
    assert difference(same, segmentation_consistency(by_brightness, large, passes=2, multiple=32)).value == 0


def test_crops_move_the_same_for_every_multiple() -> None:
    image = torch.arange(90 * 100.0).view(1, 90, 100).expand(3, -1, -1)
    free, held = (random_crops(image, 4, seed=1, index=3, multiple=multiple) for multiple in (1, 32))
    assert (free.size, held.size) == ((78, 87), (64, 64))
    assert torch.equal(held.corners, free.corners + torch.tensor([7, 11]))
    assert [frame[0, 0, 0].item() for frame in held.frames] == [float(100 * y + x) for y, x in held.corners]


@pytest.mark.parametrize(
    ("answer", "truth", "message"),
    [
        (lambda x: by_brightness(x)[..., ::2], 0, r"the model returned \(1, 5, 8, 4\) for 1 pictures of 8x8\. Wrap it"),
        (lambda x: by_brightness(x)[:, :1], 0, r"\(1, 1, 8, 8\) for 1 pictures of 8x8.*of 2 classes or more\."),
        (lambda x: {"logits": x}, 0, r"the model returned a mapping of logits\. Wrap it to return logits"),
        (lambda x: (x, x), 0, r"the model returned a tuple\. Wrap it to return logits \(N, classes, H, W\), or"),
        (lambda x: by_brightness(x) * torch.nan, 0, "320 of 320 logits are NaN"),
        (by_brightness, 5, "picture 0 has pixels of classes 5 to 5, the network 5 outputs. Use classes from 0, and"),
        (by_brightness, 255, r"mean IoU: none of 1 pictures has a pixel that counts\. Add some\."),
    ],
)
def test_what_cannot_be_measured_is_refused(answer: Any, truth: int, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        mean_iou(answer, [(torch.rand(3, 8, 8), torch.full((8, 8), truth))])


def test_masks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"picture 0 is 8x8 and its mask 8x9\. Use one class a pixel\."):
        mean_iou(by_brightness, [(torch.rand(3, 8, 8), torch.zeros(8, 9))])
    with pytest.raises(ValueError, match=r"picture 0 has no mask\. Pass an iterable of \(images, masks\)\."):
        mean_iou(by_brightness, torch.rand(1, 3, 8, 8))


def test_the_objects_give_the_functions_score(pictures: list[tuple[Tensor, Tensor]]) -> None:
    metric, plain = DataSetMeanIoU(CLASSES), DataSetMeanIoU(CLASSES, interval=False)
    for number in reversed(range(12)):
        image, mask = pictures[number]
        metric.update(by_brightness(image[None]), mask[None], torch.tensor([number]))
        plain.update({"out": by_brightness(image[None])}, mask[None])
    score, expected = metric.compute(), mean_iou(by_brightness, pictures)
    assert (score.value, score.interval) == (expected.value, expected.interval)
    assert plain.compute().item() == pytest.approx(expected.value, abs=1e-7)
    metric.update(by_brightness(image[None]), mask[None], [3])
    with pytest.raises(ValueError, match=r"picture 3 was seen 2 times\. Give every picture a number and show it once"):
        metric.compute()
    with pytest.raises(ValueError, match=r"the network has 5 outputs, and num_classes=4\. Use equal numbers\."):
        DataSetMeanIoU(4).update(by_brightness(image[None]), mask[None])
    with pytest.raises(ValueError, match=r"the mask has pixels of classes 7 to 7, the network 5 outputs"):
        plain.update(by_brightness(image[None]), torch.full_like(mask, 7)[None])


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric:UserWarning")
def test_two_processes_give_the_score_of_one(tmp_path: Path, pictures: list[tuple[Tensor, Tensor]]) -> None:
    store = str(tmp_path / "store")
    logits = [by_brightness(image[None]) for image, _ in pictures]
    masks = [mask[None] for _, mask in pictures]
    torch.save((logits, masks), f"{store}.pictures")
    worker = str(Path(__file__).with_name("segmentation_worker.py"))
    other = subprocess.Popen([sys.executable, worker, store], stderr=subprocess.DEVNULL)
    together = runpy.run_path(worker)["scores"](0, store)
    assert other.wait(timeout=60) == 0
    metric, plain, same = DataSetMeanIoU(CLASSES), DataSetMeanIoU(CLASSES, interval=False), SegmentationConsistency(1)
    for number, pair in enumerate(zip(logits, masks, strict=True)):
        metric.update(*pair, torch.tensor([number]))
        plain.update(*pair)
        same.update(pair[0].repeat(2, 1, 1, 1), torch.tensor([[0, 0], [1, number % 3]]))
    expected = [metric.compute().to_dict(per_image=True), plain.compute().item(), same.compute().to_dict()]
    assert together == [*expected[:2], expected[0], expected[1], expected[2]]
