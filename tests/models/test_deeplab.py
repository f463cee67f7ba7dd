"""TinyDeepLab: what it answers and where it subsamples."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from antialias.models import build, load, save
from antialias.nn import Adaptive, Fixed
from antialias.surgery import convert_
from antialias.tasks._config import Placement


def test_it_answers_at_the_pictures_resolution() -> None:
    model = build("antialias:TinyDeepLab", num_classes=7)
    assert model.normalization == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    for size in ((64, 64), (33, 47), (70, 70)):
        assert model.eval()(torch.zeros(1, 3, *size)).shape == (1, 7, *size)
    assert model.train()(torch.zeros(1, 3, 40, 40)).shape == (1, 7, 40, 40)  # one picture has no norm of its mean
    assert sum(p.numel() for p in model.parameters()) < 0.6e6


@pytest.mark.parametrize("placement", get_args(Placement))
def test_filters_find_its_strides_and_its_dilated_stages(placement: Placement, tmp_path: Path) -> None:
    model = build("antialias:TinyDeepLab", num_classes=5).eval()
    for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
    x = torch.rand(1, 3, 64, 64)
    before = model(x)
    done = convert_(model, Adaptive(init="identity"), example=x, placement=placement)
    kinds = [site.kind for site in done.changed]
    assert sorted(kinds) == sorted(["max pool", "convolution", "shortcut", *2 * ["dilated", "dilated shortcut"]])
    if placement == "exact":
        assert (model(x) - before).norm() / before.norm() < 1e-3
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert all(map(torch.equal, again.state_dict().values(), model.state_dict().values()))
    torch.testing.assert_close(again(x), model(x), rtol=0, atol=1e-6)  # products of 1 x 1 maps round by their address


def test_a_fixed_filter_changes_what_it_says() -> None:
    model, x = build("antialias:TinyDeepLab").eval(), torch.rand(1, 3, 64, 64)
    before = model(x)
    convert_(model, Fixed(), example=x)
    assert not torch.allclose(model(x), before, atol=1e-3)
