"""Segmenters and detectors start from the body of a trained classifier, filters included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from antialias.models import TinyResNet, save
from antialias.nn import Adaptive, Filter, Fixed
from antialias.surgery import conversion_of
from antialias.tasks import TrainConfig, network

CLASSIFIER = TrainConfig(window=32, size=40)
BODIES = {"instance": "backbone.body", "semantic": "body"}


def _task(task: str, **settings: object) -> TrainConfig:
    return TrainConfig(task=task, window=64, **settings)


def _classifier(path: Path, filter: Filter | None, placement: str | None = None) -> nn.Module:
    """Save a classifier whose every tensor is its own."""
    model = network(replace(CLASSIFIER, filter=filter, placement=placement, seed=3), 20)
    with torch.no_grad():
        for number, tensor in enumerate(model.state_dict().values()):
            if tensor.is_floating_point():
                tensor.add_(0.01 * (number + 1))
    save(model, path)
    return model


def _body(model: nn.Module, task: str) -> dict[str, Tensor]:
    return model.get_submodule(BODIES[task]).state_dict()


def _equal(body: dict[str, Tensor], state: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, state[name]) for name, tensor in body.items())


@pytest.mark.parametrize("task", BODIES)
@pytest.mark.parametrize("filter", [None, Fixed(), Adaptive(groups=4)], ids=str)
def test_the_body_is_the_classifiers_with_its_filters(task: str, filter: Filter | None, tmp_path: Path) -> None:
    trained = _classifier(tmp_path / "c.safetensors", filter)
    config = _task(task, filter=filter, backbone=str(tmp_path / "c.safetensors"))
    model, anew = network(config, 21), network(replace(config, backbone=None), 21)
    body, state = _body(model, task), trained.state_dict()
    assert len(body) == sum(not name.startswith("fc.") for name in state)
    assert _equal(body, state)
    assert not _equal(_body(anew, task), state)
    outside = [name for name in model.state_dict() if not name.startswith(BODIES[task])]
    assert _equal({name: model.state_dict()[name] for name in outside}, anew.state_dict())


@pytest.mark.parametrize("kind", ["c.pt", "c.safetensors"])
def test_filters_behind_a_plain_body_keep_its_function(kind: str, tmp_path: Path) -> None:
    model = _classifier(tmp_path / "c.safetensors", None).eval()
    torch.save(model.state_dict(), tmp_path / "c.pt")
    config = _task("semantic", filter=Adaptive(), backbone=str(tmp_path / kind))
    tuned, plain = network(config, 21).eval(), network(replace(config, filter=None), 21).eval()
    assert conversion_of(tuned).placement == "exact"
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert (tuned(x) - plain(x)).norm() / plain(x).norm() < 1e-3


def test_filters_stand_where_the_classifiers_stood(tmp_path: Path) -> None:
    _classifier(tmp_path / "c.safetensors", Fixed(), "exact")
    assert (
        conversion_of(
            network(_task("semantic", filter=Fixed(), backbone=str(tmp_path / "c.safetensors")), 21)
        ).placement
        == "exact"
    )


@pytest.mark.parametrize("filter", [None, Fixed(kernel_size=5), Adaptive()], ids=str)
def test_another_filter_than_the_classifiers_is_refused(filter: Filter | None, tmp_path: Path) -> None:
    _classifier(tmp_path / "c.safetensors", Fixed())
    with pytest.raises(
        ValueError, match=r"c.safetensors was trained with Fixed\(.*\), the run has .*\. Use equal filters."
    ):
        network(_task("semantic", filter=filter, backbone=str(tmp_path / "c.safetensors")), 21)


def test_start_values_do_not_make_filters_differ(tmp_path: Path) -> None:
    _classifier(tmp_path / "c.safetensors", Adaptive(init="paper"))
    model = network(_task("semantic", filter=Adaptive(), backbone=str(tmp_path / "c.safetensors")), 21)
    assert conversion_of(model).filter == Adaptive(init="binomial")


def test_a_classifier_of_another_body_is_refused(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in TinyResNet(20).state_dict().items() if not name.startswith("layer2")}
    torch.save(state, tmp_path / "c.pt")
    with pytest.raises(ValueError, match="c.pt fits no body of TinyDeepLab: the largest part that it fills takes"):
        network(_task("semantic", backbone=str(tmp_path / "c.pt")), 21)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.pt is not a file"):
        network(_task("semantic", backbone=str(tmp_path / "nowhere.pt")), 21)
