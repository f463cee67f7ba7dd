"""An operation that runs without its filter raises, and nothing else does."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torch.ao import quantization
from torch.utils.checkpoint import checkpoint

from antialias.nn import Fixed
from antialias.surgery import convert_

X = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    network = torchvision.models.shufflenet_v2_x0_5(num_classes=5).eval()
    convert_(network, Fixed(), example=X)
    return network


def lose(model: Any) -> None:
    """Put a plain norm where a filtered one was, so that nobody is told."""
    model.stage2[0].branch1._modules["1"] = nn.BatchNorm2d(24).eval()


def test_a_lost_filter_is_named_with_the_tools_that_lose_it(model: Any) -> None:
    lose(model)
    with pytest.raises(
        RuntimeError, match=r"stage2\.0\.branch1\.0 ran at stride 1, and its filter at the output of stage"
    ):
        model(X)
    with pytest.raises(RuntimeError, match="folds norms into convolutions"):
        model(X)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies_and_parts_are_guarded_too(model: Any, copied: Any) -> None:
    twin = copied(model)
    lose(twin)
    model(X)
    with pytest.raises(RuntimeError, match="did not run"):
        twin(X)
    with pytest.raises(RuntimeError, match="did not run"):
        twin.stage2(twin.maxpool(twin.conv1(X)))


@pytest.mark.parametrize("which", ["a filter at the output", "a filter at the input", "a pool", "both apart"])
def test_what_held_the_stride_and_its_filter_is_missed(which: str) -> None:
    """A tool that writes into `_modules` takes both away at once, and copies the stride."""
    convolution = nn.Conv2d(3, 8, 1 if "input" in which else 3, 2)
    strided = nn.MaxPool2d(2) if which == "a pool" else convolution
    network: Any = nn.Sequential(nn.Conv2d(3, 3, 3), strided, *([nn.ReLU()] if which == "both apart" else []))
    convert_(network, Fixed(), example=X)
    expected, layers = network(X), network._modules
    layers["1"] = (
        nn.MaxPool2d(2, 1) if which == "a pool" else nn.Conv2d(3, 8, convolution.kernel_size, network[1].stride)
    )
    if which == "both apart":
        layers["2"] = nn.ReLU()
    with pytest.raises(RuntimeError, match="^1 ran at stride 1, and its filter at the .*put into _modules"):
        network(X)
    layers["1"] = copy.deepcopy(strided) if which == "a pool" else nn.Conv2d(3, 8, convolution.kernel_size, 2)
    layers["1"].stride = 2  # brings a subsampling of its own
    assert network(X).shape == expected.shape


def test_what_is_registered_at_stride_1_is_missed_no_more_than_its_filter(model: Any) -> None:
    branch = model.stage2[0].branch1
    branch[0] = nn.Conv2d(24, 24, 3, 1, 1, groups=24)
    model(X)
    branch._modules["1"] = nn.BatchNorm2d(24).eval()
    with pytest.raises(RuntimeError, match=r"stage2\.0\.branch1\.0 ran at stride 1"):
        model(X)
    plain: Any = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, 2), nn.MaxPool2d(2)).eval()
    convert_(plain, Fixed(), example=X)
    plain[1], plain[2] = nn.Identity(), nn.Identity()
    assert plain(X).shape == (1, 8, 31, 31)


def test_removed_hooks_are_noticed(model: Any) -> None:
    for module in model.modules():
        for key in [k for k, hook in module._forward_hooks.items() if type(hook).__name__ == "FilterOutput"]:
            del module._forward_hooks[key]
    with pytest.raises(RuntimeError, match="did not run"):
        model(X)


def test_operations_that_do_not_run_are_fine(model: Any) -> None:
    model.stage4 = nn.Conv2d(96, 192, 1)
    model.stage2[0].branch1[0](torch.rand(1, 24, 8, 8))
    model.stage2[0].branch1(torch.rand(1, 24, 8, 8))
    assert model(X).shape == (1, 5)


def test_a_pass_that_is_cut_off_leaves_no_mark(model: Any) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("on demand")

    hook = model.stage2[0].branch1[0].register_forward_hook(fail)
    with pytest.raises(KeyError):
        model(X)
    hook.remove()
    model(X)
    block = model.stage3[0]
    for _ in range(3):
        checkpoint(block, torch.rand(1, 48, 8, 8, requires_grad=True), use_reentrant=False).sum().backward()
    model(X)


@torch.no_grad()
@pytest.mark.parametrize("part", ["", "stage2.0", "stage2.0.branch1", "stage2.0.branch1.1"])
def test_what_is_compiled_is_not_looked_at(model: Any, part: str) -> None:
    expected = model(X)
    model.get_submodule(part).compile(backend="eager")
    torch.testing.assert_close(model(X), expected)


def test_export_holds_no_guard(model: Any) -> None:
    program = torch.export.export(model, (X,))
    torch.testing.assert_close(program.module()(X), model(X))


def test_nothing_is_left_after_revert(model: Any) -> None:
    from antialias.surgery import conversion_of

    conversion = conversion_of(model)
    assert conversion is not None
    conversion.revert_()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_another_filter_in_the_place_of_one_counts_as_it(model: Any) -> None:
    for name in [name for name, _ in model.named_modules() if name.endswith(".antialias")]:
        model.set_submodule(name, nn.AvgPool2d(1, model.get_submodule(name).stride))
    assert model(X).shape == (1, 5)


class Quantised(nn.Module):
    """A network between the stubs of eager quantisation."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dequant(self.body(self.quant(x)))


class Pooled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(x, 2)


def quantise_and_run(model: Any, in_training: bool) -> None:
    name = "qnnpack" if torch.backends.quantized.engine == "qnnpack" else "fbgemm"
    if in_training:
        model.train().qconfig = quantization.get_default_qat_qconfig(name)
        prepared = quantization.prepare_qat(model)
    else:
        model.qconfig = quantization.get_default_qconfig(name)
        prepared = quantization.prepare(model)
    prepared(X)
    quantization.convert(prepared.eval())(X)


@pytest.mark.filterwarnings("ignore")  # of quantisation, which is deprecated
@pytest.mark.parametrize("in_training", [False, True])
@pytest.mark.parametrize(
    ("layers", "site"),
    [
        ([nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()], "body.1"),
        ([nn.Conv2d(8, 8, 3, 2, 1)], "body.1"),
        ([nn.Conv2d(8, 8, 1, 2)], "body.1"),
        ([nn.MaxPool2d(2)], "body.1"),
        ([Pooled()], "body.1:max_pool2d"),
    ],
    ids=["activation", "output", "input", "pool", "function"],
)
def test_quantised_maps_are_refused_with_the_site(layers: list[nn.Module], site: str, in_training: bool) -> None:
    model: Any = Quantised(nn.Conv2d(3, 8, 3), *copy.deepcopy(layers)).eval()
    convert_(model, Fixed(), example=X)
    with pytest.raises(RuntimeError, match=rf"^{site} (gave its stride|lost its stride|ran at stride 1)"):
        quantise_and_run(model, in_training)
