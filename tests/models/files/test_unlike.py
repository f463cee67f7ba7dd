"""A network that was changed since it was built by name is not rebuilt by that name alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import antialias as aa
from antialias.models import build

X = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def with_largest_pool(model: Any) -> None:
    model.reset_classifier(1000, "max")


def with_another_activation(model: Any) -> None:
    model.act1 = nn.GELU()


def with_wrapped_borders(model: Any) -> None:
    model.layer1[0].conv1.padding_mode = "circular"


def without_a_pool(model: Any) -> None:
    model.maxpool = nn.Identity()


@pytest.mark.parametrize("change", [with_largest_pool, with_another_activation, with_wrapped_borders, without_a_pool])
@pytest.mark.parametrize("converted", [False, True])
def test_a_changed_network_is_loaded_into_its_like_only(change: Callable[[Any], None], converted: bool, tmp_path: Any):
    model, like = build("timm:resnet18").eval(), build("timm:resnet18").eval()
    change(model)
    change(like)
    if converted:
        aa.convert_(model, aa.Fixed(), example=X)
    with pytest.warns(UserWarning, match=r"timm:resnet18 has .* where its name builds .*: it was changed since"):
        aa.save(model, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="holds a network of your own"):
        aa.load(tmp_path / "net.safetensors")
    torch.testing.assert_close(aa.load(tmp_path / "net.safetensors", like)(X), model(X))


def test_a_published_folder_of_a_changed_network_asks_for_it(tmp_path: Any) -> None:
    model = build("timm:resnet18").eval()
    with_another_activation(model)
    with pytest.warns(UserWarning, match="has GELU"):
        aa.models.save_pretrained(model, tmp_path / "net")
    with pytest.raises(ValueError, match="model="):
        aa.load(tmp_path / "net")


@pytest.mark.parametrize("name", ["timm:resnet18", "torchvision:shufflenet_v2_x0_5", "smp:Unet:resnet18"])
def test_what_evaluation_does_not_ask_and_what_tensors_tell_is_no_change(name: str, tmp_path: Any) -> None:
    model: Any = build(name).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.01
        if isinstance(module, nn.ReLU):
            module.inplace = False
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    state = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aa.save(model, tmp_path / "net.safetensors")
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.testing.assert_close(aa.load(tmp_path / "net.safetensors")(X), model(X))
