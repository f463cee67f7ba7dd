from __future__ import annotations

import json
from pathlib import Path

import pytest

from antialias.cli import main


def test_a_network_is_diagnosed_and_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "found"
    main(["diagnose", "antialias:TinyResNet", "--data", "scenes", "--size", "40", "--limit", "6", "--out", str(out)])
    printed = capsys.readouterr().out
    assert printed.startswith("TinyResNet changes its answer on")
    assert "AA010 suppression changes the answer: not applicable" in printed
    written = {file.name for file in out.iterdir()}
    files = {f"diagnosis.{ending}" for ending in ("csv", "json", "svg", "png")}
    assert written == files | {"report.html", "report.json", "report-diagnosis-1.csv"}
    page = (out / "report.html").read_text()
    assert "<h1>TinyResNet changes its answer on" in page
    assert '<section id="diagnosis">' in page
    assert (out / "report-diagnosis-1.csv").read_text() == (out / "diagnosis.csv").read_text()
    values = json.loads((out / "diagnosis.json").read_text())
    assert values["images"] == 6
    assert len(values["sites"]) == 8
    assert "<svg" in (out / "diagnosis.svg").read_text()


def test_no_room_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["diagnose", "antialias:TinyResNet", "--data", "scenes", "--size", "1", "--out", str(tmp_path / "never")]
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert capsys.readouterr().err.startswith("antialias: ")
