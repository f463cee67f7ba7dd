"""Files rebuild the network that was saved, bit by bit, and refuse everything else with a reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from antialias.metrics import normalization_of
from antialias.models import TinyResNet, build, class_names, load, name_classes_, save, save_pretrained
from antialias.nn import Adaptive, AdaptiveBlurPool2d, Filter, Fixed
from antialias.surgery import conversion_of, convert_


def _outputs(model: nn.Module) -> torch.Tensor:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.eval()(images.to(next(model.parameters()).dtype))


def _scramble_(model: nn.Module) -> nn.Module:
    """Give every tensor random values, running statistics included, so that nothing is equal by default."""
    generator = torch.Generator().manual_seed(1)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.1)
    return model


@pytest.mark.parametrize(
    "filter",
    [
        None,
        Fixed(kernel_size=5),
        Adaptive(groups=4, init="paper"),
        Adaptive(predictor="separable"),
        Adaptive(predictor="bottleneck"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["antialias:TinyResNet", "timm:resnet10t"])
def test_a_saved_network_comes_back_bit_by_bit(name: str, filter: Filter | None, tmp_path: Path) -> None:
    model = build(name, num_classes=5)
    if filter is not None:
        convert_(model, filter, example=torch.zeros(1, 3, 64, 64))
    _scramble_(model)
    save(model, tmp_path / "deep" / "m.safetensors")
    loaded = load(tmp_path / "deep" / "m.safetensors")
    assert not loaded.training
    assert torch.equal(_outputs(loaded), _outputs(model))
    assert list(loaded.state_dict()) == list(model.state_dict())
    assert (conversion_of(loaded) is None) == (filter is None)
    if filter is not None:
        assert json.dumps(conversion_of(loaded).to_dict()) == json.dumps(conversion_of(model).to_dict())


def test_a_file_is_a_model_name(tmp_path: Path) -> None:
    model = build("antialias:TinyResNet")
    save(model, tmp_path / "m.safetensors")
    assert torch.equal(_outputs(build(str(tmp_path / "m.safetensors"))), _outputs(model))


def test_dtype_survives(tmp_path: Path) -> None:
    model = _scramble_(build("antialias:TinyResNet")).to(torch.bfloat16)
    save(model, tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert loaded.fc.weight.dtype == torch.bfloat16
    assert loaded.bn1.num_batches_tracked.dtype == torch.int64
    assert torch.equal(_outputs(loaded), _outputs(model))


def test_the_memory_format_survives(tmp_path: Path) -> None:
    model = _scramble_(build("antialias:TinyResNet")).to(memory_format=torch.channels_last)
    save(model, tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert loaded.conv1.weight.stride() == model.conv1.weight.stride()
    assert torch.equal(_outputs(loaded), _outputs(model))


def test_shared_tensors_are_stored_once_and_shared_again(tmp_path: Path) -> None:
    model = build("antialias:TinyResNet")
    model.layer3.bn2.weight = model.layer3.bn1.weight
    save(model, tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", framework="pt") as file:
        assert len(file.keys()) == len(model.state_dict()) - 1
    loaded = load(tmp_path / "m.safetensors")
    assert loaded.layer3.bn2.weight is loaded.layer3.bn1.weight
    assert torch.equal(loaded.layer3.bn1.weight, model.layer3.bn1.weight)


def test_a_network_of_the_users_is_passed_in_and_converted(tmp_path: Path) -> None:
    model = TinyResNet(num_classes=3)
    convert_(model, Adaptive(groups=2), example=torch.zeros(1, 3, 64, 64))
    save(_scramble_(model), tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"m.safetensors holds a network of your own. Use load\(path, model=...\)"):
        load(tmp_path / "m.safetensors")
    mine = TinyResNet(num_classes=3)
    assert load(tmp_path / "m.safetensors", mine) is mine
    assert torch.equal(_outputs(mine), _outputs(model))
    assert load(tmp_path / "m.safetensors", mine) is mine  # already converted the same way


def test_a_file_may_not_name_code_to_run(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    header = {
        "format": 1,
        "name": "os:getcwd",
        "num_classes": None,
        "conversion": None,
        "ties": {},
        "channels_last": False,
    }
    save_file({"x": torch.zeros(1)}, path, metadata={"antialias": json.dumps(header)})
    with pytest.raises(ValueError, match="holds a network of your own"):
        load(path)


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    save(TinyResNet(num_classes=3), tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"does not fit TinyResNet: 2 of another shape \(such as fc.bias\)"):
        load(tmp_path / "m.safetensors", TinyResNet(num_classes=4))
    other = TinyResNet(num_classes=3)
    other.fc = nn.Linear(128, 3, bias=False)
    with pytest.raises(ValueError, match=r"1 unexpected \(such as fc.bias\). Use the network it was saved from"):
        load(tmp_path / "m.safetensors", other)
    other.extra = nn.Linear(2, 2, bias=False)
    with pytest.raises(ValueError, match=r"1 missing \(such as extra.weight\)"):
        load(tmp_path / "m.safetensors", other)


def test_files_that_are_none_of_ours_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.safetensors is not a file. Use a path written by antialias"):
        load(tmp_path / "nowhere.safetensors")
    (tmp_path / "text.safetensors").write_text("hello, this is no tensor")
    with pytest.raises(ValueError, match=r"text.safetensors is not a safetensors file \("):
        load(tmp_path / "text.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "bare.safetensors")
    with pytest.raises(ValueError, match=r"bare.safetensors does not say what it holds. Use models.build\(NAME"):
        load(tmp_path / "bare.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "new.safetensors", metadata={"antialias": '{"format": 2}'})
    with pytest.raises(ValueError, match="has format 2, this release reads 1. Use a newer antialias."):
        load(tmp_path / "new.safetensors")


def test_a_network_without_data_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="conv1.weight is on the meta device and has no data"):
        save(TinyResNet().to("meta"), tmp_path / "m.safetensors")


@dataclass(frozen=True, kw_only=True, repr=False)
class Mine(Adaptive):
    """A filter of the user's: one that knows how it was made."""

    strength: float = 1.0

    def build(self, *args: Any, **kwargs: Any) -> nn.Module:
        layer = super().build(*args, **kwargs)
        nn.init.constant_(layer.get_parameter("bn.weight"), float(self.strength))
        return layer


