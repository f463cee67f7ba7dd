"""Every filter as ONNX, for images of any number and size."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import antialias as aa
from antialias.runtimes import export

MODES = ("reflect", "replicate", "zeros", "circular")
LAYERS = {
    "fixed": (
        *(aa.Fixed(padding_mode=mode) for mode in MODES),
        aa.Fixed(kernel_size=4),
        aa.nn.Average(),
        aa.nn.Gaussian(width="image"),
    ),
    "adaptive": (
        *(aa.Adaptive(init="paper", groups=2, padding_mode=mode) for mode in MODES),
        aa.Adaptive(init="paper", groups=2, kernel_size=5, normalize="joint", predictor="bottleneck"),
        aa.nn.Attention(kernel_sizes=(1, 3)),
        aa.Importance(groups=2),
    ),
    "phases": (aa.Fixed(phase="norm"), aa.Polyphase(phase="learned"), aa.Polyphase(padding_mode="replicate")),
    "phases before filters": (aa.Adaptive(init="paper", groups=2, phase="input_norm"),),
}


class Side(nn.Module):
    """Filters next to each other, and the mean of each."""

    def __init__(self, filters: tuple[aa.nn.Filter, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(filter.build(4, (2, 2)) for filter in filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return torch.cat([layer(x).square().mean((2, 3)) for layer in self.layers], 1)


class OneSite(nn.Module):
    """A strided convolution that keeps its stride, and one that gets a filter."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.conv = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(self.stem(x).relu()).relu().mean((2, 3)))


def converted(filter: aa.nn.Filter) -> nn.Module:
    torch.manual_seed(0)
    model = OneSite().eval()
    aa.convert_(model, filter, example=torch.rand(1, 3, 24, 24))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


def drawn(kind: str) -> nn.Module:
    if kind == "averaged phases":
        return converted(aa.PhaseAverage())
    torch.manual_seed(0)
    model = Side(LAYERS[kind]).eval()
    for name, parameter in model.named_parameters():
        nn.init.normal_(parameter, std=0.01 if "log_precision" in name else 0.5)
    return model


@pytest.mark.parametrize("kind", [*LAYERS, "averaged phases"])
def test_filters_become_onnx_of_plain_operations(kind, tmp_path):
    model, path = drawn(kind), tmp_path / "model.onnx"
    done = export(model, path, example=torch.rand(1, 3, 24, 24))
    assert done.fixed == {}
    assert done.difference < 1e-5
    graph = onnx.load(path).graph
    modes = [
        field.s for node in graph.node for field in node.attribute if node.op_type == "Pad" and field.name == "mode"
    ]
    assert set(modes) <= {b"constant"}
    assert not {"Unfold", "Im2Col", "Col2Im", "Loop", "Scan"} & {node.op_type for node in graph.node}
    assert {node.domain for node in graph.node} == {""}
    assert [bool(size.dim_param) for size in graph.input[0].type.tensor_type.shape.dim] == [True, False, True, True]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 24, 24), (2, 3, 37, 30), (1, 3, 22, 43)):  # every parity, beside what export itself looked at
        images = torch.randn(shape)
        (answers,) = session.run(None, {"images": images.numpy()})
        torch.testing.assert_close(torch.from_numpy(answers), model(images).detach(), atol=1e-5, rtol=1e-4)


def test_a_filter_that_no_runtime_has_is_refused_with_its_operation(tmp_path):
    with pytest.raises(ValueError, match="ONNX Runtime makes no file of OneSite: .*fft"):
        export(converted(aa.nn.Ideal()), tmp_path / "model.onnx", example=torch.rand(1, 3, 24, 24))
    assert list(tmp_path.iterdir()) == []
