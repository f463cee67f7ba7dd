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
