from __future__ import annotations

import pytest
import torch
from timm.layers import Conv2dSame, padding
from timm.layers.padding import get_same_padding
from torch import nn

import antialias as aa
from antialias.runtimes._trace import short_sizes, trace


def test_the_short_form_of_same_padding_adds_as_much():
    settings = [(size, k, s, d) for size in range(1, 24) for k in range(1, 8) for s in range(1, 6) for d in (1, 2)]
    with short_sizes():
        assert padding.get_same_padding is not get_same_padding
        ours = [padding.get_same_padding(*each) for each in settings]
        ours_of_tensor = padding.get_same_padding(torch.tensor(7.0), 3, 2, 1)
    assert padding.get_same_padding is get_same_padding
    assert ours == [get_same_padding(*each) for each in settings]
    assert ours_of_tensor == get_same_padding(torch.tensor(7.0), 3, 2, 1)


def test_timms_padding_is_its_own_again_after_a_failure():
    with pytest.raises(KeyError), short_sizes():
        raise KeyError
    assert padding.get_same_padding is get_same_padding


@pytest.mark.parametrize("filter", [None, aa.Fixed()], ids=["plain", "converted"])
@pytest.mark.parametrize("kernel_size", [3, 4, 5])
def test_sizes_behind_same_padding_stay_short(kernel_size, filter):
    # Where each level repeats the one before it, the fifth of them keeps torch.export busy for minutes.
    layers = [layer for n in range(3) for layer in (Conv2dSame(4 if n else 3, 4, kernel_size, 2), nn.ReLU())]
    model = nn.Sequential(*layers).eval()
    example = torch.rand(1, 3, 64, 64)
    if filter is not None:
        assert len(aa.convert_(model, filter, example=example, stem=True).changed) == 3
    traced = trace(model, example, {})
    maps = [value for node in traced.program.graph.nodes if isinstance(value := node.meta.get("val"), torch.Tensor)]
    height = str(maps[-1].shape[2])
    assert set(traced.ranges) == {"batch", "height", "width"}
    assert height.count("s") == 1, height
    assert len(height) < 40
    for size in [(75, 86), (74, 85)]:  # the program checks what it took for granted of odd and even sizes
        images = torch.rand(2, 3, *size)
        torch.testing.assert_close(traced.program.module()(images), model(images))
