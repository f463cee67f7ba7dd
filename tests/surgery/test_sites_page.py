"""The code of docs/sites.md runs, and its numbers are those that come out."""

from __future__ import annotations

import re
from math import cos, pi
from pathlib import Path
from typing import Any

import pytest
import torch

import antialias as aa

PAGE = (Path(__file__).parents[2] / "docs" / "sites.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def printed() -> list[Any]:
    """What the page prints, block after block in one scope."""
    torch.manual_seed(0)
    lines: list[Any] = []
    scope: dict[str, Any] = {"print": lambda *values: lines.append(values)}
    for block in BLOCKS:
        exec(block, scope)
    assert {site.kind for site in aa.surgery.conversion_of(scope["unet"]).changed} >= {
        "max pool",
        "transposed convolution",
    }
    assert len(aa.surgery.conversion_of(scope["video"]).changed) == 6
    return lines


def test_the_numbers_are_those_that_come_out(printed: list[Any]) -> None:
    (sound,), (error,), *shares, (generator,) = printed
    assert [site.operation for site in sound.changed] == ["MaxPool1d 4", "Conv1d 3"]
    assert error < 1e-3
    said = re.search(r"# ([\d.]+), ([\d.]+) and ([\d.]+) of the network", PAGE)
    assert said is not None
    assert [f"{share:.2f}" for _, share in shares] == list(said.groups())
    assert len(generator.changed) == 3


def test_what_binomial_filters_let_through_at_stride_4() -> None:
    amplitudes = {taps: [cos(w / 2) ** (taps - 1) for w in (pi / 2, pi / 4)] for taps in (3, 7)}
    assert [round(100 * a) for a in amplitudes[3]] == [50, 85]
    assert [round(1000 * a) for a in amplitudes[7]] == [125, 622]
