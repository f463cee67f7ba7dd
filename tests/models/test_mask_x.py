"""Mask^X R-CNN: its formula, what it shares with Mask R-CNN, whom its losses teach, and that it converts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor

import antialias as aa
from antialias.models import build, load, save
from antialias.models.backbones import freeze_
from antialias.models.heads import TransferredMasks, tiny_mask_rcnn, tiny_mask_x
from antialias.models.heads._mask_x import AgnosticMasks, detecting_weights

PICTURES = torch.rand((2, 3, 64, 72), generator=torch.Generator().manual_seed(0))
PLACES = torch.tensor([[4.0, 4, 40, 44], [10, 20, 60, 60], [30, 8, 50, 30]])


def _seeded(make: Any, *arguments: Any, **options: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*arguments, **options)


def _targets(has_mask: list[bool] | None = None) -> list[dict[str, Tensor]]:
    """Return two objects on each of the two pictures."""
    masks = torch.zeros(2, 64, 72, dtype=torch.uint8)
    masks[0, 8:40, 8:30], masks[1, 24:60, 20:68] = 1, 1
    boxes = torch.tensor([[8.0, 8, 30, 40], [20, 24, 68, 60]])
    target = {"boxes": boxes, "labels": torch.tensor([1, 4]), "masks": masks}
    return [target if has_mask is None else {**target, "has_mask": torch.tensor(has_mask)} for _ in PICTURES]


def _losses(model: Any, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return _seeded(model.train(), list(PICTURES), targets)


def _taught(model: nn.Module, loss: Tensor) -> set[str]:
    """Return the parameters that a loss moves."""
    model.zero_grad()
    loss.backward(retain_graph=True)
    return {name for name, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}


def test_masks_are_the_formula() -> None:
    predictor = FastRCNNPredictor(6, 3).double()
    masks = _seeded(TransferredMasks, 4, 2, 6, hidden=5).double()
    features, labels = torch.randn(4, 4, 2, 2, dtype=torch.float64), [2, 0, 1, 2]
    scores, moves = predictor.cls_score.weight, predictor.bbox_pred.weight
    first, last = masks.transfer[0], masks.transfer[2]
    for found, feature, c in zip(masks(features, torch.tensor(labels), predictor), features, labels, strict=True):
        detecting = torch.cat([scores[c], moves[4 * c], moves[4 * c + 1], moves[4 * c + 2], moves[4 * c + 3]])
        assert torch.equal(detecting_weights(predictor)[c], detecting)
        hidden = first.weight @ detecting + first.bias
        weights = last.weight @ torch.where(hidden > 0, hidden, 0.1 * hidden) + last.bias
        large = masks.upsample(feature[None])[0].clamp(min=0)
        logits = (weights[:, None, None] * large).sum(0)
        whole = (masks.whole.weight @ large.reshape(-1) + masks.whole.bias).reshape(4, 4)
        assert torch.allclose(found, logits + whole, rtol=0, atol=1e-12)


def test_the_baseline_sees_a_whole_object_by_a_flag() -> None:
    predictor = FastRCNNPredictor(6, 3)
    plain, whole = (_seeded(AgnosticMasks, 4, side).double() for side in (None, 2))
    assert set(whole.state_dict()) - set(plain.state_dict()) == {"whole.weight", "whole.bias"}
    whole.load_state_dict(plain.state_dict(), strict=False)
    features, labels = _seeded(torch.randn, 3, 4, 2, 2, dtype=torch.float64), torch.tensor([0, 1, 2])
    large = plain.upsample(features).clamp(min=0)
    added = (whole.whole.weight @ large.reshape(3, -1, 1))[..., 0] + whole.whole.bias
    expected = plain(features, labels, predictor) + added.reshape(3, 4, 4)
    assert torch.allclose(whole(features, labels, predictor), expected, rtol=0, atol=1e-12)


def _pair() -> tuple[Any, Any]:
    """Return Mask^X R-CNN and torchvision's Mask R-CNN of the same weights, the transfer giving theirs."""
    ours, theirs = _seeded(tiny_mask_x, 5), tiny_mask_rcnn(5, mask_pool=7)
    kept = {name: values for name, values in ours.state_dict().items() if "mask_predictor" not in name}
    assert all("mask_predictor" in name for name in theirs.load_state_dict(kept, strict=False).missing_keys)
    masks, plain = ours.roi_heads.mask_predictor, theirs.roi_heads.mask_predictor
    with torch.no_grad():
        plain.conv5_mask.load_state_dict(masks.upsample.state_dict())
        weights = masks.class_weights(ours.roi_heads.box_predictor)
        plain.mask_fcn_logits.weight.copy_(weights[:, :, None, None])
        nn.init.zeros_(plain.mask_fcn_logits.bias)
        for p in masks.whole.parameters():
            nn.init.zeros_(p)
    for model in (ours, theirs):
        model.roi_heads.score_thresh = 0.0
    return ours, theirs


