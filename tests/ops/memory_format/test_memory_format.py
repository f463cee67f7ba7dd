from __future__ import annotations

import pytest
import torch
from matrix import LAYOUTS, needs_kernel

from antialias.ops import in_layout_of
from antialias.ops._layout import memory_format_of
from antialias.ops.memory_format import match_memory_format

SHAPES = ((2, 3, 5, 7), (1, 16, 4, 4), (2, 17, 16, 17), (3, 40, 19, 31), (1, 64, 1, 2), (2, 5, 300, 3), (0, 3, 4, 4))


@needs_kernel
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(layout, dtype, shape):
    x = torch.randn(shape, dtype=dtype).contiguous(memory_format=LAYOUTS[layout])
    y = torch.ops.antialias.switch_memory_format(x)
    other = next(each for name, each in LAYOUTS.items() if name != layout)
    assert torch.equal(y, x)
    assert y.is_contiguous(memory_format=other)
    assert y.data_ptr() != x.data_ptr() or not x.numel()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_is_in_layout_of(dtype, layout):
    like = torch.zeros(1, 2, 3, 3).contiguous(memory_format=LAYOUTS[layout])
    maps = torch.randn(2, 9, 6, 8, dtype=dtype)
    for y in (maps, maps.contiguous(memory_format=torch.channels_last), maps[:, ::2], maps[:, :, 1:-1]):
        converted, expected = match_memory_format(like, y), in_layout_of(like, y)
        assert torch.equal(converted, expected)
        assert memory_format_of(converted) == memory_format_of(expected)


def test_has_a_gradient():
    x = torch.randn(1, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    like = torch.zeros(1, 2, 3, 3).contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(lambda x: match_memory_format(like, x), x)


@needs_kernel
def test_registered_as_torch_wants_it():
    torch.library.opcheck(torch.ops.antialias.switch_memory_format.default, (torch.randn(2, 3, 4, 5),))


@needs_kernel
@pytest.mark.parametrize("x", [torch.zeros(2, 3, 4), torch.zeros(1, 2, 3, 4, dtype=torch.float16)])
def test_guards_the_memory(x):
    with pytest.raises(RuntimeError, match="x must"):
        torch.ops.antialias.switch_memory_format(x)
    with pytest.raises(RuntimeError, match="x must be contiguous or channels_last"):
        torch.ops.antialias.switch_memory_format(torch.zeros(2, 3, 4, 8)[:, :, :, ::2])
