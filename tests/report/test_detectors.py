"""A whole report of detectors, in Python and on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from antialias.cli import main
from antialias.metrics import SameInstance
from antialias.report import Report, measure_detectors, render


class Finder:
    """Finds the bright square, the blinking one only where it begins at an odd column of the window."""

    def __init__(self, *, blinks: bool, masks: bool = True) -> None:
        self.blinks, self.masks = blinks, masks

    def __call__(self, images: list[Tensor]) -> list[dict[str, Any]]:
        return [self.found(image) for image in images]

    def found(self, image: Tensor) -> dict[str, Any]:
        rows, columns = (image[0] > 0.9).nonzero().T
        left, top = int(columns.min()), int(rows.min())
        box = torch.tensor([[left, top, int(columns.max()) + 1, int(rows.max()) + 1]]).float()
        score = 0.3 if self.blinks and left % 2 else 0.9
        values = {"boxes": box, "labels": torch.tensor([1]), "scores": torch.tensor([score])}
        return values | ({"masks": (image[:1] > 0.9)[None].float()} if self.masks else {})


@pytest.fixture
def squares() -> list[Tensor]:
    images = torch.zeros(3, 3, 48, 48)
    for number, image in enumerate(images):
        image[:, 20:30, 18 + number : 30 + number] = 1
    return list(images)


def test_detectors_are_compared_and_shown(squares: list[Tensor]) -> None:
    calls: list[tuple[int, int]] = []
    page = measure_detectors(
        {"blinking": Finder(blinks=True), "steady": Finder(blinks=False)},
        squares,
        class_names=("square",),
        pictures=2,
        normalize=None,
        progress=lambda *counts: calls.append(counts),
    )
    assert page.verdict is not None
    assert page.verdict.headline == "No network is measurably steadier than blinking on these pictures"
    assert page.table is not None
    assert [column.key for column in page.table.columns[:2]] == ["mask_consistency", "box_consistency"]
    assert len(page.detections) == 2
    blinking, steady = page.detections[0].traces
    assert (blinking.network, steady.network) == ("blinking", "steady")
    assert blinking.objects[0].label == "square"
    assert sum(map(sum, blinking.changes(0.5))) > 0 == sum(map(sum, steady.changes(0.5)))
    assert any("no precision" in caveat for caveat in page.reproduction.caveats)
    assert Report.from_json(page.to_json()) == page
    assert 'id="detections"' in render(page)


def test_progress_ends_when_the_work_does(squares: list[Tensor]) -> None:
    calls: list[tuple[int, int]] = []
    networks = {"steady": Finder(blinks=False)}
    measure_detectors(networks, squares, pictures=2, normalize=None, progress=lambda *counts: calls.append(counts))
    assert calls == sorted(calls)
    assert [done for done, total in calls if done == total] == [calls[-1][1]]


def test_the_least_consistent_picture_comes_first(squares: list[Tensor]) -> None:
    class Bad(Finder):
        def found(self, image: Tensor) -> dict[str, Any]:
            found = super().found(image)
            width = float(found["boxes"][0, 2] - found["boxes"][0, 0])
            if width == 16 and found["boxes"][0, 0] % 2:
                found["scores"] = torch.tensor([0.1])
            return found

    squares[1][:, 20:30, 16:32] = 1
    page = measure_detectors({"bad": Bad(blinks=False, masks=False)}, squares, pictures=1, normalize=None)
    assert page.detections[0].image.name == "picture 2"
    assert page.verdict is not None
    assert page.verdict.headline.startswith("bad has a box consistency of")


def test_boxes_alone_will_do_and_targets_give_precision(squares: list[Tensor]) -> None:
    page = measure_detectors({"boxes": Finder(blinks=False, masks=False)}, squares, pictures=1, normalize=None)
    assert page.table is not None
    assert [column.key for column in page.table.columns][:1] == ["box_consistency"]
    finder = Finder(blinks=False)
    samples = [(image, {**finder([image])[0], "masks": (image[:1] > 0.9).byte()}) for image in squares]
    labelled = measure_detectors({"finder": finder}, samples, pictures=1, normalize=None)
    assert labelled.table is not None
    assert labelled.table.rows[0].cells[0].value == 1
    assert "mask_ap" in [column.key for column in labelled.table.columns]


def test_what_cannot_be_measured_is_refused(squares: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="networks is empty. Give at least one detector"):
        measure_detectors({}, squares)
    with pytest.raises(ValueError, match="images can be read only once"):
        measure_detectors({"finder": Finder(blinks=False)}, iter(squares))
    with pytest.raises(ValueError, match="nothing was detected in 3 pictures with a score of 0.95 or more"):
        measure_detectors(
            {"finder": Finder(blinks=False)}, squares, same=SameInstance(score=0.95), normalize=None, pictures=1
        )


def test_the_verb_writes_a_page_of_detectors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def middle(images: list[Tensor]) -> list[dict[str, Any]]:
        mask = torch.zeros(1, 1, *images[0].shape[-2:])
        mask[..., 10:20, 10:20] = 1
        one = {"boxes": torch.tensor([[10.0, 10, 20, 20]]), "labels": torch.tensor([1]), "scores": torch.ones(1)}
        return [{**one, "masks": mask} for _ in images]

    monkeypatch.setattr("antialias.cli._options.build", lambda *_, **__: middle)
    words = ["report", "mine", "--task", "instance", "--data", "scenes", "--size", "40", "--limit", "3"]
    main([*words, "--pictures", "1", "--out", str(tmp_path), "--figures", str(tmp_path / "figures")])
    assert f"Wrote {tmp_path / 'report.html'}" in capsys.readouterr().out
    assert {"objects-1.svg", "objects-1.png", "objects-1.csv"} <= {one.name for one in (tmp_path / "figures").iterdir()}


def test_a_classifier_is_no_detector(squares: list[Tensor]) -> None:
    with pytest.raises(ValueError, match=r"layer does not answer a list of images with instances: .* --task"):
        measure_detectors({"layer": torch.nn.Conv2d(3, 2, 1)}, squares, normalize=None)
