"""Flags and files: what a file says, what goes before it, and what nobody said."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from antialias.cli import _train, main
from antialias.nn import Adaptive, Fixed
from antialias.results import EvaluationConfig
from antialias.tasks import TrainConfig


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """What `train` would have trained."""
    configs: list[TrainConfig] = []

    def fit(config: TrainConfig, **_: object) -> SimpleNamespace:
        configs.append(config)
        return SimpleNamespace(scores={}, files=())

    monkeypatch.setattr(_train, "fit", fit)
    return configs


def _file(folder: Path, text: str) -> str:
    (folder / "run.toml").write_text(text)
    return str(folder / "run.toml")


def test_filters_are_adaptive_with_and_without_a_file(trained: list[TrainConfig], tmp_path: Path) -> None:
    file = _file(tmp_path, "epochs = 2\n")
    for words in ([], ["--config", file], ["semantic", "--config", file, "--window", "32"]):
        main(["train", *words])
    assert [config.filter for config in trained] == [Adaptive()] * 3
    assert [config.epochs for config in trained] == [8, 2, 2]
    assert (trained[2].task, trained[2].window) == ("semantic", 32)


def test_plain_has_a_word_on_the_command_line_and_in_files(trained: list[TrainConfig], tmp_path: Path) -> None:
    main(["train", "--filter", "none"])
    main(["train", "--config", _file(tmp_path, 'filter = "none"\n')])
    main(["train", "--config", _file(tmp_path, '[filter]\nfilter = "none"\n')])
    TrainConfig().write(tmp_path / "plain.toml")
    main(["train", "--config", str(tmp_path / "plain.toml")])
    assert [config.filter for config in trained] == [None] * 4
    assert trained[3] == TrainConfig() == TrainConfig.read(tmp_path / "plain.toml")


def test_what_earlier_plain_runs_wrote_stays_plain(trained: list[TrainConfig], tmp_path: Path) -> None:
    TrainConfig(seed=3).write(tmp_path / "old.toml")
    text = (tmp_path / "old.toml").read_text()
    assert text.count('filter = "none"\n') == 1
    main(["train", "--config", _file(tmp_path, text.replace('filter = "none"\n', ""))])
    assert trained == [TrainConfig(seed=3)]


def test_what_a_run_wrote_trains_the_same_again(trained: list[TrainConfig], tmp_path: Path) -> None:
    config = TrainConfig(
        filter=Adaptive(groups=4, init="paper"),
        weights='a "path"\\ü',
        devices=2,
        schedule="step",
        milestones=(3, 5),
        learning_rate=1e-5,
        nesterov=False,
        ema=0.99,
        size=80,
    )
    config.write(tmp_path / "config.toml")
    main(["train", "--config", str(tmp_path / "config.toml")])
    main(["train", "--config", str(tmp_path / "config.toml"), "--kernel-size", "5", "--nodes", "2"])
    assert trained[0] == config
    assert (trained[1].filter, trained[1].num_nodes) == (Adaptive(kernel_size=5), 2)


def test_a_files_filter_and_its_faults(
    trained: list[TrainConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", "--config", _file(tmp_path, '[filter]\nfilter = "Fixed"\nkernel_size = 5\n')])
    assert trained[0].filter == Fixed(kernel_size=5)
    for text, message in (
        ('[filter]\nfilter = "Fixed"\ngroups = 4\n', "--groups is no option of the fixed filter. Use some of"),
        ('[filter]\nfilter = "Blur"\n', "antialias: Invalid value .*blur.*"),
        ("epoch = 4\n", "antialias: epoch in .*run.toml is no setting. Use some of: task, data, size, window"),
        ("epochs: 4\n", "antialias: .*run.toml is not TOML .*Write one setting a line, such as epochs = 8."),
        ("epochs = 0\n", "antialias: epochs=0 is too small. Use 1 or more."),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["train", "--config", _file(tmp_path, text)])
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        assert re.search(message, error), error


def test_every_setting_is_a_flag_described_by_its_config(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, config in (("train", TrainConfig), ("evaluate", EvaluationConfig)):
        main([verb, "--help"])
        shown = capsys.readouterr().out
        for setting in fields(config):
            assert f"--{setting.name.replace('_', '-')}" in shown
