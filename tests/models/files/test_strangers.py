"""What a file may say of its network: no more than its tensors bear out, and no more than a conversion does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzz.targets.networks import graphs
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import antialias as aa
from antialias.models import build, load_onnx, save_pretrained


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a file says beside its tensors."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["antialias"])
    change(header)
    save_file(load_file(path), path, metadata={"antialias": json.dumps(header)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model = build("antialias:TinyResNet", num_classes=3)
    aa.convert_(model, aa.Adaptive(groups=2), example=torch.zeros(1, 3, 32, 32))
    aa.save(model, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def edit(kind: str, **values: Any) -> Callable[[dict[str, Any]], object]:
    def change(header: dict[str, Any]) -> None:
        edits = [each for site in header["conversion"]["steps"][0]["sites"] for each in site["edits"]]
        next(each for each in edits if each["edit"] == kind).update(values)

    return change


SAYS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "endless classes": (
        lambda header: header.update(num_classes=2**31),
        "m.safetensors says num_classes=2147483648, and its largest tensor has 147456 values. Use the file that",
    ),
    "more classes than there are": (
        lambda header: header.update(num_classes=1000),
        r"m.safetensors does not fit TinyResNet: fc.weight of shape \(1000, 128\) is of shape \(3, 128\)",
    ),
    "a larger network": (
        lambda header: header.update(name="timm:vit_giant_patch14_224"),
        "m.safetensors does not fit VisionTransformer: .* is missing. Use the file that antialias.save wrote",
    ),
    "an attribute of any kind": (
        edit("Retune", attributes={"forward": "a"}),
        "m.safetensors .*forward='a' is nothing that a conversion sets. It sets ceil_mode, and stride, kernel_size",
    ),
    "a dunder": (edit("Retune", attributes={"__class__": 1}), "__class__='1' is nothing that a conversion sets"),
    "a stride that is no size": (edit("Retune", attributes={"stride": 2.5}), "stride='2.5' is nothing that a conv"),
    "a stride without end": (edit("Retune", attributes={"stride": [2**31, 1]}), "stride=.* is nothing that a conv"),
    "a filter of any width": (
        edit("Insert", channels=2**30),
        "m.safetensors .*channels='1073741824' is nothing that Insert takes",
    ),
    "a filter of another width": (
        edit("Insert", channels=640),
        r"m.safetensors .*Adaptive.* at .*antialias has conv.weight of shape \(18, 640, 3, 3\), which has shape",
    ),
    "a filter of any size": (
        lambda header: header["conversion"]["steps"][0]["filter"].update(kernel_size=1001),
        "m.safetensors .*has conv.weight of shape .* which has shape",
    ),
    "an edit of no kind": (edit("Insert", edit="os.system"), "m.safetensors .*edit='os.system' is unknown. Use one of"),
    "a field of no edit": (edit("Insert", saved_as="a"), "m.safetensors .*unexpected keyword argument 'saved_as'"),
    "a path": (edit("Insert", module="../layer1"), r"m.safetensors .*has no module '../layer1'"),
    "another type": (edit("Insert", module=3), "m.safetensors .*module='3' is nothing that Insert takes"),
}


@pytest.mark.parametrize("case", SAYS)
def test_what_a_file_says_is_compared_with_what_it_holds_before_anything_is_made(case: str, path: Path) -> None:
    change, message = SAYS[case]
    changed(path, change)
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        aa.load(path)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_labels": 2**40}, "cannot be loaded: its num_labels=1099511627776 are more than 100,000"),
        ({"hidden_sizes": [2**20, 2**20]}, "does not fit ResNetForImageClassification: .* is missing"),
        ({"depths": [10**9, 1]}, r"names a network of more than [\d,]+ parts for \d+ tensors"),
    ],
)
def test_a_config_is_compared_with_the_tensors_beside_it(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    small = {"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1], "layer_type": "basic", "num_labels": 3}
    folder = save_pretrained(transformers.ResNetForImageClassification(transformers.ResNetConfig(**small)), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))
    with pytest.raises(ValueError, match=message):
        aa.load(folder)


def test_weights_of_an_onnx_file_lie_in_its_folder(tmp_path: Path) -> None:
    (folder := tmp_path / "inside").mkdir()
    content, beside, outside = graphs()[1], b"m.onnx.data", b"../nnx.data"
    (tmp_path / "nnx.data").write_bytes(bytes(432))
    for location in (beside, outside):  # the first is not there
        (folder / "m.onnx").write_bytes(content.replace(beside, location))
        with pytest.raises(ValueError, match=r"m.onnx is no ONNX file that ONNX Runtime .* reads"):
            load_onnx(folder / "m.onnx", mean=0)
    (folder / "m.onnx").write_bytes(content)
    (folder / "m.onnx.data").write_bytes(bytes(432))
    load_onnx(folder / "m.onnx", mean=0)
