"""Libraries' files are recognised and compute the same; damaged and hostile ones get a message and run nothing."""

from __future__ import annotations

import argparse
import json
import os
import re
import tarfile
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from published import scramble_
from safetensors.torch import save_file
from torch import nn

import antialias as aa
from antialias.models import build
from antialias.models.checkpoints._recognise import FAMILIES, _candidates, fitting_origin
from antialias.models.files import Checkpoint
from antialias.surgery import conversion_of


def _outputs(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    ("name", "filters"),
    [("resnetblur18", 4), ("resnetaa34d", 4), ("tresnet_m", 3), ("ecaresnet26t", 0)],
)
def test_timms_networks_compute_what_they_did(name: str, filters: int, tmp_path: Path) -> None:
    theirs = scramble_(timm.create_model(name, num_classes=10))
    path = tmp_path / f"{name}-0123abcd.pth"
    torch.save(theirs.state_dict(), path)
    ours = aa.load_checkpoint(path)
    conversion = conversion_of(ours)
    assert (0 if conversion is None else len(conversion.changed)) == filters
    expected = _outputs(theirs)
    assert (_outputs(ours) - expected).abs().max() <= 1e-5 * expected.abs().max()
    if conversion is not None:
        aa.save(ours, tmp_path / "ours.safetensors")
        assert (_outputs(aa.load(tmp_path / "ours.safetensors")) - expected).abs().max() <= 1e-5 * expected.abs().max()
        assert torch.equal(_outputs(conversion.revert_()), expected)


@pytest.mark.parametrize("name", [name for family in FAMILIES.values() for name in family])
def test_torchvisions_networks_are_told_apart_by_their_shapes(name: str) -> None:
    with torch.device("meta"):
        shapes = {key: t.shape for key, t in torchvision.models.get_model(name, weights=None).state_dict().items()}
    tensors = {key: torch.zeros(()).expand(shape) for key, shape in shapes.items() if "num_batches" not in key}
    checkpoint = Checkpoint(Path("model.pth"), tensors)
    fitting = [each.name for each in _candidates(checkpoint) if each.name == f"torchvision:{name}"]
    assert fitting == [f"torchvision:{name}"]
    others = [each for each in _candidates(checkpoint) if each.name != f"torchvision:{name}"][:2]
    assert fitting_origin(next(e for e in _candidates(checkpoint) if e.name == fitting[0]), checkpoint, "joint")
    assert not any(fitting_origin(other, checkpoint, "joint") for other in others)


def test_what_a_training_script_wrote_around_it(tmp_path: Path) -> None:
    theirs = scramble_(torchvision.models.resnet18(num_classes=5))
    options = argparse.Namespace(model="resnet18", lr=0.1)
    torch.save({"model": theirs.state_dict(), "args": options, "epoch": 3}, tmp_path / "checkpoint.pth")
    ours = build(str(tmp_path / "checkpoint.pth"))
    assert conversion_of(ours) is None
    assert torch.equal(_outputs(ours), _outputs(theirs))
    assert aa.load_checkpoint(tmp_path / "checkpoint.pth", "timm:resnet18").fc.out_features == 5


def test_a_folder_says_which_network_it_holds(tmp_path: Path) -> None:
    save_file(timm.create_model("resnetblur18", num_classes=4).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnetblur18", "num_classes": 4}))
    assert len(conversion_of(aa.load_checkpoint(tmp_path)).changed) == 4
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json is not JSON"):
        aa.load_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "model-00001-of-00001.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"\(weights in parts: model.safetensors.index.json\); it holds config"):
        aa.load_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["resnet18", "resnetblur18", "mobilenetv2_035"])
def test_a_folder_of_timms_says_what_is_done_to_pixels(name: str, tmp_path: Path) -> None:
    theirs = scramble_(timm.create_model(name, num_classes=4, drop_rate=0.1))
    pixels = {"mean": (0.5, 0.4, 0.3), "std": (0.25, 0.25, 0.5)}
    timm.models.save_for_hf(theirs, tmp_path, safe_serialization=True, data_config=pixels)
    ours = aa.load_checkpoint(tmp_path)
    assert aa.metrics.normalization_of(ours) == (pixels["mean"], pixels["std"])
    torch.testing.assert_close(_outputs(ours), _outputs(theirs))
    config = json.loads((tmp_path / "config.json").read_text())
    config["pretrained_cfg"]["std"] = [0.0]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"says mean=.* and std=\[0.0\] of pixels. Use numbers, one a channel"):
        aa.load_checkpoint(tmp_path)


