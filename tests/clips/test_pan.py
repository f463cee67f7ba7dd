from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from antialias.clips import MOTIONS, pan
from antialias.clips._clip import read_between


@pytest.mark.parametrize(("seed", "move"), [(2, (1.0, 1.0)), (3, (-1.0, 0.0))])
def test_whole_moves_show_the_very_same_pixels(seed: int, move: tuple[float, float]):
    clip = pan(torch.rand(3, 120, 120), frames=5, size=32, motions=("whole",), seed=seed)
    moves = set()
    for frame in range(4):
        before, after = clip.centres(), clip.follow(clip.centres(), frame)
        moves.add(tuple((after - before)[0, 0].round(decimals=9).tolist()))
        there = clip.inside(after)
        columns, rows = after[there].floor().long().unbind(-1)
        assert torch.allclose(clip.frames[frame + 1][:, rows, columns], clip.frames[frame][:, there], atol=1e-6)
    assert moves == {move}


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_motion_is_that_of_the_pixels(motion: str, still: Tensor):
    clip = pan(still, frames=8, size=48, motions=(motion,), seed=1)
    along, in_place = 0.0, 0.0
    for frame in range(7):
        after = clip.follow(clip.centres(), frame)
        there = clip.inside(after)
        read = read_between(clip.frames[frame + 1].double(), after)
        along += float((read - clip.frames[frame]).abs()[:, there].mean())
        in_place += float((clip.frames[frame + 1] - clip.frames[frame]).abs().mean())
    assert along < in_place / 8


def test_frames_are_means_over_the_area_of_pixels():
    """A pixel twice as wide as the still's: means at 1/4, 3/4, 5/4 and 7/4 weigh four neighbours 1, 7, 7, 1."""
    still = torch.rand(3, 66, 66, generator=torch.Generator().manual_seed(2))
    clip = pan(still, frames=2, size=32, motions=("whole",), seed=2)  # the camera moves up and left
    weights = torch.tensor([1.0, 7, 7, 1]) / 16
    kernel = (weights[:, None] * weights).expand(3, 1, 4, 4)
    means = F.conv2d(F.pad(still[None], (1, 1, 1, 1), mode="replicate"), kernel, stride=2, groups=3)[0]
    assert torch.allclose(clip.frames[0], means[:, 1:, 1:], atol=1e-5)
    assert torch.allclose(clip.frames[1], means[:, :-1, :-1], atol=1e-5)


def test_all_motions_follow_each_other():
    clip = pan(torch.rand(3, 200, 300), frames=17, size=32, seed=4)
    steps = []
    for frame in range(16):
        corners = torch.tensor([[0.0, 0], [32, 0]])
        after = clip.follow(corners, frame)
        length = (after[1] - after[0]).norm() / 32
        moved = (clip.follow(torch.tensor([16.0, 16.0]), frame) - 16).abs()
        turned = float((after[1] - after[0])[1].abs())
        steps.append((float(moved.max()), abs(float(length) - 1) > 1e-6, turned > 1e-6))
    assert all(step == (pytest.approx(1), False, False) for step in steps[:4])
    assert all(0.2 < step[0] < 0.4 and step[1:] == (False, False) for step in steps[4:8])
    assert all(step == (pytest.approx(0, abs=1e-9), True, False) for step in steps[8:12])
    assert all(step == (pytest.approx(0, abs=1e-9), False, True) for step in steps[12:])
    assert torch.allclose(clip.cameras[-1][:, :2], torch.eye(2).double(), atol=1e-9)


def test_seeds_choose_the_way_and_repeat_it():
    still = torch.rand(3, 100, 100)
    a, b, c = (pan(still, frames=3, size=16, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(a.frames, b.frames)
    assert not torch.equal(a.cameras, c.cameras)


def test_what_cannot_be_panned_is_refused():
    with pytest.raises(
        ValueError, match=r"the still of 40x60 is too small for 5 frames of 48x48 that move. Use one of "
    ):
        pan(torch.rand(3, 40, 60), frames=5, size=48)
    with pytest.raises(ValueError, match="motion 'spin' is unknown. Use some of: whole, fractional, zoom, rotation"):
        pan(torch.rand(3, 90, 90), frames=5, size=48, motions=("spin",))  # pyrefly: ignore
    with pytest.raises(ValueError, match="show no motion"):
        pan(torch.rand(3, 90, 90), frames=1, size=48)
    with pytest.raises(ValueError, match=r"the still has shape \(90, 90\)"):
        pan(torch.rand(90, 90))