def test_a_filter_of_the_users_is_passed_in_by_class(tmp_path: Path) -> None:
    path, model = tmp_path / "m.safetensors", build("antialias:TinyResNet", num_classes=3)
    convert_(model, Mine(groups=2, strength=0.5), example=torch.zeros(1, 3, 64, 64))
    save(_scramble_(model), path)
    with pytest.raises(ValueError, match=r"filter 'Mine' is unknown. Use one of Adaptive, .*pass .*filters=\(Mine,\)"):
        load(path)
    loaded = load(path, filters=(Mine,))
    assert torch.equal(_outputs(loaded), _outputs(model))
    layers = conversion_of(loaded).filters().values()
    assert {type(layer) for layer in layers} == {AdaptiveBlurPool2d}
    save(loaded, path)
    mine = TinyResNet(num_classes=3)
    assert torch.equal(_outputs(load(path, mine, filters=(Fixed, Mine))), _outputs(model))
    with pytest.raises(ValueError, match=r"filters=\(<class 'int'>,\) holds what is no filter config"):
        load(path, filters=(int,))  # type: ignore[arg-type]


def test_a_filter_of_the_users_with_other_arguments_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    _write(path, conversion={"version": 1, "steps": [_step(filter={"filter": "Fixed", "colour": "red"})]})
    with pytest.raises(ValueError, match="filter 'Fixed' does not take what was saved: .*'colour'"):
        load(path, TinyResNet(num_classes=3))


def _step(**changes: object) -> dict[str, object]:
    model = TinyResNet(num_classes=3)
    (step,) = convert_(model, Fixed(), example=torch.zeros(1, 3, 64, 64)).to_dict()["steps"]
    return {**step, **changes}


def _write(path: Path, **changes: object) -> None:
    """Write a file whose header says other things than `save` would."""
    model = TinyResNet(num_classes=3)
    save(model, path)
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["antialias"])
    save_file(model.state_dict(), path, metadata={"antialias": json.dumps({**header, **changes})})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 3}, r"m.safetensors does not say how to rebuild its network \(name is 3\). Use a file of antialias"),
        ({"num_classes": "many"}, r"\(num_classes is 'many'\)"),
        ({"num_classes": -5}, r"\(num_classes is -5\)"),
        ({"conversion": [1, 2]}, r"\(conversion is \[1, 2\]\)"),
        ({"conversion": {}}, r"\(conversion: 'steps'\)"),
        ({"conversion": {"version": 1, "steps": 7}}, r"\(conversion: 'int' object is not iterable\)"),
        ({"conversion": {"version": 1, "steps": [{}]}}, r"\(conversion: '\w+'\)"),
        ({"ties": ["a"]}, r"\(ties is \['a'\]\)"),
        ({"ties": {"a": 1}}, r"\(ties is {'a': 1}\)"),
        ({"ties": {"fc.weight": "nothing"}}, "shares nothing, which it does not hold. Use a file of antialias.save."),
        ({"ties": {"forward": "fc.weight"}}, r"does not fit TinyResNet: 1 unexpected \(such as forward\)"),
        ({"normalization": [[0.5], [0.0]]}, r"\(normalization is \[\[0.5\], \[0.0\]\]\)"),
        ({"normalization": [0.5, 0.25]}, r"\(normalization is \[0.5, 0.25\]\)"),
        ({"normalization": [["a"], [1]]}, r"\(normalization is \[\['a'\], \[1\]\]\)"),
        ({"channels_last": "yes"}, r"\(channels_last is 'yes'\)"),
        ({"name": "timm:hf-hub:somebody/model"}, "timm model='hf-hub:somebody/model' is unknown."),
        ({"name": "smp:Unet:tu-hf-hub:somebody/model"}, "smp encoder='tu-hf-hub:somebody/model' is unknown."),
        ({"name": "antialias:MaskRCNN:timm:hf-hub:a/b"}, "backbone='timm:hf-hub:a/b' is unknown."),
    ],
)
def test_headers_that_are_nonsense_are_refused(
    changes: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("something was fetched"))
    path = tmp_path / "m.safetensors"
    _write(path, **changes)
    with pytest.raises(ValueError, match=message):
        load(path, None if "name" in changes else TinyResNet(num_classes=3))


