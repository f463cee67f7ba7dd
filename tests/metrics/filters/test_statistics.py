"""Similarity of maps by groups, and statistics over images."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import antialias as aa
from antialias.metrics import group_similarity, predicted_filters
from antialias.metrics.filters._similarity import channel_correlations, regrouped_contrasts
from antialias.metrics.filters._statistics import edge_correlation, mean_ranks
from antialias.nn import AdaptiveBlurPool2d


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_correlations_are_numpys_and_leave_constant_channels_out() -> None:
    maps = noise(2, 6, 5, 7)
    maps[1, 2] = 0.25
    correlations = channel_correlations(maps)
    assert np.allclose(correlations[0], np.corrcoef(maps[0].flatten(1).numpy()), atol=1e-5)
    others = [0, 1, 3, 4, 5]
    assert np.allclose(correlations[1][others][:, others], np.corrcoef(maps[1, others].flatten(1).numpy()), atol=1e-5)
    assert correlations[1, 2].isnan().all()


def test_similarity_averages_pairs_within_and_between_groups() -> None:
    maps = noise(3, 6, 4, 4)
    maps[2, 0] = 0
    found = group_similarity(channel_correlations(maps), groups=3)
    for n in range(3):
        pairs = {True: [], False: []}
        for a in range(6):
            for b in range(a):
                if not (n == 2 and b == 0):
                    table = np.corrcoef(maps[n, [a, b]].flatten(1).numpy())
                    pairs[a // 2 == b // 2].append(table[0, 1])
        assert found.within[n].item() == pytest.approx(np.mean(pairs[True]), abs=1e-5)
        assert found.between[n].item() == pytest.approx(np.mean(pairs[False]), abs=1e-5)
    with pytest.raises(ValueError, match="groups=4 does not divide 6 channels. Use a divisor."):
        group_similarity(channel_correlations(maps), groups=4)


def test_regrouping_is_what_dealing_by_hand_gives() -> None:
    correlations = channel_correlations(noise(1, 8, 6, 6))[0]
    correlations[3] = correlations[:, 3] = float("nan")
    found = regrouped_contrasts(correlations, 4, regroupings=20, seed=5)
    generator = torch.Generator().manual_seed(5)
    for contrast in found:
        group = (torch.arange(8) // 2)[torch.randperm(8, generator=generator)]
        same = (group[:, None] == group) & ~torch.eye(8, dtype=torch.bool)
        by_hand = correlations[same].nanmean() - correlations[group[:, None] != group].nanmean()
        assert contrast.item() == pytest.approx(by_hand.item(), abs=1e-5)


def test_ranks_and_edges() -> None:
    assert mean_ranks(torch.tensor([5.0, 2.0, 5.0, 5.0])).tolist() == [2, 0, 2, 2]
    image = torch.zeros(1, 3, 32, 32)
    image[..., 15:] = 1
    image += 0.02 * noise(1, 1, 32, 32)
    across = (image[..., 1:-1, 2:] - image[..., 1:-1, :-2]).abs()
    assert across.max() > 0.9
    edge = torch.zeros(1, 8, 8)
    edge[..., 3:5] = -1
    edge += 0.01 * noise(1, 8, 8, seed=1)
    assert edge_correlation(edge, image)[0] < -0.3
    assert edge_correlation(-edge, image)[0] > 0.3
    stats = pytest.importorskip("scipy.stats")
    grey = np.pad(image[0].mean(0).numpy(), 1, mode="edge")
    gradient = np.hypot(grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1])
    means = gradient.reshape(8, 4, 8, 4).mean((1, 3))
    expected = stats.spearmanr(means.ravel(), edge.numpy().ravel()).statistic
    assert edge_correlation(edge, image)[0].item() == pytest.approx(expected, abs=1e-3)
    assert edge_correlation(torch.zeros(1, 8, 8), image).isnan().all()
    assert edge_correlation(edge[:, :3, :3], image).isnan().all()


class Grouped(nn.Module):
    """Four noisy copies of one map in each of two groups, behind which a layer predicts filters."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.low = AdaptiveBlurPool2d(8, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        seen = x[:, :2].repeat_interleave(4, 1)
        return self.low(seen + 0.1 * torch.roll(x[:, 2:].repeat(1, 8, 1, 1), 3, 2)).mean((2, 3))


def test_maps_of_a_group_that_resemble_each_other_are_seen_to() -> None:
    statistics = aa.filter_statistics(Grouped(), noise(12, 3, 24, 24), normalize=None, batch_size=5)
    site = statistics["low"]
    assert site.contrast is not None
    assert site.contrast.interval[0] > 0.8 > site.chance[1]
    assert site.resembles
    assert "resemble each other more than those of different groups at 1 of 1" in statistics.verdict
    assert site.contrast.value == pytest.approx(site.scores["within"].value - site.scores["between"].value, abs=1e-5)


def test_groups_of_an_untrained_network_are_not_called_alike() -> None:
    torch.manual_seed(1)
    network = aa.models.TinyResNet(num_classes=4)
    aa.convert_(network, aa.Adaptive(init="paper"))
    statistics = aa.filter_statistics(network, noise(8, 3, 32, 32))
    assert [site.resembles for site in statistics.sites].count(True) <= 1  # one of seven at 97.5 %


def test_statistics_are_means_over_positions_and_images() -> None:
    model, images = Grouped(), noise(5, 3, 20, 20)
    statistics = aa.filter_statistics(model, images, normalize=None, batch_size=2)
    filters = predicted_filters(model, images, normalize=None)["low"]
    site = statistics["low"]
    assert site.scores["variance"].value == pytest.approx(filters.variance().mean().item() * 81 / 8, rel=1e-4)
    assert site.scores["entropy"].value == pytest.approx(filters.entropy().mean().item(), rel=1e-4)
    assert site.scores["offset"].value == pytest.approx(filters.offset().norm(dim=2).mean().item(), rel=1e-4)
    assert site.scores["stopband"].value == pytest.approx(filters.stopband().mean().item(), rel=1e-4)
    assert torch.allclose(site.by_group["entropy"], filters.entropy().mean((2, 3)), atol=1e-5)
    assert torch.allclose(site.response, filters.response().mean(0), atol=1e-5)
    assert statistics.images == 5


def test_images_of_several_sizes_progress_and_forms() -> None:
    calls: list[tuple[int, int]] = []
    images = [noise(2, 3, 24, 24), noise(1, 3, 20, 28), noise(1, 3, 24, 24, seed=2)]
    statistics = aa.filter_statistics(
        Grouped(), images, normalize=None, progress=lambda done, total: calls.append((done, total))
    )
    assert calls[-1] == (4, 4)
    assert json.loads(json.dumps(statistics.to_dict(), allow_nan=False))["images"] == 4
    assert max(map(len, statistics.text(80).splitlines())) <= 80
    assert "low" in statistics._repr_html_()
    with pytest.raises(KeyError, match="'high' is no layer with predicted filters. There are low"):
        statistics["high"]


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear has no AdaptiveBlurPool2d"):
        aa.filter_statistics(nn.Linear(2, 2), noise(4, 3, 8, 8))
    with pytest.raises(ValueError, match="1 image gives no interval. Pass two or more."):
        aa.filter_statistics(Grouped(), noise(1, 3, 24, 24), normalize=None)
