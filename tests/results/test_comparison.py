"""Comparisons of evaluations: grouping by seed, paired differences, tables and files."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from antialias.metrics import Curve, Score, average, difference
from antialias.nn import Adaptive, Fixed
from antialias.report import write_comparison
from antialias.results import Comparison, Cost, Evaluation, verdict
from antialias.tasks import TrainConfig


def _evaluation(right: int, config: TrainConfig, name: str = "tiny, plain", *, time: float = 1.0) -> Evaluation:
    order = torch.randperm(200, generator=torch.Generator().manual_seed(config.seed))
    scores = {
        "accuracy": Score.from_images("accuracy", order < right),
        "top1_change": Score.from_images("P(top-1 change)", order >= 150 + right // 4),
    }
    cost = Cost(parameters=2_000_000, macs=3_000_000_000, time=time, memory=1.0)
    return Evaluation(model=name, config=config.evaluation, scores=scores, training=config.to_dict(), cost=cost)


@pytest.fixture
def runs() -> list[Evaluation]:
    plain, adaptive = TrainConfig(), TrainConfig(filter=Adaptive())
    return [
        _evaluation(100, plain),
        _evaluation(150, replace(adaptive, out="a"), "tiny, adaptive", time=1.5),
        _evaluation(160, replace(adaptive, out="b", seed=1), "tiny, adaptive", time=2.5),
    ]


def test_runs_that_differ_in_their_seed_are_one_row(runs: list[Evaluation]) -> None:
    comparison = Comparison.of(runs)
    plain, adaptive = comparison.entries
    assert (plain.name, adaptive.name) == ("plain", "adaptive")
    assert adaptive.runs == tuple(runs[1:])
    assert adaptive.score("accuracy").value == pytest.approx(0.775)
    assert adaptive.cost == Cost(parameters=2_000_000, macs=3_000_000_000, time=2.0, memory=1.0)
    table = comparison.table()
    assert [row.note for row in table.rows] == ["", "2 seeds"]
    cell = dict(zip([column.key for column in table.columns], table.rows[1].cells, strict=True))
    assert cell["accuracy"].runs == (0.75, 0.8)
    assert (cell["parameters"].value, cell["macs"].value, cell["time"].value) == (2.0, 3.0, 2.0)


def test_differences_are_paired_by_picture(runs: list[Evaluation]) -> None:
    comparison = Comparison.of(runs[:2])
    table = comparison.differences()
    expected = difference(runs[1].scores["accuracy"], runs[0].scores["accuracy"])
    assert table is not None
    assert (table.rows[0].cells[0].value, table.rows[0].cells[0].low) == (expected.value, expected.interval[0])
    seeds = Comparison.of([runs[0], replace(runs[0], training=TrainConfig(seed=1).to_dict()), *runs[1:]])
    mean = average([run.scores["accuracy"] for run in runs[1:]])
    both = difference(mean, average([runs[0].scores["accuracy"]] * 2))
    cells = seeds.differences().rows[0].cells
    assert (cells[0].value, cells[0].low, cells[0].high) == (both.value, *both.interval)
    assert Comparison.of(runs[:1]).differences() is None


def test_scores_of_no_picture_in_common_are_left_out(runs: list[Evaluation]) -> None:
    def with_halves(run: Evaluation, kept: int) -> Evaluation:
        values = torch.where(torch.arange(200) % 2 == kept, 1.0, torch.nan)
        return replace(run, scores=run.scores | {"if_correct": Score.from_images("if correct", values)})

    plain, adaptive, again = (with_halves(run, kept) for run, kept in zip(runs, (0, 1, 0), strict=True))
    comparison = Comparison.of([plain, adaptive])
    assert "if_correct" in comparison.keys
    assert "if_correct" not in dict(comparison.differences_of(comparison.entries[1]))
    assert [column.key for column in comparison.differences().columns] == ["accuracy", "top1_change"]
    seeds = Comparison.of([plain, adaptive, again])
    assert [entry.keys[-1] for entry in seeds.entries] == ["if_correct", "top1_change"]


def test_unequal_numbers_of_seeds_compare_those_that_both_have(runs: list[Evaluation]) -> None:
    cells = Comparison.of(runs).differences().rows[0].cells
    assert cells[0].value == pytest.approx(0.25)


def test_entrys_of_one_name_are_told_apart_by_their_settings() -> None:
    runs = [_evaluation(100, TrainConfig(epochs=epochs)) for epochs in (2, 4)]
    assert [one.name for one in Comparison.of(runs).entries] == ["plain, epochs 2", "plain, epochs 4"]
    networks = [_evaluation(100, TrainConfig(), name) for name in ("a, plain", "b, plain")]
    assert [one.name for one in Comparison.of(networks).entries] == ["a, plain", "b, plain"]


def test_only_what_was_measured_alike_is_compared(runs: list[Evaluation]) -> None:
    other = _evaluation(100, TrainConfig(data="images:x"))
    with pytest.raises(ValueError, match="data='scenes' and data='images:x' are not measured alike. Compare runs of"):
        Comparison.of([runs[0], other])
    with pytest.raises(ValueError, match="there is nothing to compare. Give one run or more."):
        Comparison.of([])


def test_the_verdict_says_what_intervals_show_and_no_more(runs: list[Evaluation]) -> None:
    said = verdict(Comparison.of(runs[:2]))
    assert said is not None
    assert said.headline == "adaptive changes its answer on 6.5 % of one-pixel moves, plain on 12.5 %"
    assert said.points[0].startswith("adaptive against plain: better in accuracy and one-pixel flips; in points, with ")
    assert "accuracy +25.0 (" in said.points[0]
    assert [figure.title for figure in said.key_figures] == ["One-pixel flips", "Accuracy"]
    worse = verdict(Comparison.of([runs[1], runs[0]]))
    assert worse is not None
    assert worse.headline.startswith("No network is as steady as adaptive, which changes its answer on 6.5 %")
    fixed = TrainConfig(filter=Fixed()).to_dict()
    same = verdict(Comparison.of([runs[0], replace(runs[0], training=fixed, model="tiny, fixed")]))
    assert same is not None
    assert same.headline == "No network is measurably steadier than plain on these pictures"
    assert same.points[0].startswith("fixed against plain: no measurable difference; in points")


def test_files_hold_the_tables(runs: list[Evaluation], tmp_path: Path) -> None:
    curve = Curve("flip rate", "horizontal", {1: Score.from_images("flip rate", torch.arange(200) < 20)})
    comparison = Comparison.of([replace(runs[0], curves=(curve,)), *runs[1:]])
    written = write_comparison(comparison, tmp_path, command="antialias compare a b")
    assert all(path.exists() for path in written)
    markdown = (tmp_path / "table.md").read_text()
    assert "| plain | 50.0 (" in markdown
    assert "Difference from plain, in points" in markdown
    assert r"One-pixel flips, \% &" in (tmp_path / "table.tex").read_text()
    rows = list(csv.DictReader((tmp_path / "report-table.csv").read_text().splitlines()))
    assert float(rows[0]["value"]) == 0.5
    page = (tmp_path / "report.html").read_text()
    assert "antialias compare a b" in page
    assert "Flip rate against" in page


def test_what_was_written_is_compared_again(runs: list[Evaluation], tmp_path: Path) -> None:
    for number, run in enumerate(runs):
        run.write(tmp_path / str(number) / "scores.json")
    paths = [tmp_path / str(number) for number in range(3)]
    assert Comparison.read(paths).table() == Comparison.of(runs).table()
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(
        ValueError, match=r"x.json holds no scores \(KeyError.*Use what antialias train or evaluate wro"
    ):
        Comparison.read([tmp_path / "x.json"])
    with pytest.raises(FileNotFoundError, match="nowhere is not a file. Use the folder of a finished run"):
        Comparison.read([tmp_path / "nowhere"])
