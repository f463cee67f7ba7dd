"""What cannot be measured is an error, and what means the same gives the same score."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from antialias import metrics
from antialias.metrics import (
    Accuracy,
    Agreement,
    AveragePrecision,
    ClassificationConsistency,
    DataSetMeanIoU,
    FlipRate,
    MeanAbsoluteChange,
    SameInstance,
    Score,
    SegmentationConsistency,
    Top1Change,
    VideoAccuracy,
    WorstOfGrid,
    average_precision,
    instance_consistency,
    mean_iou,
    measure_detector,
    worst_shift_average_precision,
)

pycocotools_values = runpy.run_path(str(Path(__file__).parent / "detection/instances.py"))["pycocotools_values"]
CLASSES = 5
IMAGES = torch.rand((6, 3, 24, 28), generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 4, 0])


def classify(x: Tensor) -> Tensor:
    return torch.stack([x[..., k::CLASSES].mean((1, 2, 3)) for k in range(CLASSES)], 1)


def segment(x: Tensor) -> Tensor:
    return torch.stack([-(x[:, 0] - (k + 0.5) / CLASSES).abs() for k in range(CLASSES)], 1)


CLASSIFIER_SCORES: dict[str, Callable[[Any], Any]] = {
    "accuracy": lambda model: metrics.accuracy(model, IMAGES, LABELS),
    "top-2 accuracy": lambda model: metrics.accuracy(model, IMAGES, LABELS, top=2),
    "consistency": lambda model: metrics.consistency(model, IMAGES),
    "circular": lambda model: metrics.circular_consistency(model, IMAGES),
    "fractional": lambda model: metrics.fractional_consistency(model, IMAGES),
    "grid": lambda model: metrics.worst_of_grid(model, IMAGES, radius=1),
    "flips": lambda model: metrics.flip_rate(model, IMAGES, (1, 2)),
    "top1_change": lambda model: metrics.top1_change(model, IMAGES, passes=2),
    "mean_absolute_change": lambda model: metrics.mean_absolute_change(model, IMAGES, passes=2),
    "agreement": lambda model: metrics.agreement(model, classify, IMAGES),
    "agreement of the reference": lambda model: metrics.agreement(classify, model, IMAGES, shifts=2),
    "answers": lambda model: metrics.shift_averaged_answers(model, IMAGES),
    "videos": lambda model: metrics.video_accuracy(
        model, IMAGES, torch.ones(6, 2).bool(), torch.arange(6) // 2, [[0, 1, 2], [3, 4]]
    ),
    "mean_iou": lambda model: mean_iou(lambda x: model(x)[..., None, None].expand(-1, -1, *x.shape[2:]), MAPS),
    "segmentation": lambda model: metrics.segmentation_consistency(
        lambda x: model(x)[..., None, None].expand(-1, -1, *x.shape[2:]), IMAGES
    ),
}
MAPS = [(IMAGES, torch.zeros(6, 24, 28).long())]


@pytest.mark.parametrize("score", CLASSIFIER_SCORES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.inf, "answers are plus infinity. Check model, precision and normalize="),
        (torch.nan, "logits are NaN. Check model and normalize="),
        (-torch.inf, "answers are minus infinity for every class"),
    ],
)
def test_no_score_takes_what_is_no_number(score: str, wrong: float, message: str) -> None:
    def broken(x: Tensor) -> Tensor:
        answers = classify(x).clone()
        answers[-1, slice(None) if wrong == -torch.inf else 1] = wrong
        return answers

    with pytest.raises(ValueError, match=message):
        CLASSIFIER_SCORES[score](broken)


@pytest.mark.parametrize("score", CLASSIFIER_SCORES)
def test_classes_that_are_ruled_out_are_fine(score: str) -> None:
    def with_last_class_at(logit: float) -> Callable[[Tensor], Tensor]:
        return lambda x: classify(x).index_fill(1, torch.tensor([4]), logit)

    ruled_out, unlikely = (CLASSIFIER_SCORES[score](with_last_class_at(logit)) for logit in (-torch.inf, -1e4))
    if isinstance(ruled_out, Tensor):
        assert torch.equal(ruled_out, unlikely)
    else:
        assert ruled_out.to_dict() == unlikely.to_dict()


@pytest.mark.parametrize("label", [-100, -1, CLASSES, 255, 2**40])
def test_no_score_takes_a_label_that_the_network_does_not_know(label: int) -> None:
    labels, mask = LABELS.clone(), torch.zeros(6, 24, 28).long()
    labels[3] = label
    mask[2, 3, 4] = label
    wrong = rf"label {label} is none of the network's 5 classes\. Use labels from 0 to 4"
    for options in ({}, {"top": 3}):
        with pytest.raises(ValueError, match=wrong):
            metrics.accuracy(classify, IMAGES, labels, **options)
        with pytest.raises(ValueError, match=wrong):
            metrics.accuracy(classify, list(zip(IMAGES, labels, strict=True)), **options)
    with pytest.raises(ValueError, match=wrong):
        metrics.consistency(classify, IMAGES, labels=labels, only_correct=True)
    with pytest.raises(ValueError, match=wrong):
        Accuracy().update(classify(IMAGES), labels)
    if label == 255:
        return
    for call in (
        lambda: mean_iou(segment, [(IMAGES, mask)]),
        lambda: metrics.segmentation_consistency(segment, [(IMAGES, mask)], only_correct=True),
        lambda: DataSetMeanIoU(CLASSES).update(segment(IMAGES), mask),
        lambda: SegmentationConsistency(1, only_correct=True).update(
            segment(IMAGES[:1, :, :20, :20]).repeat(2, 1, 1, 1), torch.zeros(2, 2).long(), mask[2]
        ),
    ):
        with pytest.raises(ValueError, match=rf"has pixels of classes .*{label}.*, the network 5 outputs"):
            call()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS + 0.5, "picture 0 has label 0.5. Use whole numbers from 0."),
        (LABELS * torch.nan, "picture 0 has label nan. Use whole numbers from 0."),
        (torch.nn.functional.one_hot(LABELS), "picture 0 has no label"),
    ],
)
def test_labels_are_whole_and_one_an_image(labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.accuracy(classify, IMAGES, labels)
    with pytest.raises(ValueError, match="labels are "):
        Accuracy().update(classify(IMAGES), labels)


def test_labels_that_are_words_are_refused() -> None:
    with pytest.raises(TypeError, match="picture 0 has label 'cat'. Use the class's number."):
        metrics.accuracy(classify, [(image, "cat") for image in IMAGES])


def test_a_column_of_labels_is_not_spread_over_the_images() -> None:
    assert metrics.accuracy(classify, IMAGES, LABELS[:, None]) == metrics.accuracy(classify, IMAGES, LABELS)
    with pytest.raises(ValueError, match=r"labels are \(6, 1\) for logits \(6, 5\)\. Pass one class an image\."):
        Accuracy().update(classify(IMAGES), LABELS[:, None])
    with pytest.raises(ValueError, match=r"counts are \(6, 1\) for 6 pictures\. Pass one an image, \(N,\)\."):
        ClassificationConsistency().update(classify(IMAGES), classify(IMAGES), torch.ones(6, 1))


def test_networks_of_different_classes_do_not_agree() -> None:
    with pytest.raises(ValueError, match=r"answers \(1, 5\) and the reference \(1, 4\)\. Compare networks of the same"):
        metrics.agreement(classify, lambda x: classify(x)[:, :4], IMAGES)
    with pytest.raises(ValueError, match="Compare networks of the same classes"):
        Agreement().update(classify(IMAGES), classify(IMAGES)[:, :4])


@pytest.mark.parametrize("wrong", [torch.inf, torch.nan])
def test_no_object_takes_what_is_no_number(wrong: float) -> None:
    good, pairs = classify(IMAGES), classify(IMAGES).repeat(2, 1, 1).movedim(0, 1)
    bad, bad_pairs = good.clone(), pairs.clone()
    bad[2, 1], bad_pairs[2, 1, 1] = wrong, wrong
    for metric in (ClassificationConsistency(), Top1Change(), MeanAbsoluteChange(), Agreement()):
        for arguments in ((good, bad), (bad, good)):
            with pytest.raises(ValueError, match="infinity|NaN"):
                metric.update(*arguments)
    truths = torch.ones(6, 2).bool()
    for call in (
        lambda: Accuracy().update(bad, LABELS),
        lambda: WorstOfGrid().update(bad_pairs),
        lambda: FlipRate((1, 2)).update(good, bad_pairs),
        lambda: FlipRate((1, 2)).update(bad, pairs),
        lambda: VideoAccuracy([[0, 1], [2, 3]]).update(bad, truths, torch.arange(6)),
    ):
        with pytest.raises(ValueError, match="infinity|NaN"):
            call()


def test_videos_are_numbered_and_their_truths_are_yes_or_no() -> None:
    groups, videos = [[0, 1], [2, 3, 4]], torch.arange(6) // 2
    with pytest.raises(ValueError, match="truths hold 1 to 3. Use bool, or 0 and 1."):
        metrics.video_accuracy(classify, IMAGES, torch.tensor([[1, 3]] * 6), videos, groups)
    with pytest.raises(ValueError, match="a frame is of video -1. Number videos from 0."):
        metrics.video_accuracy(classify, IMAGES, torch.ones(6, 2), videos - 1, groups)
    with pytest.raises(ValueError, match="there are 6 frames and truths of 4. Pass one of each."):
        metrics.video_accuracy(classify, IMAGES, torch.ones(4, 2), videos[:4], groups)
    whole = metrics.video_accuracy(classify, IMAGES, torch.ones(6, 2).bool(), videos, groups)
    assert metrics.video_accuracy(classify, IMAGES, torch.ones(6, 2), videos, groups) == whole


def test_masks_with_a_channel_are_masks() -> None:
    masks = (IMAGES[:, 1] * CLASSES).long()
    expected = mean_iou(segment, [(IMAGES, masks)])
    assert mean_iou(segment, [(IMAGES, masks[:, None])]) == expected
    assert mean_iou(segment, list(zip(IMAGES, masks[:, None], strict=True))) == expected
    assert mean_iou(segment, [(IMAGES, masks.to(torch.uint8)[:, None])]) == expected
    assert mean_iou(segment, [(IMAGES, masks.float())]) == expected
    whole, channel = DataSetMeanIoU(CLASSES), DataSetMeanIoU(CLASSES)
    whole.update(segment(IMAGES), masks)
    channel.update(segment(IMAGES), masks[:, None])
    assert whole.compute() == channel.compute()
    for wrong, message in (
        (masks[..., None], "picture 0 is 24x28 and its mask 24x28x1. Use one class a pixel."),
        (torch.nn.functional.one_hot(masks).movedim(-1, 1), "picture 0 is 24x28 and its mask 5x24x28"),
        (masks + 0.5, "picture 0 is of torch.float32 and not whole. Use whole classes from 0."),
        (masks * torch.nan, "picture 0 is of torch.float32 and not whole"),
        (LABELS, "picture 0 has no mask"),
    ):
        with pytest.raises(ValueError, match=message):
            mean_iou(segment, [(IMAGES, wrong)])


def test_crops_that_do_not_fit_are_refused() -> None:
    logits = segment(IMAGES[:2, :, :10, :10])
    with pytest.raises(ValueError, match=r"crops of \(10, 10\) at .* do not overlap\. Use crops that do\."):
        SegmentationConsistency(1).update(logits, torch.tensor([[0, 0], [10, 0]]))
    with pytest.raises(ValueError, match=r"leave a mask of \(8, 8\)\. Use the image's mask\."):
        SegmentationConsistency(1, only_correct=True).update(
            logits, torch.tensor([[0, 0], [1, 1]]), torch.zeros(8, 8).long()
        )


def test_shares_are_shares() -> None:
    with pytest.raises(ValueError, match=r"accuracy: shares from 0 to 90 are not in \[0, 1\]\. Use shares"):
        Score.from_images("accuracy", torch.arange(10.0) * 10)
    with pytest.raises(ValueError, match=r"shares from 0 to inf are not in \[0, 1\]"):
        Score.from_images("accuracy", torch.tensor([0.0, torch.inf]))


NONE = torch.tensor([])
ONE = {"boxes": torch.tensor([[1.0, 1, 9, 9]]), "labels": torch.tensor([1]), "scores": torch.tensor([0.9])}
MASK = torch.zeros(1, 1, 24, 28)
MASK[..., 1:9, 1:9] = 1
WITH_MASK = {**ONE, "masks": MASK}
TARGET = {"boxes": ONE["boxes"], "labels": ONE["labels"], "masks": MASK[:, 0].bool()}


@pytest.mark.parametrize("kind", ["mask", "box"])
@pytest.mark.parametrize(
    "nothing",
    [
        {"boxes": NONE, "labels": NONE, "scores": NONE, "masks": NONE},
        {"boxes": NONE.view(0, 4), "labels": NONE.long(), "scores": NONE, "masks": NONE.view(0, 1, 24, 28)},
        {"boxes": [], "labels": [], "scores": [], "masks": []},
        {"boxes": NONE.view(1, 0), "labels": NONE.view(1, 0), "scores": NONE.view(1, 0), "masks": NONE.view(0, 24, 28)},
    ],
)
def test_predicting_nothing_is_an_answer_of_any_empty_shape(kind: Any, nothing: Any) -> None:
    assert average_precision([nothing], [TARGET], kind).value == 0
    assert average_precision([WITH_MASK, nothing], [TARGET, nothing], kind).value == 1
    metric = AveragePrecision(kind)
    metric.update([nothing], [{**TARGET, "image_id": torch.tensor(0)}])
    assert metric.compute().value == 0
    with pytest.raises(metrics.NothingDetected):
        instance_consistency(lambda shown: [nothing for _ in shown], IMAGES, kind)
    image = torch.zeros(3, 24, 28)
    assert worst_shift_average_precision(lambda shown: [nothing for _ in shown], [(image, TARGET)], kind).value == 0


def test_measuring_all_takes_nothing_for_an_answer() -> None:
    nothing = {"boxes": NONE, "labels": NONE, "scores": NONE, "masks": NONE}
    measured = measure_detector(lambda shown: [nothing for _ in shown], [(IMAGES[0], TARGET)], {"": (1, 2)})
    assert (measured["mask_ap"].score().value, measured["mask_consistency"].empty) == (0, True)


WRONG_COLUMNS = [
    ({"labels": torch.tensor([1, 1])}, "has 2 labels and 1 "),
    ({"boxes": torch.tensor([[1.0, 1, 9, 9]] * 2)}, "has 1 labels and 2 boxes. Pass one of each an instance."),
    ({"boxes": torch.tensor([1.0, 1, 9, 9])}, r"boxes of the \w+ have shape \(4,\)\. Use \(M, 4\): x1, y1, x2, y2\."),
    ({"boxes": torch.tensor([[1.0, 1, 9]])}, r"boxes of the \w+ have shape \(1, 3\)"),
    ({"boxes": torch.tensor([[1.0, 1, 9, torch.nan]])}, r"boxes of the \w+ are NaN or infinite"),
    ({"boxes": torch.tensor([[1.0, 1, torch.inf, 9]])}, r"boxes of the \w+ are NaN or infinite"),
    ({"labels": torch.tensor([-100])}, r"the \w+ of a picture has label -100\. Use classes from 0"),
    ({"labels": torch.tensor([1.5])}, r"labels of the \w+ are \[1\.5\]\. Use whole numbers\."),
    ({"labels": ["person"]}, r"labels of the \w+ are \['person'\], which are no numbers\. Use a tensor\."),
    ({"labels": torch.tensor([[1]])}, r"labels of the \w+ have shape \(1, 1\)\. Use one number an instance"),
    ({"masks": MASK.repeat(2, 1, 1, 1)}, "has 1 labels and 2 masks"),
    ({"masks": MASK.repeat(1, 2, 1, 1)}, r"masks of the \w+ have shape \(1, 2, \d+, \d+\)\. Use \(M, H, W\) or"),
    ({"masks": MASK[0, 0]}, r"masks of the \w+ have shape \(\d+, \d+\)"),
    ({"masks": MASK * torch.nan}, r"masks of the \w+ hold nan to nan\. Use bool, or probabilities"),
    ({"masks": torch.ones(1, 1, 28, 28)}, r"masks of the \w+ are 2\dx28 and the picture is 2\dx28\. Use masks of"),
    ({"masks": 10 * MASK - 5}, r"masks of the \w+ hold -5 to 5\. Use bool, or probabilities in \[0, 1\]\."),
]
WRONG_OUTPUTS = [
    *WRONG_COLUMNS,
    ({"scores": torch.tensor([0.9, 0.8])}, "has 1 labels and 2 scores"),
    ({"scores": torch.tensor([torch.nan])}, "scores of the output are NaN or infinite. Check the model"),
    ({"scores": torch.tensor([torch.inf])}, "scores of the output are NaN or infinite"),
    ({"scores": torch.tensor([[0.9]])}, r"scores of the output have shape \(1, 1\)"),
]
WRONG_TARGETS = [
    *WRONG_COLUMNS,
    ({"iscrowd": ["0"]}, r"iscrowd of the target are \['0'\], which are no numbers"),
    ({"iscrowd": "0"}, "iscrowd of the target are '0', which are no numbers"),
    ({"iscrowd": torch.tensor([2])}, r"iscrowd of the target is \[2\]\. Use 0 and 1\."),
    ({"iscrowd": torch.tensor([0, 0])}, "has 1 labels and 2 iscrowd"),
    ({"boxes": torch.tensor([[9.0, 1, 4, 4]])}, r"has the box \[9\.0, 1\.0, 4\.0, 4\.0\], which ends before it begins"),
]


def says(output: Any, *, cut: bool = True) -> Callable[[list[Tensor]], list[Any]]:
    """Return a detector that says the same of all that it is shown, with masks of the size of what it is shown."""

    def detect(shown: list[Tensor]) -> list[Any]:
        sizes = [image.shape[1:] for image in shown]
        return [{**output, "masks": output["masks"][..., :h, :w]} if cut else output for h, w in sizes]

    return detect


@pytest.mark.parametrize(("wrong", "message"), WRONG_OUTPUTS)
def test_no_score_takes_outputs_that_do_not_fit(wrong: Any, message: str) -> None:
    output, kinds = {**WITH_MASK, **wrong}, ("mask",) if "masks" in wrong else ("mask", "box")
    detector = says(output, cut="28 and the picture" not in message)
    calls: list[Callable[[], Any]] = [lambda: measure_detector(detector, [(IMAGES[0], TARGET)], {"": (1,)})]
    for kind in kinds:
        calls.append(lambda kind=kind: average_precision([output], [TARGET], kind))
        if "28 and the picture" not in message:
            calls.append(lambda kind=kind: worst_shift_average_precision(detector, [(IMAGES[0], TARGET)], kind))
            calls.append(lambda kind=kind: instance_consistency(detector, IMAGES, kind))
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=message):
            call()


def test_masks_that_are_not_of_the_crops_size_are_refused() -> None:
    small = {**ONE, "masks": torch.ones(1, 1, 14, 14)}
    with pytest.raises(ValueError, match=r"masks of the output are 14x14 and the picture is 21x24\. Use masks of the"):
        instance_consistency(says(small, cut=False), IMAGES)


@pytest.mark.parametrize(("wrong", "message"), WRONG_TARGETS)
def test_no_score_takes_targets_that_do_not_fit(wrong: Any, message: str) -> None:
    target = {**TARGET, **wrong}
    for kind in ("mask",) if "masks" in wrong else ("mask", "box"):
        with pytest.raises((ValueError, TypeError), match=message):
            average_precision([WITH_MASK], [target], kind)  # type: ignore[arg-type]
        with pytest.raises((ValueError, TypeError), match=message):
            worst_shift_average_precision(says(WITH_MASK), [(IMAGES[0], target)], kind)  # type: ignore[arg-type]
    with pytest.raises((ValueError, TypeError), match=message):
        measure_detector(says(WITH_MASK), [(IMAGES[0], target)], {"": (1,)})


@pytest.mark.parametrize("masks", [wrong["masks"] for wrong, _ in WRONG_COLUMNS if "masks" in wrong])
def test_scores_of_boxes_look_at_no_mask(masks: Tensor) -> None:
    odd, plain = says({**ONE, "masks": masks}, cut=False), says(ONE, cut=False)
    assert average_precision([{**ONE, "masks": masks}], [{**TARGET, "masks": masks}], "box").value == 1
    assert instance_consistency(odd, IMAGES, "box") == instance_consistency(plain, IMAGES, "box")
    worst = [worst_shift_average_precision(one, [(IMAGES[0], TARGET)], "box") for one in (odd, plain)]
    assert worst[0] == worst[1]


def test_the_worst_shift_of_masks_needs_no_boxes() -> None:
    def find(shown: list[Tensor]) -> list[dict[str, Tensor]]:
        each = {name: ONE[name] for name in ("labels", "scores")}
        return [{**each, "masks": (image[:1] > 0.5)[None].float()} for image in shown]

    image, target = MASK[0].expand(3, -1, -1), {name: TARGET[name] for name in ("labels", "masks")}
    assert worst_shift_average_precision(find, [(image, target)]).value == 1


def test_crowds_may_be_numbers_or_bools_in_a_list() -> None:
    expected = average_precision([WITH_MASK] * 2, [TARGET, {**TARGET, "iscrowd": torch.tensor([1])}], "box")
    for crowd in ([1], [True], torch.tensor([1.0])):
        assert average_precision([WITH_MASK] * 2, [TARGET, {**TARGET, "iscrowd": crowd}], "box") == expected


def test_outputs_and_targets_are_equally_many() -> None:
    with pytest.raises(ValueError, match="there are 1 outputs only. Pass one of each."):
        average_precision([WITH_MASK], [TARGET] * 2)
    with pytest.raises(ValueError, match="there are 1 targets only. Pass one of each."):
        average_precision([WITH_MASK] * 2, [TARGET])


def test_one_dictionary_in_the_place_of_one_for_each_image_is_refused() -> None:
    one = {"boxes": torch.zeros(1, 4), "labels": torch.ones(1).long(), "scores": torch.ones(1)}
    with pytest.raises(TypeError, match=r"outputs hold 'boxes' and no dictionaries\. Pass a list, with one for each"):
        average_precision(one, [one], "box")
    with pytest.raises(TypeError, match="targets hold 'boxes' and no dictionaries"):
        average_precision([one], one, "box")


seeds = st.integers(0, 2**31 - 1)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_accuracy_and_consistency_do_not_depend_on_the_order_of_images_and_classes(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits, shifted = torch.randn((2, 30, CLASSES), generator=generator)
    labels = torch.randint(CLASSES, (30,), generator=generator)
    order, names = torch.randperm(30, generator=generator), torch.randperm(CLASSES, generator=generator)
    renamed = names.argsort()[labels]
    for top in (1, 2):
        outside = MulticlassAccuracy(CLASSES, average="micro", top_k=top)(logits, labels)
        assert metrics.accuracy(lambda x: x[:, :, 0, 0], _pixels(logits), labels, top=top).value == pytest.approx(
            float(outside), abs=1e-6
        )
        moved = metrics.accuracy(lambda x: x[:, :, 0, 0], _pixels(logits[order][:, names]), renamed[order], top=top)
        assert moved.value == pytest.approx(float(outside), abs=1e-6)
    scores = []
    for first, second in ((logits, shifted), (logits[order][:, names], shifted[order][:, names])):
        metric = ClassificationConsistency()
        metric.update(first, second)
        scores.append(metric.compute())
    assert (scores[0].value, scores[0].interval) == (scores[1].value, scores[1].interval)
    assert scores[0].value == pytest.approx(float((logits.argmax(1) == shifted.argmax(1)).float().mean()), abs=1e-6)


def _pixels(logits: Tensor) -> Tensor:
    """Return images whose pixels order the classes as the logits do."""
    return logits.sigmoid()[:, :, None, None].expand(-1, -1, 9, 9)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_mean_iou_does_not_depend_on_the_order_of_images_and_classes(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((8, CLASSES, 6, 7), generator=generator)
    masks = torch.randint(CLASSES, (8, 6, 7), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < 0.2] = 255
    order, names = torch.randperm(8, generator=generator), torch.randperm(CLASSES, generator=generator)
    renamed = torch.where(masks == 255, 255, names.argsort()[masks.clamp(max=CLASSES - 1)])
    outside = MulticlassJaccardIndex(CLASSES, ignore_index=255)(logits, masks)
    values = []
    for answers, truths in ((logits, masks), (logits[order][:, names], renamed[order])):
        metric = DataSetMeanIoU(CLASSES, interval=False)
        metric.update(answers, truths)
        values.append(float(metric.compute()))
    assert values == pytest.approx([float(outside)] * 2, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(["mask", "box"]))
def test_average_precision_does_not_depend_on_the_order_of_images_instances_and_classes(seed: int, kind: Any) -> None:
    generator = torch.Generator().manual_seed(seed)
    pictures = [_instances(generator) for _ in range(6)]
    expected = average_precision(*zip(*pictures, strict=True), kind)
    names = torch.randperm(90, generator=generator)
    moved = []
    for output, target in (pictures[i] for i in torch.randperm(6, generator=generator).tolist()):
        pair = []
        for values in (output, target):
            order = torch.randperm(len(values["labels"]), generator=generator)
            columns = {name: column[order] for name, column in values.items()}
            pair.append({**columns, "labels": names[columns["labels"]]})
        moved.append(pair)
    again = average_precision(*zip(*moved, strict=True), kind)
    assert again.value == pytest.approx(expected.value, abs=1e-12)
    outputs, targets = zip(*pictures, strict=True)
    assert expected.value == pytest.approx(pycocotools_values(outputs, targets, kind)[0], abs=1e-12)


def _instances(generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return detections and objects whose scores and areas do not tie."""
    count = int(torch.randint(1, 6, (), generator=generator))
    corner = torch.randint(0, 12, (count, 2), generator=generator)
    boxes = torch.cat([corner, corner + torch.randint(3, 12, (count, 2), generator=generator)], 1).float()
    labels = torch.randint(1, 4, (count,), generator=generator)
    near = (boxes + torch.randint(-1, 2, boxes.shape, generator=generator)).clamp(0, 24)
    near[:, 2:] = torch.maximum(near[:, 2:], near[:, :2] + 1)
    scores = torch.rand((count,), generator=generator, dtype=torch.float64)
    target = {"boxes": boxes, "labels": labels, "masks": _filled(boxes), "iscrowd": torch.zeros(count).long()}
    return {"boxes": near, "labels": labels, "scores": scores, "masks": _filled(near)}, target


