"""Domain generalisation: a classifier of ImageNet on frames of videos, from the command's words to its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.transforms.v2.functional import to_pil_image

from antialias.cli import main
from antialias.data import photographs
from antialias.results import Evaluation
from antialias.tasks import TrainConfig, evaluate, measure_flips, task_named
from antialias.tasks.evaluation import evaluate_data

CLASSES = "n02121808 cat: 281 282 285\nn07930864 cup: 967 968\n"  # espresso is 967, Egyptian cat 285


@pytest.fixture(scope="module")
def vid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of a photograph each, the second with a cat where its annotations say a cup."""
    root = tmp_path_factory.mktemp("vid")
    (root / "imagenet_classes.txt").write_text(CLASSES)
    for video, photograph, synset in (("a", "coffee", "n07930864"), ("b", "chelsea", "n07930864")):
        pictures, annotations = (root / kind / "VID" / "val" / video for kind in ("Data", "Annotations"))
        pictures.mkdir(parents=True)
        annotations.mkdir(parents=True)
        for number in range(5):
            image = photographs()[photograph][:, 8 * number :]
            to_pil_image(image).save(pictures / f"{number:06}.JPEG")
            text = f"<annotation><object><name>{synset}</name></object></annotation>"
            (annotations / f"{number:06}.xml").write_text(text)
    return root


def test_a_network_with_real_weights_is_measured(vid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["antialias:EfficientNetLite0", "--data", f"vid:{vid}", "--size", "256", "--window", "224"]
    main(["evaluate", *words, "--accelerator", "cpu", "--no-cost", "--out", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "accuracy on videos 50.0 % (95 % interval 9.5 to 90.5; 2 videos, 2 classes," in shown
    assert "2 test videos" in " ".join(shown.split())
    (written,) = tmp_path.iterdir()
    scores = Evaluation.read(written).scores
    assert list(scores) == ["video_accuracy"]
    assert scores["video_accuracy"].per_image.tolist() == [1, 0]


class Brightness(nn.Module):
    """Answers an output of ImageNet's by the brightness of a picture."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs = (images.mean((1, 2, 3)) * 100).long()
        return nn.functional.one_hot(outputs, 1000).float()


def test_parts_are_the_whole(vid: Path) -> None:
    config, task = TrainConfig(data=f"vid:{vid}", size=64, window=56), task_named("classification")
    data = task.open(config, "test")
    parts = replace(task, part=1)
    assert evaluate_data(Brightness(), parts, data, config) == evaluate_data(Brightness(), task, data, config)


def test_other_networks_and_other_uses_are_refused(vid: Path) -> None:
    config = TrainConfig(data=f"vid:{vid}", size=64, window=56)
    other = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="the network has 3 outputs, ImageNet 1000 classes. Use equal numbers."):
        evaluate(other, config)
    with pytest.raises(ValueError, match="data='vid:.*' measures accuracy alone. Leave out flips, or use images:DIR."):
        measure_flips(other, config)
    with pytest.raises(ValueError, match="split='train' of vid:.* is not for training. Use it to evaluate."):
        task_named("classification").open(config, "train")
