"""What fails midway leaves a network as it was: a way back that a tool has cut off, and a record of hostile steps."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.ao.quantization import fuse_modules

import antialias as aa
from antialias.nn import Adaptive, Fixed, Polyphase
from antialias.surgery import Conversion, conversion_of, convert_, replay_

X = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network() -> Any:
    torch.manual_seed(0)
    return timm.create_model("resnet18", num_classes=5).eval()


def structure(model: nn.Module) -> list[Any]:
    """Everything that surgery changes of a network, tensors apart."""
    plain = (int, str, tuple, list, type(None), bool)
    return [
        (
            name,
            id(module),
            type(module),
            list(module.state_dict()),
            {key: copy.copy(value) for key, value in vars(module).items() if isinstance(value, plain)},
            list(module._modules.items()),
            list(module._forward_hooks.items()),
            list(module._forward_pre_hooks.items()),
        )
        for name, module in model.named_modules()
    ]


@pytest.mark.parametrize("name", ["repvgg_a0", "ghostnetv3_050", "mobileone_s0"])
def test_a_network_without_its_branches_is_not_reverted_by_halves(name: str) -> None:
    model = timm.create_model(name, num_classes=5).eval()
    convert_(model, Fixed(), example=X)
    deployed = timm.utils.reparameterize_model(model)
    before, expected = structure(deployed), deployed(X)
    conversion = conversion_of(deployed)
    assert conversion is not None
    message = (
        rf"^{type(model).__name__} cannot be reverted: \S+, which gave its stride to a filter, is gone "
        r"\(\d+ of \d+ sites\).* folded .*Revert first, conversion_of\(model\)\.revert_\(\), "
    )
    with pytest.raises(ValueError, match=message):
        conversion.revert_()
    assert structure(deployed) == before
    torch.testing.assert_close(deployed(X), expected)


def test_what_is_cut_off_with_its_filters_does_not_hinder_the_rest() -> None:
    model = network()
    done = convert_(model, Fixed(), example=X)
    model.layer4 = nn.Conv2d(256, 512, 1)
    done.revert_()
    assert conversion_of(model) is None
    assert model.layer3[0].conv1.stride == (2, 2)
    assert not any(module._forward_hooks for module in model.modules())


HOSTILE: dict[str, dict[str, Any]] = {
    "an attribute that is not there": {"edit": "Retune", "module": "layer2.0.conv1", "attributes": {"nothing": 1}},
    "an attribute that cannot be set": {
        "edit": "Retune",
        "module": "layer2.0.conv1",
        "attributes": {"stride": [3, 3], "training": True, "weight": 3},
    },
    "a filter that does not fit": {
        "edit": "Insert",
        "module": "layer2.0.bn1",
        "side": "output",
        "had_stride": False,
        "channels": -1,
        "stride": [2, 2],
    },
    "a filter like nothing": {
        "edit": "Insert",
        "module": "layer2.0.bn1",
        "side": "output",
        "had_stride": False,
        "channels": 8,
        "stride": [2, 2],
        "like": "nobody",
    },
    "a side that there is not": {"edit": "WrapBorders", "module": "layer2.0.bn1", "before": [1, 1], "after": [1, 1]},
}


@pytest.mark.parametrize("filter", [Adaptive(), Polyphase()], ids=["adaptive", "polyphase"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_record_that_fails_midway_changes_nothing(hostile: str, filter: aa.nn.Filter, tmp_path: Path) -> None:
    model = network()
    model.layer2[0].conv1.register_forward_hook(lambda *_: None)
    removable = model.layer1[0].register_forward_hook(lambda *_: None)
    converted = copy.deepcopy(model)
    convert_(converted, filter, example=X)
    aa.save(converted, tmp_path / "good.safetensors")
    with safe_open(tmp_path / "good.safetensors", framework="pt") as file:
        header = json.loads(file.metadata()["antialias"])
    step = copy.deepcopy(header["conversion"]["steps"][0])
    step["sites"], step["rest"] = [], [HOSTILE[hostile]]
    header["conversion"]["steps"].append(step)
    tensors = load_file(tmp_path / "good.safetensors")
    save_file(tensors, tmp_path / "bad.safetensors", metadata={"antialias": json.dumps(header)})
    before, expected = structure(model), model(X)
    with pytest.raises((ValueError, AttributeError, TypeError, RuntimeError, StopIteration)):
        replay_(model, header["conversion"])
    assert structure(model) == before
    with pytest.raises(ValueError, match=r"bad\.safetensors|nobody|channels"):
        aa.load(tmp_path / "bad.safetensors", model)
    assert structure(model) == before
    assert conversion_of(model) is None
    assert torch.equal(model(X), expected)
    removable.remove()
    assert not model.layer1[0]._forward_hooks
    aa.load(tmp_path / "good.safetensors", model)
    torch.testing.assert_close(model(X), converted(X))
    assert isinstance(conversion_of(model), Conversion)


def test_weights_that_do_not_fit_leave_a_passed_network_as_it_was(tmp_path: Path) -> None:
    converted, model = network(), timm.create_model("resnet18", num_classes=7).eval()
    convert_(converted, Fixed(), example=X)
    aa.save(converted, tmp_path / "five.safetensors")
    before = structure(model)
    with pytest.raises(ValueError, match="2 of another shape"):
        aa.load(tmp_path / "five.safetensors", model)
    assert structure(model) == before


@torch.no_grad()
def test_fused_layers_get_their_stride_back() -> None:
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Conv2d(8, 4, 3, 2), nn.BatchNorm2d(4)).eval()
    expected = model(X)
    convert_(model, Fixed(), example=X, stem=True)
    fused = fuse_modules(model, [["0", "1", "2"], ["3", "4"]])
    conversion = conversion_of(fused)
    assert conversion is not None
    torch.testing.assert_close(conversion.revert_()(X), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2), nn.Identity(), nn.AvgPool2d(2)])
def test_what_somebody_put_in_place_of_a_layer_is_left_to_them(pool: Any) -> None:
    model = network()
    done = convert_(model, Fixed(), example=X)
    model.maxpool, model.layer2[0].conv1 = pool, nn.Conv2d(64, 128, 3, 3, 1)
    kind, before = type(pool), copy.copy(vars(pool))
    done.revert_()
    assert (model.maxpool is pool, type(pool), vars(pool)) == (True, kind, before)
    assert (model.layer2[0].conv1.stride, model.layer3[0].conv1.stride) == ((3, 3), (2, 2))


def test_a_conversion_that_fails_midway_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, build, built = network(), Fixed.build, list[int]()

    def run_out(self: Fixed, channels: int, *args: Any, **options: Any) -> nn.Module:
        built.append(channels)
        if str(options.get("device")) != "meta" and len(built) > 20:
            raise MemoryError
        return build(self, channels, *args, **options)

    before = structure(model)
    monkeypatch.setattr(Fixed, "build", run_out)
    with pytest.raises(MemoryError):
        convert_(model, Fixed(), example=X)
    assert 20 < len(built) < 28
    assert structure(model) == before
