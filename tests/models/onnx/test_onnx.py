"""ONNX files of any framework: how they take images, what they answer, and what is said of those that do neither."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import Tensor

import antialias as aa
from antialias.cli import main
from antialias.metrics import ClassScores, DenseValues, Instances, LabelMaps, adapter_for, dense_consistency
from antialias.models import OnnxNetwork, build, load_onnx
from antialias.results import Evaluation

FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
AS_IT_IS = {"mean": 0}


def written(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[str], **constants: Any) -> Path:
    """Write a graph; outputs say no shapes, so that nothing but what runs can tell what they are."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    heads = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "graph", inputs, heads, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def takes(*shape: Any, dtype: int = FLOAT, name: str = "x") -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def classifier(path: Path, *shape: Any, dtype: int = FLOAT, last: bool = False) -> Path:
    """Write a network that answers with the mean of each channel, as it was given them."""
    axes = np.array([1, 2] if last else [2, 3])
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=FLOAT),
        helper.make_node("ReduceMean", ["f"], ["y"], axes=axes.tolist(), keepdims=0),
    ]
    return written(path, nodes, [takes(*shape, dtype=dtype)], ["y"])


def same(path: Path, *shape: Any, operation: str = "Identity", **how: Any) -> Path:
    """Write a network of one operation."""
    return written(path, [helper.make_node(operation, ["x"], ["y"], **how)], [takes(*shape)], ["y"])


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 24, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        (("N", 3, "H", "W"), False),
        ((None, 3, 24, 32), False),
        ((1, 3, 24, 32), False),
        ((2, 3, "a.0", "?"), False),
        (("N", "H", "W", 3), True),
        ((2, 24, 32, 3), True),
    ],
)
@pytest.mark.parametrize("dtype", [FLOAT, UINT8, TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_batches_sizes_layouts_and_types_are_recognised(
    shape: Any, last: bool, dtype: int, images: Tensor, tmp_path: Path
) -> None:
    options = {} if dtype == UINT8 else AS_IT_IS
    network = load_onnx(classifier(tmp_path / "net.onnx", *shape, dtype=dtype, last=last), **options)
    pixels = (images * 255).round() / 255
    expected = pixels.mean((2, 3)) * (255 if dtype == UINT8 else 1)
    torch.testing.assert_close(network(pixels), expected, rtol=2e-3, atol=1e-3)
    assert isinstance(adapter_for(network, images[0]), ClassScores)


def test_pixels_are_normalised_as_is_said(images: Tensor, tmp_path: Path) -> None:
    path = classifier(tmp_path / "net.onnx", "N", 3, "H", "W")
    told = load_onnx(path, mean=(103.0, 116.0, 123.0), std=(57.0, 58.0, 59.0), scale=255, channels="bgr")
    mean, std = (torch.tensor(values)[:, None, None] for values in ((103.0, 116.0, 123.0), (57.0, 58.0, 59.0)))
    expected = ((images.flip(1) * 255 - mean) / std).mean((2, 3))
    torch.testing.assert_close(ClassScores(told)(images), expected, rtol=1e-4, atol=1e-4)
    with pytest.warns(UserWarning, match=r"does not say what it expects of pixels, .* --mean, --std and|--mean"):
        load_onnx(path)
    grey = load_onnx(classifier(tmp_path / "grey.onnx", 1, 1, "H", "W"), mean=0.5, std=0.25)
    luma = (images * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1).mean((1, 2))
    shown = ClassScores.of(grey).inputs(images)
    torch.testing.assert_close(grey.input.prepared(shown, bgr=False).mean((1, 2, 3)), (luma - 0.5) / 0.25)


def test_windows_of_another_size_are_resized_and_the_protocol_says_so(tmp_path: Path) -> None:
    path = same(tmp_path / "net.onnx", 1, 3, 32, 32)
    network = load_onnx(path, kind="dense", **AS_IT_IS)
    images = torch.rand(12, 3, 64, 64)
    small = torch.nn.functional.interpolate(images, (32, 32), mode="bilinear", antialias=True)
    large = torch.nn.functional.interpolate(small, (64, 64), mode="bilinear")
    torch.testing.assert_close(DenseValues(network)(images), large)
    protocol = dense_consistency(network, images, passes=1).protocol["network"]
    assert protocol["takes"] == {"images": 1, "channels": 3, "height": 32, "width": 32}
    assert protocol["windows"].startswith("resized to it where they are of another size")
    assert protocol["file"] == "net.onnx"
    assert len(protocol["sha256"]) == 64
    free = load_onnx(same(tmp_path / "free.onnx", 1, 3, "H", "W"), kind="dense", side=(16, 48), **AS_IT_IS)
    assert free.input.size_for((64, 64)) == (16, 48)
    with pytest.raises(ValueError, match=r"\(1, 3, 32, 32\), so side=\(16, 48\) does not fit"):
        load_onnx(path, side=(16, 48), **AS_IT_IS)


def test_kinds_are_told_by_shapes(images: Tensor, tmp_path: Path) -> None:
    path = same(tmp_path / "net.onnx", "N", 3, "H", "W", operation="Softmax", axis=1)
    assert isinstance(adapter_for(load_onnx(path, **AS_IT_IS), images[0]), LabelMaps)
    pool = same(tmp_path / "pool.onnx", "N", 3, "H", "W", operation="GlobalAveragePool")
    assert isinstance(adapter_for(load_onnx(pool, **AS_IT_IS), images[0]), ClassScores)
    one = written(
        tmp_path / "one.onnx",
        [helper.make_node("ReduceMax", ["x"], ["y"], axes=[1], keepdims=0)],
        [takes("N", 3, "H", "W")],
        ["y"],
    )
    assert isinstance(adapter_for(load_onnx(one, **AS_IT_IS), images[0]), DenseValues)
    labels = LabelMaps(load_onnx(one, kind="labels", threshold=0.6, **AS_IT_IS))
    assert torch.equal(labels(images), (images.amax(1) >= 0.6).long())
    classes = written(
        tmp_path / "classes.onnx",
        [helper.make_node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)],
        [takes("N", 3, "H", "W")],
        [],
    )
    model = onnx.load(classes)
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.INT64, None))
    onnx.save(model, classes)
    assert torch.equal(LabelMaps(load_onnx(classes, **AS_IT_IS))(images), images.argmax(1))


