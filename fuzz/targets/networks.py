"""Networks in files: this package's own, other people's checkpoints, ONNX, and the configs beside weights."""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
import transformers
from onnx import TensorProto, helper
from torch import Tensor, nn

import antialias as aa
from antialias.metrics import Preprocessing
from antialias.models import load_onnx, read_weights, save_pretrained

from .._mutate import archive, bytes_of, json_text, pickle, safetensors, some_of
from .._target import Target

IMAGE = torch.zeros(1, 3, 16, 16)


class Small(nn.Module):
    """A classifier with each common kind of subsampling and few parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.conv2 = nn.Conv2d(4, 8, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.short = nn.Conv2d(4, 8, 1, 2, bias=False)
        self.bn3 = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images `(N, 3, H, W)`."""
        x = self.pool(self.bn1(self.conv1(x)).relu())
        return self.fc((self.bn2(self.conv2(x)) + self.bn3(self.short(x))).relu().mean((2, 3)))


def small() -> Small:
    """Return the classifier, the same each time, and leave torch's random state as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Small().eval()


def written(write: Callable[[Path], object]) -> bytes:
    """Return what a function writes to a file."""
    with tempfile.TemporaryDirectory() as folder:
        write(path := Path(folder) / "a.safetensors")
        return path.read_bytes()


@cache
def saved() -> Sequence[bytes]:
    """Return files of `aa.save`: several filters, stem, phases averaged, ties."""
    filters = (aa.Fixed(), aa.Adaptive(groups=2), aa.Polyphase(), aa.PhaseAverage(phases=2))
    filters += (aa.PhaseAlignment(), aa.ShiftAverage(copies=2))
    contents = []
    for config in filters:
        model = small()
        stem = not isinstance(config, (aa.PhaseAlignment, aa.PhaseAverage, aa.ShiftAverage))
        aa.convert_(model, config, example=IMAGE, **({"stem": True} if stem else {}))
        contents.append(written(lambda path, model=model: aa.save(model, path)))
    tied = small()
    tied.bn3.weight = tied.bn2.weight
    return [*contents, written(lambda path: aa.save(tied, path))]


def load_saved(path: Path) -> None:
    """Load a file into a network of the user's own; what it answers is not promised (docs/strangers.md)."""
    aa.load(path, model=small())


@cache
def named() -> Sequence[bytes]:
    """Return files that say which network they hold."""
    contents = []
    for config in (None, aa.Adaptive(groups=2)):
        model = aa.models.build("antialias:TinyResNet", num_classes=3).to(torch.bfloat16)
        if config is not None:
            aa.convert_(model, config, example=torch.zeros(1, 3, 32, 32, dtype=torch.bfloat16))
        contents.append(written(lambda path, model=model: aa.save(model, path)))
    return contents


def stored(contents: object, **options: bool) -> bytes:
    """Return what `torch.save` writes."""
    torch.save(contents, file := io.BytesIO(), **options)
    return file.getvalue()


def blurred() -> dict[str, Tensor]:
    """Return a state dict with a fixed filter in front of the second convolution, as Zhang's networks have it."""
    state = dict(small().state_dict())
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    return {
        **{name: tensor for name, tensor in state.items() if not name.startswith("conv2.")},
        "conv2.0.filt": torch.outer(row, row).repeat(4, 1, 1, 1),
        "conv2.1.weight": state["conv2.weight"],
    }


@cache
def checkpoints() -> Sequence[bytes]:
    """Return files of `torch.save` as training scripts write them."""
    state = small().state_dict()
    options = argparse.Namespace(lr=0.1, model="small", data="/data")
    around = {
        "epoch": 3,
        "arch": "small",
        "state_dict": {f"module.{key}": t for key, t in state.items()},
        "args": options,
    }
    return [stored(state), stored(around)]


@cache
def legacy() -> Sequence[bytes]:
    """Return files of old releases' `torch.save`, which are pickles one behind the other."""
    state = small().state_dict()
    old = {"_use_new_zipfile_serialization": False}
    return [stored(state, **old), stored({"epoch": 3, "model": state}, **old)]


def load_theirs(path: Path) -> None:
    """Read somebody's weights, and load them into a network."""
    read_weights(path)
    with torch.no_grad():
        aa.load_checkpoint(path, model=small())(IMAGE)


@cache
def recognised() -> Sequence[bytes]:
    """Return a checkpoint whose network its own words name."""
    model = aa.models.build("timm:test_resnet", num_classes=3)
    return [stored({"arch": "test_resnet", "state_dict": model.to(torch.bfloat16).state_dict()})]


@cache
def graphs() -> Sequence[bytes]:
    """Return small ONNX files: a classifier with a convolution, and one with weights in a file beside it."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, (4, 3, 3, 3), [0.1] * 108)
    beside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=(4, 3, 3, 3))
    beside.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "m.onnx.data"), ("offset", "0"), ("length", "432")):
        beside.external_data.add(key=key, value=value)
    contents = []
    for tensor in (weight, beside):
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("GlobalAveragePool", ["c"], ["p"]),
            helper.make_node("Flatten", ["p"], ["y"]),
        ]
        takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 16, 16))
        gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))
        graph = helper.make_graph(nodes, "graph", [takes], [gives], [tensor])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        contents.append(model.SerializeToString())
    return contents


def run_graph(path: Path) -> None:
    """Load an ONNX file and run it."""
    load_onnx(path, mean=0)(IMAGE)


def spoil_graph(content: bytes, random: object) -> bytes:
    """Change an ONNX file: where its weights are, its shapes, its nodes, or its bytes."""
    return bytes_of(content, random)  # type: ignore[arg-type]


RESNET = {"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1], "layer_type": "basic", "num_labels": 3}


@cache
def transformer() -> transformers.ResNetForImageClassification:
    """Return a small network of transformers."""
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(**RESNET)).eval()


def put_weights(folder: Path) -> None:
    """Write a folder as it is published."""
    save_pretrained(transformer(), folder)


@cache
def configs() -> Sequence[bytes]:
    """Return the config of a network of transformers."""
    with tempfile.TemporaryDirectory() as folder:
        put_weights(Path(folder))
        return [(Path(folder) / "config.json").read_bytes()]


PREPROCESSOR = (
    b'{"do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_rescale": true, \
"rescale_factor": 0.00392156862745098, "size": {"height": 16, "width": 16}, "size_divisor": 1}'
)

TARGETS = {
    "saved": Target(file="m.safetensors", seeds=saved, read=load_saved, mutate=safetensors),
    "named": Target(file="m.safetensors", seeds=named, read=aa.load, mutate=safetensors),
    "checkpoint": Target(file="theirs.pth", seeds=checkpoints, read=load_theirs, mutate=archive),
    "legacy": Target(file="theirs.pth", seeds=legacy, read=load_theirs, mutate=some_of(pickle, pickle, bytes_of)),
    "recognised": Target(file="theirs.pth", seeds=recognised, read=aa.load_checkpoint, mutate=archive),
    "onnx": Target(
        file="m.onnx",
        seeds=graphs,
        read=run_graph,
        mutate=spoil_graph,
        prepare=lambda folder: (folder / "m.onnx.data").write_bytes(bytes(432)) and None,
    ),
    "config": Target(
        file="config.json", seeds=configs, read=lambda path: aa.load(path.parent), mutate=json_text, prepare=put_weights
    ),
    "preprocessor": Target(
        file="preprocessor_config.json",
        seeds=lambda: [PREPROCESSOR],
        read=lambda path: Preprocessing.read(path.parent),
        mutate=json_text,
    ),
}
