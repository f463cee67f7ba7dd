from __future__ import annotations

from pathlib import Path

import pytest

from antialias.cli import main
from antialias.report import Report


def test_verb_writes_a_page_with_its_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--data", "scenes", "--size", "40", "--limit", "12", "--pictures", "1", "--out", str(tmp_path)]
    main(["report", "antialias:TinyResNet", *asked])
    printed = capsys.readouterr().out
    assert "antialias:TinyResNet changes its answer on" in printed
    assert f"Wrote {tmp_path / 'report.html'}" in printed
    report = Report.from_json((tmp_path / "report.json").read_text())
    assert report.table is not None
    assert report.table.rows[0].cells[0].images == 12
    assert report.sliders[0].window == (35, 35)
    assert report.sliders[0].truth


def test_verb_says_what_is_wrong_with_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["report", "antialias:TinyResNet", "--data", "images:/nowhere"])
    assert "/nowhere is not a folder" in capsys.readouterr().err
