"""One page from what was measured before: diagnoses, runs and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from antialias._files import parsed
from antialias.diagnosis import Diagnosis
from antialias.results import Comparison, Evaluation

from ._comparison import comparison_report
from ._diagnoses import diagnosis_report
from ._report import Report

_FIX = "Use what antialias diagnose, train, evaluate or report wrote."


def read_result(path: str | Path) -> Diagnosis | Evaluation | Report | None:
    """Read what an earlier measurement wrote; `None` where the path is of something else, such as a network.

    Args:
        path: A folder or file of `antialias diagnose`, `train`, `evaluate` or `report`.

    Raises:
        ValueError: A JSON file holds something else.

    Example:
        >>> read_result("timm:resnet50") is None
        True
    """
    path = Path(path)
    names = ("diagnosis.json", "scores.json", "report.json")
    file = next((path / name for name in names if (path / name).is_file()), path)
    if file.suffix != ".json" or not file.is_file():
        return None
    values = parsed(file, _FIX, largest=2**29)
    kind = Diagnosis if "sites" in values else Report if "reproduction" in values else None
    if kind is None:
        return Evaluation.read(file)
    try:
        return kind.from_dict(values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).rstrip(".") if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"{file} is no {kind.__name__.lower()} that can be read ({reason}). {_FIX}") from error


def report_of(results: Sequence[Diagnosis | Evaluation | Report], command: str = "") -> Report:
    """Put diagnoses, runs and reports on one page: reports first, then the runs side by side, then the diagnoses.

    Args:
        results: What was measured, in any order.
        command: The command line that the page names.

    Raises:
        ValueError: There is nothing, or runs cannot be compared.
    """
    parts = [one for one in results if isinstance(one, Report)]
    runs = [one for one in results if isinstance(one, Evaluation)]
    diagnoses = [one for one in results if isinstance(one, Diagnosis)]
    parts += [comparison_report(Comparison.of(runs), command)] if runs else []
    parts += [diagnosis_report(diagnoses, command)] if diagnoses else []
    return join_reports(parts, command)


def join_reports(reports: Sequence[Report], command: str = "") -> Report:
    """Join reports into one: the title and verdict of the first, the sections of all.

    Args:
        reports: The reports.
        command: The command line that the page names; the first one's where empty.

    Raises:
        ValueError: There is none, or there are more tables than a page has places for.
    """
    if not reports:
        raise ValueError("there is nothing to show. Give at least one report, run or diagnosis.")
    first = reports[0]
    tables = [report.table for report in reports if report.table] + [r.training for r in reports if r.training]
    if len(tables) > 2:
        raise ValueError(f"{len(tables)} tables do not fit a page, which has places for two. Join fewer reports.")
    numbers, training = [*tables, None, None][:2]
    if first.training and not first.table:
        numbers, training = training, numbers
    caveats = dict.fromkeys(caveat for report in reports for caveat in report.reproduction.caveats)
    seeds = {name: seed for report in reports for name, seed in report.reproduction.seeds.items()}
    settings = {name: value for report in reports for name, value in report.reproduction.settings.items()}
    return replace(
        first,
        subtitle=" ".join(dict.fromkeys(report.subtitle for report in reports if report.subtitle)),
        verdict=next((report.verdict for report in reports if report.verdict), None),
        table=numbers,
        training=training,
        curves=tuple(line for report in reports for line in report.curves),
        viewers=tuple(viewer for report in reports for viewer in report.viewers),
        segmentations=tuple(view for report in reports for view in report.segmentations),
        detections=tuple(view for report in reports for view in report.detections),
        filters=tuple(maps for report in reports for maps in report.filters),
        similarities=tuple(similarity for report in reports for similarity in report.similarities),
        diagnoses=tuple(diagnosis for report in reports for diagnosis in report.diagnoses),
        mended=tuple(mended for report in reports for mended in report.mended),
        reproduction=replace(
            first.reproduction,
            command=command or first.reproduction.command,
            seeds=seeds,
            settings=settings,
            caveats=tuple(caveats),
        ),
    )
