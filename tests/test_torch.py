"""Each name of torch that is not public does what the project needs of it."""

from __future__ import annotations

import torch

from antialias import _torch


def test_transforms_of_torch_func_are_noticed():
    noticed = []

    def note(x):
        noticed.append(_torch.is_in_functorch())
        return x.sum()

    torch.func.vmap(note)(torch.ones(2, 3))
    torch.func.grad(note)(torch.ones(3))
    note(torch.ones(3))
    assert noticed == [True, True, False]


def test_modes_are_left_for_a_while():
    seen = []

    class Mode(_torch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(_torch.schema_name(func))
            return func(*args, **(kwargs or {}))

    x = torch.ones(2)
    with Mode():
        x.exp()
        with _torch.without_modes():
            x.sin()
        torch.exp(x, out=x)
    assert seen == ["aten::exp", "aten::exp"]


def test_leaves_of_nested_arguments():
    assert _torch.tree_leaves(((1, [2]), {"a": (3,)}, None)) == [1, 2, 3, None]
