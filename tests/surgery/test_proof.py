"""A conversion proves itself first, and refuses what would change the network."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from antialias.nn import Adaptive, Fixed, Polyphase
from antialias.surgery import conversion_of, convert_

X = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


class Sized(nn.Module):
    """Looks at its convolution's stride, so that it does something else without it."""

    def __init__(self, only_at: int | None = None) -> None:
        super().__init__()
        self.stem, self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(8, 4, 1)
        self.act, self.pool, self.only_at = nn.ReLU(), nn.MaxPool2d(2), only_at

    def forward(self, x: Tensor) -> Tensor:
        y = self.pool(self.stem(x))
        if self.conv.stride == (1, 1) and self.only_at in (None, x.shape[-1]):
            y = 2 * y
        return self.head(self.act(self.conv(y)))


@pytest.mark.parametrize("filter", [Fixed(), Adaptive()], ids=str)
@pytest.mark.parametrize("only_at", [None, 24], ids=["the example", "another size"])
def test_a_site_that_would_change_the_network_is_named_and_nothing_is_done(filter, only_at) -> None:
    model = Sized(only_at).train()
    before, state, modules = copy.deepcopy(model.state_dict()), torch.get_rng_state(), repr(model)
    with pytest.raises(
        ValueError, match=r"conv \(Conv2d 3x3, filter at output of act\) would change what Sized computes"
    ):
        convert_(model, filter, example=X)
    assert conversion_of(model) is None
    assert repr(model) == modules
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert len(convert_(model, filter, example=X, where="pool").changed) == 1


class Strict(Sized):
    def forward(self, x: Tensor) -> Tensor:
        if self.conv.stride == (1, 1):
            raise KeyError("a stride of 2")
        return super().forward(x)


def test_a_network_that_needs_its_stride_is_refused_and_nothing_is_done() -> None:
    model = Strict()
    with pytest.raises(ValueError, match=r"Strict does not run with filters that do nothing .* there are pool, conv\."):
        convert_(model, example=X)
    assert conversion_of(model) is None
    assert (model.conv.stride, type(model.pool)) == ((2, 2), nn.MaxPool2d)
    assert len(convert_(model, example=X, where="pool").changed) == 1


class OneSize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, 2), nn.ReLU())
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-1] == 32, "another size"
        self.calls += 1
        return self.body(x)


def test_a_network_of_one_size_is_tried_at_it() -> None:
    model = OneSize()
    assert len(convert_(model, example=X).changed) == 1
    assert model.calls == 3


class Chaotic(nn.Module):
    """Decides by a threshold, as suppression does: rounding may change the output, and is no fault of a site."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.round = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, 2), nn.ReLU()), 0

    def forward(self, x: Tensor) -> Tensor:
        self.round += 1
        return self.body(x).sum() * self.round


def test_outputs_that_differ_behind_equal_maps_are_accepted() -> None:
    assert len(convert_(Chaotic(), example=X).changed) == 1


def test_a_phase_that_changes_the_size_of_a_map_is_refused_where_layers_need_the_old_one() -> None:
    torch.manual_seed(0)
    x, body = torch.rand(1, 3, 25, 25), nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2), nn.ReLU())
    model = nn.Sequential(body, nn.Flatten(), nn.Linear(4 * 11 * 11, 2)).eval()
    before, keys = model(x), list(model.state_dict())
    with pytest.raises(ValueError, match=r"does not run with Polyphase.*Nothing was converted.*0.1 \(MaxPool2d"):
        convert_(model, Polyphase(phase="norm"), example=x)
    assert torch.equal(model(x), before)
    assert list(model.state_dict()) == keys
    assert conversion_of(model) is None
    wide = nn.Sequential(body, nn.AdaptiveAvgPool2d(1)).eval()
    assert convert_(wide, Polyphase(phase="norm"), example=x).changed