def test_probabilities_become_logits_once(tmp_path: Path) -> None:
    path = written(
        tmp_path / "net.onnx",
        [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Softmax", ["p"], ["y"], axis=1)],
        [takes("N", 3, "H", "W")],
        ["y"],
    )
    pixels = torch.rand(4, 3, 8, 8)
    torch.testing.assert_close(load_onnx(path, **AS_IT_IS)(pixels).softmax(1), pixels.mean((2, 3)).softmax(1))


def detector(path: Path, names: tuple[str, ...], boxes: Any, *shape: Any, images: int = 0) -> Path:
    values = {"b": np.float32(boxes), "l": np.int64([1, 2, 1]), "s": np.float32([0.9, 0.5, 0.01])}
    if images:
        values = {name: np.stack([value.reshape(3, *value.shape[2:])] * images) for name, value in values.items()}
    nodes = [helper.make_node("Identity", [constant], [name]) for constant, name in zip(values, names, strict=True)]
    nodes.append(helper.make_node("ReduceMean", ["x"], ["unused"], keepdims=0))
    path = written(path, nodes, [takes(*shape)], [names[0], names[2], "unused"], **values)
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info(names[1], TensorProto.INT64, None))
    onnx.save(model, path)
    return path


def test_instances_are_recognised_by_names(images: Tensor, tmp_path: Path) -> None:
    boxes = [[2, 4, 8, 10], [0, 0, 32, 24], [1, 1, 2, 2]]
    theirs = detector(tmp_path / "tv.onnx", ("boxes", "labels", "scores"), boxes, 1, 3, 12, 16)
    network = load_onnx(theirs, **AS_IT_IS)
    assert isinstance(adapter_for(network, images[0]), Instances)
    (found,) = Instances(network)(images[:1])
    assert found["boxes"].tolist() == [[4, 8, 16, 20], [0, 0, 64, 48]]  # 12x16 is half of 24x32
    assert found["labels"].tolist() == [1, 2]
    shares = [[[0.5, 0.25, 1.0, 0.75]] * 3]
    names = ("detection_boxes", "detection_classes", "detection_scores")
    (found,) = load_onnx(detector(tmp_path / "tf.onnx", names, shares, "N", 3, "H", "W"), **AS_IT_IS)(images[:1])
    assert found["boxes"][0].tolist() == [8, 12, 24, 24]
    at_once = detector(tmp_path / "three.onnx", names, shares, 3, 3, 24, 32, images=3)
    answers = load_onnx(at_once, **AS_IT_IS)(images)
    assert [one["labels"].tolist() for one in answers] == [[1, 2]] * 5  # each object once
    score = aa.metrics.instance_consistency(network, torch.rand(3, 3, 32, 32), "box", passes=1)
    assert 0 <= score.value <= 1


