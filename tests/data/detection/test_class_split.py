"""Which classes have masks to learn from, in files and draws, and pictures that hold no others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from antialias.cli import main
from antialias.data import ClassSplit, PartiallySupervised, Scenes, boxes_to_masks, in_memory

COCO = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)


def test_vocs_classes_among_cocos_in_both_directions() -> None:
    split = ClassSplit.of(COCO, "voc")
    assert (len(split.masked), len(split.unmasked)) == (20, 60)
    assert set(split.masked) | set(split.unmasked) == set(COCO)
    assert {"person", "tv", "couch", "potted plant"} < set(split.masked)
    assert {"truck", "bed", "toothbrush"} < set(split.unmasked)
    assert split.masked == tuple(name for name in COCO if name in split.masked)
    assert split.reversed() == (split.unmasked, split.masked)
    assert split.reversed().reversed() == split


def test_draws_depend_on_the_seed_alone() -> None:
    draws = [ClassSplit.of(COCO, 20, seed) for seed in range(20)]
    assert draws == [ClassSplit.of(COCO, 20, seed) for seed in range(20)]
    assert {len(split.masked) for split in draws} == {20}
    assert len(set(draws)) == 20
    assert {name for split in draws for name in split.masked} == set(COCO)


def test_files_come_back_and_may_hold_remarks(tmp_path: Path) -> None:
    path, split = tmp_path / "deep" / "voc.txt", ClassSplit.of(COCO, "voc")
    split.write(path)
    assert ClassSplit.read(path, COCO) == split
    path.write_text("# mine\n\n dog \ncat # and its like\n")
    assert ClassSplit.read(path, COCO).masked == ("cat", "dog")


def test_the_verb_writes_both_directions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = ClassSplit.of(Scenes.classes, 8, seed=3)
    for words, split in (([], expected), (["--reverse"], expected.reversed())):
        main(["split", "scenes", "8", "--seed", "3", "--out", str(tmp_path / "s.txt"), *words])
        assert ClassSplit.read(tmp_path / "s.txt", Scenes.classes) == split
        said = f"masks of {len(split.masked)} classes, boxes only of {len(split.unmasked)}."
        assert capsys.readouterr().out == f"Wrote {tmp_path / 's.txt'}: {said}\n"


def test_splits_that_cannot_be_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"masked=80 of 80 classes leaves one side empty. Use 1\.\.79\."):
        ClassSplit.of(COCO, 80)
    with pytest.raises(ValueError, match="VOC names 'airplane', no class of the data. Use such as "):
        ClassSplit.of(Scenes.classes, "voc")
    path = tmp_path / "x.txt"
    with pytest.raises(FileNotFoundError, match="x.txt is not a file. Use one that ClassSplit.write wrote, with a cl"):
        ClassSplit.read(path, COCO)
    path.write_text("doge\n")
    with pytest.raises(ValueError, match=r"x.txt names 'doge', no class of the data. Use such as dog, "):
        ClassSplit.read(path, COCO)
    path.write_text("# none\n")
    with pytest.raises(ValueError, match="x.txt names 0 of 80 classes. Name some of them, but not all."):
        ClassSplit.read(path, COCO)
    with pytest.raises(ValueError, match="a split of 80 classes does not fit data of 20, such as .*Split the data's"):
        PartiallySupervised(Scenes(size=16, length=1), ClassSplit.of(COCO, "voc"))


def test_boxes_fill_every_pixel_that_they_touch() -> None:
    boxes = torch.tensor([[0.0, 0, 2, 1], [1.2, 0.5, 2.9, 3.0], [2, 1, 2, 3], [-4, -4, 9, 9]])
    masks = boxes_to_masks(boxes, (3, 4))
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.tolist(), strict=True):
        for row, column in torch.cartesian_prod(torch.arange(3), torch.arange(4)).tolist():
            inside = min(x2, column + 1) > max(x1, column) and min(y2, row + 1) > max(y1, row)
            assert bool(mask[row, column]) == inside


def test_boxes_take_the_place_of_masks_that_are_not_learnt() -> None:
    scenes = in_memory(Scenes("test", size=32, length=8), "instances")
    split = ClassSplit.of(scenes.classes, 10)
    partly, kept, hidden = PartiallySupervised(scenes, split), 0, 0
    assert (len(partly), partly.name(3)) == (8, scenes.name(3))
    for number in range(8):
        item, seen = scenes.annotated(number), partly.annotated(number)
        assert all(torch.equal(a, b) for a, b in zip(item[:3], seen[:3], strict=True))
        known = partly.has_mask(item.labels)
        assert known.tolist() == [scenes.classes[label] in split.masked for label in item.labels.tolist()]
        assert torch.equal(seen.masks[known], item.masks[known])
        assert torch.equal(seen.masks[~known], boxes_to_masks(item.boxes, (32, 32))[~known])
        kept, hidden = kept + int(known.sum()), hidden + int((~known).sum())
    assert min(kept, hidden) > 0
