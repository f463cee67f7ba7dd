from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

import antialias as aa
from antialias.clips import Clip, pan
from antialias.metrics import ClassScores, DenseValues, Instances, LabelMaps

DARK_LIGHT = torch.tensor([1.0, -1.0])


def by_brightness(x: Tensor) -> Tensor:
    """Class 0 is dark, and the surer the darker."""
    return 8 * (0.5 - x.mean((1, 2, 3)))[:, None] * DARK_LIGHT


def of_brightness(*levels: float, fps: float = 10) -> Clip:
    return Clip(torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 3, 8, 8), fps)


def test_answers_changed_per_second_are_those_counted_by_hand():
    # 19 steps of a tenth of a second; the answer changes at 3 of them.
    clip = of_brightness(*[0.2] * 5, *[0.8] * 5, *[0.3] * 5, *[0.9] * 5)
    found = aa.flicker(by_brightness, clip)
    score = found.scores["answers changed per second"]
    assert score.value == pytest.approx(3 / 1.9)
    assert score.unit == "changes"
    steps = clip.frames[:, 0, 0, 0].double()
    chances = (8 * (0.5 - steps)[:, None] * DARK_LIGHT).softmax(1)
    first = chances.argmax(1)
    jitter = [abs(float(chances[t + 1, first[t]] - chances[t, first[t]])) for t in range(19)]
    assert found.scores["confidence jitter"].value == pytest.approx(sum(jitter) / 19, rel=1e-5)


def test_smoothing_gains_steadiness_per_frame_of_lag():
    clip = of_brightness(*[0.4, 0.7] * 30, fps=30)
    found = aa.flicker(by_brightness, clip)
    name = "answers changed per second"
    raw, *smooth = found.rows
    assert [row.lag for row in found.rows] == [0, 1, 3]
    assert raw.scores[name].value == pytest.approx(30)
    # The exponential average by hand.
    chances = (8 * (0.5 - clip.frames[:, 0, 0, 0].double())[:, None] * DARK_LIGHT).softmax(1)
    for row in smooth:
        mean, best = chances[0], [int(chances[0].argmax())]
        for now in chances[1:]:
            mean = mean + (now - mean) / (1 + row.lag)
            best.append(int(mean.argmax()))
        changes = sum(a != b for a, b in zip(best[1:], best[:-1], strict=True))
        assert row.scores[name].value == pytest.approx(changes / found.clips[0].seconds)
        gained = found.gained(row, name)
        assert gained is not None
        assert gained.value == pytest.approx(30 - changes / found.clips[0].seconds)
    assert found.gained(raw, name) is None


def test_networks_are_compared_on_the_same_clips():
    clip = of_brightness(*[0.4, 0.7] * 20, fps=30)

    def steady(x: Tensor) -> Tensor:
        return torch.stack([torch.ones(len(x)), torch.zeros(len(x))], 1)

    found = aa.flicker({"as it is": by_brightness, "steady": steady}, clip)
    assert [row.name for row in found.rows][::3] == ["as it is", "steady"]
    gained = found.gained(found.rows[3], "answers changed per second")
    assert gained is not None
    assert gained.value == pytest.approx(30)
    assert "steady: 0 (" in found.verdict
    assert "steadier (gained 30 (30 to 30) changes)" in found.verdict
    assert found.scores is found.rows[0].scores


def fine_detail(x: Tensor) -> Tensor:
    """Label whether each second pixel is lighter than its neighbour: strided, so that it flickers when things move."""
    rough = x.mean(1, keepdim=True)[..., ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3)
    rough = rough[..., : x.shape[2], : x.shape[3]] - 0.5
    return torch.cat([rough, -rough], 1)


def pointwise(x: Tensor) -> Tensor:
    """Label whether each pixel is light: it moves along with whole pixels."""
    light = x.mean(1, keepdim=True) - 0.5
    return torch.cat([light, -light], 1)


def test_a_segmenter_on_a_pan(still: Tensor):
    clip = pan(still, frames=21, size=48, motions=("whole",), seed=2)
    found = aa.flicker({"pointwise": pointwise, "strided": fine_detail}, clip)
    exact, rough = found.rows[0].scores, found.rows[3].scores
    assert list(exact) == ["answers changed per second", "temporal consistency", "VC_8", "VC_16"]
    assert exact["temporal consistency"].value == exact["VC_8"].value == exact["VC_16"].value == 1
    assert exact["answers changed per second"].value == 0
    for name in ("temporal consistency", "VC_8", "VC_16"):
        assert rough[name].value < 0.98
    assert rough["VC_16"].value < rough["VC_8"].value
    # Averaging in place smears what moves.
    assert found.rows[2].scores["temporal consistency"].value < 1


