from __future__ import annotations

import json

from antialias.report import Report


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
