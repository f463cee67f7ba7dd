from __future__ import annotations

import copy
import errno
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import antialias as aa
from antialias.mend import MendConfig, Mending, Remedy, mend_
from antialias.mend._evaluator import Evaluator
from antialias.mend._remedy import alignment_remedies, shift_remedies
from antialias.metrics import (
    Direction,
    Measurement,
    accuracy,
    agreement,
    consistency,
    flip_rate,
    shift_averaged_answers,
)
from antialias.retrofit import RetrofitConfig
from antialias.surgery import conversion_of
from antialias.surgery.edits import runs_of

from .conftest import Sampler, Steady, noise

DIRECTIONS: tuple[Direction, ...] = ("horizontal", "vertical", "diagonal")
FAST = MendConfig(retrofit=RetrofitConfig(steps=0), fit_shares=(0.75, 1.0), shift_copies=1)
LEARNING = MendConfig(retrofit=RetrofitConfig(steps=2, batch_size=4, passes=1), shift_copies=1)


@pytest.fixture(scope="module")
def mended() -> tuple[nn.Module, Mending]:
    network = Sampler().eval()
    return network, mend_(network, noise(160, seed=3), budget=2, margin=0.05, config=FAST)


def test_flicker_on_fine_noise_is_mended(mended: tuple[nn.Module, Mending]) -> None:
    network, mending = mended
    assert mending.chosen is not None
    assert mending.changed
    assert mending.chosen.changes["flips"].interval[1] < 0
    assert mending.chosen.scores["agreement"].value >= mending.table[0].scores["agreement"].value - 0.05
    assert conversion_of(network) is not None
    assert mending.verdict.startswith(f'Remedy "{mending.chosen.name}" lowers 1- to 3-pixel flips from ')


def test_the_printed_scores_are_those_of_the_reporting_images(mended: tuple[nn.Module, Mending]) -> None:
    """Measure the network as it is now by each function on the images that neither taught nor chose."""
    network, mending = mended
    *_, report = aa.mend._split.Part.of(noise(160, seed=3)).split((0.5, 0.125, 0.125, 0.25), 0)
    images = torch.stack([pixels for pixels, _ in report.images])
    assert mending.images == {"learn": 80, "choose": 40, "report": 40}
    chosen = mending.chosen
    assert chosen is not None
    flips = torch.stack([flip_rate(network, images, (1, 2, 3), way).mean().per_image for way in DIRECTIONS]).mean(0)
    torch.testing.assert_close(chosen.scores["flips"].per_image, flips)
    same = consistency(network, images, passes=2)
    assert chosen.scores["consistency"].value == pytest.approx(same.value)
    original = Sampler().eval()
    kept = agreement(network, shift_averaged_answers(original, images, shifts=8), images)
    assert chosen.scores["agreement"].value == pytest.approx(kept.value)
    assert chosen.scores["agreement_with_original"].value == pytest.approx(agreement(network, original, images).value)
    as_it_is = mending.table[0].scores
    assert as_it_is["agreement_with_original"].value == 1
    assert "accuracy" not in as_it_is


def test_the_yardstick_is_always_there_and_never_applied(mended: tuple[nn.Module, Mending]) -> None:
    _, mending = mended
    yardsticks = [trial for trial in mending.table if trial.remedy.copies > 1]
    assert [(trial.cost, trial.remedy.applies) for trial in yardsticks] == [(2, False), (4, False)]
    assert all(trial.scores and trial.choosing is None for trial in yardsticks)
    assert not set(mending.front) & set(yardsticks)


def test_the_front_falls_as_cost_rises(mended: tuple[nn.Module, Mending]) -> None:
    front = mended[1].front
    assert front[0].name == "as it is"
    assert all(a.cost < b.cost and a.flips > b.flips for a, b in pairwise(front))


def test_it_prints_as_a_table_of_eighty_columns(mended: tuple[nn.Module, Mending]) -> None:
    lines = str(mended[1]).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("* 2 phases at conv2") for line in lines)
    assert any(line.startswith("2 shifted copies") for line in lines)


def test_a_notebook_shows_the_scores_of_the_trials_as_bars(mended: tuple[nn.Module, Mending]) -> None:
    (table,) = mended[1].display().tables
    flips = next(i for i, heading in enumerate(table.headings) if heading.startswith("flips")) - 1
    values = [100 * trial.flips for trial in mended[1].table if trial.scores]
    places = [bar.value for row in table.bars if (bar := row[flips])]
    assert sorted(values) == [value for _, value in sorted(zip(places, values, strict=True))]
    assert all(row[flips + 1] is None for row in table.bars)
    assert '<svg class="bar n1"' in mended[1]._repr_html_()


