"""The verbs train and evaluate, from words to files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from antialias.cli import main
from antialias.nn import Adaptive
from antialias.results import Evaluation
from antialias.tasks import TrainConfig

SMALL = (
    "--size=40",
    "--window=32",
    "--epochs=1",
    "--batch-size=16",
    "--accelerator=cpu",
    "--train-length=32",
    "--test-length=16",
)


@pytest.mark.parametrize("filter", ["none", "fixed", "adaptive"])
def test_train_then_evaluate(filter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "classification", "--data", "scenes", "--filter", filter, "--out", str(tmp_path), *SMALL])
    trained = capsys.readouterr().out
    assert "accuracy" in trained
    assert str(tmp_path / "model.safetensors") in trained
    words = ["evaluate", str(tmp_path / "model.safetensors"), "--size", "40", "--window", "32", "--length", "16"]
    main([*words, "--out", str(tmp_path / "again"), "--flips", "--accelerator", "cpu"])
    evaluated = capsys.readouterr().out
    (written,) = (tmp_path / "again").iterdir()
    assert evaluated.splitlines()[:2] == [f"Wrote {written}", trained.splitlines()[0]]
    assert "8 px horizontal" in evaluated
    assert "Multiply-adds, G" in evaluated
    first, again = Evaluation.read(tmp_path), Evaluation.read(written)
    assert again.scores == first.scores
    assert again.curves
    assert (again.cost.parameters, again.cost.memory) == (first.cost.parameters, first.cost.memory)


def test_compare_sets_runs_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for filter, seed in (("none", "0"), ("fixed", "0"), ("fixed", "1")):
        words = ["train", "classification", "--filter", filter, "--seed", seed]
        main([*words, "--out", str(tmp_path / f"{filter}-{seed}"), *SMALL])
    capsys.readouterr()
    out = tmp_path / "compared"
    main(["compare", *(str(tmp_path / run) for run in ("none-0", "fixed-0", "fixed-1")), "--out", str(out)])
    shown = capsys.readouterr().out
    assert "Difference from plain" in shown
    assert "2 seeds" in shown
    assert f"Wrote {out / 'report.html'}" in shown
    assert "| fixed |" in (out / "table.md").read_text()


def test_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "semantics"])
    assert "task='semantics' is unknown. Use one of: classification" in capsys.readouterr().err


def test_a_file_trains_flags_go_before_it_and_what_ran_runs_again(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(
        'batch_size = 16\nsize = 40\nwindow = 32\ntrain_length = 32\ntest_length = 16\naccelerator = "cpu"\n'
        'schedule = "poly"\n[filter]\nfilter = "Adaptive"\ngroups = 4\n'
    )
    first, again, plain = tmp_path / "first", tmp_path / "again", tmp_path / "plain"
    main(["train", "--config", str(file), "--epochs", "1", "--out", str(first), "--no-nesterov"])
    config = TrainConfig.read(first / "config.toml")
    assert (config.epochs, config.filter, config.schedule, config.nesterov) == (1, Adaptive(groups=4), "poly", False)
    main(["train", "--config", str(first / "config.toml"), "--out", str(again)])
    assert (again / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()
    words = ["--filter", "none", "--epochs", "1", "--schedule", "step", "--milestones", "1", "2"]
    main(["train", "--config", str(file), "--out", str(plain), *words])
    config = TrainConfig.read(plain / "config.toml")
    assert (config.filter, config.milestones) == (None, (1, 2))


def test_every_setting_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--help"])
    shown = capsys.readouterr().out
    for setting in fields(TrainConfig):
        assert setting.name == "task" or f"--{setting.name.replace('_', '-')}" in shown
