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


def test_a_page_of_anything_that_was_measured(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A diagnosis, a run and a report of other networks, with a network that is measured and diagnosed now."""
    asked = ["--data", f"images:{pictures}", "--size", "40", "--limit", "4"]
    main(["diagnose", "antialias:TinyResNet", *asked, "--out", str(tmp_path / "found")])
    capsys.readouterr()
    main(["report", str(tmp_path / "found"), "--out", str(tmp_path / "alone.html")])
    assert capsys.readouterr().out.startswith("TinyResNet changes its answer on")
    alone = Report.from_json((tmp_path / "alone.json").read_text())
    assert [diagnosis.network for diagnosis in alone.diagnoses] == ["TinyResNet"]
    words = [*asked, "--pictures", "1", "--diagnose", "--out", str(tmp_path / "both.html")]
    main(["report", "antialias:TinyResNet", str(tmp_path / "alone.json"), *words])
    both = Report.from_json((tmp_path / "both.json").read_text())
    assert [diagnosis.network for diagnosis in both.diagnoses] == ["antialias:TinyResNet", "TinyResNet"]
    assert both.diagnoses[1] == alone.diagnoses[0]
    assert both.table is not None
    assert both.verdict is not None
    assert both.verdict.headline.startswith("antialias:TinyResNet changes its answer on")
    assert any("flatters the first" in caveat for caveat in both.reproduction.caveats)


def test_networks_without_data_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["report", "antialias:TinyResNet"])
    assert "antialias:TinyResNet must be measured on something. Use --data" in capsys.readouterr().err
