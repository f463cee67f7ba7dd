from __future__ import annotations

from antialias.report import Report


def test_report_equals_itself_after_a_round_trip(sample: Report) -> None:
    again = Report.from_json(sample.to_json())
    assert again == sample
    assert again.sliders[0].traces[0].flips == sample.sliders[0].traces[0].flips
