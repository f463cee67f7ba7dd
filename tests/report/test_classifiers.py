from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from antialias.nn import AdaptiveBlurPool2d
from antialias.report import Report, measure, render


def corner(x: Tensor) -> Tensor:
    """Answers by one pixel, so it flips whenever stripes move by one."""
    return torch.stack([-x[:, 0, 0, 0], x[:, 0, 0, 0]], 1) * 20


def brightness(x: Tensor) -> Tensor:
    """Answers by the mean of all pixels, so it never flips on stripes."""
    mean = x.mean((1, 2, 3))
    return torch.stack([0.25 - mean, mean - 0.25], 1) * 20


def stripes(count: int = 24) -> Tensor:
    return (torch.arange(32) % 2).float().expand(count, 3, 32, 32).clone()


@pytest.fixture(scope="module")
def report() -> Report:
    return measure({"corner": corner, "brightness": brightness}, stripes(), labels=torch.ones(24).long(), pictures=2)


def cell(report: Report, network: str, key: str) -> float | None:
    assert report.table is not None
    column = [column.key for column in report.table.columns].index(key)
    return next(row.cells[column].value for row in report.table.rows if row.network == network)


def test_table_holds_what_brute_force_gives(report: Report) -> None:
    assert cell(report, "corner", "top1_change") == 1.0
    assert cell(report, "brightness", "top1_change") == 0.0
    assert cell(report, "corner", "accuracy") == 0.0
    assert cell(report, "brightness", "accuracy") == 1.0
    assert cell(report, "corner", "agreement") is None
    assert (cell(report, "corner", "milliseconds") or 0) > 0


def test_curves_cover_directions_and_distances(report: Report) -> None:
    lines = {(line.network, line.direction): [cell.value for cell in line.cells] for line in report.curves}
    assert len(lines) == 6
    assert lines["corner", "horizontal"] == [1.0, 0.0] * 4
    assert lines["corner", "vertical"] == [0.0] * 8
    assert lines["brightness", "diagonal"] == [0.0] * 8


def test_verdict_sees_the_steadier_network(report: Report) -> None:
    assert report.verdict is not None
    assert report.verdict.headline == ("brightness changes its answer on 0.0 % of one-pixel moves, corner on 100.0 %")
    assert [figure.title for figure in report.verdict.key_figures] == ["One-pixel flips", "Accuracy", "Consistency"]


def test_sliders_show_the_first_pictures(report: Report) -> None:
    assert [viewer.image.name for viewer in report.viewers] == ["picture 1", "picture 2"]
    by_network = {trace.network: trace for trace in report.viewers[0].traces}
    assert len(by_network["corner"].flips) == len(report.viewers[0].path) - 1
    assert by_network["brightness"].flips == ()


def test_it_is_a_page(report: Report) -> None:
    assert "picture 1" in render(report)
    assert Report.from_json(report.to_json()) == report


def test_loader_gives_labels_and_progress_counts_pictures() -> None:
    loader = DataLoader(TensorDataset(stripes(12), torch.ones(12).long()), batch_size=5)
    seen: list[tuple[int, int]] = []
    made = measure({"one": corner}, loader, pictures=0, progress=lambda done, total: seen.append((done, total)))
    assert cell(made, "one", "accuracy") == 0.0
    assert made.viewers == ()
    assert seen == [(i, 12 * 6) for i in range(1, 12 * 6 + 1)]


def test_labels_of_other_classes_give_no_accuracy_and_a_caveat() -> None:
    made = measure({"one": corner}, stripes(12), labels=torch.zeros(12), class_names=["a", "b", "c"], pictures=1)
    assert made.table is not None
    assert "accuracy" not in [column.key for column in made.table.columns]
    assert any("Without labels there is no accuracy" in caveat for caveat in made.reproduction.caveats)


def test_adaptive_filters_are_mapped() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), AdaptiveBlurPool2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    made = measure({"plain": corner, "adaptive": model}, stripes(12), pictures=1, normalize=None)
    assert [(maps.network, [site.site for site in maps.sites]) for maps in made.filters] == [("adaptive", ["1"])]


def test_pictures_may_be_named() -> None:
    made = measure({"one": corner}, stripes(12), pictures=["first", "second"])
    assert [viewer.image.name for viewer in made.viewers] == ["first", "second"]


def test_the_least_stable_pictures_are_shown_first() -> None:
    """One of twelve pictures has a step that a network sees only at its left edge; on the others it never flips."""

    def edge(x: Tensor) -> Tensor:
        value = x[:, 0, 0, 0] - 0.5
        return torch.stack([value, -value], 1)

    images = torch.zeros(12, 3, 40, 40)
    images[7] = (torch.arange(40) % 2).expand(3, 40, 40)
    images[4, :, :, 20:] = 1
    page = measure({"edge": edge}, images, pictures=2, normalize=None)
    assert page.viewers[0].image.name == "picture 8"
    assert len(page.viewers) == 2
    assert page.reproduction.caveats[-1].endswith("are no sample: on them edge changes its answer most often.")


def test_images_that_can_be_read_once_are_refused() -> None:
    with pytest.raises(ValueError, match="images can be read only once, but a report reads them often"):
        measure({"one": corner}, iter([stripes(2)]))


def test_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="networks is empty. Give at least one classifier"):
        measure({}, stripes(2))


@pytest.mark.parametrize("size", [(32, 48), (48, 32)])
def test_pictures_need_not_be_square(size: tuple[int, int]) -> None:
    report = measure({"one": brightness}, torch.rand(4, 3, *size), pictures=1)
    assert cell(report, "one", "top1_change") is not None
    assert (report.viewers[0].image.height, report.viewers[0].image.width) == size


def test_networks_of_other_classes_do_not_agree_and_it_is_said() -> None:
    def three(x: Tensor) -> Tensor:
        return torch.cat([corner(x), corner(x)[:, :1]], 1)

    given = {"labels": torch.ones(12).long(), "class_names": ["a", "b"]}
    report = measure({"two": corner, "three": three}, stripes(12), pictures=1, **given)
    assert report.table is not None
    assert {"accuracy", "agreement"}.isdisjoint(column.key for column in report.table.columns)
    assert report.reproduction.caveats[0].startswith("The networks have different classes, so that there is no agree")
    assert report.viewers[0].traces[0].labels[0] == "class 0"


def test_progress_is_full_only_when_the_pictures_are_drawn() -> None:
    seen: list[tuple[int, int]] = []
    images = torch.rand(12, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    measure({"one": corner}, images, pictures=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert len({total for _, total in seen}) == 1
    assert [call for call in seen if call[0] == call[1]] == [seen[-1]]
    assert len([call for call in seen if call[0] > seen[-1][1] - 12]) >= 2
