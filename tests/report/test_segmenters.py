"""A whole report of segmenters, in Python and on the command line."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from antialias.cli import main
from antialias.report import Report, measure_segmenters, render


def noise() -> list[tuple[Tensor, Tensor]]:
    images = torch.rand(12, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    return [(images[i : i + 4], (images[i : i + 4, 0] > 0.5).long()) for i in range(0, 12, 4)]


def steady(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0] * 0 + 0.5, x[:, 0]], 1)


def fickle(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0] * 0 + 0.5, x[:, 0] + 0.4 * (torch.arange(x.shape[-1]) % 2) - 0.2], 1)


def test_segmenters_are_compared_and_shown() -> None:
    calls: list[tuple[int, int]] = []
    page = measure_segmenters(
        {"fickle": fickle, "steady": steady},
        noise(),
        class_names=("low", "high"),
        pictures=2,
        normalize=None,
        progress=lambda *counts: calls.append(counts),
    )
    assert page.verdict is not None
    assert page.verdict.headline.startswith("steady gives one class to 100.0 % of the pixels of two crops, fickle to 8")
    assert [one.network for one in page.segmentations[0].maps] == ["fickle", "steady"]
    assert page.segmentations[0].maps[0].share > 0.05 > page.segmentations[0].maps[1].share == 0
    # Two passes over 12 pictures a network, and two pictures shown, which take twice as long.
    assert calls == sorted(calls)
    assert [call for call in calls if call[0] == call[1]] == [(56, 56)]
    assert Report.from_json(page.to_json()) == page
    html = render(page)
    assert html.count('class="exact"') == 8
    assert "low</li>" in html


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="networks is empty. Give at least one segmenter"):
        measure_segmenters({}, noise())
    with pytest.raises(ValueError, match="images can be read only once"):
        measure_segmenters({"steady": steady}, iter(noise()))


def test_the_verb_writes_a_page_of_segmenters(tmp_path, capsys) -> None:
    words = ["report", "antialias:TinyDeepLab", "--task", "semantic", "--data", "scenes", "--limit", "6"]
    main([*words, "--pictures", "1", "--out", str(tmp_path), "--figures", str(tmp_path / "figures")])
    assert f"Wrote {tmp_path / 'report.html'}" in capsys.readouterr().out
    assert {"labels-1.svg", "labels-1.png", "labels-1.csv"} <= {path.name for path in (tmp_path / "figures").iterdir()}
