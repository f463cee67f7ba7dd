"""mASSC against a count of pixels, on segmenters whose consistency is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import (
    Score,
    SegmentationConsistency,
    measure_segmenter,
    random_crops,
    segmentation_consistency,
)
from antialias.metrics.segmentation._overlaps import overlap_shares


class GoesByPosition(nn.Module):
    """Says class 1 where a pixel is bright, and class 2 where it is bright and lies in the lower part of the crop."""

    def forward(self, x: Tensor) -> Tensor:
        bright = (x[:, 0] > 0.5).float()
        low = (torch.arange(x.shape[2]) > x.shape[2] // 2)[:, None].expand_as(bright)
        return torch.stack([0.5 - bright / 4, bright * 0.4, bright * low], 1)


@pytest.fixture
def images() -> list[Tensor]:
    """Noise of two sizes."""
    generator = torch.Generator().manual_seed(0)
    return [torch.rand((3, 32, 32 + 8 * (number % 2)), generator=generator) for number in range(12)]


def _by_hand(model: nn.Module, image: Tensor, index: int, truth: Tensor | None, seed: int = 0) -> list[float]:
    """Return each pair's share of agreeing pixels, every pixel by hand."""
    crops, shares = random_crops(image, 3, seed=seed, index=index), []
    maps = [model(frame[None])[0].argmax(0) for frame in crops.frames]
    for pair in range(3):
        places = [
            {(y + top, x + left): int(one[y, x]) for y in range(one.shape[0]) for x in range(one.shape[1])}
            for one, (top, left) in zip(maps[2 * pair :], crops.corners[2 * pair :][:2].tolist(), strict=False)
        ]
        seen = [at for at in places[0] if at in places[1]]
        if truth is not None:
            seen = [at for at in seen if places[0][at] == int(truth[at])]
        shares.append(sum(places[0][at] == places[1][at] for at in seen) / len(seen))
    return shares


def test_the_score_is_a_count_of_pixels(images: list[Tensor]) -> None:
    model = GoesByPosition().train()
    score = segmentation_consistency(model, images, passes=3)
    assert model.training
    shares = torch.tensor([_by_hand(model, image, index, None) for index, image in enumerate(images)]).double()
    assert score.value == pytest.approx(float(shares.mean()), abs=1e-6)
    assert score.spread == pytest.approx(float(shares.mean(0).std()), abs=1e-6)
    assert 0.5 < score.value < 0.99
    assert score.images == 12
    assert f"segmentation consistency {100 * score.value:.1f} % +- {100 * score.spread:.2f} (95 %" in str(score)
    assert Score.from_dict(score.to_dict(per_image=True)).spread == score.spread


def test_consistency_on_correct_pixels_is_a_count_of_pixels(images: list[Tensor]) -> None:
    model = GoesByPosition()
    truths = [(image[0] > 0.5).long() for image in images]
    truths[0][:16] = 255
    pictures = list(zip(images, truths, strict=True))
    measured = measure_segmenter(model, pictures, passes=3)
    every, correct = (measured["segmentation_consistency" + end].score() for end in ("", "_on_correct"))
    assert every == segmentation_consistency(model, images, passes=3)
    assert correct == segmentation_consistency(model, pictures, passes=3, only_correct=True)
    assert correct.name == "segmentation consistency on correctly classified pixels"
    by_hand = [_by_hand(model, image, index, truth) for index, (image, truth) in enumerate(pictures)]
    assert correct.value == pytest.approx(float(torch.tensor(by_hand).mean()), abs=1e-6)
    assert correct.value != every.value


def test_pictures_without_correct_pixels_do_not_count(images: list[Tensor]) -> None:
    model = GoesByPosition()
    truths = [(image[0] > 0.5).long() for image in images]
    truths[3] = torch.full_like(truths[3], 255)
    score = segmentation_consistency(model, list(zip(images, truths, strict=True)), only_correct=True)
    assert score.images == 11
    assert score.per_image[3].isnan()
    with pytest.raises(ValueError, match=r"on correctly classified pixels: none of 1 pictures counts"):
        segmentation_consistency(model, [(images[3], truths[3])], only_correct=True)


def test_an_equivariant_segmenter_is_wholly_consistent(images: list[Tensor]) -> None:
    score = segmentation_consistency(lambda x: torch.cat([x, 1 - x], 1), images)
    assert (score.value, score.spread) == (1, 0)


def test_draws_belong_to_the_picture_and_the_seed(images: list[Tensor]) -> None:
    model = GoesByPosition()
    score = segmentation_consistency(model, images)
    assert segmentation_consistency(model, images, batch_size=3) == score
    assert segmentation_consistency(model, [image[None] for image in images], batch_size=100) == score
    assert segmentation_consistency(model, images, seed=1).value != score.value
    later = segmentation_consistency(model, images[5:], first=5)
    assert torch.equal(later.per_image, score.per_image[5:])
    assert segmentation_consistency(model, images, passes=1).spread is None
    done = []
    segmentation_consistency(model, images, progress=lambda *args: done.append(args))
    assert done[-1] == (12, 12)


def test_the_overlap_is_what_both_crops_show() -> None:
    whole = torch.arange(36).view(6, 6)
    corners = torch.tensor([[0, 2], [1, 0], [1, 1], [1, 1]])
    maps = torch.stack([whole[y : y + 4, x : x + 4] for y, x in corners])
    assert overlap_shares(maps, corners).tolist() == [1, 1]
    maps[1, 0, 2] = -1  # of the first pair's 3 x 2 pixels
    maps[1, 0, 0] = -1  # which the first crop does not show
    assert overlap_shares(maps, corners).tolist() == pytest.approx([5 / 6, 1])
    truth = torch.full_like(whole, 255)
    truth[1, 2:4] = whole[1, 2:4]
    assert overlap_shares(maps, corners, truth).tolist() == [0.5, 1]


def test_the_object_gives_the_functions_score(images: list[Tensor]) -> None:
    model, metric = GoesByPosition(), SegmentationConsistency(protocol={"in_words": "own loop"})
    correct = SegmentationConsistency(only_correct=True)
    pictures = [(image, (image[0] > 0.5).long()) for image in images]
    for number, (picture, mask) in enumerate(pictures):
        crops = random_crops(picture, seed=2, index=number)
        logits = model(torch.stack(crops.frames))
        metric.update({"out": logits}, crops.corners)
        correct.update(logits, crops.corners, mask)
    for score, only in ((metric.compute(), False), (correct.compute(), True)):
        wanted = segmentation_consistency(model, pictures, seed=2, only_correct=only)
        assert torch.equal(score.per_image, wanted.per_image)
        assert (score.name, score.value, score.spread) == (wanted.name, wanted.value, wanted.spread)
    with pytest.raises(ValueError, match=r"10 answers and 8 corners are not 5 pairs\. Use 10 of each, or passes=4\."):
        metric.update(logits, crops.corners[:8])
    with pytest.raises(ValueError, match=r"only_correct=True needs to know what is there\. Pass mask=\."):
        correct.update(logits, crops.corners)


def test_what_cannot_be_is_refused(images: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="passes=0 is not positive"):
        segmentation_consistency(GoesByPosition(), images, passes=0)
    with pytest.raises(ValueError, match="multiple=0 is not positive"):
        segmentation_consistency(GoesByPosition(), images, multiple=0)
    with pytest.raises(ValueError, match="picture 0 has no mask"):
        segmentation_consistency(GoesByPosition(), images, only_correct=True)
    with pytest.raises(ValueError, match="window=32 leaves 0 offsets in a picture of 32 pixels"):
        segmentation_consistency(GoesByPosition(), images, crop=1.0)