def test_without_motion_or_truth_maps_change_in_place():
    frames = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = aa.flicker(pointwise, frames, fps=10)
    assert list(found.scores) == ["answers changed per second"]
    labels = frames.mean(1) < 0.5
    expected = 10 * float((labels[1:] != labels[:-1]).double().mean())
    assert found.scores["answers changed per second"].value == pytest.approx(expected)
    assert "in place, so that what moves counts as well" in str(found.scores["answers changed per second"])
    truth = torch.zeros(12, 8, 8, dtype=torch.int64)
    with_truth = aa.flicker(LabelMaps(pointwise), frames, fps=10, truth=truth)
    constant = [float((labels[i : i + 8] == labels[i]).all(0).double().mean()) for i in range(5)]
    assert with_truth.scores["VC_8"].value == pytest.approx(sum(constant) / 5)
    assert "VC_16" not in with_truth.scores


def boxes_of(*frames: tuple[float, float]) -> Any:
    """A detector that finds one box a frame, at places told in turn, with scores."""
    queue = list(frames)

    def detect(images):
        found = []
        for _ in images:
            x, score = queue[len(asked) % len(queue)] if (asked := seen) else queue[0]
            seen.append(x)
            box = torch.tensor([[x, 4.0, x + 10, 14.0]])
            found.append({"boxes": box, "labels": torch.tensor([1]), "scores": torch.tensor([score])})
        return found

    seen: list[float] = []
    return Instances(detect)


def test_a_detector_without_and_with_truth():
    places = [(4.0, 0.9), (4.0, 0.8), (4.0, 0.2), (4.0, 0.9), (5.0, 0.9), (4.0, 0.9)]
    clip = Clip(torch.zeros(6, 3, 32, 32), 10)
    one = {"boxes": torch.tensor([[4.0, 4, 14, 14]]), "labels": torch.tensor([1]), "ids": torch.tensor([5])}
    found = aa.flicker(boxes_of(*places), clip, truth=[one] * 6)
    scores = found.scores
    assert scores["track continuity"].value == pytest.approx(3 / 4)
    assert scores["presence flicker"].value == pytest.approx(2)
    assert scores["fragment error"].value == pytest.approx(2 / 5)
    assert scores["recall"].value == pytest.approx(5 / 6)
    assert "centre error" not in scores  # one trajectory has no interval
    assert any("centre error: one trajectory alone" in note for note in found.notes)
    low = aa.flicker(boxes_of(*places), clip, detection_score=0.1)
    assert low.scores["track continuity"].value == 1
    assert found.rows[1].scores["presence flicker"].value == 0  # held for a frame
    assert scores["objects per frame"].value == pytest.approx(5 / 6)
    assert (scores["objects per frame"].unit, scores["objects per frame"].protocol["unit"]) == ("objects", "window")
    assert found.gained(found.rows[1], "objects per frame") is None  # more are not steadier


def test_nothing_detected_is_said():
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long(), "scores": torch.zeros(0)}
    none = Instances(lambda images: [nothing for _ in images])
    found = aa.flicker(none, Clip(torch.zeros(6, 3, 32, 32), 10))
    assert {name: score.value for name, score in found.scores.items()} == {"objects per frame": 0}
    assert "nothing could be measured" in found.verdict
    assert any("track continuity: nothing of 5 windows counts" in note for note in found.notes)
    assert "nothing could be measured" in str(found)


def test_dense_values_along_the_motion(still: Tensor):
    clip = pan(still, frames=5, size=32, motions=("whole",), seed=2)
    found = aa.flicker(DenseValues(lambda x: x.mean(1)), clip)
    assert list(found.scores) == ["change along the motion"]
    assert found.scores["change along the motion"].value == pytest.approx(0, abs=1e-5)
    assert found.scores["change along the motion"].unit == "spreads"
    shifted = aa.flicker(DenseValues(lambda x: x.mean(1) + torch.arange(len(x)).view(-1, 1, 1) % 2), clip)
    assert shifted.scores["change along the motion"].value > 1


