"""Training learns, repeats itself exactly, and is the same with and without Lightning."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from antialias.data import LabelledImages, in_memory, open_data
from antialias.models import TinyResNet, load
from antialias.nn import Adaptive, AdaptiveBlurPool2d, Filter, Fixed
from antialias.results import Evaluation
from antialias.surgery import conversion_of
from antialias.tasks import TrainConfig, evaluate, fit, network, task_named, train_
from antialias.tasks._network import load_weights_, normalizer_of
from antialias.tasks.training._optimizer import build_optimizer, build_schedule

SMALL = TrainConfig(
    epochs=2, batch_size=16, size=40, window=32, train_length=64, test_length=24, accelerator="cpu", devices=1
)


@pytest.fixture(scope="module")
def pictures() -> LabelledImages:
    return in_memory(open_data("scenes", size=40, length=64))


def _same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_the_same_seed_gives_the_same_start_for_every_filter() -> None:
    plain, fixed = network(SMALL, 20), network(replace(SMALL, filter=Fixed()), 20)
    other = network(replace(SMALL, seed=1), 20)
    assert torch.equal(plain.layer2.conv1.weight, fixed.layer2.conv1.weight)
    assert not torch.equal(plain.conv1.weight, other.conv1.weight)


def test_adaptive_filters_start_at_the_binomial_blur_unless_told() -> None:
    def start(filter: Filter) -> str:
        return conversion_of(network(replace(SMALL, filter=filter), 20)).filter.init

    assert start(Adaptive()) == "binomial"
    assert start(Adaptive(init="paper")) == "paper"
    assert start(Adaptive(normalize="joint")) == "paper"


def test_only_weights_decay() -> None:
    model = network(replace(SMALL, filter=Adaptive()), 20)
    decayed, others = build_optimizer(model, SMALL).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (SMALL.weight_decay, 0.0)
    norms = [m for m in model.modules() if isinstance(m, AdaptiveBlurPool2d)]
    free = {id(parameter) for parameter in others["params"]}
    assert norms
    assert all(id(parameter) in free for norm in norms for parameter in norm.bn.parameters())
    assert len(decayed["params"]) + len(others["params"]) == len(list(model.parameters()))


def _rates(config: TrainConfig, steps: int) -> list[float]:
    optimizer = build_optimizer(TinyResNet(), config)
    schedule = build_schedule(optimizer, config, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if len(rates) < steps else None
    return rates


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = _rates(SMALL, 100)
    assert max(rates) == pytest.approx(SMALL.learning_rate)
    assert rates[-1] < rates[0] < rates[20]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"schedule": "constant"}, [0.1] * 8),
        ({"schedule": "poly"}, [0.1 * (1 - step / 8) ** 0.9 for step in range(8)]),
        ({"schedule": "step", "milestones": (1,)}, [0.1] * 4 + [0.01] * 4),
        ({"schedule": "step", "milestones": (2, 6), "max_steps": 8}, [0.1] * 2 + [0.01] * 4 + [0.001] * 2),
        ({"schedule": "constant", "warmup": 1}, [0.025, 0.05, 0.075] + [0.1] * 5),
        ({"schedule": "poly", "power": 1.0, "warmup": 2, "max_steps": 4}, [0.05, 0.075, 0.05, 0.025]),
    ],
    ids=str,
)  # fmt: skip
def test_other_schedules_are_their_formulas(settings: dict, expected: list[float]) -> None:
    assert _rates(replace(SMALL, **settings), len(expected)) == pytest.approx(expected)


def test_inputs_are_normalised_as_the_network_asks() -> None:
    images = torch.rand(2, 3, 4, 4)
    assert torch.allclose(normalizer_of(TinyResNet())(images), (images - 0.5) / 0.25)
    assert normalizer_of(nn.Identity())(images) is images


@pytest.mark.parametrize("filter", [None, Adaptive()], ids=["none", "adaptive"])
def test_training_repeats_itself_and_leaves_the_global_random_state(
    pictures: LabelledImages, filter: Filter | None
) -> None:
    config = replace(SMALL, filter=filter)
    before = torch.get_rng_state()
    first, second = network(config, 20), network(config, 20)
    losses = train_(first, pictures, config)
    assert train_(second, pictures, config) == losses
    assert _same(first, second)
    assert not _same(first, network(config, 20))
    assert not first.training
    assert torch.equal(before, torch.get_rng_state())


def test_agreement_is_learnt(pictures: LabelledImages) -> None:
    config = replace(SMALL, views=2, epochs=1)
    without, (mean,) = (train_(network(config, 20), pictures, replace(config, agreement=w)) for w in (0.0, 5.0))
    assert [mean] != without


def test_progress_counts_every_step(pictures: LabelledImages) -> None:
    seen: list[tuple[int, int]] = []
    train_(network(SMALL, 20), pictures, SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(step, 8) for step in range(1, 9)]


def test_a_short_training_beats_chance() -> None:
    config = TrainConfig(filter=Fixed(), epochs=6, test_length=250)
    model = network(config, 20)
    losses = train_(model, in_memory(open_data("scenes", length=1500)), config)
    assert losses[-1] < losses[0]
    scores = evaluate(model, config)
    assert set(scores) == {"accuracy", "top5_accuracy", "consistency", "consistency_on_correct", "top1_change"}
    assert scores.pop("consistency_on_correct").images < 250
    assert {score.images for score in scores.values()} == {250}
    assert scores["accuracy"].interval[0] > 0.08  # chance is 0.05


def test_lightning_takes_the_very_same_steps(pictures: LabelledImages, tmp_path: Path, dropout_model: str) -> None:
    options = {"model": dropout_model, "accumulate": 3, "clip_norm": 0.1, "ema": 0.9, "max_steps": 3}
    views = {"views": 2, "agreement": 5.0}
    for config in (replace(SMALL, filter=Fixed()), replace(SMALL, **options, **views, schedule="poly")):
        config = replace(config, out=str(tmp_path / config.schedule))
        plain = network(config, 20)
        train_(plain, pictures, config)
        before, seen = torch.get_rng_state(), []
        run = fit(config, progress=lambda done, total, seen=seen: seen.append((done, total)))
        assert _same(plain, run.model)
        steps, total = 8 if config.max_steps is None else 3, seen[-1][1]
        assert seen == sorted(seen)
        assert {total} == {each for _, each in seen}
        assert set(range(1, steps + 1)) <= {done for done, _ in seen}
        assert steps < seen[-1][0] == total
        assert torch.equal(before, torch.get_rng_state())


def test_a_run_leaves_everything_in_its_folder(tmp_path: Path) -> None:
    config = replace(SMALL, epochs=1, out=str(tmp_path))
    run = fit(config)
    assert {file.name for file in run.files} == {
        "model.safetensors", "config.toml", "scores.json", "metrics.csv", "best.ckpt", "last.ckpt",
    }  # fmt: skip
    assert TrainConfig.read(tmp_path / "config.toml") == run.config == replace(config, model="antialias:TinyResNet")
    assert Evaluation.read(tmp_path).scores == run.scores
    (row,) = csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines())
    assert (row["epoch"], row["step"]) == ("0", "4")
    assert float(row["train_loss"]) > 0
    assert 0 <= float(row["test_accuracy"]) <= 1
    assert list((tmp_path / "tensorboard").glob("events*"))
    again = evaluate(load(tmp_path / "model.safetensors"), config)
    assert again["accuracy"].value == run.scores["accuracy"].value


def test_a_network_of_other_classes_is_named_and_given_no_accuracy() -> None:
    model, task = TinyResNet(num_classes=7), task_named("classification")
    with pytest.warns(UserWarning, match="the network has 7 outputs, the data 20 classes, so no accuracy is measured"):
        assert list(evaluate(model, SMALL)) == ["consistency", "top1_change"]
    with pytest.raises(ValueError, match="the network has 7 outputs, the data 20 classes. Use equal numbers."):
        task.evaluate(model, task.open(SMALL, "test"), SMALL)
    assert not model._forward_hooks


def test_plain_weights_are_converted_without_a_change_of_function(tmp_path: Path) -> None:
    plain = network(replace(SMALL, seed=5), 20).eval()
    torch.save(plain.state_dict(), tmp_path / "plain.pt")
    config = replace(SMALL, weights=str(tmp_path / "plain.pt"), filter=Adaptive())
    tuned = network(config, 20).eval()
    assert conversion_of(tuned).filters()
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert (tuned(x) - plain(x)).norm() / plain(x).norm() < 1e-3
        with pytest.warns(UserWarning, match="fc.weight, fc.bias of .*plain.pt have other shapes and start"):
            assert network(config, 7)(x).shape == (2, 7)


def test_weights_that_do_not_fit_are_refused() -> None:
    model, state = TinyResNet(20), TinyResNet(20).state_dict()
    with pytest.raises(ValueError, match="w.pt does not fit TinyResNet: 1 names, such as fc.bias, are in one of them"):
        load_weights_(model, {name: state[name] for name in state if name != "fc.bias"}, "w.pt")
    with pytest.raises(ValueError, match="w.pt has no tensor of TinyResNet's shapes. Use weights of this network."):
        load_weights_(model, {name: torch.zeros(9, 9) for name in state}, "w.pt")
