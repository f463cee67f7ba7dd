"""Scores of maps against loops over pixels."""

from __future__ import annotations

import itertools

import pytest
import torch

from antialias.clips import Clip
from antialias.clips._maps import changes_and_overlaps, value_changes, video_consistency

SIZE = (5, 7)
LABELS = torch.randint(3, (2, 10, *SIZE), generator=torch.Generator().manual_seed(1), dtype=torch.int16)
SMOOTH = torch.where(torch.rand(LABELS.shape, generator=torch.Generator().manual_seed(2)) < 0.9, 1, LABELS)


def clip_moving_by(dx: float, dy: float, frames: int = 10) -> Clip:
    """A clip whose content moves by so much each frame."""
    cameras = torch.eye(2, 3, dtype=torch.float64).repeat(frames, 1, 1)
    cameras[:, :, 2] -= torch.arange(frames)[:, None] * torch.tensor([dx, dy])
    return Clip(torch.zeros(frames, 3, *SIZE), 10, cameras=cameras)


def consistency_by_loops(labels, truth, n):
    """VC_n as VSPW has it: of the pixels of constant truth, those of constant prediction."""
    shares = []
    for start in range(len(labels) - n + 1):
        kept = of = 0
        for y, x in itertools.product(*map(range, SIZE)):
            true, predicted = ({int(maps[start + i, y, x]) for i in range(n)} for maps in (truth, labels))
            if len(true) == 1 and 255 not in true:
                of += 1
                kept += len(predicted) == 1
        shares.append(kept / of if of else float("nan"))
    return shares


@pytest.mark.parametrize("n", [2, 3, 8])
def test_video_consistency_is_that_of_loops(n: int):
    truth = torch.where(torch.rand(10, *SIZE, generator=torch.Generator().manual_seed(3)) < 0.05, 2, 1)
    truth[:, 0], truth[:, 1, 0] = 255, 0
    shares = video_consistency(SMOOTH, clip_moving_by(0, 0), (n, 99), truth)
    assert list(shares) == [n]
    assert shares[n].shape == (11 - n, 2)  # the last window counts, too
    for series in range(2):
        assert shares[n][:, series].tolist() == pytest.approx(consistency_by_loops(SMOOTH[series], truth, n))


def test_windows_without_constant_truth_do_not_count():
    truth = torch.arange(10)[:, None, None].expand(-1, *SIZE) % 2
    assert video_consistency(LABELS, clip_moving_by(0, 0), (3,), truth)[3].isnan().all()


def test_along_the_motion_what_stays_in_the_frame_is_followed():
    clip, n = clip_moving_by(1, -2), 3
    shares = video_consistency(SMOOTH, clip, (n,))[n]
    for start, series in itertools.product(range(8), range(2)):
        kept = of = 0
        for y, x in itertools.product(*map(range, SIZE)):
            places = [(y - 2 * i, x + i) for i in range(n)]
            if all(0 <= row < SIZE[0] and 0 <= column < SIZE[1] for row, column in places):
                of += 1
                kept += len({int(SMOOTH[series, start + i, *place]) for i, place in enumerate(places)}) == 1
        assert shares[start, series] == pytest.approx(kept / of)


def test_a_prediction_that_moves_along_is_consistent_whatever_the_direction():
    """Half pixels must not be lost: content that moves by 1, to the right or down, must be found again exactly."""
    scene = torch.randint(4, (1, 40, 40), generator=torch.Generator().manual_seed(4))
    for dx, dy in itertools.product((-1, 0, 1), repeat=2):
        labels = torch.stack([scene[0, 15 - dy * t :, 15 - dx * t :][: SIZE[0], : SIZE[1]] for t in range(10)])[None]
        clip = clip_moving_by(dx, dy)
        changes, both, either = changes_and_overlaps(labels, clip, 4)
        assert changes.max() == 0
        assert torch.equal(both, either)
        assert video_consistency(labels, clip, (4,))[4].min() == 1


def test_changes_and_overlaps_are_those_of_loops():
    clip = clip_moving_by(0.4, 1.6)
    changes, both, either = changes_and_overlaps(LABELS, clip, 3)
    for frame, series in itertools.product(range(9), range(2)):
        pairs = []
        for y, x in itertools.product(*map(range, SIZE)):
            row, column = int(y + 0.5 + 1.6), int(x + 0.5 + 0.4)
            if y + 0.5 + 1.6 < SIZE[0] and x + 0.5 + 0.4 < SIZE[1]:
                pairs.append((int(LABELS[series, frame, y, x]), int(LABELS[series, frame + 1, row, column])))
        assert changes[frame, series] == pytest.approx(sum(a != b for a, b in pairs) / len(pairs))
        for k in range(3):
            assert both[frame, series, k] == sum(a == b == k for a, b in pairs)
            assert either[frame, series, k] == sum(k in pair for pair in pairs)


def test_values_that_move_along_do_not_change():
    scene = torch.rand(2, 40, 40, generator=torch.Generator().manual_seed(5))
    moving = torch.stack([scene[:, 15 - t :, 15 + t :][:, : SIZE[0], : SIZE[1]] for t in range(10)])[None]
    assert value_changes(moving, clip_moving_by(-1, 1)).max() < 1e-6
    assert value_changes(moving, clip_moving_by(1, 1)).min() > 0.1


def test_value_changes_are_those_of_loops():
    values = torch.rand(1, 10, 1, *SIZE, generator=torch.Generator().manual_seed(6))
    changes = value_changes(values, clip_moving_by(0.25, 0))[:, 0]
    spread = values.double().std(correction=0)
    for frame in range(9):
        before, after = values[0, frame, 0].double(), values[0, frame + 1, 0].double()
        read = after.clone()
        read[:, :-1] = 0.75 * after[:, :-1] + 0.25 * after[:, 1:]
        # The centre of the last column moves to 6.75, which is in the frame; beyond its centre it is constant.
        assert changes[frame] == pytest.approx(float((read - before).abs().mean() / spread))
    constant = torch.ones(1, 10, 1, *SIZE)
    assert value_changes(constant, clip_moving_by(1, 0)).max() == 0
