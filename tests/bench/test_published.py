"""What is written about speed is what the committed results say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from antialias.bench import compare_with_targets, read_results

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.csv"))
QUOTED = ROOT / "benchmarks" / "results" / "x86-64-intel-r-xeon-r-processor-2-threads.csv"


def ratio(above, below, benchmark, pass_name):
    """The ratio of two implementations' times in one benchmark of the quoted file."""
    times = {
        row.implementation: row.milliseconds
        for row in read_results(QUOTED)
        if row.benchmark == benchmark and row.pass_name == pass_name
    }
    return times[above] / times[below]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_committed_results_are_read_and_give_the_table_beside_them(path):
    table = path.with_suffix(".md").read_text()
    compared = compare_with_targets(read_results(path))
    assert len(compared) == 24
    for each in compared:
        met = "yes" if each.met else "**no**"
        assert f"| {each.target.title} | {each.ratio:.2f} | {each.target.bound} | {met} | " in table
        if each.limit is not None:  # the older file has no copy of as many bytes, by which a blur is limited now
            assert f"| {met} | {each.limit:.2f} |" in table


def test_the_figures_in_the_readme_are_those_of_the_results():
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert QUOTED.with_suffix(".md").name in readme
    words = {9: "ninth", 11: "eleventh", 13: "thirteenth", 16: "sixteenth"}
    shapes = sorted({row.benchmark for row in read_results(QUOTED) if row.benchmark.startswith("adaptive layer, ")})
    spans = []
    for pass_name in ("forward", "forward+backward"):
        times = [ratio("full resolution", "antialias", shape, pass_name) for shape in shapes]
        spans.append(f"a {words[round(min(times))]} to a{'n' * (round(max(times)) == 11)} {words[round(max(times))]}")
    assert (
        f"takes {spans[0]} of the time of its published full-resolution form forward, and {spans[1]} forward" in readme
    )

    runs = [("224 px, evaluation", "forward"), ("112 px, training", "training step")]
    adaptive, timm, fixed = (
        tuple(f"{ratio(name, 'plain', f'ResNet-50, {run}, contiguous', pass_name):.2f}" for run, pass_name in runs)
        for name in ("adaptive k3 G8", "timm:resnetblur50", "fixed 3x3")
    )
    assert f"takes {adaptive[0]} of the plain one's time in evaluation and {adaptive[1]} in a training step" in readme
    assert (
        f"timm's with a fixed blur takes {timm[0]} and {timm[1]}; with our fixed blur it takes {fixed[0]} and" in readme
    )
    assert f"and {fixed[1]}. (Contiguous float32 maps, 2 CPU threads" in readme


def test_the_figures_in_the_documentation_are_those_of_the_results():
    text = " ".join((ROOT / "docs" / "speed.md").read_text().split())
    compared = {each.target.title: each for each in compare_with_targets(read_results(QUOTED))}
    assert f"{sum(each.met for each in compared.values())} of {len(compared)} targets are kept" in text

    def figures(title):
        each = compared[title]
        return f"{each.ratio:.2f}", f"{each.limit:.2f}", f"{each.target.bound.split()[1]}"

    blur = "Fixed 3x3 blur, {}, channels last: best peer / ours"
    forward, both = figures(blur.format("forward")), figures(blur.format("forward+backward"))
    assert f"{forward[0]} times as fast as the best peer in the worst case forward, {both[0]} with backward" in text
    assert f"a copy of as many bytes in the same benchmark gives {forward[1]} and {both[1]}" in text
    filter_ratio, _, bound = figures("Adaptive filter, forward, channels last: ours / clone")
    assert f"{filter_ratio} of a clone for {bound}" in text
    for layout in ("contiguous", "channels last"):
        ours, limit, _ = figures(f"ResNet-50, {layout}: fixed 3x3 / plain")
        assert f"fixed / plain {ours} for 1.20 in both layouts, all of which is the placement ({limit})" in text
    ours, limit, _ = figures("ResNet-50, channels last: adaptive k3 G8 / timm's blur")
    assert f"adaptive / timm's blur is {ours} for 1, which is what placement and predictor take ({limit})" in text
    ours, limit, _ = figures("TinyResNet training: adaptive k3 G8 / plain")
    assert f"{float(ours):.1f} for 2.0, of which placement and predictor alone take {float(limit):.1f}" in text
    ours, limit, _ = figures("Adaptive layer, peak extra memory: full resolution / ours")
    assert re.search(rf"{float(ours):.1f} times less .* for 10\. .* alone has {float(limit):.1f}:", text)
