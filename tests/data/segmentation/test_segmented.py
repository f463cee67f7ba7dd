"""Scenes as a semantic segmentation data set."""

from __future__ import annotations

import torch

from antialias.data import Scenes, SegmentationDataset, open_data


def test_scenes_have_twenty_classes_and_a_background() -> None:
    data, scenes = open_data("scenes", "test", want="semantic", size=32, length=4), Scenes("test", size=32)
    assert isinstance(data, SegmentationDataset)
    assert (len(data), len(data.classes), data.classes[0]) == (4, 21, "background")
    for index in range(4):
        image, mask = data.segmented(index)
        scene = scenes.scene(index)
        assert image.dtype == mask.dtype == torch.uint8
        assert torch.equal(image.float() / 255, scene.image)
        assert torch.equal(mask.long(), scene.semantic)
        assert {data.classes[k] for k in mask.unique() if k} == {scenes.classes[k] for k in scene.labels}
    assert data.name(2) == "scene 2 of test"
