"""Files of scores: what is written is read again, and so is what earlier versions wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from antialias.metrics import Score
from antialias.nn import Adaptive
from antialias.results import Evaluation, EvaluationConfig
from antialias.tasks import TrainConfig

ACCURACY = Score.from_images("accuracy", torch.arange(20) < 15)


@pytest.mark.parametrize(
    "training", [None, TrainConfig(filter=Adaptive(), window=48).to_dict()], ids=["none", "trained"]
)
def test_what_is_written_is_read_again(tmp_path: Path, training: dict[str, object] | None) -> None:
    evaluation = Evaluation(
        model="tiny", config=EvaluationConfig(window=48), scores={"accuracy": ACCURACY}, training=training
    )
    evaluation.write(tmp_path / "scores.json")
    assert Evaluation.read(tmp_path) == evaluation


def _first_format(path: Path, config: TrainConfig) -> None:
    """Write a file as the first format was: a run's settings, whether there was a run or not."""
    scores = {"accuracy": ACCURACY.to_dict(per_image=True)}
    values = {"model": "tiny, adaptive", "config": config.to_dict(), "scores": scores, "flips": None, "cost": None}
    path.write_text(json.dumps(values))


def test_the_first_format_of_a_run_is_read(tmp_path: Path) -> None:
    config = TrainConfig(model="antialias:TinyResNet", filter=Adaptive(), epochs=2, window=48, test_length=60)
    _first_format(tmp_path / "scores.json", config)
    evaluation = Evaluation.read(tmp_path)
    assert evaluation.config == EvaluationConfig(window=48, test_length=60)
    assert TrainConfig.from_dict(evaluation.training or {}) == config


def test_the_first_format_of_a_network_from_elsewhere_names_no_training(tmp_path: Path) -> None:
    _first_format(tmp_path / "x.json", TrainConfig(window=48))
    assert Evaluation.read(tmp_path / "x.json").training is None


def test_a_run_is_readable_where_its_settings_are_expected(tmp_path: Path) -> None:
    config = TrainConfig(filter=Adaptive(), window=48)
    evaluation = Evaluation(model="tiny", config=config.evaluation, scores={}, training=config.to_dict())
    evaluation.write(tmp_path / "scores.json")
    assert TrainConfig.from_dict(json.loads((tmp_path / "scores.json").read_text())["config"]) == config
