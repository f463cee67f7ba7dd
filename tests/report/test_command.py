from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from antialias.cli import main
from antialias.report import Report


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten random pictures in two class folders."""
    generator = torch.Generator().manual_seed(0)
    for i in range(10):
        folder = tmp_path / "pictures" / ("cat" if i % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = torch.randint(256, (48, 48, 3), generator=generator).byte()
        Image.fromarray(pixels.numpy()).save(folder / f"{i}.png")
    return tmp_path / "pictures"


def test_verb_writes_a_page_with_its_data(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--data", f"images:{pictures}", "--size", "40", "--limit", "5", "--pictures", "1"]
    main(["report", "antialias:TinyResNet", *asked, "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert "antialias:TinyResNet changes its answer on" in printed
    assert f"Wrote {tmp_path / 'out' / 'report.html'}" in printed
    report = Report.from_json((tmp_path / "out" / "report.json").read_text())
    assert report.table is not None
    assert report.table.rows[0].cells[0].images == 5
    assert report.viewers[0].window == (35, 35)
    assert any("Without labels there is no accuracy" in caveat for caveat in report.reproduction.caveats)


def test_verb_says_what_is_wrong_with_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["report", "antialias:TinyResNet", "--data", "images:/nowhere"])
    assert "/nowhere is not a folder" in capsys.readouterr().err
