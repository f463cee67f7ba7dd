"""Phases in the batch: every sample is where its definition puts it."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.nn.functional as F

import antialias as aa
from antialias.nn import PhaseRepeat2d, PhaseSplit2d, filter_from_dict
from antialias.ops import pad


@pytest.mark.parametrize("mode", ["reflect", "replicate", "zeros", "circular"])
@pytest.mark.parametrize("stride", [(2, 2), (3, 2), (1, 2), (4, 4)])
@pytest.mark.parametrize("size", [(8, 12), (7, 9), (5, 4), (1, 3)])
def test_phase_ij_has_every_stride_th_sample_from_ij_on(
    mode: str, stride: tuple[int, int], size: tuple[int, int]
) -> None:
    x = torch.randn(2, 3, *size)
    offsets = list(product(range(stride[0]), range(stride[1])))
    phases = PhaseSplit2d(3, stride, offsets, mode)(x).unflatten(0, (len(offsets), 2))  # type: ignore[arg-type]
    longer = pad(x, [(0, stride[0]), (0, stride[1])], mode)  # type: ignore[arg-type]
    for (i, j), phase in zip(offsets, phases, strict=True):
        assert phase.shape[2:] == (-(-size[0] // stride[0]), -(-size[1] // stride[1]))
        for row, column in product(range(phase.shape[2]), range(phase.shape[3])):
            assert torch.equal(phase[..., row, column], longer[..., i + row * stride[0], j + column * stride[1]])


def test_the_first_phase_is_what_a_stride_keeps() -> None:
    x = torch.randn(2, 3, 9, 8)
    assert torch.equal(PhaseSplit2d(3, 2, [(0, 0)])(x), x[:, :, ::2, ::2])


def test_without_subsampling_the_map_moves() -> None:
    x = torch.randn(1, 2, 6, 6)
    moved = PhaseSplit2d(2, 4, [(0, 0), (2, 1)], "circular", subsample=False)(x)
    assert torch.equal(moved[1:], x.roll((-2, -1), (2, 3)))


def test_maps_are_repeated_and_moved_and_vectors_are_repeated() -> None:
    repeat, x = PhaseRepeat2d([(0, 0), (0, 2)], "zeros"), torch.randn(2, 1, 1, 3)
    assert torch.equal(repeat(x)[2:], F.pad(x[..., 2:], (0, 2)))
    assert torch.equal(repeat(x[:, 0, 0]), x[:, 0, 0].repeat(2, 1))


def test_configs() -> None:
    assert aa.PhaseAverage(phases=4).offsets((4, 2)) == ((0, 0), (0, 1), (2, 0), (2, 1))
    assert aa.PhaseAverage(phases=4).offsets((1, 2)) == ((0, 0), (0, 1))
    assert aa.PhaseAverage(phases=1).offsets((2, 2)) == ((0, 0),)
    assert len(aa.PhaseAverage(phases="all").offsets((2, 3))) == 6
    config = aa.PhaseAverage(phases="all", padding_mode="circular")
    assert filter_from_dict(config.to_dict()) == config


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="phases=3 is not offered. Use 1, 2, 4 or 'all'"):
        aa.PhaseAverage(phases=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="phases=True is not offered"):
        aa.PhaseAverage(phases=True)
    with pytest.raises(ValueError, match="chooses none. Leave phase out"):
        aa.PhaseAverage(phase="norm")
    with pytest.raises(ValueError, match=r"offsets=\[\(0, 2\)\] start outside of stride=\(2, 2\)"):
        PhaseSplit2d(3, 2, [(0, 2)])
    with pytest.raises(ValueError, match="this layer splits 3 channels"):
        PhaseSplit2d(3)(torch.ones(1, 4, 8, 8))
