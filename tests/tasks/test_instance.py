"""Instance segmentation: what a batch holds, how a detector learns from it, and what is said of the result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.transforms.v2.functional import to_pil_image

from antialias.data import (
    AnnotatedImages,
    Annotation,
    ClassSplit,
    DetectionDataset,
    PartiallySupervised,
    Scenes,
    boxes_to_masks,
    in_memory,
)
from antialias.metrics import average_precision
from antialias.nn import Fixed
from antialias.surgery import conversion_of
from antialias.tasks import TrainConfig, fit, network, task_named, train_
from antialias.tasks.evaluation import evaluate_data
from antialias.tasks.instance._batches import ObjectBatches, WholeObjects
from antialias.tasks.instance._instance import shared_objects

CONFIG = TrainConfig(task="instance", size=48, window=40, batch_size=4, epochs=1, max_steps=3, learning_rate=0.02)


@pytest.fixture(scope="module")
def scenes() -> AnnotatedImages:
    return in_memory(Scenes("test", size=48, length=10), "instances")


@pytest.fixture(scope="module")
def empty(scenes: AnnotatedImages) -> AnnotatedImages:
    """Pictures without objects."""
    items = [_without_objects(scenes.annotated(i)) for i in range(4)]
    return AnnotatedImages(items, ["none"] * 4, scenes.classes)


def _without_objects(item: Annotation) -> Annotation:
    return item._replace(boxes=item.boxes[:0], labels=item.labels[:0], masks=item.masks[:0], crowd=item.crowd[:0])


def test_an_epoch_serves_pictures_once_and_leaves_out_the_rest(scenes: AnnotatedImages) -> None:
    batches = ObjectBatches(scenes, CONFIG, epoch=0)
    ids = [int(target["image_id"]) for i in range(len(batches)) for target in batches[i][1]]
    assert len(ids) == len(set(ids)) == 8
    with pytest.raises(IndexError, match=r"batch 2 is outside of 0\.\.1"):
        batches[2]


def test_pictures_are_scaled_cut_and_mirrored_with_their_objects(scenes: AnnotatedImages) -> None:
    sizes, mirrored = set(), set()
    for epoch in range(6):
        batches = ObjectBatches(scenes, CONFIG, epoch)
        for image, target in zip(*batches[0], strict=True):
            sizes.add(image.shape[-2:])
            mirrored.update(batches.hflip.tolist())
            assert target["masks"].shape[1:] == image.shape[1:]
            assert (target["boxes"][:, 2:] > target["boxes"][:, :2]).all()
            assert int(target["labels"].min()) >= 1
            assert 0 <= image.min() < image.max() <= 1
    assert max(sizes) == (40, 40)
    assert len(sizes) > 1
    assert mirrored == {True, False}
    again, other = ObjectBatches(scenes, CONFIG, 5), ObjectBatches(scenes, TrainConfig(seed=1, window=40), 5)
    assert all(map(torch.equal, again[0][0], batches[0][0]))
    assert not torch.equal(again.order, other.order)


def test_crowds_and_boxes_without_an_inside_are_not_learnt_but_kept_for_the_score(scenes: AnnotatedImages) -> None:
    item = next(scenes.annotated(i) for i in range(10) if len(scenes.annotated(i).labels) > 1)
    crowd = item._replace(crowd=torch.ones_like(item.crowd))
    data = AnnotatedImages([crowd], ["crowd"], scenes.classes)
    assert len(ObjectBatches(data, CONFIG, 0)[0][1][0]["labels"]) == 0
    (image,), (target,) = WholeObjects(data, CONFIG)[0]
    assert torch.equal(image, item.image.float() / 255)
    assert target["iscrowd"].tolist() == [1] * len(item.labels)
    assert target["labels"].tolist() == [label + 1 for label in item.labels.tolist()]


@pytest.mark.parametrize("filter", [None, Fixed()])
def test_a_detector_learns_with_or_without_objects(
    scenes: AnnotatedImages, empty: AnnotatedImages, filter: Any
) -> None:
    task = task_named("instance")
    model = network(replace(CONFIG, filter=filter), task.outputs(scenes))
    assert (conversion_of(model) is not None) == (filter is not None)
    before = {name: p.clone() for name, p in model.named_parameters()}
    assert all(loss > 0 for loss in train_(model, scenes, CONFIG))
    assert any(not torch.equal(before[name], p) for name, p in model.named_parameters() if "mask" in name)
    assert all(torch.isfinite(torch.tensor(train_(model, empty, CONFIG))))
    assert all(bool(p.isfinite().all()) for p in model.state_dict().values())


@pytest.mark.parametrize("window", [40, 64])
def test_views_of_a_picture_show_the_same_pixels_and_objects_where_they_overlap(
    scenes: AnnotatedImages, window: int
) -> None:
    images, targets = ObjectBatches(scenes, replace(CONFIG, views=2, batch_size=8, window=window), 1)[0]
    whole, moved = 0, set()
    for first in range(0, 16, 2):
        views, seen = images[first : first + 2], targets[first : first + 2]
        corners = torch.stack([target["corner"] for target in seen])
        (x, y), apart = corners.amax(0).tolist(), corners.diff(dim=0)[0].abs()
        width, height = (torch.tensor(views[0].shape[:0:-1]) - apart).tolist()
        shown = [one[:, y - top :, x - left :] for one, (left, top) in zip(views, corners.tolist(), strict=True)]
        assert torch.equal(*(one[:, :height, :width] for one in shown))
        pairs = list(zip(seen, shared_objects(seen), strict=True))
        assert torch.equal(*(target["boxes"][index] + target["corner"].repeat(2) for target, index in pairs))
        assert torch.equal(*(target["masks"][index].sum((1, 2)) for target, index in pairs))
        whole += len(pairs[0][1])
        moved.update(corners.diff(dim=0).flatten().tolist())
    assert whole
    assert len(moved) > 4


def test_objects_that_a_view_cuts_or_lacks_are_not_shared() -> None:
    def target(boxes: list[list[float]], labels: list[int], corner: tuple[int, int]) -> dict[str, torch.Tensor]:
        where = {"boxes": torch.tensor(boxes).view(-1, 4), "corner": torch.tensor(corner)}
        return {**where, "labels": torch.tensor(labels, dtype=torch.int64)}

    first = target([[0, 2, 5, 6], [3, 3, 9, 9], [4, 4, 8, 8]], [1, 2, 3], (2, 0))
    second = target([[5, 2, 9, 6], [5, 1, 11, 7], [4, 0, 7, 4]], [3, 2, 1], (0, 2))
    assert [index.tolist() for index in shared_objects([first, second])] == [[1], [1]]
    second["labels"][1] = 5
    assert [index.tolist() for index in shared_objects([first, second])] == [[], []]
    assert [index.tolist() for index in shared_objects([first, target([], [], (0, 0))])] == [[], []]
    assert [index.tolist() for index in shared_objects([target([], [], (0, 0))] * 2)] == [[], []]


def test_agreement_is_the_divergence_of_what_a_shared_object_is_called(scenes: AnnotatedImages) -> None:
    task, config = task_named("instance"), replace(CONFIG, views=2, batch_size=2)
    images, targets = task.training_batches(scenes, config, 0)[0]

    def losses(weight: float, images: list, targets: list) -> tuple[torch.Tensor, nn.Module]:
        model = network(config, task.outputs(scenes)).train()
        torch.manual_seed(0)
        return task.training_loss(model, images, targets, replace(config, agreement=weight)), model

    (plain, model), (one, same), (two, _) = (losses(weight, images, targets) for weight in (0.0, 1.0, 2.0))
    assert one > plain + 1e-4
    torch.testing.assert_close(two - plain, 2 * (one - plain), rtol=1e-3, atol=1e-5)
    assert all(map(torch.equal, model.buffers(), same.buffers()))
    assert not model.roi_heads._forward_pre_hooks
    assert not same.roi_heads._forward_pre_hooks
    twice = [images[0]] * 2, [targets[0]] * 2
    torch.testing.assert_close(losses(1.0, *twice)[0], losses(0.0, *twice)[0])
    apart = [{**target, "corner": torch.tensor([9 * place, 0])} for place, target in enumerate(targets)]
    assert losses(1.0, images, apart)[0] == plain


def test_detectors_without_heads_cannot_agree(scenes: AnnotatedImages) -> None:
    config = replace(CONFIG, views=2, agreement=5.0)
    batch = ObjectBatches(scenes, config, 0)[0]
    with pytest.raises(ValueError, match="roi_heads answer to a box, and Identity has none. Use agreement=0"):
        task_named("instance").training_loss(nn.Identity(), *batch, config)


class Oracle(nn.Module):
    """Knows the answers, by the brightness of the whole picture; finds nothing in any other."""

    def __init__(self, data: AnnotatedImages, classes_up: int = 0) -> None:
        super().__init__()
        images, targets = zip(*(one for batch in _batches(data) for one in zip(*batch, strict=True)), strict=True)
        self.known = {image.sum().item(): target for image, target in zip(images, targets, strict=True)}
        self.classes_up = classes_up

    def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        return [self._of(picture) for picture in pictures]

    def _of(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        target = self.known.get(picture.sum().item()) or next(iter(self.known.values()))
        masks = target["masks"][:, : picture.shape[1], : picture.shape[2]]
        labels = target["labels"] + self.classes_up
        return {"boxes": target["boxes"], "labels": labels, "masks": masks, "scores": torch.ones(len(labels))}


def _batches(data: AnnotatedImages) -> list[Any]:
    batches = WholeObjects(data, CONFIG)
    return [batches[i] for i in range(len(batches))]


def test_the_meter_and_the_scores_are_the_metrics(scenes: AnnotatedImages) -> None:
    task, model = task_named("instance"), Oracle(scenes)
    meter = task.metric(21)
    for images, targets in _batches(scenes):
        meter.update(task.predict(model, images), targets)
    assert meter.compute() == 1
    scores = task.evaluate(model, scenes, CONFIG)
    assert list(scores) == ["mask_ap", "mask_ap50", "box_ap", "mask_consistency", "box_consistency"]
    assert [scores[name].value for name in ("mask_ap", "mask_ap50", "box_ap")] == [1, 1, 1]
    assert [score.name for score in scores.values()][3:] == [
        "instance consistency of masks",
        "instance consistency of boxes",
    ]
    assert scores["box_consistency"].protocol["same_instance"]["score"] == 0.5
    low = task.evaluate(model, scenes, replace(CONFIG, detection_score=0.2))
    assert low["box_consistency"].protocol["same_instance"]["score"] == 0.2
    targets = [target for _, targets in _batches(scenes) for target in targets]
    assert average_precision((model._of(i) for images, _ in _batches(scenes) for i in images), targets).value == 1


def test_a_network_of_other_classes_is_refused(scenes: AnnotatedImages) -> None:
    with pytest.raises(ValueError, match="the network found class 3., the data has 20 classes. Use a network of 21"):
        task_named("instance").evaluate(Oracle(scenes, classes_up=30), scenes, CONFIG)


def _coco_of(scenes: AnnotatedImages, root: Path) -> Path:
    """Write pictures as COCO lays them out, for both splits; masks as run lengths."""
    from faster_coco_eval import mask as rle

    numbers = range(6)
    items = [scenes.annotated(i) for i in numbers]
    annotations = []
    for number, item in zip(numbers, items, strict=True):
        for box, label, mask in zip(item.boxes.tolist(), item.labels.tolist(), item.masks, strict=True):
            code = rle.encode(mask.numpy().astype("uint8", order="F"))
            shape = {"size": code["size"], "counts": code["counts"].decode()}
            x, y, right, bottom = box
            one = {"image_id": number, "category_id": 3 * label + 2, "bbox": [x, y, right - x, bottom - y]}
            annotations.append({"id": len(annotations) + 1, **one, "segmentation": shape, "iscrowd": 0})
    (root / "annotations").mkdir()
    for split in ("train2017", "val2017"):
        (root / split).mkdir()
        images = [{"id": i, "file_name": f"{i}.png", "height": 48, "width": 48} for i in numbers]
        for image, item in zip(images, items, strict=True):
            to_pil_image(item.image).save(root / split / image["file_name"])
        categories = [{"id": 3 * i + 2, "name": name} for i, name in enumerate(scenes.classes)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return root


@pytest.mark.filterwarnings("ignore:instance consistency of:UserWarning")
def test_a_run_on_cocos_layout_is_the_run_on_the_same_pictures(scenes: AnnotatedImages, tmp_path: Path) -> None:
    data = f"coco:{_coco_of(scenes, tmp_path)}"
    config = replace(CONFIG, data=data, size=None, accelerator="cpu", devices=1, max_steps=2, out=str(tmp_path / "run"))
    run = fit(config)
    assert {"model.safetensors", "scores.json"} <= {path.name for path in run.files}
    assert {"mask_ap", "mask_ap50", "box_ap"} <= set(run.scores)
    same = AnnotatedImages([scenes.annotated(i) for i in range(6)], ["scene"] * 6, scenes.classes)
    expected = task_named("instance").evaluate(run.model, same, config)
    assert run.scores["box_ap"] == expected["box_ap"]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("split") / "classes.txt"
    ClassSplit.of(Scenes.classes, 10).write(path)
    return str(path)


def test_only_what_is_learnt_from_hides_masks(split: str) -> None:
    config = replace(CONFIG, data="scenes", train_length=6, test_length=6, masked_classes=split)
    task, sides = task_named("instance"), ClassSplit.of(Scenes.classes, 10)
    learnt, test = task.open(config, "train"), task.open(config, "test")
    assert (type(learnt), type(test)) == (PartiallySupervised, AnnotatedImages)
    seen: list[bool] = []
    for image, target in (one for b in ObjectBatches(learnt, config, 0) for one in zip(*b, strict=True)):
        names = [Scenes.classes[label - 1] for label in target["labels"].tolist()]
        assert target["has_mask"].tolist() == [name in sides.masked for name in names]
        hidden = ~target["has_mask"]
        drawn = boxes_to_masks(target["boxes"], (image.shape[-2], image.shape[-1]))
        assert torch.equal(target["masks"][hidden].bool(), drawn[hidden])
        seen += [not torch.equal(*pair) for pair in zip(target["masks"].bool()[~hidden], drawn[~hidden], strict=True)]
    assert any(seen)
    assert "has_mask" not in ObjectBatches(test, config, 0)[0][1][0]
    with pytest.raises(FileNotFoundError, match="none.txt is not a file. Use one that ClassSplit.write wrote"):
        task.open(replace(config, masked_classes="none.txt"), "train")
    with pytest.raises(ValueError, match="masked_classes is given, but task='semantic' learns no objects. Use task="):
        replace(config, task="semantic")


def _spoilt(data: AnnotatedImages, names: tuple[str, ...]) -> AnnotatedImages:
    """Return the same pictures and boxes with the masks of some classes inverted."""
    wrong = torch.tensor([name in names for name in data.classes])
    items = [
        item._replace(masks=item.masks ^ wrong[item.labels][:, None, None]) for item in map(data.annotated, range(10))
    ]
    return AnnotatedImages(items, data.names, data.classes)


@pytest.mark.parametrize("model", ["antialias:TinyMaskX", "antialias:TinyAgnosticMaskRCNN"])
def test_masks_that_are_not_learnt_have_no_influence(scenes: AnnotatedImages, split: str, model: str) -> None:
    sides = ClassSplit.of(scenes.classes, 10)
    config = replace(CONFIG, model=model, masked_classes=split, max_steps=2)

    def learnt(data: DetectionDataset) -> list[torch.Tensor]:
        net = network(config, 21)
        train_(net, data, config)
        return list(net.state_dict().values())

    weights = learnt(PartiallySupervised(scenes, sides))
    assert all(map(torch.equal, weights, learnt(PartiallySupervised(_spoilt(scenes, sides.unmasked), sides))))
    assert not all(map(torch.equal, weights, learnt(PartiallySupervised(_spoilt(scenes, sides.masked), sides))))


def test_a_network_that_would_take_boxes_for_masks_is_refused(scenes: AnnotatedImages, split: str) -> None:
    config, data = replace(CONFIG, masked_classes=split), PartiallySupervised(scenes, ClassSplit.of(scenes.classes, 10))
    with pytest.raises(ValueError, match="masked_classes is given, but MaskRCNN learns a mask of every object. Use"):
        train_(network(config, 21), data, config)


class BoxesForMasks(Oracle):
    """Knows the answers, but of some classes only the boxes."""

    def __init__(self, data: AnnotatedImages, names: tuple[str, ...]) -> None:
        super().__init__(data)
        self.names = names

    def _of(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        found = super()._of(picture)
        unknown = torch.tensor([Scenes.classes[label - 1] in self.names for label in found["labels"].tolist()])
        boxes = boxes_to_masks(found["boxes"], (picture.shape[1], picture.shape[2]))
        return {**found, "masks": torch.where(unknown[:, None, None], boxes, found["masks"])}


def test_both_sides_are_scored_by_themselves(scenes: AnnotatedImages, split: str) -> None:
    task, sides = task_named("instance"), ClassSplit.of(scenes.classes, 10)
    model = BoxesForMasks(scenes, sides.unmasked)
    left_out = "instance consistency of masks of 10 masked .* boxes of 10 masked classes: left out, since nothing was"
    with pytest.warns(UserWarning, match=left_out):
        scores = task.evaluate(model, scenes, replace(CONFIG, masked_classes=split))
    plain = task.evaluate(model, scenes, CONFIG)
    assert [scores[name].value for name in plain] == [score.value for score in plain.values()]
    everywhere = {f"{name}{side}" for name in plain for side in ("", "_masked", "_unmasked")}
    assert everywhere - set(scores) == {"mask_consistency_masked", "box_consistency_masked"}
    assert scores["mask_ap_masked"].value == scores["box_ap_unmasked"].value == 1 > scores["mask_ap_unmasked"].value
    there = {scenes.classes[label] for item in scenes.items for label in item.labels.tolist()}
    counts = [len(there & set(names)) for names in sides]
    both = [scores[f"mask_ap_{side}"].value for side in ("masked", "unmasked")]
    assert scores["mask_ap"].value == pytest.approx(sum(n * v for n, v in zip(counts, both, strict=True)) / sum(counts))
    assert str(scores["mask_ap_unmasked"]).startswith("mask AP of 10 unmasked classes ")
    assert scores["mask_ap_unmasked"].protocol["labels"] == [scenes.classes.index(name) + 1 for name in sides.unmasked]


def test_parts_are_those_of_the_whole(scenes: AnnotatedImages, split: str, tmp_path: Path) -> None:
    config, model = replace(CONFIG, masked_classes=split), BoxesForMasks(scenes, Scenes.classes[:10])
    task, seen = replace(task_named("instance"), part=3), list[tuple[int, int]]()

    def crash(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 6:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="nothing was detected"):
        whole = task.evaluate(model, scenes, config)
    with pytest.raises(KeyboardInterrupt):
        evaluate_data(model, task, scenes, config, partial=tmp_path / "partial", progress=crash)
    assert seen == sorted(seen)
    assert {(1, 10), (3, 10), (4, 10), (6, 10)} <= set(seen)
    with pytest.warns(UserWarning, match="nothing was detected"):
        scores = evaluate_data(model, task, scenes, config, partial=tmp_path / "partial")
    assert scores == whole
    for name, score in whole.items():
        assert torch.equal(scores[name].per_image.nan_to_num(-1), score.per_image.nan_to_num(-1))
        assert torch.equal(scores[name].resampled, score.resampled)
