from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

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


def test_too_few_pictures_end_with_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["mend", "antialias:TinyResNet", "--data", "scenes", "--out", str(tmp_path / "never"), *SMALL]
    with pytest.raises(SystemExit, match="2"):
        main([word.replace("64", "17") for word in words])
    assert capsys.readouterr().err.startswith("antialias: 17 images are too few")
    assert not list(tmp_path.iterdir())