@pytest.mark.parametrize("option", [{"output_stride": 8}, {"global_pool": "max"}])
def test_a_folder_of_a_network_with_arguments_says_how_to_open_it(option: dict[str, object], tmp_path: Path) -> None:
    theirs = scramble_(timm.create_model("resnet18", num_classes=4, **option))
    timm.models.save_for_hf(theirs, tmp_path, safe_serialization=True)
    ((key, value),) = option.items()
    for model in (None, "timm:resnet18"):
        with pytest.raises(ValueError, match=f"a resnet18 that was made with {key}={value!r}, which its name") as error:
            aa.load_checkpoint(tmp_path, model)
    names = {"load_checkpoint": aa.load_checkpoint, "timm": timm}
    ours = eval(str(error.value).partition("Use ")[2].rstrip("."), names)
    assert torch.equal(_outputs(ours), _outputs(theirs))


def test_plain_files_of_segmenters_need_a_name(tmp_path: Path) -> None:
    theirs = build("smp:Unet:resnet18", num_classes=3).eval()
    torch.save(theirs.state_dict(), tmp_path / "unet.pth")
    ours = aa.load_checkpoint(tmp_path / "unet.pth", "smp:Unet:resnet18")
    assert torch.equal(_outputs(ours), _outputs(theirs))
    with pytest.raises(ValueError, match=r"does not say which network its \d+ tensors .* Say which: load_checkpoint"):
        aa.load_checkpoint(tmp_path / "unet.pth")


@pytest.mark.parametrize("first", [nn.LayerNorm(1280), nn.Linear(1280, 1280)])
def test_a_head_of_one_more_layer_is_not_left_out(first: nn.Module, tmp_path: Path) -> None:
    theirs = torchvision.models.mobilenet_v2()
    theirs.classifier = nn.Sequential(first, nn.Linear(1280, 10))  # a file without dropout has its only layer there
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    with pytest.raises(ValueError, match=r"unexpected \(classifier.0.weight, classifier.0.bias\)"):
        aa.load_checkpoint(tmp_path / "theirs.pth", torchvision.models.mobilenet_v2(num_classes=10))
    with pytest.raises(ValueError, match="does not fit torchvision:mobilenet_v2. Say which"):
        aa.load_checkpoint(tmp_path / "theirs.pth")


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("ran",)


def test_hostile_and_damaged_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = torchvision.models.resnet18().state_dict()
    torch.save({"state_dict": state, "hook": Hostile()}, "code.pth")
    torch.save(state, "whole.pth")
    Path("cut.pth").write_bytes(Path("whole.pth").read_bytes()[:100_000])
    Path("empty.pth").touch()
    Path("text.pth").write_text("version https://git-lfs.github.com/spec/v1")
    Path("header.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with tarfile.open("legacy.pth.tar", "w") as tar:
        tar.add("text.pth")
    torch.save([1, 2], "list.pth")
    torch.save({"epoch": 3}, "epoch.pth")
    torch.save({"state_dict": {"fc.weight": torch.zeros(1), "fc": "x"}}, "mixed.pth")
    for name, message in {
        "code.pth": r"it asks for (posix|nt)\.mkdir, which is code and was not run",
        "cut.pth": r"cut.pth holds no weights that can be read \(",
        "empty.pth": r"empty.pth holds no weights that can be read \(0 bytes\)",
        "text.pth": r"text.pth holds no weights that can be read \(",
        "header.safetensors": r"header.safetensors holds no weights that can be read \(",
        "legacy.pth.tar": r"legacy.pth.tar holds no weights that can be read \(",
        "list.pth": "list.pth holds list, no state dict",
        "epoch.pth": r"epoch.pth holds no state dict \(epoch: int\)",
        "mixed.pth": "mixed.pth has 'fc', a str, among its weights",
    }.items():
        with pytest.raises(ValueError, match=message):
            aa.load_checkpoint(name)
    assert not Path("ran").exists()
    with pytest.raises(FileNotFoundError, match="nowhere.pth is not a file"):
        aa.load_checkpoint("nowhere.pth")
    with pytest.raises(ValueError, match="normalize='both' is unknown. Use 'joint' or 'group'"):
        aa.load_checkpoint("whole.pth", normalize="both")


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[3] / "docs" / "checkpoints.md").read_text()
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})
