"""Norms of weights, and wrappers that train on several devices: filters run, answers and gradients are right."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrizations
from torchvision.models.resnet import BasicBlock

from antialias.nn import Adaptive
from antialias.surgery import convert_

from .test_tools import X, network, runs

NORMED = ("conv1", "layer2.0.conv1", "layer2.0.downsample.0", "layer3.0.conv2", "layer4.0.conv1")


@pytest.mark.parametrize("first", ["norm", "conversion"])
@pytest.mark.parametrize("norm", [parametrizations.spectral_norm, nn.utils.spectral_norm], ids=["new", "old"])
def test_spectral_norms_before_and_after_a_conversion(norm: Callable[..., Any], first: str) -> None:
    def put_norms(model: Any) -> None:
        torch.manual_seed(1)
        for name in NORMED:
            norm(model.get_submodule(name))

    plain, model = network("resnet18"), network("resnet18")
    put_norms(plain)
    if first == "norm":
        put_norms(model)
    done = convert_(model, Adaptive(), example=X)
    if first == "conversion":
        put_norms(model)
    expected = plain.eval()(X)
    assert runs(model.eval()) == len(done.filters()) == 7
    assert (model(X) - expected).norm() < 1e-3 * expected.norm()
    for each in (plain, model):  # a step of the power iteration; a norm behind a stride would see other positions
        for module in each.modules():
            module.training = not isinstance(module, nn.BatchNorm2d)
        each(X)
        each.eval()
    after = plain(X)
    assert (model(X) - after).norm() < 1e-3 * after.norm() < (after - expected).norm()
    torch.testing.assert_close(done.revert_()(X), after, rtol=1e-3, atol=1e-4)


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def sharded(model: Any) -> Any:
    mesh = init_device_mesh("cpu", (1,))
    for block in [module for module in model.modules() if isinstance(module, BasicBlock)]:
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def wrapped_in_shards(model: Any) -> Any:
    policy = ModuleWrapPolicy({BasicBlock})
    return FullyShardedDataParallel(model, auto_wrap_policy=policy, device_id=torch.device("cpu"), use_orig_params=True)


def full_gradients(model: Any) -> dict[str, torch.Tensor]:
    """Gradients by the names that the network has without a wrapper."""
    names = {
        name.replace("_fsdp_wrapped_module.", "").removeprefix("module."): parameter.grad
        for name, parameter in model.named_parameters()
    }
    return {
        name: grad.full_tensor() if hasattr(grad, "full_tensor") else grad
        for name, grad in names.items()
        if grad is not None
    }


@pytest.mark.filterwarnings("ignore:FSDP")  # which shards nothing in one process, but wraps all the same
@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize("wrap", [DistributedDataParallel, sharded, wrapped_in_shards])
def test_wrappers_for_several_devices_run_every_filter(wrap: Callable[[Any], Any]) -> None:
    model, images = network("resnet18").train(), torch.rand(2, 3, 64, 64)
    convert_(model, Adaptive(init="paper"), example=X)
    alone = copy.deepcopy(model)
    expected = alone(images)
    expected.square().sum().backward()
    wrapped = wrap(model)
    answer = wrapped(images)
    torch.testing.assert_close(answer, expected)
    answer.square().sum().backward()
    gradients = full_gradients(wrapped)
    assert sum(".antialias." in name for name in gradients) == sum(
        ".antialias." in n for n, _ in alone.named_parameters()
    )
    for name, parameter in alone.named_parameters():
        torch.testing.assert_close(gradients[name].view_as(parameter), parameter.grad, rtol=1e-4, atol=1e-5)
    assert runs(wrapped.eval()) == 7
