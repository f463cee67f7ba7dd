from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch

from antialias.report import Image, Report, render, write
from antialias.report.page._render import colours, protocols

SECTIONS = {
    "table": "numbers",
    "curves": "curves",
    "viewers": "move",
    "filters": "filters",
    "similarities": "similarity",
    "detections": "detections",
    "diagnoses": "diagnosis",
    "mended": "mended",
    "training": "training",
}


class Outline(HTMLParser):
    """Collects the ids, the tags and every address of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.ids.add(given.get("id") or "")
        self.addresses += [value for key, value in attrs if key in ("src", "href") and value is not None]


def test_page_needs_nothing_outside_it(sample: Report) -> None:
    page = render(sample)
    addresses = Outline(page).addresses
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "url(" not in page
    assert "@import" not in page
    assert "fetch(" not in page
    assert "default-src 'none'" in page
    assert len(page) < 5_000_000


def test_labels_never_become_markup(nasty: Report) -> None:
    page = render(nasty)
    outline = Outline(page)
    assert outline.tags.count("script") == 2
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert "<" not in data[1]
    assert json.loads(data[1])["viewers"][0]["traces"][0]["predictions"][0][0]["label"] == nasty.title


@pytest.mark.parametrize("missing", SECTIONS)
def test_missing_section_leaves_no_trace(sample: Report, missing: str) -> None:
    empty: Any = None if missing in ("table", "training") else ()
    ids = Outline(page := render(replace(sample, **{missing: empty}))).ids
    assert SECTIONS[missing] not in ids
    assert f'href="#{SECTIONS[missing]}"' not in page
    assert set(SECTIONS.values()) - {SECTIONS[missing]} <= ids


@pytest.mark.parametrize("only", SECTIONS)
def test_any_one_section_is_a_page(sample: Report, only: str) -> None:
    page = render(Report(title="Only one", **{only: getattr(sample, only)}))
    assert SECTIONS[only] in Outline(page).ids
    assert "<h1>Only one</h1>" in page


def test_page_without_scores_has_nothing_to_repeat(sample: Report) -> None:
    assert "Do it again" not in render(Report(title="Only pictures", viewers=sample.viewers))
    assert "Do it again" in render(Report(title="Only scores", table=sample.table))


def test_empty_report_says_what_to_give() -> None:
    with pytest.raises(ValueError, match="The report 'Nothing' is empty. Give at least one of table, training, curves"):
        Report(title="Nothing")


def hide(module: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a package look missing; answer the message it should lead to."""
    for name in [name for name in sys.modules if name == module or name.startswith(module + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    return rf"{module}\S* is not installed. Run: pip install 'antialias\[report\]'"


def test_missing_jinja_names_the_extra(sample: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    message = hide("jinja2", monkeypatch)
    with pytest.raises(ImportError, match=message):
        render(sample)


def test_a_page_needs_no_matplotlib(sample: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    hide("matplotlib", monkeypatch)
    assert "ramp" in render(sample)


def test_missing_pillow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    message = hide("PIL", monkeypatch)
    with pytest.raises(ImportError, match=message):
        Image.of(torch.zeros(3, 4, 4), "a")


def test_write_puts_the_data_beside_the_page(sample: Report, tmp_path: Path) -> None:
    page = write(sample, tmp_path / "new" / "folder")
    assert page == tmp_path / "new" / "folder" / "report.html"
    assert sorted(file.name for file in page.parent.iterdir()) == [
        "report-curves.csv",
        "report-diagnosis-1.csv",
        "report-filter-groups-1.csv",
        "report-filter-groups-2.csv",
        "report-filters-1.csv",
        "report-filters-2.csv",
        "report-mended-1.csv",
        "report-move-1.csv",
        "report-move-2.csv",
        "report-objects-1.csv",
        "report-objects-2.csv",
        "report-similarity-1.csv",
        "report-table.csv",
        "report-training.csv",
        "report.html",
        "report.json",
    ]
    assert Report.from_json((page.parent / "report.json").read_text()) == sample


def test_write_takes_the_pages_own_name(sample: Report, tmp_path: Path) -> None:
    assert write(sample, tmp_path / "mine.html") == tmp_path / "mine.html"
    assert (tmp_path / "mine.json").exists()
    assert (tmp_path / "mine-curves.csv").exists()


def test_csv_holds_every_number_of_the_figures(sample: Report, tmp_path: Path) -> None:
    page = write(sample, tmp_path)
    curves = list(csv.DictReader((page.parent / "report-curves.csv").read_text().splitlines()))
    drawn = [(line, d, c) for line in sample.curves for d, c in zip(line.distances, line.cells, strict=True)]
    assert len(curves) == len(drawn) == 4 * 3 * 8
    for row, (line, distance, cell) in zip(curves, drawn, strict=True):
        assert (row["network"], row["direction"], float(row["distance"])) == (line.network, line.direction, distance)
        assert (float(row["value"]), float(row["low"]), float(row["high"])) == (cell.value, cell.low, cell.high)
    table = list(csv.DictReader((page.parent / "report-table.csv").read_text().splitlines()))
    assert (table[0]["network"], table[0]["measure"]) == ("original", "top1")


def test_every_protocol_is_on_the_page(sample: Report) -> None:
    gathered = protocols(sample)
    assert gathered["flip rate"]["distance"] == "1 | 2 | 3 | 4 | 5 | 6 | 7 | 8"
    assert gathered["top1"]["windows"] == "size: 224"
    page = render(sample)
    assert all(f"<h3>{name}</h3>" in page for name in gathered)


def test_each_comparison_starts_its_colours_at_the_baseline(sample: Report) -> None:
    chosen = colours(sample)
    assert chosen == {
        "plain": 0,
        "fixed 3x3": 1,
        "adaptive": 2,
        "original": 0,
        "converted": 1,
        "retrofitted": 2,
        "control": 3,
        "as it is": 0,
        "learnt without filters": 1,
        "2 phases at features.14": 2,
        "2 phases at features.4": 3,
        "4 shifted copies averaged": 4,
    }


def test_note_says_that_intervals_are_over_pictures(sample: Report) -> None:
    page = render(sample)
    assert "Bars are 95% intervals over 512 pictures" in page
    assert "not with another training" in page
    assert "Ticks under a bar are the seeds" in page
