from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

import antialias as aa
from antialias.cli import main

SMALL = ["--size", "40", "--limit", "64", "--steps", "0", "--budget", "1"]


def test_a_network_is_mended_and_saved(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out, kept = tmp_path / "steady.safetensors", tmp_path / "kept"
    given = tmp_path / "given.safetensors"
    aa.save(aa.models.build("antialias:TinyResNet"), given)
    words = ["mend", str(given), "--data", "scenes", "--out", str(out), "--checkpoint", str(kept), *SMALL]
    main(words)
    printed = capsys.readouterr().out
    assert re.match(r'Remedy "|Nothing within budget helps', printed)
    assert "4 shifted copies" in printed
    assert f"Wrote {out}, {out.with_suffix('.json')} and {out.with_suffix('.svg')}" in printed.replace("\n", " ")
    values = json.loads(out.with_suffix(".json").read_text())
    assert values["images"] == {"learn": 32, "choose": 16, "report": 16}
    assert "<svg" in out.with_suffix(".svg").read_text()
    assert aa.load(out)(torch.zeros(1, 3, 40, 40)).shape == (1, 20)
    main(words)
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("names", [("bright", "dark"), ("bright", "sea")])
def test_labels_are_read_where_all_folders_are_named_as_classes(
    names: tuple[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for number in range(64):
        folder = tmp_path / "data" / "deep" / ("bright", "dark")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        grey = 250 * (1 - number % 2) + number % 5
        Image.new("RGB", (40, 40), (grey, grey, grey)).save(folder / f"{number}.png")
    network, given = aa.models.build("antialias:TinyResNet"), tmp_path / "given.safetensors"
    aa.models.name_classes_(network, [*names, *(f"other {number}" for number in range(18))])
    aa.save(network, given)
    out = tmp_path / "mended.safetensors"
    main(["mend", str(given), "--data", f"images:{tmp_path / 'data'}", "--out", str(out), *SMALL])
    scores = json.loads(out.with_suffix(".json").read_text())["table"][0]["scores"]
    assert ("accuracy" in scores) == ("sea" not in names)
    assert ("accuracy, %" in capsys.readouterr().out.replace("\n", " ")) == ("sea" not in names)


def test_too_few_pictures_end_with_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["mend", "antialias:TinyResNet", "--data", "scenes", "--out", str(tmp_path / "never"), *SMALL]
    with pytest.raises(SystemExit, match="2"):
        main([word.replace("64", "17") for word in words])
    assert capsys.readouterr().err.startswith("antialias: 17 images are too few")
    assert not list(tmp_path.iterdir())