def test_copies_run_alone_and_it_cannot_be_converted(images: Tensor, tmp_path: Path) -> None:
    network = load_onnx(classifier(tmp_path / "net.onnx", "N", 3, "H", "W"), **AS_IT_IS)
    assert torch.equal(copy.deepcopy(network)(images), network(images))
    for surgery in (aa.inspect, aa.convert_):
        with pytest.raises(ValueError, match="OnnxNetwork cannot be looked into or converted: ONNX Runtime runs it"):
            surgery(network, example=images)


def test_networks_of_two_files_can_be_compared(tmp_path: Path) -> None:
    images = torch.rand(12, 3, 32, 32)
    paths = [classifier(tmp_path / name, "N", 3, "H", "W") for name in ("one.onnx", "two.onnx")]
    first, second = (aa.consistency(load_onnx(path, **AS_IT_IS), images) for path in paths)
    assert aa.metrics.difference(first, second).value == 0


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda p: p.write_text("a list of words"), {}, r"net.onnx is no ONNX file .* \(15 bytes\): .* Use a whole"),
        (lambda p: p.write_bytes(b""), {}, r"is no ONNX file .* \(0 bytes\)"),
        (lambda p: p.write_bytes(classifier(p, 1, 3, 8, 8).read_bytes()[:90]), {}, r"is no ONNX file .* \(90 bytes\)"),
        (
            lambda p: written(
                p,
                [helper.make_node("Concat", ["x", "z"], ["y"], axis=1)],
                [takes("N", 3, "H", "W"), takes("N", 1, "H", "W", name="z")],
                ["y"],
            ),
            {},
            r"takes 2 inputs: x tensor\(float\) \(N, 3, H, W\), z .* Use a file with one input",
        ),
        (lambda p: same(p, "N", 80), {}, r"takes x tensor\(float\) \(N, 80\), which are no images"),
        (lambda p: same(p, "a", "b", "c", "d"), {}, r"\(a, b, c, d\), and where its channels .* Use layout='nchw'"),
        (lambda p: same(p, 1, 3, 8, 3), {}, r"\(1, 3, 8, 3\), and where its channels"),
        (lambda p: same(p, 1, 4, 8, 8), {"layout": "nchw"}, "4 channels as nchw. Use a network of 1 or 3"),
        (lambda p: classifier(p, 1, 3, 8, 8, dtype=UINT8), AS_IT_IS, "takes uint8, .* Use no mean, std and scale"),
        (lambda p: classifier(p, 1, 3, 8, 8), {"mean": (1, 2)}, r"mean=\(1.0, 2.0\) and std=.* do not fit 3 channels"),
        (lambda p: classifier(p, 1, 3, 8, 8), {"std": 0}, r"std=\(0.0,\) do not fit 3 channels"),
        (lambda p: classifier(p, 1, 3, 8, 8), {"output": "z"}, "has no output 'z'. Use one of: y"),
        (lambda p: classifier(p, 1, 3, 8, 8), {"kind": "boxes"}, "kind='boxes' is unknown. Use one of: classes"),
        (lambda p: classifier(p, 1, 3, 8, 8), {"kind": "instances", **AS_IT_IS}, "has no outputs of instances, but y"),
        (
            lambda p: written(
                p,
                [helper.make_node("Split", ["x"], ["a", "b"], axis=0)],
                [takes(2, 3, 8, 8)],
                ["a", "b"],
            ),
            {},
            "has 2 outputs: a, b. Say which is scored by output=NAME",
        ),
    ],
)
def test_what_takes_no_images_is_refused(make: Any, options: Any, message: str, tmp_path: Path) -> None:
    make(tmp_path / "net.onnx")
    with pytest.raises(ValueError, match=message):
        load_onnx(tmp_path / "net.onnx", **options)


