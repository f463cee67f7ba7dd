"""A network with real weights keeps its answers on real photographs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias.data import photographs as photographs_of_the_package
from antialias.models import build
from antialias.nn import Adaptive, Fixed
from antialias.surgery import convert_


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return build("antialias:EfficientNetLite0").eval()


@pytest.fixture(scope="module")
def photographs() -> list[Tensor]:
    return [picture.float() / 255 for picture in photographs_of_the_package().values()][:6]


@torch.no_grad()
@pytest.mark.parametrize("size", [(224, 224), (101, 150)])
def test_efficientnet_lite0_keeps_its_answers(model, photographs, size):
    x = torch.cat([F.interpolate(picture[None], size, mode="bilinear", antialias=True) for picture in photographs])
    x = x * 2 - 1
    before = model(x)
    done = convert_(model, Adaptive(), example=x[:1])
    after = model(x)
    done.revert_()
    assert len(done.changed) == 0
    assert ((after - before).norm(dim=1) / before.norm(dim=1)).max() <= 1e-3
    assert torch.equal(after.argmax(1), before.argmax(1))
    assert torch.equal(model(x), before)


@torch.no_grad()
def test_a_blur_that_is_no_identity_is_noticed(model, photographs):
    x = F.interpolate(photographs[0][None], (128, 128), mode="bilinear", antialias=True) * 2 - 1
    before = model(x)
    done = convert_(model, Fixed(kernel_size=3), example=x)
    assert len(done.changed) == 4
    assert (model(x) - before).norm() / before.norm() > 0.05
    done.revert_()