def test_several_clips_are_one_score():
    clips = [of_brightness(*[0.2] * n, *[0.8] * n) for n in (5, 10, 20)]
    score = aa.flicker(by_brightness, clips).scores["answers changed per second"]
    assert score.value == pytest.approx(sum(1 / clip.seconds for clip in clips) / 3)
    assert (score.images, score.protocol["unit"]) == (3, "clip")


def test_few_clips_are_not_sure_of_a_gain():
    """Detectors that find something on one clip of three, and classifiers on two and on six clips that all gain."""
    box = {"boxes": torch.tensor([[1.0, 1, 7, 7]]), "labels": torch.tensor([1]), "scores": torch.tensor([0.9])}
    none = {name: column[:0] for name, column in box.items()}

    def detector(lights: tuple[float, ...]) -> Instances:
        return Instances(lambda images: [box if round(float(i.mean()), 1) in lights else none for i in images])

    clips = [of_brightness(*[level, level + 0.1] * 6) for level in (0.1, 0.4, 0.7)]
    found = aa.flicker({"blinks": detector((0.1,)), "steady": detector((0.1, 0.2))}, clips)
    assert found.scores["track continuity"].images == 1
    assert found.gained(found.rows[3], "track continuity") is None
    assert "steadier" not in found.verdict

    steady = lambda x: torch.tensor([[1.0, 0]]).expand(len(x), -1)  # noqa: E731
    for count, sure in ((2, False), (6, True)):
        clips = [of_brightness(*[0.2] * n, *[0.8] * n) for n in range(5, 5 + count)]
        found = aa.flicker({"as it is": by_brightness, "steady": steady}, clips)
        gained = found.gained(found.rows[3], "answers changed per second")
        assert gained is not None
        assert (gained.interval[0] > 0) is sure


def test_batches_and_progress_change_nothing():
    clip = of_brightness(*torch.rand(20, generator=torch.Generator().manual_seed(1)).tolist())
    told: list[tuple[int, int]] = []
    one = aa.flicker(ClassScores(by_brightness, batch_size=1), clip, progress=lambda *both: told.append(both))
    many = aa.flicker(by_brightness, clip)
    assert [row.scores for row in one.rows] == [row.scores for row in many.rows]
    assert told == [(n, 20) for n in range(1, 21)]


def test_a_training_network_is_left_as_it_was():
    network = aa.models.TinyResNet(num_classes=4).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = aa.flicker(network, torch.rand(6, 3, 40, 40), fps=30)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert found.rows[0].name == "TinyResNet"


def test_results_are_plain_data_and_csv():
    found = aa.flicker({"a": by_brightness, "b": by_brightness}, of_brightness(*[0.4, 0.7] * 20))
    data = json.loads(json.dumps(found.to_dict()))
    assert [row["lag"] for row in data["rows"]] == [0, 1, 3, 0, 1, 3]
    lines = found.csv().splitlines()
    assert lines[0].startswith("network,lag,score,value,low,high,unit,parts,part,gained")
    assert len(lines) == 1 + 6 * 2
    assert lines[1].split(",")[9:] == ["", "", "", ""]
    assert lines[3].split(",")[9] != ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"truth": torch.zeros(4, 8, 8)}, "truth is of label maps and objects, and this network gives ClassScores"),
        (
            {"model": pointwise, "truth": torch.zeros(3, 8, 8)},
            r"the truth of clip is \(3, 8, 8\). Use classes \(4, 8, 8\)",
        ),
        ({"model": pointwise, "truth": [1]}, "the truth of clip is list"),
        (
            {"model": {"a": pointwise, "b": by_brightness}},
            "networks give ClassScores and LabelMaps. Compare those of one",
        ),
        ({"model": {}}, "networks give nothing"),
        (
            {"model": ClassScores(by_brightness, resize=4)},
            r"resize=4 would move pixels that are followed. Pass flicker\(",
        ),
        ({"clip": [of_brightness(0.1, 0.2)] * 2, "truth": [1]}, "there are 2 clips and 1 truths"),
        ({"model": boxes_of((4.0, 0.9)), "truth": [{}] * 3}, "the truth of clip is of 3 frames. Pass the objects of 4"),
        (
            {"model": boxes_of((4.0, 0.9)), "truth": [{"boxes": 0, "ids": 0}] * 4},
            "frame 0 of the truth of clip has no 'l",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        aa.flicker(**{"model": by_brightness, "clip": of_brightness(0.1, 0.2, 0.3, 0.4), **arguments})