def test_all_but_where_mask_weights_come_from_is_torchvisions() -> None:
    ours, theirs = _pair()
    with torch.no_grad():
        for found, expected in zip(ours.eval()(list(PICTURES)), theirs.eval()(list(PICTURES)), strict=True):
            assert len(found["boxes"]) == 20
            assert all(torch.equal(found[name], expected[name]) for name in ("boxes", "labels", "scores"))
            assert torch.allclose(found["masks"], expected["masks"], rtol=0, atol=1e-6)
    losses, expected = (_losses(model, _targets()) for model in (ours, theirs))
    assert set(losses) == set(expected)
    assert torch.allclose(losses.pop("loss_mask"), expected["loss_mask"], rtol=1e-6)
    assert all(torch.equal(losses[name], expected[name]) for name in losses)
    nn.init.ones_(ours.roi_heads.mask_predictor.whole.bias)
    assert _losses(ours, _targets())["loss_mask"] != expected["loss_mask"]


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_the_mask_loss_teaches_the_transfer_and_not_what_detects(stop_gradient: bool) -> None:
    model = _seeded(tiny_mask_x, 5, stop_gradient=stop_gradient)
    taught = _taught(model, _losses(model, _targets())["loss_mask"])
    assert {f"roi_heads.mask_predictor.transfer.{i}.{of}" for i in (0, 2) for of in ("weight", "bias")} <= taught
    detecting = {f"roi_heads.box_predictor.{layer}.weight" for layer in ("cls_score", "bbox_pred")}
    assert {name for name in taught if "box" in name} == (set() if stop_gradient else detecting)


@pytest.mark.parametrize("agnostic", [False, True])
def test_objects_without_masks_teach_boxes_only(agnostic: bool) -> None:
    model = _seeded(tiny_mask_x, 5, agnostic=agnostic)
    everything, some, nothing = (_losses(model, _targets(of)) for of in (None, [True, False], [False, False]))
    for name in set(everything) - {"loss_mask"}:
        assert everything[name] == some[name] == nothing[name] > 0
    assert len({losses["loss_mask"].item() for losses in (everything, some, nothing)}) == 3
    assert nothing["loss_mask"] == 0
    sum(nothing.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in model.parameters())  # else processes would wait for each other's
    spoilt = _targets([True, False])
    for target in spoilt:
        target["masks"] = torch.stack([target["masks"][0], torch.zeros(64, 72, dtype=torch.uint8)])
    assert _losses(model, spoilt)["loss_mask"] == some["loss_mask"]


@pytest.mark.parametrize("agnostic", [False, True])
def test_nothing_there_and_nothing_proposed(agnostic: bool) -> None:
    model = _seeded(tiny_mask_x, 5, agnostic=agnostic)
    empty = {name: values[:0] for name, values in _targets([True, True])[0].items()}
    there = _targets([False, True])[0]
    for targets, learnt in (([empty, empty], False), ([empty, there], True), ([_targets()[0], empty], True)):
        losses = _losses(model, targets)
        assert all(bool(loss.isfinite()) for loss in losses.values())
        assert (losses["loss_mask"] > 0) == learnt
    maps = model.eval().backbone(PICTURES[:, :, :64, :64])
    nowhere = [torch.zeros(0, 4), PLACES]
    found, losses = model.roi_heads(maps, nowhere, [(64, 64)] * 2)
    assert losses == {}
    assert found[0]["masks"].shape == (0, 1, 14, 14)
    (one,) = model.roi_heads(model.backbone(PICTURES[:1, :, :64, :64]), nowhere[:1], [(64, 64)])[0]
    assert [len(values) for values in one.values()] == [0] * 4


