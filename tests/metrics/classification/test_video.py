"""Accuracy on videos: the best output among those that count, a mean by video, an interval over videos."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from antialias.metrics import Score, VideoAccuracy, difference, grouped_answer, video_accuracy

GROUPS = [[1, 4], [0], [3]]


def _brute_force(logits: Tensor) -> list[int]:
    answers = []
    for row in logits.tolist():
        best = {number: max(row[output] for output in group) for number, group in enumerate(GROUPS)}
        answers.append(max(best, key=best.__getitem__))
    return answers


def test_the_answer_is_the_best_group_by_brute_force() -> None:
    logits = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)) - 2  # most of them negative
    assert grouped_answer(logits, GROUPS).tolist() == _brute_force(logits)


def test_outputs_of_no_group_never_win_and_zero_would() -> None:
    logits = torch.tensor([[-5.0, -1.0, 9.0, -2.0, -3.0, 9.0]])
    assert grouped_answer(logits, GROUPS).tolist() == [0]
    times_zero = logits * torch.tensor([1, 1, 0, 1, 1, 0])
    assert int(times_zero.argmax()) in (2, 5)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([[0], []], "group 1 is empty. Name one output or more."),
        ([[0], [6]], "group 1 names output 6, the network has 6. Use 0 to 5."),
        ([[0, 1], [2, 1]], "groups 0 and 1 share output 1. Leave it to one of them."),
    ],
)
def test_wrong_groups_are_refused(groups: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grouped_answer(torch.zeros(1, 6), groups)


def _says(images: Tensor) -> Tensor:
    """Answer the output that a picture's brightness names."""
    return torch.nn.functional.one_hot((10 * images[:, 0, 0, 0]).round().long(), 6).float()


# Frames by the output they show; videos of two, two and one frames, and one where nothing is to be seen.
FRAMES = (torch.tensor([1.0, 0, 4, 4, 3, 0]) / 10).view(6, 1, 1, 1).expand(6, 3, 8, 8)
TRUTHS = torch.tensor([[1, 0, 0], [1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, 0]]).bool()
VIDEOS = torch.tensor([0, 0, 1, 1, 2, 3])


def test_a_video_is_the_mean_of_its_frames_and_the_score_of_its_videos() -> None:
    score = video_accuracy(_says, FRAMES, TRUTHS, VIDEOS, GROUPS)
    assert score.per_image[:3].tolist() == [0.5, 0.5, 1]
    assert bool(score.per_image[3].isnan())
    assert (score.images, score.value) == (3, pytest.approx(2 / 3))
    assert "; 3 videos, 3 classes, whole pictures)" in str(score)
    assert (score.protocol["unit"], score.protocol["interval"]["unit"]) == ("video", "videos")
    assert score.protocol["classes"] == GROUPS


def test_the_interval_resamples_videos_not_frames() -> None:
    right = torch.arange(40).repeat_interleave(3) % 4 < 2  # a video's frames are alike
    frames = torch.where(right, 0.1, 0.0).view(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    truths, videos = torch.eye(3).bool()[[0]].expand(120, 3), torch.arange(40).repeat_interleave(3)
    score = video_accuracy(_says, frames, truths, videos, GROUPS)
    alone = Score.from_images("x", right[::3])
    assert score.interval == alone.interval
    assert score.interval[1] - score.interval[0] > 0.28  # a mean of 120 frames alone would have half of this
    assert difference(score, score).protocol["interval"]["unit"] == "videos"


def test_frames_may_come_in_any_batches_and_as_a_central_window() -> None:
    loader = iter(list(FRAMES.split([4, 2])))
    whole = video_accuracy(_says, FRAMES, TRUTHS, VIDEOS, GROUPS, window=4)
    assert video_accuracy(_says, loader, TRUTHS, VIDEOS, GROUPS, window=4, batch_size=2) == whole
    assert whole.protocol["view"] == "central windows of 4 pixels"


def test_truths_of_another_number_of_frames_are_refused() -> None:
    with pytest.raises(ValueError, match=r"truths have shape \(5, 3\) for 6 frames and 3 groups. Use \(frames, groups"):
        video_accuracy(_says, FRAMES, TRUTHS[1:], VIDEOS, GROUPS)


def test_the_object_is_the_function_whatever_the_batches() -> None:
    brightness = torch.tensor([0.1, 0.4, 0.0, 0.3, 0.1, 0.0])
    frames = brightness.view(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    truths = torch.eye(3).bool()[[0, 1, 1, 2, 0, 0]]
    truths[4] = False
    videos = torch.tensor([0, 0, 1, 1, 2, 2])
    expected = video_accuracy(_says, frames, truths, videos, GROUPS, normalize=None)
    assert 0 < expected.value < 1
    metric = VideoAccuracy(GROUPS)
    for part in torch.tensor([5, 0, 3, 1, 4, 2]).split(4):
        metric.update(_says(frames[part]), truths[part], videos[part])
    found = metric.compute()
    assert (found.name, found.value, found.interval) == (expected.name, expected.value, expected.interval)
    assert found.per_image.tolist() == expected.per_image.tolist()
    with pytest.raises(ValueError, match=r"there are 5 logits and 6 videos. Pass one of each a frame"):
        metric.update(_says(frames[:5]), truths, videos)