def _filled(boxes: Tensor) -> Tensor:
    steps = torch.arange(24)
    x1, y1, x2, y2 = (side[:, None, None] for side in boxes.T)
    return (steps[:, None] >= y1) & (steps[:, None] < y2) & (steps >= x1) & (steps < x2)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_instance_consistency_does_not_depend_on_the_order_of_instances_and_classes(seed: int) -> None:
    def detector(shuffled: bool) -> Callable[[list[Tensor]], list[dict[str, Tensor]]]:
        def detect(shown: list[Tensor]) -> list[dict[str, Tensor]]:
            outputs = []
            for image in shown:
                generator = torch.Generator().manual_seed(int(image.sum() * 1000) + seed)
                output, _ = _instances(generator)
                output = {**output, "masks": output["masks"][:, : image.shape[1], : image.shape[2]]}
                if shuffled:
                    order = torch.randperm(len(output["labels"]), generator=generator)
                    output = {name: column[order] for name, column in output.items()}
                    output["labels"] = torch.tensor([0, 7, 3, 5])[output["labels"]]
                outputs.append(output)
            return outputs

        return detect

    same = SameInstance(iou=0.3, score=0.1, min_area=1)
    images = torch.rand((4, 3, 24, 24), generator=torch.Generator().manual_seed(seed % 1000))
    for kind in ("mask", "box"):
        plain, moved = (
            instance_consistency(detector(shuffled), images, kind, same=same)  # type: ignore[arg-type]
            for shuffled in (False, True)
        )
        assert moved.value == pytest.approx(plain.value, abs=1e-6)


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ([0.0, 0.5, 1.0, 1.5], r"a frame is of video 0\.5\. Number videos from 0"),
        ([0, 1, 2, 2**24], r"below 16777216"),
        ([0, -1, 0, 0], r"a frame is of video -1"),
    ],
)
def test_every_frame_is_of_a_video(videos: list[float], message: str) -> None:
    truths, numbers = torch.ones(4, 2).bool(), torch.tensor(videos)
    with pytest.raises(ValueError, match=message):
        VideoAccuracy([[0], [1]]).update(torch.rand(4, 3), truths, numbers)
    with pytest.raises(ValueError, match=message):
        metrics.video_accuracy(classify, IMAGES[:4], truths, numbers, [[0], [1]])


