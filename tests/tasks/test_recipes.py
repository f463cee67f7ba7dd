"""Every recipe is settings that a run takes, of a network that is there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from antialias.cli import main
from antialias.models import build
from antialias.nn import Adaptive
from antialias.surgery import conversion_of
from antialias.tasks import TrainConfig, network, read_settings, task_named

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
SMALL = [path for path in RECIPES if path.stem.startswith("scenes_")]
TRAINED = [path for path in RECIPES if "filter" in read_settings(path)]


def test_the_papers_settings_and_the_small_ones_are_there() -> None:
    named = {path.stem for path in RECIPES}
    paper = {"imagenet_resnet101", "imagenet_resnet50", "imagenet_vid"}
    assert named >= paper | {"voc_deeplab", "cityscapes_deeplab", "coco_mask_rcnn"}
    assert named >= {"scenes_classification", "scenes_semantic", "scenes_instance"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_read_and_says_its_command_hardware_and_numbers(path: Path) -> None:
    config = TrainConfig.read(path)
    assert set(read_settings(path)) >= {"task", "data", "window"}
    text = path.read_text()
    assert f"--config recipes/{path.name}" in text
    assert "\n# Hardware: " in text
    assert ("Not run here." in text) == (path not in SMALL)
    assert config.data == "scenes" or re.fullmatch(r"(images|voc|cityscapes|coco|vid):/data/\S+", config.data)


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_a_recipe_trains_the_papers_filter_in_a_network_that_is_there(path: Path) -> None:
    config = TrainConfig.read(path)
    assert config.filter == replace(Adaptive(kernel_size=3, groups=8), init=config.filter.init)
    with torch.device("meta"):
        assert build(str(config.model), num_classes=21) is not None
    total = config.batch_size * config.accumulate * (config.devices if isinstance(config.devices, int) else 1)
    if path not in SMALL:
        assert total == {"classification": 256, "semantic": 16, "instance": 8}[config.task]


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_a_small_recipe_learns_from_the_first_step(path: Path) -> None:
    config = replace(TrainConfig.read(path), train_length=2, test_length=2, batch_size=2)
    task = task_named(config.task)
    data = task.open(config, "train")
    model = network(config, task.outputs(data)).train()
    assert conversion_of(model) is not None
    loss = task.loss(model, *task.training_batches(data, config, 0)[0])
    assert 0 < loss.item() < 20


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_the_command_line_reads_a_recipe_as_python_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[TrainConfig] = []
    run = SimpleNamespace(scores={}, files=())
    monkeypatch.setattr("antialias.cli._train.fit", lambda config, **_: configs.append(config) or run)
    main(["train", "--config", str(path)])
    assert configs == [TrainConfig.read(path)]
