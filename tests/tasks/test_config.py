"""A training config is a value that can be written and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from antialias.nn import Adaptive, Filter, Fixed
from antialias.tasks import TrainConfig


@pytest.mark.parametrize("filter", [None, Fixed(kernel_size=5), Adaptive(groups=4, init="identity")], ids=str)
def test_it_survives_json(filter: Filter | None, tmp_path: Path) -> None:
    config = TrainConfig(filter=filter, epochs=3, train_length=100, devices=2, out="runs/x")
    config.write(tmp_path / "deep" / "config.json")
    assert TrainConfig.read(tmp_path / "deep" / "config.json") == config


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot assign to field 'epochs'"):
        TrainConfig().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs=0 is below 1. Use 1 or more."),
        ({"batch_size": 0}, "batch_size=0 is below 1"),
        ({"size": 32, "window": 40}, "window=40 does not fit pictures of size=32. Use window<=32."),
    ],
)
def test_impossible_settings_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig(**arguments)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ValueError, match="epoch is no setting of a training run. Use some of: task, model, data"):
        TrainConfig.from_dict({"epoch": 3})
