"""Names decide which class is meant: what one side lacks is named, and no accuracy is measured that means nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from antialias.metrics import Curve
from antialias.models import class_names, load, name_classes_, save
from antialias.results import Evaluation, EvaluationConfig
from antialias.tasks import TrainConfig, evaluate, fit, measure_flips, network

COLOURS = {"amber": (255, 0, 0), "blue": (0, 255, 0), "cyan": (0, 0, 255), "dun": (128, 128, 128)}
STABLE = ["consistency", "top1_change"]


class ByChannel(nn.Module):
    """Answers by the brightest channel: red, green, blue."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, images: Tensor) -> Tensor:
        logits = images.mean((2, 3))
        return torch.cat([logits, logits.new_full((len(logits), self.outputs - 3), -9.0)], 1)


def _write(folder: Path, split: str, names: str, each: int = 4) -> None:
    for name in names.split():
        for number in range(each):
            path = folder / split / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (48, 48), COLOURS[name]).save(path)


def _config(folder: Path, **settings: object) -> TrainConfig:
    small = {"size": 40, "window": 32, "epochs": 1, "batch_size": 4, "accelerator": "cpu", "devices": 1, "workers": 0}
    return TrainConfig(data=f"images:{folder}", out=str(folder / "run"), **{**small, **settings})


@pytest.mark.filterwarnings("ignore:.* has 1 class that .*train lacks")
def test_training_refuses_a_class_in_one_split_only(tmp_path: Path) -> None:
    _write(tmp_path, "train", "amber blue cyan")
    _write(tmp_path, "val", "blue cyan dun")
    message = (
        r"val has 1 class that .*train lacks: dun; it lacks 1 class that .*train has: amber. Use one set of classes"
    )
    with pytest.raises(ValueError, match=message):
        fit(_config(tmp_path))
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:.* has 1 class that .*train lacks")
def test_training_goes_on_by_a_word_and_measures_no_accuracy(tmp_path: Path) -> None:
    _write(tmp_path, "train", "amber blue cyan")
    _write(tmp_path, "val", "blue cyan dun")
    with pytest.warns(UserWarning, match="val has 1 class that .*train lacks: dun"):
        run = fit(_config(tmp_path, on_class_mismatch="warn"))
    assert list(run.scores) == STABLE
    assert list(Evaluation.read(tmp_path / "run").scores) == STABLE
    assert class_names(load(tmp_path / "run" / "model.safetensors")) == ("amber", "blue", "cyan")


def test_a_network_s_own_order_comes_first(tmp_path: Path) -> None:
    """Of a test folder alone nobody could know the numbers but the network."""
    _write(tmp_path, "val", "cyan amber")
    model, config = ByChannel(), EvaluationConfig(data=f"images:{tmp_path}", size=40, window=32)
    with pytest.warns(UserWarning, match="the network has 3 outputs, the data 2 classes, so no accuracy is measured"):
        assert list(evaluate(model, config)) == STABLE
    name_classes_(model, ("amber", "blue", "cyan"))
    assert evaluate(model, config)["accuracy"].value == 1
    name_classes_(model, ("blue", "amber", "cyan"))
    assert evaluate(model, config)["accuracy"].value == 0.5


def test_classes_that_a_network_does_not_name_are_named(tmp_path: Path) -> None:
    _write(tmp_path, "val", "amber cyan dun")
    model, config = ByChannel(), EvaluationConfig(data=f"images:{tmp_path}", size=40, window=32)
    assert "accuracy" in evaluate(model, config)  # it names none, and their number is the same
    name_classes_(model, ("amber", "blue", "cyan"))
    with pytest.warns(
        UserWarning, match="val has 1 class that the network lacks: dun; it lacks 1 class that .*: blue, so"
    ):
        assert list(evaluate(model, config)) == STABLE


def test_data_of_fixed_classes_are_compared_by_name() -> None:
    model, config = ByChannel(20), EvaluationConfig(size=40, window=32, test_length=8)
    assert "accuracy" in evaluate(model, config)
    name_classes_(model, [f"thing {number}" for number in range(20)])
    with pytest.warns(UserWarning, match="the network's classes are thing 0, thing 1, .*, those of scenes"):
        assert list(evaluate(model, config)) == STABLE


def test_images_without_labels_give_every_score_that_needs_none(tmp_path: Path) -> None:
    for number in range(6):
        Image.effect_noise((60, 50), 40 + number).convert("RGB").save(tmp_path / f"{number}.png")
    config = EvaluationConfig(data=f"images:{tmp_path}", size=48, window=32)
    with pytest.warns(UserWarning, match=r"images:.* has no labels for classification, so no accuracy is measured"):
        scores = evaluate(ByChannel(), config)
    assert list(scores) == STABLE
    assert scores["consistency"].images == 6
    calls: list[tuple[int, int]] = []
    with pytest.warns(UserWarning, match="has no labels"):
        flips = measure_flips(ByChannel(), config, progress=lambda *counts: calls.append(counts))
    assert isinstance(flips, Curve)
    assert calls == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize("task", ["semantic", "instance"])
@pytest.mark.filterwarnings("ignore:instance consistency of:UserWarning")
def test_segmenters_and_detectors_are_measured_without_labels(task: str, tmp_path: Path) -> None:
    for number in range(2):
        Image.effect_noise((60, 50), 40 + number).convert("RGB").save(tmp_path / f"{number}.png")
    config = TrainConfig(task=task, data=f"images:{tmp_path}", size=48, window=32, detection_score=0.01)
    model = network(config, 4).eval()
    with pytest.warns(UserWarning, match=f"has no labels for {task}"):
        scores = evaluate(model, config)
    assert all("consistency" in name for name in scores)
    assert scores or task == "instance"


def test_a_folder_with_training_images_needs_test_images(tmp_path: Path) -> None:
    _write(tmp_path, "train", "amber blue")
    with pytest.raises(FileNotFoundError, match="test"):
        evaluate(ByChannel(), EvaluationConfig(data=f"images:{tmp_path}", size=40, window=32))


@pytest.mark.filterwarnings("ignore:.* has 1 class that classes= lacks")
def test_a_saved_network_is_trained_on_in_its_own_order(tmp_path: Path) -> None:
    _write(tmp_path, "train", "amber blue cyan")
    _write(tmp_path, "val", "amber blue cyan")
    first = fit(_config(tmp_path))
    name_classes_(first.model, ("cyan", "amber", "blue"))
    save(first.model, tmp_path / "other.safetensors")
    config = _config(tmp_path, model=str(tmp_path / "other.safetensors"), learning_rate=1e-9)
    run = fit(replace(config, out=str(tmp_path / "again")))
    assert class_names(run.model) == ("cyan", "amber", "blue")
    _write(tmp_path, "train", "dun")
    _write(tmp_path, "val", "dun")
    with pytest.raises(ValueError, match="train has 1 class that classes= lacks: dun. Use one set of classes"):
        fit(replace(config, on_class_mismatch="warn"))
