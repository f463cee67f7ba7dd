"""Mask R-CNN: on any backbone, through files, frozen norms, and converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

import antialias as aa
from antialias.models import build, load, save
from antialias.models.backbones import freeze_, freeze_as_

PICTURES = torch.rand((2, 3, 64, 72), generator=torch.Generator().manual_seed(0))


def _before_suppression(model: nn.Module, images: Tensor) -> list[Tensor]:
    """Return what a detector computes before it picks: class and box of each proposal of fixed places, and its mask."""
    net: Any = model.eval()
    boxes = torch.tensor([[4.0, 4, 40, 44], [10, 20, 60, 60], [30, 8, 50, 30]])
    with torch.no_grad():
        shown, _ = net.transform(list(images))
        maps = net.backbone(shown.tensors)
        objectness, deltas = net.rpn.head(list(maps.values()))
        places = [boxes] * len(images)
        heads = net.roi_heads
        logits, moves = heads.box_predictor(heads.box_head(heads.box_roi_pool(maps, places, shown.image_sizes)))
        masks = heads.mask_predictor(heads.mask_head(heads.mask_roi_pool(maps, places, shown.image_sizes)))
    return [*objectness, *deltas, logits, moves, masks]


def _small(name: str, num_classes: int = 5) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = build(name, num_classes)
    return cast(nn.Module, _shrunk(model).eval())


def _shrunk(model: Any) -> Any:
    """Let a detector see small pictures and few proposals."""
    model.transform.min_size, model.transform.max_size = (64,), 96
    model.rpn._pre_nms_top_n = model.rpn._post_nms_top_n = {"training": 20, "testing": 20}
    model.roi_heads.fg_bg_sampler.batch_size_per_image = 8
    return model


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("antialias:TinyMaskRCNN", 4),
        ("antialias:MaskRCNN:resnet10t", 5),
        ("antialias:MaskRCNN:torchvision:mobilenet_v3_small", 5),
    ],
)
def test_any_backbone_detects_and_learns(name: str, levels: int) -> None:
    model: Any = _small(name)
    with torch.no_grad():
        found = model(list(PICTURES))
        assert len(model.backbone(PICTURES[:, :, :64, :64])) == levels
    assert [set(one) for one in found] == [{"boxes", "labels", "scores", "masks"}] * 2
    target = {
        "boxes": torch.tensor([[8.0, 8, 40, 40]]),
        "labels": torch.tensor([4]),
        "masks": torch.ones(1, 64, 72, dtype=torch.uint8),
    }
    losses = model.train()(list(PICTURES), [target, {name: values[:0] for name, values in target.items()}])
    sum(losses.values()).backward()
    lost = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert lost == []


def test_the_tiny_one_takes_pictures_as_they_are() -> None:
    model: Any = build("antialias:TinyMaskRCNN", 21)
    assert sum(p.numel() for p in model.parameters()) < 1.2e6
    seen, _ = model.eval().transform([torch.rand(3, 64, 80)])
    assert seen.tensors.shape == (1, 3, 64, 80)
    assert build("antialias:TinyMaskRCNN").roi_heads.box_predictor.cls_score.out_features == 21  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("antialias:MaskRCNN:smp:resnet18", "backbone='smp:resnet18' is unknown. Use timm:NAME or torchvision:NAME"),
        ("antialias:MaskRCNN", "backbone='' is unknown. Use timm:NAME or torchvision:NAME, such as timm:resnet50."),
        ("antialias:MaskRCNN:timm:resnet5", r"backbone='timm:resnet5' is unknown. Use a name of timm.list_models\(\)."),
        ("antialias:MaskRCNN:torchvision:resnet5", "backbone='torchvision:resnet5' is unknown. Use a name of"),
        ("antialias:MaskRCNN:torchvision:vit_b_16", "has no maps of strides 4, 8, 16 and 32 one after the other"),
    ],
)
def test_bad_backbones_are_explained(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name)


def test_identity_filters_keep_what_it_computes_and_lie_where_it_subsamples() -> None:
    model = _small("antialias:TinyMaskRCNN")
    before = _before_suppression(model, PICTURES)
    done = aa.convert_(model, aa.Adaptive(groups=8), example=[PICTURES[0]])
    for old, new in zip(before, _before_suppression(model, PICTURES), strict=True):
        assert (new - old).norm() <= 1e-3 * old.norm()
    stages = [f"backbone.body.layer{i}.{part}" for i in (2, 3, 4) for part in ("conv1", "shortcut.0")]
    assert {site.name for site in done.changed} == {"backbone.body.maxpool", *stages}
    done.revert_()
    assert all(map(torch.equal, before, _before_suppression(model, PICTURES)))


def test_frozen_norms_stay_frozen_through_files_and_in_filters(tmp_path: Path) -> None:
    name = "antialias:MaskRCNN:torchvision:resnet18"
    model = _small(name)
    freeze_(cast(Any, model).backbone.body)
    plain = _before_suppression(model, PICTURES)
    save(model, tmp_path / "plain.safetensors")
    torch.save(model.state_dict(), tmp_path / "plain.pth")
    for again in (load(tmp_path / "plain.safetensors"), build(name, 5, weights=tmp_path / "plain.pth")):
        assert not any(type(m) is nn.BatchNorm2d for m in again.modules())
        assert all(map(torch.equal, plain, _before_suppression(_shrunk(again), PICTURES)))
    done = aa.convert_(model, aa.Adaptive(), example=[PICTURES[0]], placement="paper")
    assert len(done.changed) == 8  # the pyramid's coarsest level is subsampled, too
    assert all(type(filter.bn) is aa.nn.FrozenBatchNorm2d for filter in done.filters().values())
    save(model, tmp_path / "net.safetensors")
    converted = _before_suppression(_shrunk(load(tmp_path / "net.safetensors")), PICTURES)
    assert all(map(torch.equal, _before_suppression(model, PICTURES), converted))


def test_torchvisions_own_takes_frozen_weights_and_filters() -> None:
    model: Any = _small("torchvision:maskrcnn_resnet50_fpn")
    freeze_as_(model, {name for name in model.state_dict() if not name.endswith("num_batches_tracked")})
    norms = [m for m in model.modules() if isinstance(m, FrozenBatchNorm2d)]
    assert (len(norms), {norm.eps for norm in norms}) == (53, {0.0})
    sites = aa.inspect(model, [PICTURES[0]], placement="paper").sites
    assert [site.name for site in sites if site.action == "filter"] == [
        "backbone.body.maxpool",
        *(f"backbone.body.layer{i}.0.{part}" for i in (2, 3, 4) for part in ("conv2", "downsample.0")),
        "backbone.fpn.extra_blocks:max_pool2d",
    ]
