from __future__ import annotations

import csv
import time

import pytest
import torch
from torch import nn

from antialias import bench
from antialias.bench import CONTESTS, Contest, measure
from antialias.nn import BlurPool2d


class Slow(nn.Module):
    def __init__(self, layer, seconds):
        super().__init__()
        self.layer, self.seconds = layer, seconds

    def forward(self, x):
        time.sleep(self.seconds)
        return self.layer(x)


def contest(**contenders):
    return Contest("blur, small", (1, 4, 8, 8), lambda: contenders)


def test_ratio_and_saved_bytes():
    fast, slow = BlurPool2d(4), Slow(BlurPool2d(4), 0.05)
    results = measure(contest(slow=slow, fast=fast), rounds=3)
    ratios = {(result.contender, result.what): result.ratio for result in results}
    assert ratios["slow", "forward"] == ratios["slow", "forward+backward"] == 1
    assert ratios["fast", "forward"] < 0.8
    assert all((result.saved_bytes > 0) == (result.what != "forward") for result in results)
    assert all(low <= result.milliseconds <= high for result in results for low, high in [result.quartiles])


def test_no_time_is_reported_on_a_wrong_result():
    with pytest.raises(RuntimeError, match="blur, small: box differs from ours by .* No time is reported on a wrong"):
        measure(contest(ours=BlurPool2d(4), box=nn.AvgPool2d(3, 2, 1)))


def test_the_layer_contenders_agree():
    for layers in (c for c in CONTESTS if c.agree and c.shape[1] == 64):
        x = torch.randn(1, 64, 14, 14)
        first, *others = (layer(x) for layer in layers.make().values())
        assert all(torch.allclose(first, other, atol=1e-5) for other in others)


def test_writes_a_csv_with_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(bench._run, "CONTESTS", (contest(ours=BlurPool2d(4)),))
    results, path = bench.run(tmp_path, rounds=3)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["contender"] for row in rows] == [result.contender for result in results]
    assert rows[0]["torch"] == torch.__version__


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="only='abacus' names no contest. Use a part of: adaptive k3"):
        bench.run(tmp_path, only="abacus")
    with pytest.raises(ValueError, match="rounds=2 gives no quartiles. Use 3 or more"):
        measure(contest(ours=BlurPool2d(4)), rounds=2)
