"""Real networks of others: a text detector that was trained in Paddle, and a face detector with pools in ceil mode."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import skimage
import torch
from PIL import Image
from torch import Tensor
from torchvision.ops import box_iou

import antialias as aa
from antialias.metrics import DenseValues, LabelMaps, adapter_for, measure_dense, segmentation_consistency
from antialias.models import load_onnx

AS_PADDLE = {"mean": 0.5, "std": 0.5, "channels": "bgr"}


def package_folder(name: str) -> Path:
    """Return where a package of which only the files are wanted is installed."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


@pytest.fixture(scope="module")
def page() -> Tensor:
    """A page of text, `(1, 3, 191, 384)`."""
    return (torch.from_numpy(skimage.data.page()).float() / 255).expand(1, 3, -1, -1)


@pytest.fixture(scope="module")
def text() -> Path:
    return package_folder("rapidocr_onnxruntime") / "models" / "ch_PP-OCRv4_det_infer.onnx"


def test_a_text_detector_gives_dense_probabilities(page: Tensor, text: Path) -> None:
    network = load_onnx(text, **AS_PADDLE, multiple_of=32)
    adapter = adapter_for(network, page[0])
    assert isinstance(adapter, DenseValues)
    found = adapter(page)[0, 0]
    assert found.shape == page.shape[-2:]
    assert float(found[57, 40:340].min()) > 0.5  # a line of text
    assert float(found[138:150].max()) < 0.1  # between paragraphs
    measured = measure_dense(network, [page[0], page[0, :, :128], page[0, :, :, :256]], passes=1)
    difference, ratio = (one.score() for one in measured.values())
    assert 0 < difference.value < 1
    assert ratio.value > 10
    assert difference.protocol["multiple"] == 32
    assert difference.protocol["network"]["order"] == "bgr"


def test_its_probabilities_segment_text(page: Tensor, text: Path) -> None:
    network = load_onnx(text, **AS_PADDLE, multiple_of=32, kind="labels", threshold=0.3)
    is_text = LabelMaps(network)(page)[0]
    assert 0.1 < float(is_text.float().mean()) < 0.9
    assert 0.8 < segmentation_consistency(network, page, passes=2).value <= 1


def test_lines_that_stand_on_their_head_are_told(page: Tensor, text: Path) -> None:
    upright = load_onnx(text.with_name("ch_ppocr_mobile_v2.0_cls_infer.onnx"), **AS_PADDLE, side=(48, 192))
    line = page[:, :, 10:34, 5:101]
    adapter = aa.metrics.ClassScores(upright)
    assert adapter(line).argmax(1).tolist() == [0]
    assert adapter(line.flip(2, 3)).argmax(1).tolist() == [1]


@pytest.fixture
def mtcnn(monkeypatch: pytest.MonkeyPatch) -> Any:
    """facenet-pytorch's detector, without what its package imports to fetch other weights."""
    package = ModuleType("facenet_pytorch")
    package.__path__ = [str(package_folder("facenet_pytorch"))]
    for name in ("models", "models.utils", "models.utils.detect_face", "models.mtcnn"):
        monkeypatch.delitem(sys.modules, f"facenet_pytorch.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "facenet_pytorch", package)
    return importlib.import_module("facenet_pytorch.models.mtcnn").MTCNN().eval()


SIDES = {"pnet": (97, 120), "rnet": (24, 24), "onet": (48, 48)}


def test_a_face_detector_keeps_its_boxes(mtcnn: Any) -> None:
    photograph = Image.fromarray(skimage.data.astronaut())
    boxes, scores = mtcnn.detect(photograph)
    assert boxes.shape == (1, 4)
    sites = {}
    for name, side in SIDES.items():
        conversion = aa.convert_(getattr(mtcnn, name), aa.Adaptive(), example=torch.rand(1, 3, *side))
        sites[name] = [site.name for site in conversion.changed]
    assert sites == {"pnet": ["pool1"], "rnet": ["pool1", "pool2"], "onet": ["pool1", "pool2", "pool3"]}
    assert mtcnn.rnet.pool1.ceil_mode
    after, scores_after = mtcnn.detect(photograph)
    assert abs(after - boxes).max() < 0.1
    assert abs(scores_after - scores).max() < 1e-4


def test_averages_over_phases_find_the_same_face(mtcnn: Any) -> None:
    photograph = Image.fromarray(skimage.data.astronaut())
    before, _ = mtcnn.detect(photograph)
    for name, side in SIDES.items():
        aa.convert_(getattr(mtcnn, name), aa.PhaseAverage(phases=4), example=torch.rand(1, 3, *side))
    after, (score,) = mtcnn.detect(photograph)
    ious = box_iou(*(torch.from_numpy(boxes.astype(float)) for boxes in (before, after)))
    assert ious.shape == (1, 1)
    assert float(ious) > 0.8
    assert score > 0.99
