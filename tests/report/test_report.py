from __future__ import annotations

import json
from pathlib import Path

from antialias.report import Report, render


def test_report_equals_itself_after_a_round_trip(sample: Report) -> None:
    again = Report.from_json(sample.to_json())
    assert again == sample
    assert again.viewers[0].traces[0].flips == sample.viewers[0].traces[0].flips


def test_a_report_of_an_earlier_version_is_read(sample: Report) -> None:
    values = sample.to_dict()
    values["sliders"] = values.pop("viewers")
    for record in (*values["sliders"], *values["filters"]):
        record["picture"] = record.pop("image")
    for trace in (trace for viewer in values["sliders"] for trace in viewer["traces"]):
        trace["answers"] = trace.pop("predictions")
    values["verdict"]["changes"] = values["verdict"].pop("key_figures")
    assert Report.from_json(json.dumps(values)) == sample


def test_a_file_that_earlier_code_wrote_is_read_and_drawn() -> None:
    report = Report.from_json((Path(__file__).parent / "files" / "earlier.json").read_text())
    assert report.table is not None
    assert report.table.cell("corner", "flips").value == 1.0
    assert report.viewers[0].traces[0].predictions[0][0].label.startswith("class ")
    assert report.verdict is not None
    assert [figure.title for figure in report.verdict.key_figures] == ["One-pixel flips", "Accuracy"]
    assert "picture 1" in render(report)