def _raw(model: Any) -> list[Tensor]:
    """Return what a detector computes of fixed places before it picks, with the masks of every class."""
    model.eval()
    with torch.no_grad():
        shown, _ = model.transform(list(PICTURES))
        maps, heads = model.backbone(shown.tensors), model.roi_heads
        objectness, deltas = model.rpn.head(list(maps.values()))
        places = [PLACES] * len(PICTURES)
        logits, moves = heads._boxes(maps, places, shown.image_sizes)
        masks = [heads._masks(maps, places, torch.full((6,), c), shown.image_sizes) for c in range(1, 5)]
    return [*objectness, *deltas, logits, moves, *masks]


@pytest.mark.parametrize(
    "name", ["antialias:TinyMaskX", "antialias:TinyAgnosticMaskRCNN", "antialias:TinyAgnosticWholeMaskRCNN"]
)
@pytest.mark.parametrize("filter", [aa.Fixed(), aa.Adaptive()], ids=str)
def test_it_converts_and_comes_back_by_name(name: str, filter: Any, tmp_path: Path) -> None:
    model = _seeded(build, name, 5)
    before = _raw(model)
    done = aa.convert_(model, filter, example=[PICTURES[0]])
    assert len(done.changed) == 7
    after = _raw(model)
    moved = max(float((new - old).norm() / old.norm()) for old, new in zip(before, after, strict=True))
    assert moved <= 1e-3 if isinstance(filter, aa.Adaptive) else moved > 1e-2
    save(model, tmp_path / "net.safetensors")
    assert all(map(torch.equal, after, _raw(load(tmp_path / "net.safetensors"))))
    done.revert_()
    assert all(map(torch.equal, before, _raw(model)))


def test_the_large_one_on_any_backbone_with_frozen_norms() -> None:
    with torch.device("meta"):
        model: Any = build("antialias:MaskX:torchvision:resnet18", 91)
    heads = model.roi_heads
    assert heads.mask_predictor.transfer[0].weight.shape == (256, 5 * 1024)
    assert heads.mask_predictor.transfer[2].weight.shape == (256, 256)
    assert heads.mask_predictor.whole.weight.shape == (28 * 28, 256 * 28 * 28)
    assert (heads.detections_per_img, heads.fg_bg_sampler.batch_size_per_image) == (100, 512)
    agnostic: Any = build("antialias:AgnosticMaskRCNN:torchvision:resnet18", 91)
    freeze_(agnostic.backbone.body)
    aa.convert_(agnostic, aa.Adaptive(), example=[PICTURES[0]], placement="paper")
    assert not any(type(m) is nn.BatchNorm2d for m in agnostic.modules())


def test_classes_whose_masks_were_never_seen_get_masks_from_their_box_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        predictor, masks, truth = FastRCNNPredictor(4, 100), TransferredMasks(8, 3, 4, hidden=64), torch.randn(20, 8)
        nn.init.normal_(predictor.cls_score.weight)
        nn.init.normal_(predictor.bbox_pred.weight)

        def objects(first: int, last: int, number: int) -> tuple[Tensor, Tensor, Tensor]:
            """Draw objects whose masks follow from their features and from what detects their class."""
            labels, features = torch.randint(first, last + 1, (number,)), torch.randn(number, 8, 3, 3)
            weights = (detecting_weights(predictor) @ truth)[labels]
            return features, labels, torch.einsum("nchw,nc->nhw", masks.upsample(features).relu(), weights).detach() > 0

        learnt = torch.optim.Adam([*masks.transfer.parameters(), *masks.whole.parameters()], lr=0.01)
        for _ in range(150):
            features, labels, drawn = objects(1, 79, 256)
            learnt.zero_grad()
            logits = masks(features, labels, predictor)
            nn.functional.binary_cross_entropy_with_logits(logits, drawn.float()).backward()
            learnt.step()
        features, labels, drawn = objects(80, 99, 300)
    own, others = (masks(features, of, predictor) > 0 for of in (labels, 80 + (labels - 79) % 20))
    assert _iou(own, drawn) > 0.75
    assert _iou(torch.ones_like(drawn), drawn) < 0.55
    assert _iou(others, drawn) < 0.4


def _iou(first: Tensor, second: Tensor) -> float:
    return float(((first & second).sum((1, 2)) / (first | second).sum((1, 2)).clamp(min=1)).mean())