def test_it_is_plain_data_a_table_and_a_picture(mended: tuple[nn.Module, Mending], tmp_path: Path) -> None:
    _, mending = mended
    values = json.loads(json.dumps(mending.to_dict(), allow_nan=False))
    assert values["chosen"] == mending.chosen.name
    assert [row["name"] for row in values["table"]] == [trial.name for trial in mending.table]
    table = mending.to_table()
    assert table.cell("as it is", "flips").value == mending.table[0].flips
    assert [row.network for row in table.rows if row.note == "applied"] == [mending.chosen.name]
    pytest.importorskip("matplotlib")
    text = mending.draw(tmp_path / "front.svg").read_text()
    assert "2 phases at conv2 (applied)" in text


def test_nothing_helps_and_the_network_stays_bit_for_bit() -> None:
    network = Steady()
    network.train()
    before, keys = copy.deepcopy(network.state_dict()), set(network.__dict__)
    mending = mend_(network, noise(64, seed=3), budget=2, config=FAST)
    assert mending.chosen is None
    assert mending.verdict.startswith("Nothing within budget helps: on the choosing images ")
    assert network.training
    assert set(network.__dict__) == keys
    assert conversion_of(network) is None
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert str(mending).startswith("Nothing within budget helps")


def test_a_remedy_that_loses_agreement_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same filters that are chosen above, judged by a judge whom they contradict."""

    def judge(self: Evaluator, part: str) -> list[int]:
        known = self._measured.get(("as it is", part))
        return known["answers"].rows.long().tolist() if known else []

    monkeypatch.setattr(Evaluator, "judge", judge)
    mending = mend_(Sampler().eval(), noise(160, seed=3), budget=1.7, margin=0.0, config=FAST)
    assert mending.chosen is None
    assert "all that is left loses more than 0 points of agreement" in mending.verdict


def test_one_answer_an_image_does_not_refuse_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The central window alone contradicts the judge on one image in ten, more than the margin, by chance."""
    measure = Evaluator.measure

    def unlucky(self: Evaluator, remedy: Remedy, part: str) -> dict[str, Measurement]:
        measured = measure(self, remedy, part)
        if remedy.phases:
            of_windows = measured["window_answers"].rows.clone()
            answers = measured["answers"].rows.clone()
            answers[::10] = of_windows[::10, 0] = (answers[::10] + 1) % 3
            measured = {
                **measured,
                "answers": replace(measured["answers"], rows=answers),
                "window_answers": replace(measured["window_answers"], rows=of_windows),
            }
        return measured

    monkeypatch.setattr(Evaluator, "measure", unlucky)
    mending = mend_(Sampler().eval(), noise(160, seed=3), budget=1.65, margin=0.02, config=FAST)
    assert mending.chosen is not None
    assert mending.chosen.remedy.phases


def test_images_to_learn_from_choose_among_what_learns_nothing(mended: tuple[nn.Module, Mending]) -> None:
    _, mending = mended
    chosen_by = {trial.name: trial.choosing.images for trial in mending.table if trial.choosing}
    assert chosen_by["2 phases at conv2"] == mending.images["learn"] + mending.images["choose"] == 120
    assert chosen_by["fixed filters"] == mending.images["choose"] == 40  # their statistics were corrected on the others


def test_what_surely_loses_agreement_ends_early_whatever_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = Evaluator.measure

    def contradicted(self: Evaluator, remedy: Remedy, part: str) -> dict[str, Measurement]:
        measured = measure(self, remedy, part)
        if remedy.filter is not None and not remedy.phases:
            answers = measured["window_answers"]
            measured = {**measured, "window_answers": replace(answers, rows=(answers.rows + 1) % 3)}
        return measured

    monkeypatch.setattr(Evaluator, "measure", contradicted)
    mending = mend_(Sampler().eval(), noise(160, seed=3), budget=1.7, margin=0.05, config=FAST)
    ended = {trial.name: trial.ended for trial in mending.table}
    assert "agreement falls by more than 5 on half of the choosing images" in ended["fixed filters"]


def test_held_out_images_report() -> None:
    mending = mend_(
        Sampler().eval(),
        noise(160, seed=3),
        budget=2,
        margin=0.05,
        held_out=noise(50, seed=9),
        config=FAST,
    )
    assert mending.images == {"learn": 106, "choose": 54, "report": 50}
    curves = [flip_rate(Sampler().eval(), noise(50, seed=9), (1, 2, 3), way).mean().value for way in DIRECTIONS]
    assert mending.table[0].flips == pytest.approx(sum(curves) / 3)