@pytest.mark.parametrize("rank", [0, 1, 3, 5])
def test_answers_of_no_kind_are_refused(rank: int, images: Tensor, tmp_path: Path) -> None:
    shapes = {0: [], 1: [-1], 3: [0, 3, -1], 5: [0, 3, 24, 8, 4]}
    path = written(
        tmp_path / "net.onnx",
        [helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0)]
        if rank == 0
        else [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        [takes("N", 3, "H", "W")],
        ["y"],
        **({} if rank == 0 else {"shape": np.int64(shapes[rank])}),
    )
    with pytest.raises(ValueError, match=r"net.onnx: its output \(.*\) for images of 24x32 is of no kind"):
        load_onnx(path, **AS_IT_IS)(images[:1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [False, True])
def test_channels_elsewhere_than_in_the_input_are_told(channels: int, last: bool, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2] if last else [0, 2, 3, 1]),
        helper.make_node("Slice", ["t", "start", "end", "axis"], ["y"]),
    ]
    whole = {"start": np.int64([0]), "end": np.int64([channels]), "axis": np.int64([1 if last else 3])}
    size = ("H", "W", 3) if last else (3, "H", "W")
    network = load_onnx(written(tmp_path / "net.onnx", nodes, [takes("N", *size)], ["y"], **whole), **AS_IT_IS)
    places = "second, and its input last" if last else "last, and its input second"
    with pytest.raises(ValueError, match=rf"its output \(1, .*\) for images of 24x24 has its channels {places}. Use a"):
        network(torch.zeros(1, 3, 24, 24))


def test_sizes_that_do_not_run_are_told(tmp_path: Path) -> None:
    path = written(
        tmp_path / "net.onnx",
        [helper.make_node("Reshape", ["x", "shape"], ["r"]), helper.make_node("ReduceMean", ["r"], ["y"], axes=[2])],
        [takes("N", 3, "H", "W")],
        ["y"],
        shape=np.int64([-1, 3, 64]),
    )
    with pytest.raises(ValueError, match=r"does not run on 1 images of 5x7: .* multiple_of=32"):
        load_onnx(path, **AS_IT_IS)(torch.rand(1, 3, 5, 7))
    with pytest.raises(FileNotFoundError, match=r"missing.onnx is not a file"):
        build(str(tmp_path / "missing.onnx"))
    with pytest.raises(ValueError, match="fixes its own classes and weights"):
        build(str(path), num_classes=3)
    with pytest.raises(ValueError, match="mean are options of ONNX files, and antialias:TinyResNet is none"):
        build("antialias:TinyResNet", mean=0)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "images" / "cat").mkdir(parents=True)
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / "cat" / f"{number}.png")
    return f"images:{tmp_path}/images"


def test_the_command_line_evaluates_a_file(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: Any
) -> None:
    path = str(classifier(tmp_path / "net.onnx", 1, 3, 32, 32))
    words = [path, "--data", folder, "--mean", "0.5", "0.4", "0.3", "--std", "0.2", "--accelerator", "cpu"]
    main(["evaluate", *words, "--out", str(tmp_path / "scores")])
    told = capsys.readouterr().out
    assert "classification consistency" in told
    (written_to,) = (tmp_path / "scores").glob("*.json")
    evaluation = Evaluation.read(written_to)
    score = evaluation.scores["consistency"]
    assert score.protocol["normalisation"]["std"] == [0.2] * 3
    assert score.protocol["network"]["windows"].startswith("resized")
    assert "32-pixel windows out of 40" in str(score)  # its own size, so that none is
    assert evaluation.cost is not None
    assert evaluation.cost.milliseconds
    with pytest.raises(SystemExit):
        main(["inspect", path])
    assert "ONNX Runtime runs it as a whole" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate", "antialias:TinyResNet", "--mean", "0"])
    assert "--mean is of ONNX files, and antialias:TinyResNet is none" in capsys.readouterr().err


def test_dense_values_and_boxes_have_tasks(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(same(tmp_path / "dense.onnx", "N", 3, "H", "W"))
    data = ["--data", folder, "--accelerator", "cpu", "--no-cost", "--mean", "0"]
    main(["evaluate", path, "--task", "dense", "--kind", "dense", *data])
    told = capsys.readouterr().out
    assert "dense consistency 0 spreads" in told
    assert "dense PSNR 100 dB" in told
    boxes = [[2, 4, 18, 20], [0, 0, 32, 24], [1, 1, 2, 2]]
    path = str(detector(tmp_path / "boxes.onnx", ("boxes", "labels", "scores"), boxes, 1, 3, "H", "W"))
    with pytest.warns(UserWarning, match="has no labels for instance, so no accuracy is measured"):
        main(["evaluate", path, "--task", "instance", *data])
    told = capsys.readouterr().out
    assert "box" in told
    assert "mask" not in told
    with pytest.raises(SystemExit):
        main(["evaluate", path, *data])
    told = " ".join(capsys.readouterr().err.split())
    assert "boxes.onnx answers as networks of another task do. Use --task instance. (the model returned a list." in told
    with pytest.raises(SystemExit):
        main(["train", "--task", "dense", "--data", folder, "--out", str(tmp_path / "run")])
    assert "task='dense' is measured and not trained" in capsys.readouterr().err
    assert OnnxNetwork.__doc__
