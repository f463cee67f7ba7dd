"""Changed answers of any kind under moves, against plain loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import (
    STEPS,
    ClassScores,
    Instances,
    LabelMaps,
    View,
    Windows,
    adapter_for,
    measure_changes,
)
from antialias.metrics.inputs import Sample


def noise(count: int = 5, height: int = 40, width: int = 40) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_the_kind_of_answer_is_found_by_asking() -> None:
    image = noise(1)[0]
    assert isinstance(adapter_for(lambda x: x.mean((2, 3)), image), ClassScores)
    assert isinstance(adapter_for(lambda x: x, image), LabelMaps)
    assert isinstance(adapter_for(lambda x: {"out": x}, image), LabelMaps)
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long(), "scores": torch.zeros(0)}
    assert isinstance(adapter_for(lambda images: [none for _ in images], image), Instances)
    with pytest.raises(TypeError, match=r"the model returned a tensor \(1, 40\), neither|a tensor \(1,\)"):
        adapter_for(lambda x: x.mean((1, 2, 3)), image)


def test_label_maps_change_by_the_share_of_pixels_that_both_windows_show() -> None:
    images = noise(height=40, width=56)

    def segmenter(x: Tensor) -> Tensor:
        return nn.functional.interpolate(x[..., ::2, ::2], x.shape[-2:])

    adapter = LabelMaps(segmenter)
    measured = measure_changes(adapter, [View(adapter, step) for step in STEPS], images)
    windows = Windows(adapter)
    for n, image in enumerate(images):
        base, *moved = windows.cut(Sample(n, image), [(0, 0), *STEPS])
        assert base.shape == (3, 35, 49)
        first = segmenter(base[None]).argmax(1)[0]
        for column, (window, (i, j)) in enumerate(zip(moved, STEPS, strict=True)):
            assert torch.equal(window[:, : 35 - i, : 49 - j], base[:, i:, j:])
            second = segmenter(window[None]).argmax(1)[0]
            changed = (first[i:, j:] != second[: 35 - i, : 49 - j]).float().mean()
            assert float(measured.rows[n, column]) == pytest.approx(float(changed))
    assert 0.1 < float(measured.rows.mean()) < 0.9
    still = LabelMaps(lambda x: x)
    assert float(measure_changes(still, [View(still, step) for step in STEPS], images).rows.max()) == 0


def test_instances_change_where_there_is_no_counterpart() -> None:
    """A detector that finds its object in place where a pixel is bright, and elsewhere where it is not."""

    def detector(images: list[Tensor]) -> list[dict[str, Tensor]]:
        box = torch.tensor([[4.0, 4.0, 24.0, 24.0]])
        found = []
        for image in images:
            moved = 5.0 * float(image[0, 0, 0] > 0.5)
            found.append({"boxes": box + moved, "labels": torch.tensor([1]), "scores": torch.ones(1)})
        return found

    stripes = (torch.arange(40) % 2).float().expand(4, 3, 40, 40)
    adapter = Instances(detector)
    rows = measure_changes(adapter, [View(adapter, (0, 1)), View(adapter, (0, 2))], stripes).rows
    assert rows[:, 0].tolist() == [1.0] * 4
    # Two pixels on, the box stays in the window and so moves by two in the image: 0.8 of it overlaps, less than 0.9.
    assert rows[:, 1].tolist() == [1.0] * 4
    none = Instances(lambda images: [{**one, "scores": torch.zeros(1)} for one in detector(images)])
    assert bool(measure_changes(none, [View(none, (0, 1))], stripes).rows.isnan().all())


def test_an_answer_can_stand_for_one_that_has_moved() -> None:
    """What another network says of the window itself is compared as if the window had moved."""
    images = noise()
    adapter, mover = LabelMaps(lambda x: x), LabelMaps(lambda x: x.roll((-3, -2), (2, 3)))
    assert float(measure_changes(adapter, [View(mover, moved=(3, 2))], images).rows.max()) == 0
    assert float(measure_changes(adapter, [View(mover)], images).rows.min()) > 0.3


def test_there_has_to_be_room() -> None:
    adapter = ClassScores(lambda x: x.mean((2, 3)))
    with pytest.raises(ValueError, match=r"picture 0 of 1x1 has no room for windows of 1x1 that move by 1"):
        measure_changes(adapter, [View(adapter, (0, 1))], torch.rand(1, 3, 1, 1))
    with pytest.raises(ValueError, match=r"40x40 has no room for windows of 40x40 that move by 1"):
        measure_changes(adapter, [View(adapter, (0, 1))], noise(), window=(40, 40))