def test_remedies_beyond_the_budget_are_left_out() -> None:
    mending = mend_(Sampler().eval(), noise(64, seed=3), budget=1.5, config=FAST)
    assert mending.left_out["fixed filters"] == "cost 1.67 times the multiply-adds"
    assert "adaptive filters" in mending.left_out
    assert mending.verdict == "Nothing within budget helps: no remedy fits. The network is as it was."


def test_labels_add_accuracy() -> None:
    images = noise(64, seed=3)
    labels = images.mean((2, 3)).argmax(1)
    mending = mend_(Sampler().eval(), [(images, labels)], budget=1, config=FAST)
    *_, report = aa.mend._split.Part.of([(images, labels)]).split((0.5, 0.125, 0.125, 0.25), 0)
    pixels, truth = torch.stack([one for one, _ in report.images]), torch.tensor([label for _, label in report.images])
    expected = accuracy(Sampler().eval(), pixels, truth, window=28).value
    assert mending.table[0].scores["accuracy"].value == pytest.approx(expected)


def test_intervals_count_sources_not_images() -> None:
    sources = [number // 4 for number in range(160)]
    mending = mend_(Sampler().eval(), noise(160, seed=3), budget=2, margin=1, sources=sources, config=FAST)
    score = mending.table[0].scores["flips"]
    assert (score.images, score.protocol["unit"]) == (10, "source")
    assert mending.images["report"] == 40


def test_an_interrupted_mending_ends_with_the_same_table(tmp_path: Path) -> None:
    images, whole = noise(176, seed=3), Sampler().eval()
    how = {"budget": 2, "margin": 0.05, "config": LEARNING}
    told: list[int] = []
    expected = mend_(
        whole, images, **how, checkpoint=tmp_path / "whole", progress=lambda done, total: told.append(done)
    ).to_dict()

    class Stop(Exception):
        pass

    stopped, calls, stop_at, stops = Sampler().eval(), 0, 0, 0

    def interrupt(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stop_at:
            raise Stop

    for stop_at in range(len(told) // 16, len(told), len(told) // 16):  # noqa: B007
        calls = 0
        try:
            mending = mend_(stopped, images, **how, checkpoint=tmp_path / "parts", progress=interrupt)
            break
        except Stop:
            stops += 1
    got = mending.to_dict()
    for table in (expected["table"], got["table"]):
        for row in table:
            row.pop("time")
    assert stops > 3
    assert got == expected
    x = noise(8, seed=5, side=28)
    torch.testing.assert_close(stopped(x), whole(x), rtol=0, atol=0)


def test_a_mending_goes_on_after_a_disk_was_full_for_a_students_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, path: Path) -> None:
        raise OSError(errno.ENOSPC, f"{path}: no space left on device")

    config = MendConfig(retrofit=RetrofitConfig(steps=0), shift_copies=1)
    images, how = noise(64, seed=3), {"budget": 2, "config": config, "checkpoint": tmp_path}
    with monkeypatch.context() as patch:
        patch.setattr("antialias.mend._folder.write_tensors", full)
        with pytest.raises(OSError, match="no space left on device"):
            mend_(Sampler().eval(), images, **how)
    assert not list(tmp_path.glob("*.safetensors"))
    mend_(Sampler().eval(), images, **how)
    assert list(tmp_path.glob("*.safetensors"))


def test_progress_reaches_its_total_and_never_goes_back() -> None:
    calls: list[tuple[int, int]] = []
    mend_(Sampler().eval(), noise(176, seed=3), budget=2, config=LEARNING, progress=lambda *call: calls.append(call))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert all(done <= total for done, total in calls)
    assert calls[-1][0] == calls[-1][1]


def test_passes_are_counted_and_few() -> None:
    shown = 0

    class Counting(Sampler):
        def forward(self, x: Tensor) -> Tensor:
            nonlocal shown
            shown += len(x)
            return super().forward(x)

    mending = mend_(Counting().eval(), noise(160, seed=3), budget=2, config=FAST)
    # Beside the windows it is shown examples to observe, to prove conversions on, to take statistics of and to time.
    assert mending.passes <= shown / 160 <= mending.passes + 6
    assert mending.passes <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": noise(63, seed=1)}, "63 images are too few"),
        ({"images": noise(64, seed=1), "budget": 0.9}, "budget=0.9 is less than"),
        ({"images": noise(64, seed=1), "margin": 1.5}, "margin=1.5 is no share"),
        ({"images": noise(64, seed=1), "sources": [0] * 64}, "64 images come from 1 sources"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mend_(Sampler(), **arguments)


def test_too_few_images_to_learn_from_are_named() -> None:
    mending = mend_(Sampler().eval(), noise(64, seed=3), budget=2)
    assert mending.left_out["learning"] == "24 images to learn from, 64 are needed: pass 171 or more"


def test_config_refuses_what_averages_nothing() -> None:
    with pytest.raises(ValueError, match="less than 2, which averages nothing"):
        MendConfig(phases=(1,))
    with pytest.raises(ValueError, match="shift_copies=12 is not offered. Use 1 to"):
        MendConfig(shift_copies=12)
    with pytest.raises(ValueError, match="keep=0 is too small"):
        MendConfig(keep=0)


def test_it_is_a_word_of_the_library() -> None:
    assert aa.mend_ is mend_
    assert aa.Mending is Mending


class Narrowing(Sampler):
    """A `Sampler` whose last map goes through a pointwise convolution that narrows it, as in inverted residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Conv2d(3, 6, 1, bias=False), nn.Conv2d(6, 3, 1, bias=False)
        with torch.no_grad():
            self.widen.weight.copy_(torch.eye(3).repeat(2, 1)[..., None, None])
            self.narrow.weight.copy_(torch.eye(3).repeat(1, 2)[..., None, None] / 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.narrow(self.widen(self.conv2(self.conv1(x)))).mean((2, 3)))


def test_pointwise_convolutions_are_fitted_once_and_taken_part_of_the_way(tmp_path: Path) -> None:
    network = Narrowing().eval()
    fit = RetrofitConfig(steps=0, least_squares=True, batch_size=8, views=4, radius=2)
    config = MendConfig(retrofit=RetrofitConfig(steps=0), fit=fit, fit_shares=(0.75, 1.0), keep=20)
    told: list[tuple[int, int]] = []
    mending = mend_(
        network,
        noise(160, seed=3),
        budget=1,
        margin=1,
        config=config,
        checkpoint=tmp_path / "new",
        progress=lambda *counts: told.append(counts),
    )
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(told))
    assert told[-1][0] == told[-1][1]
    assert told[0][0] < told[0][1] / 10  # the fit is counted batch by batch
    assert (tmp_path / "new" / "fitted-to-mean-maps.safetensors").exists()
    tried = {trial.name: trial.remedy for trial in mending.table}
    part, whole = tried["fitted to mean maps, 75% of the way"], tried["fitted to mean maps"]
    assert part.weights is not None
    assert whole.weights is not None
    start = Narrowing().state_dict()
    assert not torch.allclose(whole.weights["narrow.weight"], start["narrow.weight"])
    for name, weight in whole.weights.items():
        torch.testing.assert_close(part.weights[name], torch.lerp(start[name], weight, 0.75))
    assert part.cost == whole.cost == 1


def test_a_network_without_such_convolutions_says_so(mended: tuple[nn.Module, Mending]) -> None:
    assert mended[1].left_out["fitted to mean maps"] == "no pointwise convolution narrows a map"


def test_a_network_that_averages_phases_already_gets_no_more_of_them(network: Sampler) -> None:
    aa.convert_(network, aa.PhaseAverage(phases=2), example=torch.rand(1, 3, 28, 28))
    mending = mend_(network, noise(64, seed=3), budget=1.5, config=FAST)
    assert "averages phases already" in mending.left_out["phases averaged"]


class Numbered(Sampler):
    """Counts its images before its last stride, so that only its first can split."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        place = torch.ones(len(x), 1, 1, 1)
        return self.fc((self.conv2(x) * place).mean((2, 3)))


def test_one_place_that_cannot_split_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    mending = mend_(Numbered().eval(), noise(64, seed=3), budget=4, config=FAST)
    assert "2 phases at conv1" in {trial.name for trial in mending.table}
    assert "does not run with several phases" in mending.left_out["2 phases at conv2"]
    monkeypatch.setattr("antialias.mend._remedy.price", refuse_both)
    mending = mend_(Sampler().eval(), noise(64, seed=3), budget=4, config=FAST)
    assert mending.left_out["2 phases at conv1, 2 phases at conv2"] == "these do not split together"
    assert {"2 phases at conv1", "2 phases at conv2"} <= {trial.name for trial in mending.table}


def refuse_both(
    model: nn.Module, example: Tensor, phases: tuple[tuple[int, tuple[str, ...]], ...], until: str = ""
) -> float:
    """Price groups one by one, and refuse them together."""
    if len(phases) > 1:
        raise ValueError("these do not split together")
    return 1.5


def test_runs_go_to_the_images_that_need_them(tmp_path: Path) -> None:
    """Averages over shifted copies stay within the budget on average, save more than as many copies of every image."""
    config = MendConfig(retrofit=RetrofitConfig(steps=0), phases=(), copies=(2,))
    network = Sampler().eval()
    mending = mend_(network, noise(160, seed=3), budget=2, margin=0.05, checkpoint=tmp_path, config=config)
    half, whole = (trial for trial in mending.table if trial.remedy.shifts and trial.remedy.applies)
    assert mending.chosen is whole
    assert re.fullmatch(r"up to 8 shifted copies, 1\.[789]\d on average", whole.name)
    assert 1.2 < half.remedy.cost < 1.5
    assert half.cost == pytest.approx(half.remedy.cost, abs=0.4)
    assert whole.cost == pytest.approx(whole.remedy.cost, abs=0.6)
    assert whole.cost != whole.remedy.cost
    (yardstick,) = (trial for trial in mending.table if trial.remedy.copies == 2)
    assert whole.flips < half.flips < mending.table[0].flips
    assert whole.flips < yardstick.flips
    assert conversion_of(network).filter == whole.remedy.shifts
    again = mend_(Sampler().eval(), noise(160, seed=3), budget=2, margin=0.05, checkpoint=tmp_path, config=config)
    assert again.to_dict() == mending.to_dict()


def test_images_are_aligned_by_what_they_show() -> None:
    config = MendConfig(retrofit=RetrofitConfig(steps=0), phases=(), copies=(2,), shift_copies=1, periods=(4, 8))
    network, images = Sampler().eval(), noise(160, seed=3, side=64)
    mending = mend_(network, images, budget=4, margin=0.05, config=config)
    four, eight = (trial for trial in mending.table if trial.remedy.alignment)
    assert [four.name, eight.name] == ["aligned, period 4", "aligned, period 8"]
    assert four.changes["flips"].interval[1] < 0
    assert four.cost == four.remedy.cost == 1 + four.remedy.aligning > 1
    assert four.remedy.to_dict()["alignment"] == {
        "filter": "PhaseAlignment",
        "padding_mode": "reflect",
        "phase": None,
        "period": 4,
    }
    assert conversion_of(four.remedy.on_copy(network, images[:1])).filter == four.remedy.alignment
    applied = replace(mending, chosen=four)
    assert applied.verdict.endswith("on video, aligned images changed answers more often, not less.")
    assert "video" not in mending.verdict
    assert not MendConfig().periods
    narrow = mend_(Sampler().eval(), noise(64, seed=3), budget=1.5, config=config)
    assert not any(trial.remedy.alignment for trial in narrow.table)


def test_the_cost_of_copies_of_aligned_images_counts_both() -> None:
    network, images = Sampler().eval(), noise(96, seed=3)
    (aligned,) = alignment_remedies(network, images[:1], (8,), budget=4)
    half, whole = shift_remedies(network, images, budget=4, copies=8, aligned=aligned)
    assert 1 + aligned.aligning < half.cost < whole.cost <= 4
    model = whole.on_copy(network, images[:1])
    model(images)
    assert runs_of(model) + aligned.aligning == pytest.approx(whole.cost)


def test_the_mean_cost_of_copies_stays_within_the_budget_on_other_images() -> None:
    """Of images of one kind, about four sets of five cost the budget at most."""
    network, over, costs = Sampler().eval(), 0, list[float]()
    others = noise(2000, seed=0)
    for seed in range(1, 41):
        remedy = shift_remedies(network, noise(96, seed=seed), budget=2.0, copies=8)[-1]
        model = remedy.on_copy(network, others[:1])
        model(others)
        costs.append(runs_of(model))
        over += costs[-1] > 2
    assert over <= 12, costs
    assert 1.75 < sum(costs) / len(costs) < 2


def test_copies_for_all_where_the_budget_has_them() -> None:
    config = MendConfig(retrofit=RetrofitConfig(steps=0), phases=(), copies=(2,), shift_copies=3, periods=(8,))
    mending = mend_(Sampler().eval(), noise(64, seed=3), budget=9, config=config)
    assert {trial.name for trial in mending.table if trial.remedy.shifts} == {
        "3 shifted copies",
        "aligned, period 8, 3 shifted copies",
        "2 shifted copies averaged",
    }
