"""Semantic segmentation: what a batch holds, how networks learn from it, and what is said of the result."""

from __future__ import annotations

from dataclasses import replace
from operator import truediv
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from antialias.data import Scenes, SegmentedImages, in_memory
from antialias.data.scenes import SegmentedScenes
from antialias.metrics import LabelMaps
from antialias.nn import Adaptive, Filter, Fixed
from antialias.results import filter_words
from antialias.surgery import conversion_of
from antialias.tasks import TrainConfig, fit, network, task_named, train_
from antialias.tasks.evaluation import evaluate_data
from antialias.tasks.semantic._batches import MaskBatches, WholeMasks
from antialias.tasks.semantic._semantic import shared_pixels

TASK = task_named("semantic")
CONFIG = TrainConfig(
    task="semantic", size=48, window=32, batch_size=4, epochs=1, train_length=10, test_length=6, learning_rate=0.05
)


@pytest.fixture(scope="module")
def scenes() -> SegmentedImages:
    return in_memory(SegmentedScenes(Scenes("train", size=48, length=10)), "semantic")


@pytest.fixture(scope="module")
def sizes() -> SegmentedImages:
    """Pictures of several sizes whose red channel is ten times their class; some pixels have none."""
    generator = torch.Generator().manual_seed(0)
    return SegmentedImages([_ten_times(40 + 8 * (i % 3), 48, generator) for i in range(7)], ["made"] * 7, list("abcde"))


