"""Data sets by name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from antialias.data import ClassificationDataset, LabelledImages, Request, Scenes, in_memory, open_data, register
from antialias.data._open import _SCHEMES


def test_scenes_take_what_was_asked() -> None:
    data = open_data("scenes", "test", size=40, seed=3, length=7)
    assert isinstance(data, Scenes)
    assert (data.split, data.size, data.seed, len(data)) == ("test", 40, 3, 7)
    assert isinstance(data, ClassificationDataset)


def test_defaults_are_eight_thousand_to_train_and_two_to_test() -> None:
    assert (len(open_data("scenes")), len(open_data("scenes", "test"))) == (8000, 2000)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("disk:here", "data='disk:here' is unknown. Use one of: .*images, .*scenes"),
        ("images", "data='images' names no folder. Use images:DIR."),
        ("images:", "data='images:' has nothing behind its colon. Use images:DIR."),
        ("scenes:here", "data='scenes:here' names a place, but scenes are generated. Use scenes."),
    ],
)
def test_bad_names_are_explained(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_data(name)


def test_targets_that_a_data_set_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="want='depth' is unknown. Use one of: label, semantic, instances."):
        open_data("scenes", want="depth")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="data='images:here' has no semantic targets. Use one of: "):
        open_data("images:here", want="semantic")


def test_other_data_sets_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(_SCHEMES, "mine", raising=False)
    mine = LabelledImages(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.tensor([0]), ("a",))

    def opener(request: Request) -> ClassificationDataset:
        assert request.location == "there"
        return mine

    register("mine", opener)
    assert open_data("mine:there") is mine
    with pytest.raises(ValueError, match="scheme='mine' is taken"):
        register("mine", opener)
    del _SCHEMES["mine"]


def test_reading_into_memory_keeps_every_picture_and_reports() -> None:
    source, seen = Scenes(size=8, length=300), []
    pictures = in_memory(source, progress=lambda done, total: seen.append((done, total)))
    images, labels = source.labelled(torch.arange(300))
    assert torch.equal(pictures.images, images)
    assert torch.equal(pictures.labels, labels)
    assert seen == [(128, 300), (256, 300), (300, 300)]
    assert in_memory(pictures) is pictures


def test_reading_into_memory_leaves_the_number_of_threads_to_threads_to_come() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        in_memory(Scenes(size=8, length=200))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_pictures_check_what_they_are_given() -> None:
    with pytest.raises(ValueError, match=r"images are torch.float32 \(1, 3, 8, 8\). Use torch.uint8"):
        LabelledImages(torch.zeros(1, 3, 8, 8), torch.tensor([0]), ("a",))
    with pytest.raises(ValueError, match="1 images have 2 labels. Use one label an image."):
        LabelledImages(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 0]), ("a",))
