"""Convert the zoo with identity filters: `python benchmarks/zoo.py` writes `benchmarks/zoo.csv`.

The weights are random and BatchNorm has random statistics and affine parameters, so that an error shows. Raw outputs
are compared; a detector's are those of its backbone and of its region proposal head, before any suppression.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import antialias as aa
from antialias.nn import Filter
from antialias.surgery import convert_

ZOO = (
    "torchvision:alexnet",
    "torchvision:vgg16_bn",
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:resnext50_32x4d",
    "torchvision:densenet121",
    "torchvision:googlenet",
    "torchvision:mobilenet_v2",
    "torchvision:mobilenet_v3_small",
    "torchvision:efficientnet_b0",
    "torchvision:regnet_y_400mf",
    "torchvision:convnext_tiny",
    "torchvision:deeplabv3_resnet50",
    "torchvision:maskrcnn_resnet50_fpn",
    "timm:resnet50",
    "timm:tf_efficientnet_lite0",
    "timm:convnext_atto",
    "timm:regnety_004",
    "timm:resnetv2_50",
    "timm:hrnet_w18_small",
    "timm:cspdarknet53",
    "timm:res2net50_26w_4s",
    "timm:mobilenetv4_conv_small",
    "smp:Unet",
    "smp:DeepLabV3Plus",
)


def network(name: str, seed: int = 0) -> nn.Module:
    """Build a network of the zoo, with every norm's statistics and affine parameters drawn at random."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = aa.models.build(name).eval()
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                _draw(module)
    return small_detector_(model) if "rcnn" in name else model


@torch.no_grad()
def _draw(norm: Any) -> None:
    for spread in (norm.running_var, norm.weight):
        spread.uniform_(0.5, 1.5)
    for centre in (norm.running_mean, norm.bias):
        centre.normal_(0, 0.1)


def small_detector_(model: Any) -> nn.Module:
    """Let a detector work on small pictures and few boxes."""
    model.transform.min_size, model.transform.max_size = (64,), 96
    model.rpn._post_nms_top_n["testing"] = 8
    model.roi_heads.detections_per_img = 2
    return model


def pictures(name: str, batch: int = 1, seed: int = 0) -> Tensor:
    """Make noise of an odd size, or of the nearest that the network takes."""
    height, width = (64, 96) if name.startswith(("smp:", "timm:hrnet")) else (75, 93)
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def raw_outputs(model: Any, x: Tensor) -> list[Tensor]:
    """Return what a network computes before any decision: logits, maps, or a detector's features and proposals."""
    if hasattr(model, "rpn"):
        features = list(model.backbone(x).values())
        objectness, boxes = model.rpn.head(features)
        return [*features, *objectness, *boxes]
    answer = model(x)
    return list(answer.values()) if isinstance(answer, dict) else [answer]


def relative_error(after: list[Tensor], before: list[Tensor]) -> float:
    """Return the largest `||after - before|| / ||before||` of all outputs."""
    return max(((a - b).norm() / b.norm()).item() for a, b in zip(after, before, strict=True))


def example(model: nn.Module, x: Tensor) -> list[Tensor] | Tensor:
    """Return `x` as the network takes it."""
    return list(x) if hasattr(model, "rpn") else x


def row(name: str, filter: Filter) -> dict[str, object]:
    """Convert one network and say what changed."""
    model, x = network(name), pictures(name)
    before = raw_outputs(model, x)
    parameters = sum(p.numel() for p in model.parameters())
    done = convert_(model, filter, example=example(model, x))
    added = sum(p.numel() for p in model.parameters()) - parameters
    filtered, left = len(done.changed), len(done.skipped)
    error = relative_error(raw_outputs(model, x), before)
    reverted = all(torch.equal(a, b) for a, b in zip(raw_outputs(done.revert_(), x), before, strict=True))
    return {
        "network": name,
        "filtered": filtered,
        "left": left,
        "parameters added %": round(100 * added / parameters, 2),
        "relative error": f"{error:.1e}",
        "reverted bit-identically": reverted,
    }


def main() -> None:
    """Write the table."""
    path = Path(__file__).with_suffix(".csv")
    rows = []
    for name in ZOO:
        rows.append(row(name, aa.Adaptive()))
        print(*(f"{key} {value}" for key, value in rows[-1].items()), sep=", ", flush=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
