"""Every figure as a file, and its numbers beside it."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image as Pictures

from antialias.report import Report, write, write_figures
from antialias.report._figures import data_of

NAMES = (
    "table",
    "training",
    "mended-1",
    "curves",
    "move-1",
    "move-2",
    "objects-1",
    "objects-2",
    "diagnosis-1",
    "filters-1",
    "filters-2",
    "filter-groups-1",
    "filter-groups-2",
    "similarity-1",
)


@pytest.fixture(scope="module")
def folder(sample: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("figures")
    written = write_figures(sample, folder)
    assert sorted(path.name for path in written) == sorted(f"{n}.{e}" for n in NAMES for e in ("svg", "png", "csv"))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_a_drawing_a_picture_and_its_numbers(folder: Path, name: str) -> None:
    assert ElementTree.parse(folder / f"{name}.svg").getroot().tag.endswith("svg")
    with Pictures.open(folder / f"{name}.png") as picture:
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 20
    assert len((folder / f"{name}.csv").read_text().splitlines()) > 2


def test_labels_stay_text_in_the_drawing(folder: Path, sample: Report) -> None:
    text = (folder / "mended-1.svg").read_text()
    assert all(f">{row.network}" in text for row in sample.mended[0].table.rows)
    assert "(applied)" in text


def test_maps_and_moves_are_whole_in_csv(sample: Report) -> None:
    texts = data_of(sample)
    rows = list(csv.DictReader(io.StringIO(texts["filters-2"])))
    site = sample.filters[1].sites[1]
    values = [float(row["variance"]) for row in rows if row["site"] == site.site]
    assert values == list(site.values)
    assert {row["row"] for row in rows if row["site"] == site.site} == {str(i) for i in range(site.height)}
    moves = list(csv.DictReader(io.StringIO(texts["move-1"])))
    viewer = sample.viewers[0]
    first = [row for row in moves if row["network"] == "original" and row["rank"] == "1"]
    assert [row["class"] for row in first] == list(viewer.traces[0].labels)
    assert [(int(row["left"]), int(row["top"])) for row in first] == list(viewer.path)


def test_objects_are_whole_in_csv(sample: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(data_of(sample)["objects-1"])))
    view = sample.detections[0]
    spoon = [row for row in rows if row["class"] == "spoon"]
    assert [row["score"] for row in spoon] == ["0.7", "0.3", "", "0.6", "0.62"]
    assert [(int(row["left"]), int(row["top"])) for row in spoon] == list(view.path)
    assert (spoon[0]["x1"], spoon[2]["x1"], spoon[0]["outline"]) == ("110.0", "", "M120 70H170V140H120Z")


def test_every_held_filter_is_in_csv(sample: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(data_of(sample)["filter-groups-1"])))
    site = sample.filters[0].sites[3]
    filters = site.filters()
    mine = [row for row in rows if row["site"] == site.site]
    assert len(mine) == site.groups * site.rows * site.columns
    row = next(row for row in mine if (row["group"], row["row"], row["column"]) == ("4", "2", "5"))
    assert float(row["entropy"]) == pytest.approx(filters.entropy()[0, 3, 2, 5].item(), rel=1e-3)
    assert [float(weight) for weight in row["weights"].split()] == pytest.approx(
        filters.weights[0, 3, :, 2, 5].tolist(), abs=1e-4
    )
    assert not any(name.startswith("filter") for name in data_of(sample, filters=False))


def test_the_same_report_gives_the_same_drawing(folder: Path, sample: Report, tmp_path: Path) -> None:
    write(sample, tmp_path / "page", figures=tmp_path / "again")
    assert (tmp_path / "again" / "curves.svg").read_bytes() == (folder / "curves.svg").read_bytes()
    assert json.loads((tmp_path / "page" / "report.json").read_text())["title"] == sample.title


def test_missing_matplotlib_names_the_extra(sample: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib is not installed. Run: pip install 'antialias\[report\]'"):
        write_figures(sample, tmp_path)
