from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional as F

from antialias.clips import Clip
from antialias.clips._clip import read_at, read_between

FRAMES = torch.zeros(3, 3, 4, 6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": FRAMES[:1]}, "clip has 1 frames, and nothing changes in one. Use 2 or more."),
        ({"frames": FRAMES[:0]}, "clip has 0 frames"),
        ({"frames": FRAMES[:, :1]}, "have shape (3, 1, 4, 6). Use (F, 3, H, W)"),
        ({"frames": FRAMES.long()}, "are torch.int64. Use uint8, or floats in [0, 1]"),
        ({"fps": 0}, "fps=0 of clip is no number of frames a second"),
        ({"cameras": torch.zeros(2, 2, 3)}, "cameras of clip have shape (2, 2, 3). Use (3, 2, 3)"),
        ({"flows": torch.zeros(3, 2, 4, 6)}, "flows of clip have shape (3, 2, 4, 6). Use (2, 2, 4, 6)"),
        ({"flows": torch.zeros(2, 2, 4, 6), "cameras": torch.zeros(3, 2, 3)}, "Give one of them"),
    ],
)
def test_what_is_no_clip_is_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Clip(**{"frames": FRAMES, "fps": 30, **arguments})


def test_bytes_and_floats_show_the_same_pixels():
    frames = torch.randint(256, (3, 3, 4, 6), dtype=torch.uint8)
    assert torch.equal(Clip(frames, 30).pixels(1, 3), Clip(frames / 255, 30).pixels(1, 3))


def test_points_follow_cameras_and_flows_alike():
    # The camera goes two pixels right and one down, so what is seen goes left and up.
    camera = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    moved = camera + torch.tensor([[0, 0, 2.0], [0, 0, 1]])
    by_camera = Clip(FRAMES, 30, cameras=torch.stack([camera, moved, moved]))
    by_flow = Clip(FRAMES, 30, flows=torch.tensor([[-2.0, -1], [0, 0]])[:, :, None, None].expand(-1, -1, 4, 6))
    for clip in (by_camera, by_flow):
        after = clip.follow(clip.centres(), 0)
        assert torch.equal(after, clip.centres() - torch.tensor([2.0, 1.0]).double())
        assert clip.inside(after).sum() == 3 * 4
        assert torch.equal(clip.follow(after, 1), after)
    still = Clip(FRAMES, 30)
    assert torch.equal(still.follow(still.centres(), 0), still.centres())


def test_a_camera_that_turns_and_comes_closer():
    turned = torch.tensor([[0.0, -0.5, 3], [0.5, 0, 1]])
    clip = Clip(FRAMES, 30, cameras=torch.stack([torch.eye(2, 3), turned, turned]))
    point = clip.follow(torch.tensor([2.0, 2.0]), 0)
    assert torch.allclose(turned[:, :2].double() @ point + turned[:, 2], torch.tensor([2.0, 2.0]).double())


def test_reading_at_and_between_pixels():
    ramp = torch.arange(12.0).view(1, 3, 4)
    points = torch.tensor([[0.5, 0.5], [3.5, 2.5], [1.0, 0.5], [1.25, 1.5]])
    assert read_between(ramp, points)[0].tolist() == pytest.approx([0, 11, 0.5, 4.75], abs=1e-6)
    assert read_at(ramp[0], torch.tensor([[0.99, 0.0], [1.0, 0.0], [3.99, 2.99], [7.0, 9.0]])).tolist() == [
        0,
        1,
        11,
        11,
    ]


def test_frames_are_resampled_to_central_squares():
    frames = torch.rand(3, 3, 20, 40)
    small = Clip(frames, 30).resized(10)
    expected = F.interpolate(frames, (10, 20), mode="bilinear", antialias=True)[..., 5:15]
    assert torch.allclose(small.frames, expected, atol=1e-6)
    assert Clip((255 * frames).byte(), 30).resized(10).frames.dtype == torch.uint8
    with pytest.raises(ValueError, match="has exact motion, which is of its frames as they are"):
        Clip(frames, 30, cameras=torch.eye(2, 3).expand(3, -1, -1)).resized(10)
    with pytest.raises(ValueError, match="size=0 is no side"):
        Clip(frames, 30).resized(0)
