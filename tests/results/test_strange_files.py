"""Score files whose fields are missing, of another kind, or do not belong together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from antialias.metrics import Measurement, Score
from antialias.report import read_result
from antialias.results import Cost, Evaluation, EvaluationConfig

FAULTS: dict[str, tuple[Callable[[Any], object], str]] = {
    "a share of 3.7": (lambda score: score.update(value=3.7), "the score 'flips' cannot have value=3.7"),
    "text": (lambda score: score.update(value="0.5"), "cannot have value='0.5'"),
    "bounds": (lambda score: score.update(interval=[0.9, 0.1]), r"cannot have interval=\[0.9, 0.1\]"),
    "one bound": (lambda score: score.update(interval=[0.9]), r"cannot have interval=\[0.9\]"),
    "no name": (lambda score: score.pop("name"), "the score None has no name"),
    "infinity": (lambda score: score.update(spread=float("inf")), "cannot have spread=inf"),
    "pictures": (lambda score: score.update(images=2.5), "cannot have images=2.5"),
    "level": (lambda score: score.update(level=95), "cannot have level=95"),
    "values": (lambda score: score.update(per_image=[0, [1]]), r"cannot have per_image=\[0, \[1\]\]"),
    "shares": (lambda score: score.update(per_image=[0, 2]), r"cannot have per_image=\[0, 2\]"),
    "protocol": (lambda score: score.update(protocol=[]), r"cannot have protocol=\[\]"),
}


def file_of(folder: Path) -> tuple[Path, dict[str, Any]]:
    score = Score.from_images("flips", torch.arange(20) % 2)
    Evaluation(model="a", config=EvaluationConfig(), scores={"a": score}, cost=Cost(macs=3)).write(folder / "a.json")
    return folder / "a.json", json.loads((folder / "a.json").read_text())


@pytest.mark.parametrize("kind", FAULTS)
def test_a_score_that_cannot_be_is_named_with_its_file(tmp_path: Path, kind: str) -> None:
    change, reason = FAULTS[kind]
    file, values = file_of(tmp_path)
    assert Evaluation.read(file).scores["a"].value == 0.5
    change(values["scores"]["a"])
    file.write_text(json.dumps(values))
    for read in (Evaluation.read, read_result):
        with pytest.raises(ValueError, match=f"a.json holds no scores .*{reason}.*Use what antialias train"):
            read(file)


CURVE: dict[str, tuple[Callable[[Any], object], str]] = {
    "direction": (lambda values: values["flips"].update(direction=[0.3]), r"a curve cannot have direction=\[0.3\]"),
    "name": (lambda values: values["flips"].update(name=7), "a curve cannot have name=7"),
    "distances": (lambda values: values["flips"].update(scores={}), "a curve cannot have scores={}"),
    "distance": (lambda values: values["flips"].update(scores={"a" * 5000: {}}), "a{150}"),
    "curve": (lambda values: values.update(flips=[1]), r"a curve is \[1\], no object"),
    "no scores": (lambda values: values.update(scores={}), "none is in it"),
    "window": (lambda values: values["config"].update(window="a" * 5000), "window='a{150}"),
}


@pytest.mark.parametrize("kind", CURVE)
def test_curves_and_settings_that_cannot_be_are_named_in_a_line(tmp_path: Path, kind: str) -> None:
    change, reason = CURVE[kind]
    file, values = file_of(tmp_path)
    score = values["scores"]["a"]
    values["flips"] = {"name": "flips", "direction": "diagonal", "scores": {"1": score}}
    file.write_text(json.dumps(values))
    assert Evaluation.read(file).curves[0].distances == [1]
    change(values)
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=f"a.json holds no scores .*{reason}.*Use what antialias train") as refused:
        Evaluation.read(file)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\xff", "a.json is not JSON"),
        (b"[" * 100_000, "a.json is not JSON"),
        (b'{"sites": 3}', "a.json is no diagnosis that can be read .*Use what antialias diagnose"),
        (b'{"reproduction": 3}', "a.json is no report that can be read .*Use what antialias diagnose"),
    ],
)
def test_other_texts_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_result(tmp_path / "a.json")


def test_costs_are_numbers(tmp_path: Path) -> None:
    file, values = file_of(tmp_path)
    values["cost"]["macs"] = "many"
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="a.json holds no scores .Cost cannot have macs='many'"):
        Evaluation.read(file)


@pytest.mark.parametrize("change", [{"dtype": "load"}, {"shape": [7]}, {"rows": [[1]]}, {"level": None}, {"rows": 3}])
def test_a_measurement_that_cannot_be_says_so(change: dict[str, Any]) -> None:
    part = Measurement("flips", torch.zeros(3, 2), {}, 0.95, "mean", "percent").to_dict() | change
    if part["level"] is None:
        del part["level"]
    with pytest.raises(ValueError, match=r"'flips' is no measurement \(.*\). Measure it again"):
        Measurement.from_dict(part)
