"""The code of docs/networks.md runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from torch import Tensor

import antialias as aa
from antialias.cli import main
from antialias.metrics import Instances, instance_consistency

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


class Detector:
    """What Ultralytics' classes answer: results with `.boxes.xyxy`, `.conf` and `.cls`, here of the brightest place."""

    def __init__(self, weights: str) -> None:
        assert weights == "weights.pt"

    def __call__(self, images: Tensor) -> list[Any]:
        results = []
        for image in images:
            bright = image.mean(0) > 0.8
            rows, columns = bright.nonzero().unbind(1)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if bright.any() else [0, 0, 1, 1]
            boxes = SimpleNamespace(xyxy=torch.tensor([box]).float(), conf=torch.tensor([0.9]), cls=torch.tensor([2.0]))
            results.append(SimpleNamespace(boxes=boxes))
        return results


def block(word: str) -> str:
    (found,) = (block for block in BLOCKS if word in block)
    return found


@pytest.fixture
def images() -> Tensor:
    pixels = torch.full((12, 3, 64, 64), 0.2) + 0.1 * torch.rand(12, 3, 64, 64)
    pixels[:, :, 20:36, 24:44] = 1
    return pixels


@pytest.fixture
def my_detector(monkeypatch: pytest.MonkeyPatch) -> str:
    library, module = ModuleType("their_library"), ModuleType("my_detector")
    library.Detector = Detector  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_library", library)
    monkeypatch.setitem(sys.modules, "my_detector", module)
    exec(block("my_detector.py"), vars(module))
    return "my_detector:detector"


def test_every_block_is_run_here() -> None:
    words = ("transformers:", "load_onnx", "my_detector.py", "track_instances(", "measure_dense")
    assert sorted(block(word) for word in words) == sorted(BLOCKS)


def test_a_folder_of_transformers(images: Tensor, tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic")
    transformers.ResNetForImageClassification(config).save_pretrained(tmp_path)
    scope: dict[str, Any] = {"folder": tmp_path, "images": images}
    exec(block("transformers:"), scope)
    assert 0 <= scope["score"].value <= 1
    assert scope["conversion"].changed


def test_an_onnx_file(images: Tensor, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, "H", "W"))
    graph = helper.make_graph([node], "net", [takes], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    exec(block("load_onnx"), {"aa": aa, "path": path, "images": images})
    assert "net.onnx" in capsys.readouterr().out


def test_a_detector_of_the_kind_of_ultralytics(
    images: Tensor, my_detector: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = aa.models.build(my_detector)
    (found,) = Instances(network)(images[:1])
    assert found["boxes"].tolist() == [[24, 20, 44, 36]]
    assert found["labels"].tolist() == [3]
    assert instance_consistency(network, images, "box", passes=1).value == 1
    (tmp_path / "images").mkdir()
    for number in range(3):
        pixels = (images[number].movedim(0, -1) * 255).numpy().astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    data = ["--task", "instance", "--data", f"images:{tmp_path}/images", "--size", "64"]
    with pytest.warns(UserWarning, match="no accuracy is measured, but stability is"):
        main(["evaluate", my_detector, *data, "--accelerator", "cpu"])
    assert "box" in capsys.readouterr().out
    main(["report", my_detector, *data, "--split", "all", "--pictures", "1", "--out", str(tmp_path / "report")])
    (page_file,) = (tmp_path / "report").glob("*.html")
    page = page_file.read_text()
    assert "How steady are the detections?" in page
    with pytest.raises(ValueError, match="FunctionNetwork cannot be looked into or converted: it is a function"):
        aa.convert_(network, example=images)


def test_objects_against_the_shift(images: Tensor, capsys: pytest.CaptureFixture[str]) -> None:
    def detect(windows: list[Tensor]) -> list[dict[str, Tensor]]:
        found = [result.boxes for result in Detector("weights.pt")(torch.stack(windows))]
        return [{"boxes": one.xyxy, "scores": one.conf, "labels": one.cls.long()} for one in found]

    exec(block("track_instances("), {"aa": aa, "image": images[0], "detect": detect})
    assert capsys.readouterr().out == f"2 {[0.8999999761581421] * 9}\n"


def test_dense_values(images: Tensor, capsys: pytest.CaptureFixture[str]) -> None:
    exec(block("measure_dense"), {"aa": aa, "images": images, "depth": lambda pixels: pixels.mean(1)})
    told = capsys.readouterr().out
    assert "dense consistency 0 spreads" in told
    assert "dense PSNR 100 dB" in told
