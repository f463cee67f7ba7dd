"""Which places subsample, in which part of a network, and what keeping another phase does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import antialias as aa
from antialias.metrics import STEPS
from antialias.surgery import conversion_of, find_body, keep_phase_


class Skip(nn.Module):
    """Subsamples, upsamples, and joins what it had before."""

    def __init__(self) -> None:
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.first = nn.Conv2d(3, 4, 3, **circular)
        self.down = nn.Conv2d(4, 4, 3, stride=2, **circular)
        self.last = nn.Conv2d(8, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        coarse = nn.functional.interpolate(self.down(x).relu(), scale_factor=2)
        return self.last(torch.cat([x, coarse], 1))


@torch.no_grad()
@pytest.mark.parametrize("phase", STEPS)
def test_what_is_joined_to_another_phase_moves_with_it(phase: tuple[int, int]) -> None:
    network, x = Skip().eval(), torch.rand(2, 3, 16, 16)
    expected = network(x.roll((-phase[0], -phase[1]), (2, 3)))
    (place,) = find_body(network, x).places
    assert place.group == ("down",)
    assert place.pixels == (1, 1)
    conversion = keep_phase_(network, ["down"], phase, example=x)
    own = network(x)
    torch.testing.assert_close(own[:, :, :-2, :-2], expected[:, :, :-2, :-2])  # the skip's last row is continued
    conversion.revert_()
    assert conversion_of(network) is None
    assert not torch.allclose(network(x), own)


def test_a_detector_is_split_in_its_backbone() -> None:
    network = aa.models.build("antialias:TinyMaskRCNN").eval()
    image = torch.rand(3, 64, 80)
    body = find_body(network, [image])
    assert body.name == "backbone"
    assert [tuple(given.shape) for given in body.args] == [(1, 3, 64, 80)]
    assert [place.pixels for place in body.places] == [(p, p) for p in (1, 2, 4, 4, 8, 8, 16, 16)]
    assert body.full("body.conv1") == "backbone.body.conv1"
    assert all(place.group and not place.reason for place in body.places)


def test_strides_that_differ_by_axis_are_followed_each() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, (1, 2), 1), nn.ReLU(), nn.Conv2d(4, 4, 3, (2, 2), 1), nn.Flatten())
    places = find_body(network.eval(), torch.rand(1, 3, 16, 32)).places
    assert [place.pixels for place in places] == [(1, 1), (1, 2)]
