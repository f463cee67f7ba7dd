"""Files of scores: what is written is read again, and so is what earlier versions wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from antialias.metrics import Curve, Score
from antialias.nn import Adaptive
from antialias.results import Comparison, Cost, Evaluation, EvaluationConfig
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


FILES = Path(__file__).parent / "files"


def test_files_that_earlier_code_wrote_are_read_and_compared() -> None:
    """Two files of the first format, as `train` and `evaluate --flips` of that time wrote them."""
    run, elsewhere = (Evaluation.read(FILES / name) for name in ("run.json", "elsewhere.json"))
    assert run.config == elsewhere.config == EvaluationConfig(window=48, test_length=20)
    assert run.training is not None
    assert TrainConfig.from_dict(run.training).filter == Adaptive(kernel_size=5, predictor="full")
    assert elsewhere.training is None
    assert (run.cost, elsewhere.cost) == (Cost(parameters=5, macs=6, time=1.5, memory=1.25), None)
    assert [curve.values for curve in elsewhere.curves] == [[0.05, 0.1]]
    table = Comparison.of([elsewhere, run]).table()
    assert table.cell("timm:resnet18", "accuracy").value == pytest.approx(0.6)
    assert table.cell("antialias:TinyResNet, adaptive kernel_size=5", "top1_change").value == pytest.approx(0.15)


def test_curves_of_every_direction_are_kept(tmp_path: Path) -> None:
    curves = tuple(Curve("flip rate", direction, {1: ACCURACY}) for direction in ("horizontal", "vertical"))
    evaluation = Evaluation(model="tiny", config=EvaluationConfig(), scores={"accuracy": ACCURACY}, curves=curves)
    evaluation.write(tmp_path / "scores.json")
    assert Evaluation.read(tmp_path).curves == curves


def test_what_no_settings_name_is_not_written(tmp_path: Path) -> None:
    evaluation = Evaluation(model="tiny", config=None, scores={"accuracy": ACCURACY})
    with pytest.raises(ValueError, match="tiny was measured on pictures that no settings name. Give config="):
        evaluation.write(tmp_path / "scores.json")
