"""Polyphase subsampling: brute force, exactness, gradients, sharing, every size."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias.nn import (
    Adaptive,
    BlurPool2d,
    Filter,
    Fixed,
    PhaseReturn2d,
    Polyphase,
    PolyphasePool2d,
    filter_from_dict,
)
from antialias.ops import pad


def maps(height: int, width: int, pictures: int = 3, channels: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.randn(pictures, channels, height, width, generator=generator, dtype=dtype)


def by_hand(x: Tensor, rows: int, columns: int) -> Tensor:
    """Sample every picture at each phase in turn and keep the largest."""
    kept = []
    for picture in x:
        phases = [picture[:, i::rows, j::columns] for i, j in product(range(rows), range(columns))]
        kept.append(max(phases, key=lambda phase: float(phase.norm())))
    return torch.stack(kept)


def in_phase(a: Tensor, b: Tensor) -> bool:
    """Whether each picture's maps in `a` are a circular shift of those in `b`."""
    height, width = a.shape[2:]
    shifts = list(product(range(height), range(width)))
    return all(
        any(torch.allclose(one, other.roll(shift, (1, 2)), rtol=1e-12, atol=1e-12) for shift in shifts)
        for one, other in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("stride", [(2, 2), (3, 3), (1, 2), (4, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_phase_of_the_largest_norm_is_kept(stride: tuple[int, int], layout: torch.memory_format) -> None:
    x = maps(12, 24).contiguous(memory_format=layout)
    y = PolyphasePool2d(4, stride)(x)
    assert torch.equal(y, by_hand(x, *stride))
    assert y.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (6, 9), (2, 3)])
@pytest.mark.parametrize("padding_mode", ["circular", "reflect", "replicate", "zeros"])
def test_any_size_runs(size: tuple[int, int], padding_mode: str) -> None:
    x = maps(*size)
    y = PolyphasePool2d(4, (2, 3), padding_mode=padding_mode)(x)  # type: ignore[arg-type]
    assert y.shape == (3, 4, -(-size[0] // 2), -(-size[1] // 3))
    continued = {"circular": "circular", "reflect": "reflect", "replicate": "replicate", "zeros": "constant"}
    if size == (5, 7):
        padded = F.pad(x, (0, 2, 0, 1), mode=continued[padding_mode])
        assert torch.equal(y, by_hand(padded, 2, 3))


def configs() -> list[Filter]:
    return [
        Polyphase(),
        Polyphase(phase="learned"),
        Fixed(phase="norm", padding_mode="circular"),
        Fixed(kernel_size=4, phase="learned", padding_mode="circular"),
        Adaptive(groups=2, phase="norm", padding_mode="circular"),
        Adaptive(groups=2, phase="learned", padding_mode="circular", init="paper"),
        Fixed(kernel_size=4, phase="input_norm", padding_mode="circular"),
        Adaptive(groups=2, phase="input_norm", padding_mode="circular", init="paper"),
    ]


@pytest.mark.parametrize("config", configs(), ids=repr)
@pytest.mark.parametrize("stride", [(2, 2), (2, 1), (3, 3)])
def test_a_circular_shift_of_the_input_only_shifts_the_output(config: Filter, stride: tuple[int, int]) -> None:
    x = maps(6, 12)
    torch.manual_seed(0)
    layer = config.build(4, stride, dtype=torch.float64).eval()
    y = layer(x)
    for shift in product(range(3), range(3)):
        assert in_phase(layer(x.roll(shift, (2, 3))), y)


@pytest.mark.parametrize("kernel_size", [3, 4])
def test_the_learned_phase_tells_maps_apart_that_hardly_vary(kernel_size: int) -> None:
    torch.manual_seed(0)
    layer: Any = (
        Fixed(kernel_size=kernel_size, phase="learned", padding_mode="circular").build(4, (2, 2)).double().eval()
    )
    x = 10 + 0.01 * maps(8, 8)
    seen: list[Tensor] = []
    layer.judge.register_forward_hook(lambda _, __, scores: seen.append(scores.detach()))
    layer(x), layer(100 * x)
    assert seen[0].sort().values.diff().min() > 1e-4
    torch.testing.assert_close(*seen)
    assert in_phase(layer(x.roll((1, 1), (2, 3))), layer(x))


def test_the_learned_phase_of_a_constant_map_has_gradients() -> None:
    x = torch.full((1, 4, 4, 4), 3.0, requires_grad=True)
    PolyphasePool2d(4, phase="learned")(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("stride", [(2, 2), (3, 3), (1, 2), (4, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_phase_chosen_before_the_filter_is_that_phase_of_the_filtered_map(
    stride: tuple[int, int], layout: torch.memory_format
) -> None:
    x = maps(12, 24).contiguous(memory_format=layout)
    config = Adaptive(groups=2, phase="input_norm", padding_mode="circular", init="paper")
    layer: Any = config.build(4, stride, dtype=torch.float64).eval()
    full: Any = replace(config, phase=None).build(4, (1, 1), dtype=torch.float64).eval()
    full.load_state_dict(layer.filter.state_dict())
    y, filtered, (rows, columns) = layer(x), full(x), stride
    for picture, all_of_it, kept in zip(x, filtered, y, strict=True):
        starts = product(range(rows), range(columns))
        i, j = max(starts, key=lambda start: float(picture[:, start[0] :: rows, start[1] :: columns].norm()))
        torch.testing.assert_close(kept, all_of_it[:, i::rows, j::columns])
    assert y.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (6, 9), (2, 3)])
@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate", "zeros"])
def test_a_phase_chosen_first_runs_on_any_size_and_continues_the_end(size: tuple[int, int], mode: Any) -> None:
    x = maps(*size)
    pool = PolyphasePool2d(4, (2, 3), "input_norm", mode, filter=BlurPool2d(4, 1, (2, 3), mode))
    y = pool(x)
    assert y.shape == (3, 4, -(-size[0] // 2), -(-size[1] // 3))
    if min(size) > 3:
        even = pad(x, [(0, -size[0] % 2), (0, -size[1] % 3)], mode)
        longer = pad(even, [(0, 1), (0, 2)], mode)
        assert pool.selection.phases is not None
        for kept, picture, phase in zip(y, longer, pool.selection.phases.tolist(), strict=True):
            i, j = divmod(phase, 3)
            assert torch.equal(kept, picture[:, i : i + even.shape[2] : 2, j : j + even.shape[3] : 3])


def test_without_a_filter_the_map_moved_to_the_chosen_phase_is_handed_on() -> None:
    x, pool = maps(6, 8), PolyphasePool2d(4, 2, "input_norm")
    y = pool(x)
    assert y.shape == x.shape
    assert torch.equal(y[:, :, ::2, ::2], by_hand(x, 2, 2))
    assert in_phase(pool(x.roll((1, 1), (2, 3)))[:, :, ::2, ::2], y[:, :, ::2, ::2])


def test_gradients_pass_a_phase_chosen_first() -> None:
    layer = Adaptive(groups=2, phase="input_norm", padding_mode="circular", init="paper").build(4, (2, 2)).double()
    assert torch.autograd.gradcheck(layer.eval(), maps(4, 6).requires_grad_())


def test_a_strided_slice_does_not_do_that() -> None:
    x = maps(6, 12)
    assert not in_phase(x.roll(1, 3)[:, :, ::2, ::2], x[:, :, ::2, ::2])


@pytest.mark.parametrize("phase", ["norm", "learned"])
def test_gradients_reach_the_kept_samples(phase: str) -> None:
    torch.manual_seed(0)
    layer = PolyphasePool2d(4, 2, phase).double().eval()  # type: ignore[arg-type]
    x = maps(4, 6).requires_grad_()
    assert torch.autograd.gradcheck(layer, x)
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.sum() == 3 * 4 * 2 * 3


def test_the_learned_phase_learns_with_the_rest() -> None:
    torch.manual_seed(0)
    layer = PolyphasePool2d(4, 2, "learned").double()
    x = maps(4, 6)
    y = layer(x)
    assert any(torch.allclose(y[0], layer.phases(x)[0, i, j]) for i, j in product(range(2), range(2)))
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.judge.parameters() if p.ndim > 1)  # type: ignore[union-attr]


def test_a_follower_keeps_the_leaders_phases() -> None:
    leader, follower = PolyphasePool2d(4), PolyphasePool2d(2, phase="learned")
    follower.follow(leader)
    assert not list(follower.parameters())
    x, other = maps(6, 8), maps(6, 8, channels=2)
    leader(x)
    phases = enumerate(leader.selection.phases)  # type: ignore[arg-type]
    expected = torch.stack([other[n, :, int(phase) // 2 :: 2, int(phase) % 2 :: 2] for n, phase in phases])
    assert torch.equal(follower(other), expected)
    with pytest.raises(RuntimeError, match=r"the layer that chooses the phases has not run on these images\."):
        follower(other[:2])
    with pytest.raises(ValueError, match=r"stride=\(3, 3\) cannot follow stride=\(2, 2\)\. Use equal strides\."):
        PolyphasePool2d(4, 3).follow(leader)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_follow_the_copied_leader_and_forget_pictures(copied: Callable[[nn.Module], nn.ModuleList]) -> None:
    pair = nn.ModuleList([PolyphasePool2d(4, phase="learned"), PolyphasePool2d(4)])
    pair[1].follow(pair[0])  # type: ignore[operator]
    pair[0](maps(4, 4, dtype=torch.float32).requires_grad_())
    leader, follower = copied(pair)
    assert leader.selection.phases is None
    with pytest.raises(RuntimeError, match="has not run on these images"):
        follower(maps(4, 4, dtype=torch.float32))
    leader(maps(4, 4, dtype=torch.float32))
    assert follower(maps(4, 4, dtype=torch.float32)).shape == (3, 4, 2, 2)


@pytest.mark.parametrize("stride", [(2, 2), (3, 2)])
def test_down_and_up_again_moves_with_the_picture(stride: tuple[int, int]) -> None:
    pool = PolyphasePool2d(4, stride)
    back, x = PhaseReturn2d(pool), maps(6, 12)

    def there_and_back(x: Tensor) -> Tensor:
        return back(F.interpolate(pool(x), scale_factor=stride))

    for shift in product(range(3), range(3)):
        assert torch.equal(there_and_back(x.roll(shift, (2, 3))), there_and_back(x).roll(shift, (2, 3)))
    with pytest.raises(
        RuntimeError, match=r"the layer that chooses the phases has not run on these images\. Run it first\."
    ):
        back(x[:1])


def test_it_exports_without_this_package_s_kernels() -> None:
    layer, x = PolyphasePool2d(4).eval(), maps(6, 8, dtype=torch.float32)
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("pictures", min=2)},))
    other = maps(6, 8, pictures=5, dtype=torch.float32)
    torch.testing.assert_close(program.module()(other), layer(other))


def test_it_compiles_in_one_graph() -> None:
    layer, x = PolyphasePool2d(4), maps(6, 8, dtype=torch.float32)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), layer(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PolyphasePool2d(4, phase="max"), "phase='max' is unknown. Use one of 'norm', 'learned'."),  # type: ignore[arg-type]
        (lambda: Fixed(phase="max"), "phase='max' is unknown. Use one of 'norm', 'learned'."),  # type: ignore[arg-type]
        (lambda: Polyphase(phase=None), "phase=None is unknown. Use one of 'norm', 'learned'."),
        (lambda: Polyphase(phase="input_norm"), "chooses before a filter, and Polyphase has none. Use phase='norm'."),
        (
            lambda: PolyphasePool2d(4, phase="input_norm", filter=BlurPool2d(4, stride=1)),
            r"phase='input_norm' is chosen before filter, whose stride is \(1, 1\). Pass a layer of stride=\(2, 2\).",
        ),
        (lambda: PolyphasePool2d(0), "channels=0 is no number of channels. Use 1 or more."),
        (lambda: PolyphasePool2d(4, padding_mode="edge"), "padding_mode='edge' is unknown. Use one of 'reflect'"),  # type: ignore[arg-type]
        (lambda: PolyphasePool2d(4, (2, 2, 2)), r"stride=\(2, 2, 2\) does not fit 2 dimension\(s\)."),
        (
            lambda: PolyphasePool2d(4)(torch.zeros(1, 3, 4, 4)),
            r"x has shape \(1, 3, 4, 4\), but this layer subsamples 4",
        ),
    ],
)
def test_bad_arguments_are_explained(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_configs_are_values() -> None:
    for config in configs():
        assert filter_from_dict(config.to_dict()) == config
        assert eval(repr(config)) == config
    assert repr(Fixed()) == "Fixed(kernel_size=3, padding_mode='reflect')"
    assert isinstance(Polyphase().build(4, (1, 1)), nn.Identity)
    assert not isinstance(Adaptive(phase="norm", groups=2).build(4, (1, 1)), PolyphasePool2d)