def _ten_times(height: int, width: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    coarse = torch.randint(5, (height // 8, width // 8), generator=generator)
    mask = coarse.repeat_interleave(8, 0).repeat_interleave(8, 1).to(torch.uint8)
    image = torch.stack([10 * mask, *torch.randint(256, (2, height, width), generator=generator).to(torch.uint8)])
    mask[:2] = 255
    return image, mask


def test_an_epoch_serves_pictures_once_and_leaves_out_the_rest(scenes: SegmentedImages) -> None:
    batches = MaskBatches(scenes, CONFIG, epoch=0)
    numbers = [number for index in range(len(batches)) for number in batches.indices(index).tolist()]
    assert len(set(numbers)) == len(numbers) == 8
    images, masks = batches[1]
    assert (images.shape, masks.shape, masks.dtype) == ((4, 3, 32, 32), (4, 32, 32), torch.uint8)
    assert 0 <= images.min() < images.max() <= 1
    with pytest.raises(IndexError, match=r"batch 2 is outside of 0\.\.1"):
        batches[2]


def test_a_batch_follows_from_seed_and_epoch_alone(scenes: SegmentedImages) -> None:
    first, again = MaskBatches(scenes, CONFIG, 3), MaskBatches(scenes, CONFIG, 3)
    assert all(map(torch.equal, first[1], again[1]))
    for other in (MaskBatches(scenes, CONFIG, 4), MaskBatches(scenes, replace(CONFIG, seed=1), 3)):
        assert not torch.equal(first[1][0], other[1][0])


def test_masks_are_scaled_cut_mirrored_and_continued_with_their_pictures(sizes: SegmentedImages) -> None:
    shares, sides = [], set()
    for epoch in range(10):
        batches = MaskBatches(sizes, replace(CONFIG, batch_size=7), epoch)
        batches.hflip[:] = False
        images, masks = batches[0]
        red = (255 * images[:, 0]).round()
        inside = masks != 255
        # Away from the edges of its eight pixels a class is a plateau of the red channel, however it is scaled.
        flat = inside & (nn.functional.max_pool2d(red, 7, 1, 3) == -nn.functional.max_pool2d(-red, 7, 1, 3))
        assert torch.equal(red[flat], 10.0 * masks[flat])
        beyond = batches.scales[batches.order] < 32 / 54  # the window is larger than the picture
        assert (masks[beyond, -1, -1] == 255).all()
        assert (images[beyond, :, -1, -1] == torch.tensor([124, 116, 104]) / 255).all()
        shares.append(flat.float().mean())
        sides.update((32 / batches.scales).round().int().tolist())
    assert sum(shares) > 0.2
    assert (min(sides) >= 16, max(sides) <= 64, len(sides) > 20) == (True, True, True)
    assert (MaskBatches(sizes, replace(CONFIG, scales=(1.0, 1.0)), 0).scales == 1).all()


def test_mirroring_swaps_left_and_right_of_both(sizes: SegmentedImages) -> None:
    batches = MaskBatches(sizes, CONFIG, 0)
    assert set(batches.hflip.tolist()) == {True, False}
    batches.hflip[:] = False
    images, masks = batches[0]
    batches.hflip[:] = True
    assert torch.equal(batches[0][0], images.flip(-1))
    assert torch.equal(batches[0][1], masks.flip(-1))


def test_test_pictures_come_whole_and_in_order(sizes: SegmentedImages) -> None:
    batches = WholeMasks(sizes, CONFIG)
    shown = [one for index in range(len(batches)) for one in zip(*batches[index], strict=True)]
    assert (len(batches), len(shown)) == (2, 7)
    for (image, mask), (expected, truth) in zip(shown, sizes.items, strict=True):
        assert torch.equal(image, expected.float() / 255)
        assert torch.equal(mask, truth)


class _Heads(nn.Module):
    """Answers with constants: two heads in training, one in testing."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.out = nn.Parameter(torch.linspace(-1, 1, classes))
        self.aux = nn.Parameter(torch.linspace(0.5, -1, classes))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = {name: getattr(self, name)[None, :, None, None] for name in ("out", "aux")}
        wide = {name: one.expand(len(x), -1, *x.shape[-2:]) for name, one in maps.items()}
        return wide if self.training else {"out": wide["out"]}


def test_the_loss_is_the_mean_cross_entropy_of_pixels_with_a_class_and_of_both_heads() -> None:
    model, masks = _Heads(), torch.tensor([[[0, 3], [255, 255]], [[4, 4], [255, 1]]], dtype=torch.uint8)
    surprise = [-head.log_softmax(0)[[0, 3, 4, 4, 1]].mean() for head in (model.out, model.aux)]
    loss = TASK.loss(model, torch.rand(2, 3, 2, 2), masks)
    torch.testing.assert_close(loss, surprise[0] + 0.4 * surprise[1])
    torch.testing.assert_close(TASK.loss(model.eval(), torch.rand(2, 3, 2, 2), masks), surprise[0])


def test_pixels_that_complete_a_multiple_are_not_learnt() -> None:
    model, images, masks = _Heads(), torch.rand(2, 3, 2, 3), torch.randint(5, (2, 2, 3), dtype=torch.uint8)
    expected = TASK.loss(model, images, masks)
    model.requires_divisible_input_shape, model.encoder = True, nn.Identity()
    model.encoder.output_stride = 4
    model.register_forward_pre_hook(lambda _, shown: torch.testing.assert_close(shown[0].shape, (2, 3, 4, 4)))
    torch.testing.assert_close(TASK.loss(model, images, masks), expected)


def test_a_batch_without_a_class_teaches_nothing() -> None:
    model = _Heads()
    loss = TASK.loss(model, torch.rand(2, 3, 4, 4), torch.full((2, 4, 4), 255, dtype=torch.uint8))
    loss.backward()
    assert loss == 0
    assert not model.out.grad.any()


def test_views_of_a_picture_show_the_same_pixels_where_they_overlap(sizes: SegmentedImages) -> None:
    config = replace(CONFIG, views=3, batch_size=7)
    images, targets = MaskBatches(sizes, config, 2)[0]
    masks, corners = targets["masks"], targets["corners"]
    assert (images.shape, masks.shape, corners.shape) == ((21, 3, 32, 32), (21, 32, 32), (21, 2))
    assert sorted(set(corners.flatten().tolist())) == [0, 1, 2, 3, 4]
    for shown in (images, masks[:, None].float()):
        pixels = shared_pixels(shown, corners, 3)
        assert torch.equal(pixels[:, 0], pixels[:, 1])
        assert torch.equal(pixels[:, 0], pixels[:, 2])
    assert len(pixels) >= 7 * 28 * 28
    one, _ = MaskBatches(sizes, replace(config, views=1), 2)[0]
    assert one.shape == (7, 3, 32, 32)


def test_shared_pixels_are_those_of_one_place() -> None:
    corners = torch.tensor([[0, 2], [1, 0], [4, 4], [4, 4]])
    maps = torch.stack([10 * (y + torch.arange(5.0))[:, None] + x + torch.arange(6.0) for y, x in corners.tolist()])
    pixels = shared_pixels(maps[:, None], corners, 2)[..., 0]
    places = [10.0 * y + x for y in range(1, 5) for x in range(2, 6)]
    places += [10.0 * y + x for y in range(4, 9) for x in range(4, 10)]
    assert pixels.tolist() == [[place, place] for place in places]


def test_agreement_is_the_divergence_of_what_a_pixel_is_called_in_each_view(scenes: SegmentedImages) -> None:
    images, targets = MaskBatches(scenes, replace(CONFIG, views=2), 0)[0]
    steady, unsteady = nn.Conv2d(3, 21, 1), nn.Conv2d(3, 21, 3, padding=1)
    with torch.no_grad():
        unsteady.weight.mul_(20)
    for model in (steady, unsteady):
        plain, weighted = (TASK.loss(model, images, targets, views=2, agreement=weight) for weight in (0.0, 5.0))
        pixels = shared_pixels(LabelMaps(model).logits(images), targets["corners"], 2).softmax(-1)
        entropy = torch.special.entr(pixels).sum(-1).mean(1)
        divergence = (torch.special.entr(pixels.mean(1)).sum(-1) - entropy).mean()
        torch.testing.assert_close(weighted - plain, 5 * divergence, rtol=1e-3, atol=1e-6)
        assert (divergence < 1e-6) == (model is steady)


def test_views_are_learnt_alike_with_and_without_lightning(tmp_path: Path) -> None:
    config = replace(CONFIG, views=2, agreement=5.0, max_steps=2, accelerator="cpu", devices=1, out=str(tmp_path))
    data = TASK.open(config, "train")
    model = network(config, TASK.outputs(data))
    train_(model, data, config)
    run = fit(config)
    assert all(map(torch.equal, run.model.state_dict().values(), model.state_dict().values()))


def _by_hand(model: nn.Module, data: SegmentedImages) -> list[tuple[int, int]]:
    """Return the prediction and the truth of every pixel that has one."""
    pairs: list[tuple[int, int]] = []
    for image, mask in data.items:
        answer = model(image[None].float() / 255)["out"][0].argmax(0)
        pairs += zip(answer.flatten().tolist(), mask.flatten().tolist(), strict=True)
    return [(found, truth) for found, truth in pairs if truth != 255]


class _ByRed(nn.Module):
    """Knows classes 0 to 3 of `sizes` and takes 4 for 3, where the second channel and the place do not confuse it."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        steps = torch.arange(5)[:, None, None] * 10 / 255
        low = torch.arange(x.shape[2])[:, None] > x.shape[2] // 2
        return {"out": -(x[:, :1].clamp(max=0.125) + 0.05 * (low & (x[:, 1:2] > 0.6)) - steps).abs()}


def test_scores_are_counts_of_pixels_on_the_tasks_own_path(sizes: SegmentedImages) -> None:
    model = _ByRed()
    pairs = _by_hand(model, sizes)
    both = [sum(p == k == t for p, t in pairs) for k in range(5)]
    either = [sum(k in pair for pair in pairs) for k in range(5)]
    mean_iou, accuracy = sum(map(truediv, both, either)) / 5, sum(both) / len(pairs)
    assert 0.3 < mean_iou < accuracy < 0.9
    counted = TASK.evaluate_part(model, sizes, CONFIG, range(7))["mean_iou"].rows.sum(0)
    assert counted.tolist() == [both, either]
    for scores in (TASK.evaluate(model, sizes, CONFIG), evaluate_data(model, replace(TASK, part=3), sizes, CONFIG)):
        assert scores["mean_iou"].value == pytest.approx(mean_iou, abs=2e-16)  # five quotients in another order
        assert scores["pixel_accuracy"].value == accuracy
    meter = TASK.metric(5)
    for images, masks in (WholeMasks(sizes, CONFIG)[index] for index in range(2)):
        meter.update(TASK.predict(model, images), masks)
    assert meter.compute().item() == torch.tensor(mean_iou).item()


def test_the_scores_of_parts_are_those_of_the_whole(sizes: SegmentedImages) -> None:
    model = _ByRed()
    whole = TASK.evaluate(model, sizes, CONFIG)
    joined = evaluate_data(model, replace(TASK, part=3), sizes, CONFIG)
    assert list(whole) == [
        "mean_iou",
        "pixel_accuracy",
        "segmentation_consistency",
        "segmentation_consistency_on_correct",
    ]
    assert {name: score.to_dict(per_image=True) for name, score in whole.items()} == {
        name: score.to_dict(per_image=True) for name, score in joined.items()
    }
    assert whole["segmentation_consistency"].spread > 0


def test_what_was_measured_before_a_crash_is_read_again(sizes: SegmentedImages, tmp_path: Path) -> None:
    model, seen = _ByRed(), []
    parts = replace(TASK, part=3, evaluate_part=lambda *of: seen.append(of[3]) or TASK.evaluate_part(*of))

    def crash(done: int, _: int) -> None:
        if done == 6 and len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_data(model, parts, sizes, CONFIG, partial=tmp_path, progress=crash)
    scores = evaluate_data(model, parts, sizes, CONFIG, partial=tmp_path)
    assert seen == [range(3), range(3, 6), range(6, 7)]
    assert scores == TASK.evaluate(model, sizes, CONFIG)


def test_nothing_is_said_of_correct_pixels_where_there_are_none(sizes: SegmentedImages) -> None:
    always = _Heads().eval()
    items = [(image, mask.clamp(max=0)) for image, mask in sizes.items]
    scores = TASK.evaluate(always, SegmentedImages(items, sizes.names, sizes.classes), CONFIG)
    assert list(scores) == ["mean_iou", "pixel_accuracy", "segmentation_consistency"]
    assert (scores["mean_iou"].value, scores["segmentation_consistency"].value) == (0, 1)


def test_a_network_of_other_classes_is_refused(sizes: SegmentedImages) -> None:
    model = _Heads(7).eval()
    with pytest.raises(ValueError, match="the network has 7 outputs, the data 5 classes. Use equal numbers."):
        TASK.evaluate(model, sizes, CONFIG)
    assert not model._forward_hooks


@pytest.mark.parametrize("filter", [None, Fixed(), Adaptive()], ids=filter_words)
def test_the_small_network_learns(scenes: SegmentedImages, filter: Filter | None) -> None:
    config = replace(CONFIG, filter=filter, epochs=8, train_length=10)
    model = network(config, TASK.outputs(scenes))
    assert (conversion_of(model) is not None) == (filter is not None)
    losses = train_(model, scenes, config)
    assert losses[-1] < 0.7 * losses[0]


NETWORKS = (
    "torchvision:deeplabv3_resnet50",
    "smp:DeepLabV3Plus:resnet18",
    "smp:PSPNet:resnet18",
    "smp:Unet:resnet18",
    "smp:FPN:resnet18",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_other_libraries_learn_and_are_measured(sizes: SegmentedImages, name: str) -> None:
    config = replace(CONFIG, model=name, window=33, batch_size=2, max_steps=1, filter=Adaptive(), channels_last=False)
    model = network(config, TASK.outputs(sizes))
    kinds = {site.kind for site in conversion_of(model).changed}
    assert ("dilated" in kinds) == ("DeepLab" in name or "deeplab" in name)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    assert any("aux" in name for name in before) == name.startswith("torchvision")
    (loss,) = train_(model, sizes, config)
    assert 0.5 < loss < 8
    unchanged = {name for name, parameter in model.named_parameters() if torch.equal(before[name], parameter)}
    assert not any("aux" in name or "head" in name for name in unchanged)
    assert len(unchanged) < len(before) / 2  # PSPNet leaves two stages of its encoder out
    scores = TASK.evaluate(model, SegmentedImages(sizes.items[:1], sizes.names[:1], sizes.classes), config)
    assert 0 <= scores["mean_iou"].value <= scores["pixel_accuracy"].value
