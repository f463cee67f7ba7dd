from __future__ import annotations

import onnxruntime
import pytest
import torch

import antialias as aa
from antialias.models import TinyResNet

FILTERS = (
    aa.Fixed(),
    aa.Adaptive(init="paper"),
    aa.Adaptive(init="paper", predictor="bottleneck"),
    aa.Adaptive(init="paper", phase="norm", padding_mode="circular"),
    aa.Polyphase(),
    aa.Polyphase(phase="learned"),
    aa.nn.Attention(),
)


@pytest.mark.filterwarnings("ignore")  # of the exporter, about itself
@pytest.mark.parametrize("filter", FILTERS, ids=str)
def test_a_converted_network_becomes_onnx(filter, tmp_path):
    torch.manual_seed(0)
    model, x = TinyResNet().eval(), torch.randn(2, 3, 32, 32)
    aa.convert_(model, filter, example=x[:1], placement="paper")
    batch = {0: torch.export.Dim("pictures", min=2)}
    program = torch.onnx.export(model, (x,), dynamo=True, dynamic_shapes=(batch,), verbose=False)
    program.save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (name,) = (each.name for each in session.get_inputs())
    for pictures in (x, torch.randn(3, 3, 32, 32)):
        (answers,) = session.run(None, {name: pictures.numpy()})
        torch.testing.assert_close(torch.from_numpy(answers), model(pictures).detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")  # of the exporter, about itself
def test_a_layer_that_chooses_its_phase_before_the_filter_becomes_onnx(tmp_path):
    torch.manual_seed(0)
    config = aa.Adaptive(groups=2, phase="input_norm", padding_mode="circular", init="paper")
    layer, x = config.build(4, (2, 2)).eval(), torch.randn(3, 4, 8, 6)
    torch.onnx.export(layer, (x,), dynamo=True, verbose=False).save(tmp_path / "layer.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "layer.onnx", providers=["CPUExecutionProvider"])
    (name,) = (each.name for each in session.get_inputs())
    for maps in (x, x.roll((1, 1), (2, 3))):
        (answers,) = session.run(None, {name: maps.numpy()})
        torch.testing.assert_close(torch.from_numpy(answers), layer(maps).detach(), atol=1e-5, rtol=1e-4)