def test_large_numbers_of_videos_cost_nothing() -> None:
    metric = VideoAccuracy([[0], [1]])
    metric.update(
        torch.tensor([[2.0, 1, 0]] * 4), torch.eye(2).bool()[[0, 0, 1, 1]], torch.tensor([7, 7, 9, 2**24 - 1])
    )
    assert metric.compute().value == pytest.approx(1 / 3)


def test_no_shifts_are_no_agreement() -> None:
    with pytest.raises(ValueError, match=r"of 0 shifts. Pass \(N, S, K\) with one shift or more"):
        WorstOfGrid().update(torch.rand(20, 0, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_classes_that_are_ruled_out_diverge_from_nothing(dtype: torch.dtype) -> None:
    both = torch.tensor([[[1.0, 2.0], [2.0, 1.0]]])
    ruled_out = torch.cat([both, torch.full((1, 2, 1), -torch.inf)], 2).to(dtype).requires_grad_()
    divergence = metrics.jensen_shannon(ruled_out)
    torch.testing.assert_close(divergence, metrics.jensen_shannon(both), rtol=1e-3, atol=0)
    divergence.backward()
    assert ruled_out.grad is not None
    assert ruled_out.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_windows_move_boxes_of_half_precision_exactly(dtype: torch.dtype) -> None:
    boxes = torch.tensor([[4096.0, 0.0, 4352.0, 16.0]], dtype=dtype)
    moved = metrics.Instances.within({"boxes": boxes}, (0, 2049), (512, 4096))["boxes"]
    assert moved.tolist() == [[2047.0, 0.0, 2303.0, 16.0]]
