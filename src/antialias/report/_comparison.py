"""A comparison as files: CSV for machines, Markdown and LaTeX for papers, a page for people."""

from __future__ import annotations

from pathlib import Path

from antialias.results import Comparison, latex, markdown, verdict

from ._report import Report, Reproduction, versions
from .page import write

_TASKS = {"semantic": "Semantic segmentation", "instance": "Instance segmentation", "classification": "Classification"}


def comparison_report(comparison: Comparison, command: str = "") -> Report:
    """Return everything of a comparison as a page.

    Args:
        comparison: What was compared.
        command: The command line that the page names.
    """
    task = comparison.common.get("task", "classification")
    seeds = {
        one.name: [run.training["seed"] for run in one.runs if run.training and "seed" in run.training]
        for one in comparison.entries
    }
    return Report(
        title=f"{_TASKS.get(task, task)}: {len(comparison.entries)} networks side by side",
        subtitle=comparison.caption(),
        verdict=verdict(comparison),
        table=comparison.table(),
        curves=comparison.curves(),
        reproduction=Reproduction(
            command=command,
            versions=versions(),
            seeds={name: drawn for name, drawn in seeds.items() if drawn},
            settings=comparison.common,
            caveats=("Intervals are over pictures; another seed may differ by more.",),
        ),
    )


def write_comparison(comparison: Comparison, folder: str | Path, command: str = "") -> list[Path]:
    """Write a comparison into a folder and return the files.

    `report.html` with `report.json` and `report-table.csv` beside it, `table.md` and `table.tex`; the last two hold the
    differences from the first network as well.

    Args:
        comparison: What was compared.
        folder: Where to, made if missing.
        command: The command line that the page names.
    """
    folder = Path(folder)
    page = write(comparison_report(comparison, command), folder)
    tables = [table for table in (comparison.table(), comparison.differences()) if table]
    written = [page, page.with_name("report-table.csv")]
    for name, text in (("table.md", markdown), ("table.tex", latex)):
        path = folder / name
        path.write_text("\n".join(map(text, tables)), encoding="utf-8")
        written.append(path)
    return written
