from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import antialias as aa
from antialias.cli import main

SMALL = ["--size", "40", "--limit", "64", "--steps", "2", "--batch-size", "4", "--passes", "1", "--margin", "1"]


def test_a_network_is_converted_taught_and_saved(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "steady.safetensors"
    words = ["retrofit", "antialias:TinyResNet", "--data", "scenes", "--held-out", "scenes", "--out", str(out), *SMALL]
    main(words)
    printed = capsys.readouterr().out
    assert re.match(r"Kept step \d of 2|Kept \d+ % of the way|The network is unchanged", printed)
    assert "P(top-1 change)" in printed
    assert f"Wrote {out}" in printed
    filters = [module for module in aa.load(out).modules() if isinstance(module, aa.nn.AdaptiveBlurPool2d)]
    assert len(filters) == 7


def test_the_control_has_no_filters(tmp_path: Path) -> None:
    out = tmp_path / "control.safetensors"
    main(
        [
            "retrofit",
            "antialias:TinyResNet",
            "--data",
            "scenes",
            "--held-out",
            "scenes",
            "--out",
            str(out),
            "--control",
            *SMALL,
        ]
    )
    assert not any(isinstance(module, aa.nn.AdaptiveBlurPool2d) for module in aa.load(out).modules())


def test_too_few_pictures_end_with_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["retrofit", "antialias:TinyResNet", "--data", "scenes", "--size", "40", "--limit", "17", "--margin", "1"]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--out", str(tmp_path / "never.safetensors")])
    assert re.match(r"antialias: 13 pictures are too few to learn from", capsys.readouterr().err.strip())
    assert not list(tmp_path.iterdir())


def test_folders_of_pictures_are_read(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "pictures" / "any"
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    for number in range(90):
        pixels = torch.randint(0, 256, (40, 40, 3), generator=generator, dtype=torch.uint8)
        image.fromarray(pixels.numpy()).save(folder / f"{number}.png")
    out = tmp_path / "steady.safetensors"
    main(
        [
            "retrofit",
            "antialias:TinyResNet",
            "--data",
            f"images:{folder.parent}",
            "--split",
            "test",
            "--out",
            str(out),
            "--size",
            "40",
            "--steps",
            "0",
            "--passes",
            "1",
            "--margin",
            "1",
        ]
    )
    assert out.is_file()
