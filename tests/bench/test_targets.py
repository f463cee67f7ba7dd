from __future__ import annotations

from dataclasses import replace

import pytest

from antialias.bench import (
    BENCHMARKS,
    TARGETS,
    Result,
    Target,
    compare_with_targets,
    draw,
    fit_scaling,
    read_results,
    write_results,
)
from antialias.bench._tables import markdown

NAMES = ("antialias", "full resolution", "clone", "timm", "eager", "compiled")
NAMES += ("plain", "fixed 3x3", "adaptive k3 G8", "timm:resnetblur50")


def result(benchmark, implementation, milliseconds, pass_name="forward", **others):
    return Result(benchmark, implementation, pass_name, 2, milliseconds, milliseconds, milliseconds, **others)


RESULTS = [
    result("fixed blur, a", "timm", 6.0),
    result("fixed blur, a", "kornia", 4.0, limit_milliseconds=1.5),
    result("fixed blur, a", "antialias", 2.0, limit_milliseconds=1.0),
    result("fixed blur, b", "timm", 9.0),
    result("fixed blur, b", "antialias", 1.0, limit_milliseconds=0.5),
    result("ResNet", "plain", 10.0, saved_bytes=100),
    result("ResNet", "placement alone", 11.0, saved_bytes=110),
    result("ResNet", "fixed", 13.0, saved_bytes=120),
]
BLUR = Target(
    title="blur",
    benchmarks="fixed blur, *",
    numerator=("timm", "kornia"),
    denominator="antialias",
    pass_name="forward",
    at_least=2.5,
)
NET = Target(
    title="net",
    benchmarks="ResNet",
    numerator=("fixed",),
    denominator="plain",
    pass_name="forward",
    at_most=1.3,
    limit="placement alone",
)


@pytest.mark.parametrize(
    ("target", "ratio", "limit", "met"),
    [
        (BLUR, 2.0, 4.0, False),
        (replace(BLUR, of="mean"), 18**0.5, 72**0.5, True),
        (replace(BLUR, at_least=None, at_most=9), 9.0, None, True),
        (NET, 1.3, 1.1, True),
        (replace(NET, at_most=1.29), 1.3, 1.1, False),
        (replace(NET, quantity="saved_bytes"), 1.2, 1.1, True),
        (replace(NET, numerator=("fixed",), at_most=None, at_least=1.2, limit="placement alone"), 1.3, 13 / 11, True),
        (replace(BLUR, benchmarks="fixed blur, a", numerator=("antialias",), denominator="timm"), 1 / 3, 0, False),
    ],
)
def test_ratio_and_limit(target, ratio, limit, met):
    (compared,) = compare_with_targets(RESULTS, [target])
    assert compared.ratio == pytest.approx(ratio)
    assert compared.met == met
    if limit:
        assert compared.limit == pytest.approx(limit)


def test_a_target_of_another_pass():
    passes = [result("filter", "clone", 2.0), result("filter", "ours", 5.0, "backward", limit_milliseconds=4.0)]
    target = replace(NET, benchmarks="filter", numerator=("ours",), denominator="clone", limit=None, at_most=3)
    target = replace(target, pass_name="backward", denominator_pass="forward")
    (compared,) = compare_with_targets(passes, [target])
    assert (compared.ratio, compared.limit, compared.met, target.bound) == (2.5, 2.0, True, "<= 3")


def test_what_was_not_measured_is_left_out():
    assert compare_with_targets(RESULTS, [replace(NET, denominator="nobody"), replace(NET, benchmarks="VGG")]) == []
    assert (
        compare_with_targets([result("ResNet", "plain", 1.0), result("ResNet", "fixed", 1.0)], [NET])[0].limit is None
    )


def test_every_target_names_benchmarks_and_implementations_that_exist():
    measured = [
        result(benchmark.name, name, 1.0, what, saved_bytes=1, peak_bytes=1)
        for benchmark in BENCHMARKS
        for name in NAMES
        for what in ("forward", "backward", "forward+backward", "training step")
    ]
    assert {compared.target.title for compared in compare_with_targets(measured)} == {
        target.title for target in TARGETS
    }
    assert len({target.title for target in TARGETS}) == len(TARGETS)


def test_growth_is_the_slope_of_the_logarithms():
    curve = [result("scaling with batch, threads: 1", str(n), 3.0 * n**1.5) for n in (1, 2, 4, 8)]
    (fit,) = fit_scaling([*curve, *RESULTS])
    assert fit.exponent == pytest.approx(1.5)


def test_csv_comes_back_and_other_benchmarks_stay(tmp_path):
    path = tmp_path / "new" / "device.csv"
    write_results(path, RESULTS, {"torch": "2"})
    assert read_results(path) == RESULTS
    write_results(path, [result("ResNet", "plain", 7.25, peak_bytes=5)], {"torch": "3"})
    assert read_results(path) == [*RESULTS[:5], result("ResNet", "plain", 7.25, peak_bytes=5)]
    write_results(path, RESULTS[:1], {"python": "3"})  # other columns: the old file cannot be continued
    assert read_results(path) == RESULTS[:1]


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("contest,milliseconds\n")
    with pytest.raises(ValueError, match="old.csv has no column contender, .*, what. Run `antialias bench` again"):
        read_results(path)


def test_the_table_says_what_is_missed_and_who_was_missing():
    text = markdown(compare_with_targets(RESULTS, [BLUR, NET]), fit_scaling([]), ["kornia"])
    assert "| blur | 2.00 | >= 2.5 | **no** | 4.00 |" in text
    assert "| net | 1.30 | <= 1.3 | yes | 1.10 |" in text
    assert "Not installed, so not measured: kornia." in text
    assert "Not installed" not in markdown([], [], [])


def test_figures_are_drawn_from_the_csv_and_always_the_same(tmp_path):
    path = tmp_path / "device.csv"
    curve = [result("scaling with batch, threads: 1", str(n), 3.0 * n) for n in (1, 2, 4)]
    compiled = [result("TinyResNet, 64 px, compiled", name, ms) for name, ms in (("eager", 2.0), ("compiled", 3.0))]
    write_results(path, [*curve, *compiled], {})
    first = {each.name: each.read_text() for each in draw(path)}
    assert list(first) == ["device-bars.svg", "device-scaling.svg"]
    assert "Adaptive networks, evaluation: compiled / eager: 1.50" in first["device-bars.svg"]
    assert "power 1.00 to 1.00" in first["device-scaling.svg"]
    assert {each.name: each.read_text() for each in draw(path)} == first


def test_the_limit_is_the_least_roofline_of_the_benchmark():
    blurs = [replace(each, limit_milliseconds=0.5 if each.implementation == "kornia" else 2.0) for each in RESULTS[:3]]
    (least,) = compare_with_targets(blurs, [BLUR])
    assert least.limit == pytest.approx(4.0 / 0.5)
    unknown = [
        *blurs[:2],
        replace(blurs[2], limit_milliseconds=None),
    ]  # compiled: it may fuse more
    assert compare_with_targets(unknown, [BLUR])[0].limit is None
