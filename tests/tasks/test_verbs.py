"""The verbs train and evaluate, from words to files."""

from __future__ import annotations

from pathlib import Path

import pytest

from antialias.cli import main

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
    scores = tmp_path / "scores2.json"
    words = ["evaluate", str(tmp_path / "model.safetensors"), "--size", "40", "--window", "32", "--length", "16"]
    main([*words, "--out", str(scores)])
    evaluated = capsys.readouterr().out
    assert evaluated.splitlines()[0] == trained.splitlines()[0]
    assert evaluated.splitlines()[-1] == f"Wrote {scores}"
    assert scores.exists()


def test_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "semantics"])
    assert "task='semantics' is unknown. Use one of: classification" in capsys.readouterr().err