@pytest.mark.parametrize("text", ["", "{", "null", "[1]", '"text"', "3", '{"format": 1}', "[" * 100_000])
def test_headers_that_are_no_headers_are_refused(text: str, tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "m.safetensors", metadata={"antialias": text})
    with pytest.raises(ValueError, match=r"m.safetensors (says is not JSON|does not say how to.*) \(.*\). Use a file"):
        load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("part", [0, 4, 8, 100, 0.5, -1])
def test_truncated_files_are_refused(part: float, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(TinyResNet(num_classes=3), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content)) if isinstance(part, float) else part])
    with pytest.raises(ValueError, match=r"m.safetensors is not a safetensors file \("):
        load(path)
    with pytest.raises(ValueError, match=r"m.safetensors holds no weights that can be read \("):
        build("antialias:TinyResNet", weights=path)


def test_weights_that_would_run_code_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": {}, "hook": Mine()}, path)
    with pytest.raises(ValueError, match=r"w.pth holds no weights that can be read \("):
        build("antialias:TinyResNet", weights=path)
    path.write_text("no tensors")
    with pytest.raises(ValueError, match=r"w.pth holds no weights that can be read \("):
        build("antialias:TinyResNet", weights=path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match=r"w.pth holds list, no state dict"):
        build("antialias:TinyResNet", weights=path)


def test_a_filter_that_json_cannot_say_is_refused_when_it_is_saved(tmp_path: Path) -> None:
    model = TinyResNet(num_classes=3)
    convert_(model, Mine(strength=torch.ones(())), example=torch.zeros(1, 3, 64, 64))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"the conversion of TinyResNet cannot be written \(.*Tensor.*\). Use filter"):
        save(model, tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_the_names_of_the_classes_survive(tmp_path: Path) -> None:
    network = build("antialias:TinyResNet", num_classes=2)
    save(network, tmp_path / "unnamed.safetensors")
    name_classes_(network, ["cat", "dog"])
    save(network, tmp_path / "named.safetensors")
    assert class_names(load(tmp_path / "unnamed.safetensors")) is None
    assert class_names(load(tmp_path / "named.safetensors")) == ("cat", "dog")


@pytest.mark.parametrize("name", ["antialias:TinyResNet", "timm:resnet18", "torchvision:resnet18"])
def test_what_is_done_to_pixels_survives(name: str, tmp_path: Path) -> None:
    network = build(name)
    network.normalization = ((0.1, 0.2, 0.3), (0.5, 0.5, 0.6))
    save(network, tmp_path / "m.safetensors")
    assert normalization_of(load(tmp_path / "m.safetensors")) == network.normalization
    assert normalization_of(load(save_pretrained(network, tmp_path / "folder"))) == network.normalization
    network.normalization = ("group", 8)  # something else
    save(network, tmp_path / "m.safetensors")
    assert normalization_of(load(tmp_path / "m.safetensors")) == normalization_of(build(name))


def test_networks_name_their_classes_in_several_ways() -> None:
    for attribute, value in (
        ("classes", ["cat", "dog"]),
        ("class_names", ("cat", "dog")),
        ("pretrained_cfg", {"label_names": ["cat", "dog"]}),
        ("config", SimpleNamespace(id2label={1: "dog", 0: "cat"})),
    ):
        network = nn.Linear(2, 2)
        assert class_names(network) is None
        setattr(network, attribute, value)
        assert class_names(network) == ("cat", "dog"), attribute
    network.classes = 2  # type: ignore[assignment]
    network.config = None  # type: ignore[assignment]
    assert class_names(network) is None


def test_one_network_is_one_sequence_of_bytes(tmp_path: Path) -> None:
    model = build("antialias:TinyResNet", num_classes=2)
    name_classes_(model, ["hauşkatze", 'a "dog"\t'])
    written = set()
    for number in range(16):
        save(model, tmp_path / f"{number}.safetensors")
        written.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(written) == 1
    assert class_names(load(tmp_path / "0.safetensors")) == ("hauşkatze", 'a "dog"\t')


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "stop"])
def test_a_file_that_cannot_be_finished_leaves_the_former_one(
    fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    save(build("antialias:TinyResNet", num_classes=2), path)
    former = path.read_bytes()

    def fail(number: int) -> None:
        raise fault

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(type(fault)):
        save(build("antialias:TinyResNet", num_classes=3), path)
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]
