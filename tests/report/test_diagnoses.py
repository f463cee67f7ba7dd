"""Diagnoses as a page of their own."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from antialias.diagnosis import CODES
from antialias.report import Report, diagnosis_report, render
from antialias.report.page._depth import depth_plot

from .conftest import made_up_diagnosis, made_up_difference


def test_a_page_of_one_diagnosis_says_first_what_mending_brings() -> None:
    report = diagnosis_report([made_up_diagnosis()], "antialias diagnose original")
    assert report.verdict is not None
    assert report.verdict.headline == (
        "original changes its answer on 19.5 % of one-pixel moves, 8.0 points fewer with layer2.0.conv2 mended"
    )
    page = render(report)
    assert 'class="rank top">first here<' in page
    assert "antialias diagnose original" in page
    assert Report.from_json(report.to_json()) == report
    assert json.loads(report.to_json())["diagnoses"][0]["version"] == 1


def test_a_page_promises_nothing_where_no_interval_excludes_zero() -> None:
    diagnosis = made_up_diagnosis()
    doubtful = replace(diagnosis.sites[1], effect=made_up_difference(0.02, 0.03))
    report = diagnosis_report([replace(diagnosis, sites=(doubtful, *diagnosis.sites[2:]))])
    assert report.verdict is not None
    assert report.verdict.headline.endswith("of one-pixel moves, and no place alone measurably helps")


def test_several_diagnoses_share_a_page_and_the_meaning_of_codes() -> None:
    page = render(diagnosis_report([made_up_diagnosis("one"), made_up_diagnosis("two")]))
    assert "<h1>Where 2 networks alias" in page
    assert re.findall(r"<h3>(one|two)</h3>", page) == ["one", "two"]
    for code in CODES:
        assert page.count(f'id="{code.code.lower()}"') == 1
    assert "<code>aa.convert_(model, aa.PhaseAverage(), where=...)</code>" in page


def test_no_diagnosis_is_refused() -> None:
    with pytest.raises(ValueError, match="diagnoses is empty. Give at least one, of antialias.diagnose"):
        diagnosis_report([])


def test_bars_stand_on_one_scale_and_reach_their_values() -> None:
    diagnosis = made_up_diagnosis()
    plot = depth_plot(diagnosis)
    assert [[row.site.name for row in stage.sites] for stage in plot.stages] == [
        ["conv1"],
        ["layer2.0.conv2", "layer2.0.downsample.0"],
        ["layer4"],
    ]
    assert [stage.rank for stage in plot.stages] == [2, 1, None]
    assert [stage.result for stage in plot.stages] == ["fine", "problem", "not applicable"]
    shares = {text: x for x, text in plot.cause_ticks}
    alias = plot.stages[1].sites[1].alias
    assert alias is not None
    assert alias.value == pytest.approx(shares["0"] + 0.31 / 0.1 * (shares["10"] - shares["0"]), abs=0.2)
    gains = {text: x for x, text in plot.effect_ticks}
    assert plot.zero == gains["0"]
    effect = plot.stages[1].effect
    assert effect is not None
    points = (gains["+10"] - gains["−5"]) / 15
    assert effect.value == pytest.approx(plot.zero + 8 * points, abs=0.1)
    assert (effect.low, effect.high) == (
        pytest.approx(plot.zero + 5 * points, abs=0.1),
        pytest.approx(plot.zero + 11 * points, abs=0.1),
    )
    assert plot.stages[2].effect is plot.stages[2].sites[0].alias is None


def test_the_trunk_narrows_without_a_step() -> None:
    outlines = [stage.trunk for stage in depth_plot(made_up_diagnosis()).stages]
    tops = [re.findall(r"M([\d.]+) 0C", outline)[0] for outline in outlines]
    bottoms = [re.findall(r"([\d.]+) 100H", outline)[0] for outline in outlines]
    assert tops[1:] == bottoms[:-1]
    assert sorted(tops, key=float) == tops


def test_numbers_under_wide_intervals_do_not_overlap() -> None:
    diagnosis = made_up_diagnosis()
    site = next(site for site in diagnosis.sites if site.effect is not None)
    assert site.effect is not None
    wide = replace(site, effect=replace(site.effect, value=0.1, interval=(-0.47, 0.47)))
    plot = depth_plot(replace(diagnosis, sites=(wide,)))
    assert 3 <= len(plot.effect_ticks) <= 8
