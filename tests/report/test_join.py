"""Reports, runs and diagnoses on one page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from antialias.report import Report, diagnosis_report, join_reports, read_result, report_of, write
from antialias.results import Evaluation, EvaluationConfig

from .conftest import made_up_diagnosis, made_up_score


def made_up_run(model: str, share: float) -> Evaluation:
    config = EvaluationConfig(task="classification", data="scenes")
    return Evaluation(model=model, config=config, scores={"consistency": made_up_score(share, "consistency")})


def test_all_sections_come_together(sample: Report) -> None:
    runs = [made_up_run("one", 0.8), made_up_run("two", 0.9)]
    page = report_of([made_up_diagnosis("mine"), *runs, replace(sample, training=None)], "antialias report")
    assert [diagnosis.network for diagnosis in page.diagnoses] == ["original", "mine"]
    assert (page.table, page.verdict, page.title) == (sample.table, sample.verdict, sample.title)
    assert page.training is not None
    assert [row.network for row in page.training.rows] == ["one", "two"]
    assert page.viewers == sample.viewers
    assert page.reproduction.command == "antialias report"
    assert set(page.reproduction.caveats) >= set(sample.reproduction.caveats)
    assert Report.from_json(page.to_json()) == page


def test_runs_alone_and_diagnoses_alone_are_pages() -> None:
    assert [row.network for row in report_of([made_up_run("one", 0.8)]).table.rows] == ["one"]  # type: ignore[union-attr]
    assert report_of([made_up_diagnosis()]) == diagnosis_report([made_up_diagnosis()])


def test_too_many_tables_and_nothing_are_refused(sample: Report) -> None:
    with pytest.raises(ValueError, match="4 tables do not fit a page, which has places for two"):
        join_reports([sample, sample])
    with pytest.raises(ValueError, match="there is nothing to show. Give at least one report, run or diagnosis"):
        report_of([])


def test_files_say_themselves_what_they_are(sample: Report, tmp_path: Path) -> None:
    made_up_diagnosis().write(tmp_path / "diagnosis")
    write(sample, tmp_path / "page")
    made_up_run("one", 0.8).write(tmp_path / "run.json")
    assert read_result(tmp_path / "diagnosis") == made_up_diagnosis()
    assert read_result(tmp_path / "diagnosis" / "diagnosis.json") == made_up_diagnosis()
    assert read_result(tmp_path / "page") == sample
    run = read_result(str(tmp_path / "run.json"))
    assert isinstance(run, Evaluation)
    assert run.model == "one"
    assert read_result(tmp_path) is read_result("antialias:TinyResNet") is None
    (tmp_path / "other.json").write_text(json.dumps({"some": "thing"}))
    with pytest.raises(ValueError, match="other.json holds no scores"):
        read_result(tmp_path / "other.json")
