"""How much maps of a group resemble each other, as the page tells it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import antialias as aa
from antialias.nn import AdaptiveBlurPool2d
from antialias.report import Report, Similarity, similarities
from antialias.report.page._layout import contrasts


class Doubled(nn.Module):
    """Gives each channel twice, next to each other: the maps of a group are alike, those of two groups are not."""

    input_size = (3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = AdaptiveBlurPool2d(8, groups=4, init="binomial")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.mix(x).repeat_interleave(2, 1)).mean((2, 3))


@pytest.fixture(scope="module")
def doubled() -> Similarity:
    torch.manual_seed(0)
    images = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    (similarity,) = similarities({"doubled": Doubled(), "plain": nn.Conv2d(3, 3, 1)}, [images], normalize=None)
    return similarity


def test_the_numbers_are_those_of_filter_statistics(doubled: Similarity) -> None:
    torch.manual_seed(0)
    images = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    statistics = aa.filter_statistics(Doubled(), images, normalize=None)
    assert doubled.network == "doubled"
    assert doubled.verdict == statistics.verdict
    assert doubled.table.cell("pool", "within").value == pytest.approx(1, abs=1e-5)
    contrast = statistics["pool"].contrast
    assert contrast is not None
    assert doubled.table.cell("pool", "contrast").value == pytest.approx(contrast.value)
    assert doubled.chance == (pytest.approx(statistics["pool"].chance),)
    assert doubled.resembles == (statistics["pool"].resembles,) == (True,)


def test_a_report_keeps_them(doubled: Similarity) -> None:
    report = Report(title="Doubled", similarities=(doubled,))
    assert Report.from_json(report.to_json()) == report


def test_what_is_as_by_chance_does_not_resemble(sample: Report) -> None:
    zero, sites = contrasts(sample.similarities[0])
    assert [site.resembles for site in sites] == [True, False, False, None]
    above, chance, below, none = sites
    assert above.bar is not None
    assert above.chance is not None
    assert above.bar.low > above.chance[1] > zero > above.chance[0]
    assert chance.bar is not None
    assert chance.chance is not None
    assert zero < chance.bar.low < chance.bar.high < chance.chance[1]
    assert below.bar is not None
    assert below.bar.high < zero
    assert (none.bar, none.by_chance) == (None, "")
